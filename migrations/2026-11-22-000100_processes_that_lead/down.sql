ALTER TABLE deals DROP COLUMN overrides, DROP COLUMN fired, DROP COLUMN alarm_at;
ALTER TABLE stages DROP COLUMN tasks, DROP COLUMN performer, DROP COLUMN cost;
ALTER TABLE process_versions DROP COLUMN rules;
