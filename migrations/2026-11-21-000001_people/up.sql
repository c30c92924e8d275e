CREATE TABLE instance_keys (
    name text PRIMARY KEY,
    secret bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE instance_keys IS 'Secrets of this installation, shared by all of its servers; of no workspace.';
COMMENT ON COLUMN instance_keys.name IS 'What the secret is for, e.g. access_token.';
COMMENT ON COLUMN instance_keys.secret IS 'Random bytes, generated at the first start.';
COMMENT ON COLUMN instance_keys.created_at IS 'When it was generated.';

CREATE TABLE workspaces (
    workspace_id uuid PRIMARY KEY,
    name text NOT NULL,
    currency text NOT NULL,
    time_zone text NOT NULL,
    deal_visibility text NOT NULL DEFAULT 'by_role' CHECK (deal_visibility IN ('by_role', 'everyone')),
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
COMMENT ON TABLE workspaces IS 'Tenants.';
COMMENT ON COLUMN workspaces.workspace_id IS 'The tenant, first in every key of every table.';
COMMENT ON COLUMN workspaces.name IS 'Name of the company.';
COMMENT ON COLUMN workspaces.currency IS 'Base currency, ISO 4217.';
COMMENT ON COLUMN workspaces.time_zone IS 'IANA zone that days are counted in.';
COMMENT ON COLUMN workspaces.deal_visibility IS 'by_role: sellers see their own deals, heads their departments''; everyone: all see all.';
COMMENT ON COLUMN workspaces.version IS 'Counts the changes; the ETag.';
COMMENT ON COLUMN workspaces.created_at IS 'When the row was made.';
COMMENT ON COLUMN workspaces.updated_at IS 'When the row last changed.';

CREATE TABLE departments (
    workspace_id uuid NOT NULL REFERENCES workspaces,
    id uuid NOT NULL,
    name text NOT NULL,
    parent_id uuid,
    head_id uuid,
    archived boolean NOT NULL DEFAULT false,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, parent_id) REFERENCES departments
);
CREATE INDEX departments_by_parent ON departments (workspace_id, parent_id);
COMMENT ON TABLE departments IS 'The company''s tree of departments.';
COMMENT ON COLUMN departments.workspace_id IS 'The tenant.';
COMMENT ON COLUMN departments.id IS 'UUIDv7.';
COMMENT ON COLUMN departments.name IS 'Name of the department.';
COMMENT ON COLUMN departments.parent_id IS 'The department above; null at the top.';
COMMENT ON COLUMN departments.head_id IS 'The user who leads it, and so sees its deals and those of everything below.';
COMMENT ON COLUMN departments.archived IS 'No longer offered; history keeps it.';
COMMENT ON COLUMN departments.version IS 'Counts the changes; the ETag.';
COMMENT ON COLUMN departments.created_at IS 'When the row was made.';
COMMENT ON COLUMN departments.updated_at IS 'When the row last changed.';

CREATE TABLE users (
    workspace_id uuid NOT NULL REFERENCES workspaces,
    id uuid NOT NULL,
    name text NOT NULL,
    email text,
    role text NOT NULL CHECK (role IN ('admin', 'head', 'seller', 'analyst')),
    position text,
    department_id uuid,
    active boolean NOT NULL DEFAULT true,
    password_hash text,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, department_id) REFERENCES departments
);
CREATE UNIQUE INDEX users_email_is_unique ON users (workspace_id, lower(email));
CREATE INDEX users_by_email ON users (lower(email));
CREATE INDEX users_by_name ON users (workspace_id, lower(name));
CREATE INDEX users_by_department ON users (workspace_id, department_id);
ALTER TABLE departments ADD FOREIGN KEY (workspace_id, head_id) REFERENCES users;
COMMENT ON TABLE users IS 'Employees: everybody who takes part in a sale.';
COMMENT ON COLUMN users.workspace_id IS 'The tenant.';
COMMENT ON COLUMN users.id IS 'UUIDv7.';
COMMENT ON COLUMN users.name IS 'Full name.';
COMMENT ON COLUMN users.email IS 'Login; null for somebody who was imported and never logs in.';
COMMENT ON COLUMN users.role IS 'admin, head, seller or analyst.';
COMMENT ON COLUMN users.position IS 'Job title, e.g. account executive.';
COMMENT ON COLUMN users.department_id IS 'The department that the user belongs to.';
COMMENT ON COLUMN users.active IS 'False bars the user from logging in; history keeps the user.';
COMMENT ON COLUMN users.password_hash IS 'argon2id in PHC form; null bars login by password.';
COMMENT ON COLUMN users.version IS 'Counts the changes; the ETag.';
COMMENT ON COLUMN users.created_at IS 'When the row was made.';
COMMENT ON COLUMN users.updated_at IS 'When the row last changed.';

