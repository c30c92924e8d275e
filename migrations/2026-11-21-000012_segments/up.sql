CREATE TABLE segments (
    workspace_id uuid NOT NULL REFERENCES workspaces,
    id uuid NOT NULL,
    name text NOT NULL,
    entity text NOT NULL CHECK (entity IN ('deal', 'client')),
    condition jsonb NOT NULL,
    archived boolean NOT NULL DEFAULT false,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id)
);
CREATE UNIQUE INDEX segments_name_is_unique ON segments (workspace_id, lower(name));
COMMENT ON TABLE segments IS 'Saved conditions over deals or clients.';
COMMENT ON COLUMN segments.workspace_id IS 'The tenant.';
COMMENT ON COLUMN segments.id IS 'UUIDv7.';
COMMENT ON COLUMN segments.name IS 'Name, unique without regard to case.';
COMMENT ON COLUMN segments.entity IS 'What it selects: deal or client.';
COMMENT ON COLUMN segments.condition IS 'The condition, as JSON.';
COMMENT ON COLUMN segments.archived IS 'No longer offered; history keeps it.';
COMMENT ON COLUMN segments.version IS 'Counts the changes; the ETag.';
COMMENT ON COLUMN segments.created_at IS 'When the row was made.';
COMMENT ON COLUMN segments.updated_at IS 'When the row last changed.';
