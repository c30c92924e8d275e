CREATE TABLE imports (
    workspace_id uuid NOT NULL REFERENCES workspaces,
    id uuid NOT NULL,
    spec jsonb NOT NULL,
    header jsonb NOT NULL,
    file_name text,
    file_size bigint NOT NULL,
    state text NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
    error text,
    dry_run boolean NOT NULL,
    rows_total bigint,
    rows_done bigint NOT NULL DEFAULT 0,
    created bigint NOT NULL DEFAULT 0,
    updated bigint NOT NULL DEFAULT 0,
    unchanged bigint NOT NULL DEFAULT 0,
    rejected bigint NOT NULL DEFAULT 0,
    notes jsonb NOT NULL DEFAULT '[]',
    created_by jsonb NOT NULL,
    started_at timestamptz,
    finished_at timestamptz,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id)
);
CREATE INDEX imports_to_run ON imports (created_at) WHERE state IN ('queued', 'running');
COMMENT ON TABLE imports IS 'Imports of files.';
COMMENT ON COLUMN imports.workspace_id IS 'The tenant.';
COMMENT ON COLUMN imports.id IS 'UUIDv7.';
COMMENT ON COLUMN imports.spec IS 'What the import was told about its file.';
COMMENT ON COLUMN imports.header IS 'Names of the file''s columns.';
COMMENT ON COLUMN imports.file_name IS 'Name of the file as it was sent.';
COMMENT ON COLUMN imports.file_size IS 'Size in bytes.';
COMMENT ON COLUMN imports.state IS 'queued, running, done, failed or cancelled.';
COMMENT ON COLUMN imports.error IS 'Why it failed.';
COMMENT ON COLUMN imports.dry_run IS 'Says what would happen, and changes nothing.';
COMMENT ON COLUMN imports.rows_total IS 'Rows of the file; null until they are counted.';
COMMENT ON COLUMN imports.rows_done IS 'Rows that were taken or rejected.';
COMMENT ON COLUMN imports.created IS 'Rows that made a deal.';
COMMENT ON COLUMN imports.updated IS 'Rows that changed one.';
COMMENT ON COLUMN imports.unchanged IS 'Rows that changed nothing.';
COMMENT ON COLUMN imports.rejected IS 'Rows that were not taken.';
COMMENT ON COLUMN imports.notes IS 'What the import has to say about the file, counted.';
COMMENT ON COLUMN imports.created_by IS 'Who started it.';
COMMENT ON COLUMN imports.started_at IS 'When it began to run.';
COMMENT ON COLUMN imports.finished_at IS 'When it ended.';
COMMENT ON COLUMN imports.version IS 'Counts the changes; the ETag.';
COMMENT ON COLUMN imports.created_at IS 'When the row was made.';
COMMENT ON COLUMN imports.updated_at IS 'When the row last changed.';

CREATE TABLE import_chunks (
    workspace_id uuid NOT NULL,
    import_id uuid NOT NULL,
    number integer NOT NULL,
    bytes bytea NOT NULL,
    PRIMARY KEY (workspace_id, import_id, number),
    FOREIGN KEY (workspace_id, import_id) REFERENCES imports
);
COMMENT ON TABLE import_chunks IS 'Files of imports, in pieces.';
COMMENT ON COLUMN import_chunks.workspace_id IS 'The tenant.';
COMMENT ON COLUMN import_chunks.import_id IS 'The import.';
COMMENT ON COLUMN import_chunks.number IS '0 for the first piece.';
COMMENT ON COLUMN import_chunks.bytes IS 'The piece.';

CREATE TABLE import_rejections (
    workspace_id uuid NOT NULL,
    import_id uuid NOT NULL,
    line bigint NOT NULL,
    number integer NOT NULL,
    field text NOT NULL,
    code text NOT NULL,
    reason text NOT NULL,
    row jsonb NOT NULL,
    PRIMARY KEY (workspace_id, import_id, line, number),
    FOREIGN KEY (workspace_id, import_id) REFERENCES imports
);
COMMENT ON TABLE import_rejections IS 'Rows that imports did not take.';
COMMENT ON COLUMN import_rejections.workspace_id IS 'The tenant.';
COMMENT ON COLUMN import_rejections.import_id IS 'The import.';
COMMENT ON COLUMN import_rejections.line IS 'Line of the file, the header being line 1.';
COMMENT ON COLUMN import_rejections.number IS 'Counts the faults of the line.';
COMMENT ON COLUMN import_rejections.field IS 'Field of the mapping; empty for the whole row.';
COMMENT ON COLUMN import_rejections.code IS 'Stable code of the fault.';
COMMENT ON COLUMN import_rejections.reason IS 'What is wrong, for a person.';
COMMENT ON COLUMN import_rejections.row IS 'The row''s cells as they stood in the file.';
