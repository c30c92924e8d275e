ALTER TABLE integrations ADD COLUMN recordings text NOT NULL DEFAULT 'link';
ALTER TABLE integrations ALTER COLUMN recordings DROP DEFAULT;
COMMENT ON COLUMN integrations.recordings IS 'What becomes of recordings: link, their links are kept; or fetch, they are fetched and kept.';

CREATE TABLE recordings (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    activity_id uuid NOT NULL,
    integration_id uuid NOT NULL,
    url text NOT NULL,
    state text NOT NULL,
    attempts integer NOT NULL,
    next_at timestamptz,
    reason text,
    object_id uuid,
    content_type text,
    bytes bigint,
    happened_at timestamptz NOT NULL,
    version integer NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id)
);
CREATE UNIQUE INDEX recordings_of_activity ON recordings (workspace_id, activity_id);
CREATE INDEX recordings_waiting ON recordings (workspace_id, next_at) WHERE state = 'waiting';
CREATE INDEX recordings_by_age ON recordings (workspace_id, happened_at) WHERE state IN ('waiting', 'kept');
COMMENT ON TABLE recordings IS 'Recordings of calls that are fetched: one an activity.';
COMMENT ON COLUMN recordings.workspace_id IS 'The tenant.';
COMMENT ON COLUMN recordings.id IS 'UUIDv7.';
COMMENT ON COLUMN recordings.activity_id IS 'The activity that the call has become.';
COMMENT ON COLUMN recordings.integration_id IS 'Whose exchange told of it.';
COMMENT ON COLUMN recordings.url IS 'Where it is fetched: the link of the activity, as the exchange told it.';
COMMENT ON COLUMN recordings.state IS 'waiting, kept, failed, or gone: it was kept for as long as the workspace says, or its link was taken away.';
COMMENT ON COLUMN recordings.attempts IS 'How often it was tried to fetch it since it began to wait.';
COMMENT ON COLUMN recordings.next_at IS 'When it is tried next, of one that waits; while it is tried, when that is given up.';
COMMENT ON COLUMN recordings.reason IS 'Why it was not fetched the last time.';
COMMENT ON COLUMN recordings.object_id IS 'What is kept of it in the store, of one that is kept.';
COMMENT ON COLUMN recordings.content_type IS 'What its bytes say that it is, such as audio/wav.';
COMMENT ON COLUMN recordings.bytes IS 'How long it is.';
COMMENT ON COLUMN recordings.happened_at IS 'When the call was: it is kept so long after that.';
COMMENT ON COLUMN recordings.version IS 'Raised by every change.';
COMMENT ON COLUMN recordings.created_at IS 'When it was told of.';
COMMENT ON COLUMN recordings.updated_at IS 'When it was last changed.';
