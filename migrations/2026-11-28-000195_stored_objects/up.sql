CREATE TABLE file_stores (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    id uuid NOT NULL,
    noted_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE file_stores IS 'Where the files of this database are: the one store whose marker has this id; of no workspace.';
COMMENT ON COLUMN file_stores.singleton IS 'There is one row at most.';
COMMENT ON COLUMN file_stores.id IS 'What the marker in the store says.';
COMMENT ON COLUMN file_stores.noted_at IS 'When a server first served with it.';

CREATE TABLE stored_bytes (
    workspace_id uuid PRIMARY KEY REFERENCES workspaces,
    bytes bigint NOT NULL CHECK (bytes >= 0)
);
COMMENT ON TABLE stored_bytes IS 'What each workspace has in the store: the sum of its stored objects.';
COMMENT ON COLUMN stored_bytes.workspace_id IS 'The tenant.';
COMMENT ON COLUMN stored_bytes.bytes IS 'The sum. It is held while a new object takes its room.';

CREATE TABLE stored_objects (
    workspace_id uuid NOT NULL REFERENCES workspaces,
    id uuid NOT NULL,
    state text NOT NULL CHECK (state IN ('writing', 'kept', 'gone')),
    bytes bigint NOT NULL CHECK (bytes >= 0),
    content_type text,
    sha256 bytea,
    remove_at timestamptz,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id),
    CHECK ((state = 'kept') = (remove_at IS NULL)),
    CHECK (state <> 'kept' OR sha256 IS NOT NULL)
);
CREATE INDEX stored_objects_to_remove ON stored_objects (remove_at) WHERE remove_at IS NOT NULL;
CREATE INDEX stored_objects_to_remove_of_workspace ON stored_objects (workspace_id, remove_at) WHERE remove_at IS NOT NULL;
COMMENT ON TABLE stored_objects IS 'What is in the store, or may be: each object has its row before its first byte, and until its last is removed.';
COMMENT ON COLUMN stored_objects.workspace_id IS 'The tenant.';
COMMENT ON COLUMN stored_objects.id IS 'UUIDv7; with the workspace''s id its key in the store.';
COMMENT ON COLUMN stored_objects.state IS 'writing, kept (something hangs on it), or gone (it is to be removed).';
COMMENT ON COLUMN stored_objects.bytes IS 'Its length; while it is written, the most that it may have.';
COMMENT ON COLUMN stored_objects.content_type IS 'What it was said to be. Nobody has looked.';
COMMENT ON COLUMN stored_objects.sha256 IS 'Of its bytes, once they are all there.';
COMMENT ON COLUMN stored_objects.remove_at IS 'From when on it is removed from the store; null of what is kept.';
COMMENT ON COLUMN stored_objects.created_at IS 'When it was begun.';
