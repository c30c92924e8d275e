CREATE TABLE process_drafts (
    workspace_id uuid NOT NULL REFERENCES workspaces,
    id uuid NOT NULL,
    deal_type_id uuid NOT NULL,
    process jsonb NOT NULL,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id),
    UNIQUE (workspace_id, deal_type_id),
    FOREIGN KEY (workspace_id, deal_type_id) REFERENCES deal_types
);
COMMENT ON TABLE process_drafts IS 'Next versions of processes while they are worked on: no deal is on one.';
COMMENT ON COLUMN process_drafts.workspace_id IS 'The tenant.';
COMMENT ON COLUMN process_drafts.id IS 'UUIDv7.';
COMMENT ON COLUMN process_drafts.deal_type_id IS 'The deal type; it has one draft at most.';
COMMENT ON COLUMN process_drafts.process IS 'Stages and rules as they were written, sound or not.';
COMMENT ON COLUMN process_drafts.version IS 'Counts the changes; the ETag.';
COMMENT ON COLUMN process_drafts.created_at IS 'When the row was made.';
COMMENT ON COLUMN process_drafts.updated_at IS 'When the row last changed.';