CREATE TABLE refresh_tokens (
    workspace_id uuid NOT NULL REFERENCES workspaces,
    id uuid NOT NULL,
    family_id uuid NOT NULL,
    user_id uuid NOT NULL,
    token_hash bytea NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    revoked_at timestamptz,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, user_id) REFERENCES users
);
CREATE INDEX refresh_tokens_by_family ON refresh_tokens (workspace_id, family_id);
CREATE INDEX refresh_tokens_by_user ON refresh_tokens (workspace_id, user_id);
COMMENT ON TABLE refresh_tokens IS 'Refresh tokens: each is used once; a second use revokes its family.';
COMMENT ON COLUMN refresh_tokens.workspace_id IS 'The tenant.';
COMMENT ON COLUMN refresh_tokens.id IS 'UUIDv7, part of the token.';
COMMENT ON COLUMN refresh_tokens.family_id IS 'The login that the token descends from.';
COMMENT ON COLUMN refresh_tokens.user_id IS 'Whose token it is.';
COMMENT ON COLUMN refresh_tokens.token_hash IS 'SHA-256 of the token.';
COMMENT ON COLUMN refresh_tokens.expires_at IS 'When it stops being taken.';
COMMENT ON COLUMN refresh_tokens.used_at IS 'When it was exchanged for the next one.';
COMMENT ON COLUMN refresh_tokens.revoked_at IS 'When its family was revoked.';
COMMENT ON COLUMN refresh_tokens.created_at IS 'When the row was made.';

CREATE TABLE api_keys (
    workspace_id uuid NOT NULL REFERENCES workspaces,
    id uuid NOT NULL,
    name text NOT NULL,
    key_hash bytea NOT NULL,
    prefix text NOT NULL,
    scopes text[] NOT NULL,
    created_by uuid,
    expires_at timestamptz,
    revoked_at timestamptz,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, created_by) REFERENCES users
);
COMMENT ON TABLE api_keys IS 'Keys of programs: PBX, BI, services.';
COMMENT ON COLUMN api_keys.workspace_id IS 'The tenant.';
COMMENT ON COLUMN api_keys.id IS 'UUIDv7, part of the key.';
COMMENT ON COLUMN api_keys.name IS 'What the key is for.';
COMMENT ON COLUMN api_keys.key_hash IS 'SHA-256 of the key; the key itself is shown once and not kept.';
COMMENT ON COLUMN api_keys.prefix IS 'The key''s first characters, to tell keys apart.';
COMMENT ON COLUMN api_keys.scopes IS 'What the key may do, e.g. deals:read.';
COMMENT ON COLUMN api_keys.created_by IS 'The user who made it.';
COMMENT ON COLUMN api_keys.expires_at IS 'When it stops being taken; null for never.';
COMMENT ON COLUMN api_keys.revoked_at IS 'When it was revoked.';
COMMENT ON COLUMN api_keys.version IS 'Counts the changes; the ETag.';
COMMENT ON COLUMN api_keys.created_at IS 'When the row was made.';
COMMENT ON COLUMN api_keys.updated_at IS 'When the row last changed.';
