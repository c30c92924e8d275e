DROP TABLE integration_refusals;
ALTER TABLE raw_events DROP COLUMN target;
ALTER TABLE integrations DROP COLUMN time_zone, DROP COLUMN external_url;
