DROP INDEX raw_events_by_age;
CREATE INDEX raw_events_by_age ON raw_events (received_at);
ALTER TABLE workspaces DROP COLUMN raw_event_days, DROP COLUMN recording_days;
