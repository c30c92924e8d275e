ALTER TABLE workspaces
    ADD working_hours jsonb NOT NULL DEFAULT '{"monday": [{"from": "09:00", "to": "18:00"}], "tuesday": [{"from": "09:00", "to": "18:00"}], "wednesday": [{"from": "09:00", "to": "18:00"}], "thursday": [{"from": "09:00", "to": "18:00"}], "friday": [{"from": "09:00", "to": "18:00"}], "saturday": [], "sunday": []}',
    ADD calendar_version integer NOT NULL DEFAULT 1;
COMMENT ON COLUMN workspaces.working_hours IS 'The working hours of each weekday: intervals of the clock in the workspace''s zone.';
COMMENT ON COLUMN workspaces.calendar_version IS 'Counts the changes of working hours, time zone and holidays; the ETag of the calendar.';

CREATE TABLE holidays (
    workspace_id uuid NOT NULL REFERENCES workspaces,
    day date NOT NULL,
    id uuid NOT NULL,
    name text,
    hours jsonb NOT NULL DEFAULT '[]',
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, day)
);
CREATE UNIQUE INDEX holidays_by_id ON holidays (workspace_id, id);
COMMENT ON TABLE holidays IS 'Days whose working hours are other than their weekday''s.';
COMMENT ON COLUMN holidays.workspace_id IS 'The tenant.';
COMMENT ON COLUMN holidays.day IS 'The date in the workspace''s zone.';
COMMENT ON COLUMN holidays.id IS 'UUIDv7.';
COMMENT ON COLUMN holidays.name IS 'What the day is called.';
COMMENT ON COLUMN holidays.hours IS 'The working hours of the day, as intervals of the clock; none: the day is free.';
COMMENT ON COLUMN holidays.version IS 'Counts the changes; the ETag.';
COMMENT ON COLUMN holidays.created_at IS 'When the row was made.';
COMMENT ON COLUMN holidays.updated_at IS 'When the row last changed.';
