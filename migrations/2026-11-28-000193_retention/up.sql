ALTER TABLE workspaces ADD COLUMN raw_event_days integer NOT NULL DEFAULT 90,
    ADD COLUMN recording_days integer NOT NULL DEFAULT 180;
COMMENT ON COLUMN workspaces.raw_event_days IS 'For how many days what integrations have posted is kept.';
COMMENT ON COLUMN workspaces.recording_days IS 'For how many days recordings are kept, from the call on.';

-- Each workspace has an age of its own.
DROP INDEX raw_events_by_age;
CREATE INDEX raw_events_by_age ON raw_events (workspace_id, received_at);
