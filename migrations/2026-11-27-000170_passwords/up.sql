-- Log-ins that strangers cannot lock out, and passwords that people set themselves.
CREATE TABLE login_addresses (
    workspace_id uuid NOT NULL REFERENCES workspaces,
    user_id uuid NOT NULL,
    address_hash bytea NOT NULL,
    last_login_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, user_id, address_hash),
    FOREIGN KEY (workspace_id, user_id) REFERENCES users
);
COMMENT ON TABLE login_addresses IS 'From where a user has logged in by password, the newest few: there the right password is heard whatever others have tried.';
COMMENT ON COLUMN login_addresses.workspace_id IS 'The tenant.';
COMMENT ON COLUMN login_addresses.user_id IS 'Who logged in.';
COMMENT ON COLUMN login_addresses.address_hash IS 'SHA-256 of the address, of IPv6 its /64, with a secret of the installation.';
COMMENT ON COLUMN login_addresses.last_login_at IS 'When last.';

ALTER TABLE users ADD COLUMN token_version integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN users.token_version IS 'Raised when all tokens of the user end: tokens of an earlier one are not taken.';
ALTER TABLE refresh_tokens ADD COLUMN token_version integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN refresh_tokens.token_version IS 'That of the user when its login began.';
-- Was read to end the tokens of a user.
DROP INDEX refresh_tokens_by_user;

CREATE TABLE password_resets (
    workspace_id uuid NOT NULL REFERENCES workspaces,
    user_id uuid NOT NULL,
    token_hash bytea NOT NULL,
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, user_id),
    FOREIGN KEY (workspace_id, user_id) REFERENCES users
);
COMMENT ON TABLE password_resets IS 'One-time tokens by which a user sets a password; the newest of a user is the only one.';
COMMENT ON COLUMN password_resets.workspace_id IS 'The tenant.';
COMMENT ON COLUMN password_resets.user_id IS 'Whose password it sets; part of the token.';
COMMENT ON COLUMN password_resets.token_hash IS 'SHA-256 of the token.';
COMMENT ON COLUMN password_resets.expires_at IS 'When it stops being taken.';
COMMENT ON COLUMN password_resets.created_at IS 'When the row was made.';
