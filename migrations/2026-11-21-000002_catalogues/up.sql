CREATE TABLE sources (
    workspace_id uuid NOT NULL REFERENCES workspaces,
    id uuid NOT NULL,
    name text NOT NULL,
    archived boolean NOT NULL DEFAULT false,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id)
);
CREATE UNIQUE INDEX sources_name_is_unique ON sources (workspace_id, lower(name));
COMMENT ON TABLE sources IS 'Where deals come from.';
COMMENT ON COLUMN sources.workspace_id IS 'The tenant.';
COMMENT ON COLUMN sources.id IS 'UUIDv7.';
COMMENT ON COLUMN sources.name IS 'Name, unique without regard to case.';
COMMENT ON COLUMN sources.archived IS 'No longer offered; history keeps it.';
COMMENT ON COLUMN sources.version IS 'Counts the changes; the ETag.';
COMMENT ON COLUMN sources.created_at IS 'When the row was made.';
COMMENT ON COLUMN sources.updated_at IS 'When the row last changed.';

CREATE TABLE competitors (
    workspace_id uuid NOT NULL REFERENCES workspaces,
    id uuid NOT NULL,
    name text NOT NULL,
    archived boolean NOT NULL DEFAULT false,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id)
);
CREATE UNIQUE INDEX competitors_name_is_unique ON competitors (workspace_id, lower(name));
COMMENT ON TABLE competitors IS 'Who else the client could buy from.';
COMMENT ON COLUMN competitors.workspace_id IS 'The tenant.';
COMMENT ON COLUMN competitors.id IS 'UUIDv7.';
COMMENT ON COLUMN competitors.name IS 'Name, unique without regard to case.';
COMMENT ON COLUMN competitors.archived IS 'No longer offered; history keeps it.';
COMMENT ON COLUMN competitors.version IS 'Counts the changes; the ETag.';
COMMENT ON COLUMN competitors.created_at IS 'When the row was made.';
COMMENT ON COLUMN competitors.updated_at IS 'When the row last changed.';

CREATE TABLE loss_reasons (
    workspace_id uuid NOT NULL REFERENCES workspaces,
    id uuid NOT NULL,
    name text NOT NULL,
    archived boolean NOT NULL DEFAULT false,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id)
);
CREATE UNIQUE INDEX loss_reasons_name_is_unique ON loss_reasons (workspace_id, lower(name));
COMMENT ON TABLE loss_reasons IS 'Why deals are lost.';
COMMENT ON COLUMN loss_reasons.workspace_id IS 'The tenant.';
COMMENT ON COLUMN loss_reasons.id IS 'UUIDv7.';
COMMENT ON COLUMN loss_reasons.name IS 'Name, unique without regard to case.';
COMMENT ON COLUMN loss_reasons.archived IS 'No longer offered; history keeps it.';
COMMENT ON COLUMN loss_reasons.version IS 'Counts the changes; the ETag.';
COMMENT ON COLUMN loss_reasons.created_at IS 'When the row was made.';
COMMENT ON COLUMN loss_reasons.updated_at IS 'When the row last changed.';

CREATE TABLE clients (
    workspace_id uuid NOT NULL REFERENCES workspaces,
    id uuid NOT NULL,
    name text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('organisation', 'person')),
    client_type text NOT NULL CHECK (client_type IN ('new', 'current')),
    class text,
    region text,
    tags text[] NOT NULL DEFAULT '{}',
    consent boolean,
    archived boolean NOT NULL DEFAULT false,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id)
);
CREATE INDEX clients_by_name ON clients (workspace_id, lower(name));
CREATE INDEX clients_by_update ON clients (workspace_id, updated_at DESC, id DESC);
COMMENT ON TABLE clients IS 'Clients: organisations and persons.';
COMMENT ON COLUMN clients.workspace_id IS 'The tenant.';
COMMENT ON COLUMN clients.id IS 'UUIDv7.';
COMMENT ON COLUMN clients.name IS 'Name of the organisation or person.';
COMMENT ON COLUMN clients.kind IS 'organisation or person.';
COMMENT ON COLUMN clients.client_type IS 'new: has bought nothing yet; current: has bought before.';
COMMENT ON COLUMN clients.class IS 'Class by value, e.g. A.';
COMMENT ON COLUMN clients.region IS 'Where the client is.';
COMMENT ON COLUMN clients.tags IS 'Segment tags.';
COMMENT ON COLUMN clients.consent IS 'Whether the client agreed to be contacted; null where it is not known.';
COMMENT ON COLUMN clients.archived IS 'No longer offered; history keeps it.';
COMMENT ON COLUMN clients.version IS 'Counts the changes; the ETag.';
COMMENT ON COLUMN clients.created_at IS 'When the row was made.';
COMMENT ON COLUMN clients.updated_at IS 'When the row last changed.';

CREATE TABLE contacts (
    workspace_id uuid NOT NULL REFERENCES workspaces,
    id uuid NOT NULL,
    client_id uuid NOT NULL,
    name text NOT NULL,
    position text,
    phones text[] NOT NULL DEFAULT '{}',
    emails text[] NOT NULL DEFAULT '{}',
    archived boolean NOT NULL DEFAULT false,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, client_id) REFERENCES clients
);
CREATE INDEX contacts_by_client ON contacts (workspace_id, client_id);
COMMENT ON TABLE contacts IS 'Persons at clients.';
COMMENT ON COLUMN contacts.workspace_id IS 'The tenant.';
COMMENT ON COLUMN contacts.id IS 'UUIDv7.';
COMMENT ON COLUMN contacts.client_id IS 'The client.';
COMMENT ON COLUMN contacts.name IS 'Full name.';
COMMENT ON COLUMN contacts.position IS 'Job title.';
COMMENT ON COLUMN contacts.phones IS 'Phone numbers, E.164.';
COMMENT ON COLUMN contacts.emails IS 'Email addresses.';
COMMENT ON COLUMN contacts.archived IS 'No longer offered; history keeps it.';
COMMENT ON COLUMN contacts.version IS 'Counts the changes; the ETag.';
COMMENT ON COLUMN contacts.created_at IS 'When the row was made.';
COMMENT ON COLUMN contacts.updated_at IS 'When the row last changed.';
