DROP INDEX deals_by_alarm;
CREATE INDEX deals_by_alarm ON deals (alarm_at) WHERE alarm_at IS NOT NULL;
DROP TABLE job_settings;
DROP TABLE jobs;
