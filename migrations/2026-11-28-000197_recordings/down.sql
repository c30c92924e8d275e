DROP TABLE recordings;
ALTER TABLE integrations DROP COLUMN recordings;
