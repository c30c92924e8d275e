CREATE TABLE files (
    workspace_id uuid NOT NULL REFERENCES workspaces,
    id uuid NOT NULL,
    object_kind text NOT NULL,
    object_id uuid NOT NULL,
    name text NOT NULL,
    content_type text,
    bytes bigint NOT NULL,
    sha256 bytea NOT NULL,
    stored_id uuid NOT NULL,
    author_id uuid,
    version integer NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, stored_id) REFERENCES stored_objects,
    FOREIGN KEY (workspace_id, author_id) REFERENCES users
);
CREATE INDEX files_by_stored ON files (workspace_id, stored_id);
CREATE INDEX files_of_object ON files (workspace_id, object_id, id);
CREATE INDEX files_by_kind ON files (workspace_id, object_kind, id);
COMMENT ON TABLE files IS 'Files that hang on other things. Their bytes are in the store.';
COMMENT ON COLUMN files.workspace_id IS 'The tenant.';
COMMENT ON COLUMN files.id IS 'UUIDv7.';
COMMENT ON COLUMN files.object_kind IS 'What it hangs on: deal, client, activity or document.';
COMMENT ON COLUMN files.object_id IS 'The id of that; a merge of clients changes it.';
COMMENT ON COLUMN files.name IS 'As it was called where it came from, cleaned.';
COMMENT ON COLUMN files.content_type IS 'What it was said to be. Nobody has looked.';
COMMENT ON COLUMN files.bytes IS 'Its length.';
COMMENT ON COLUMN files.sha256 IS 'Of its bytes.';
COMMENT ON COLUMN files.stored_id IS 'Its object in the store.';
COMMENT ON COLUMN files.author_id IS 'Who added it; null for an API key.';
COMMENT ON COLUMN files.version IS 'A file does not change: 1.';
COMMENT ON COLUMN files.created_at IS 'When it was added.';
COMMENT ON COLUMN files.updated_at IS 'When it was added, or went to another client by a merge.';
