DROP TABLE password_resets;
CREATE INDEX refresh_tokens_by_user ON refresh_tokens (workspace_id, user_id);
UPDATE refresh_tokens SET revoked_at = now() FROM users
WHERE users.workspace_id = refresh_tokens.workspace_id AND users.id = refresh_tokens.user_id
    AND users.token_version <> refresh_tokens.token_version AND refresh_tokens.revoked_at IS NULL;
ALTER TABLE refresh_tokens DROP COLUMN token_version;
ALTER TABLE users DROP COLUMN token_version;
DROP TABLE login_addresses;
