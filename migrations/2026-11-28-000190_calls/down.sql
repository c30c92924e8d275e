ALTER TABLE activities DROP COLUMN call_status;
DROP TABLE calls;
DROP TABLE raw_events;
DROP TABLE integrations;
