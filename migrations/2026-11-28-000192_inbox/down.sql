ALTER TABLE integrations DROP COLUMN call_back_minutes, DROP COLUMN deal_type_id;
DROP TABLE call_backs;
DROP INDEX calls_of_inbox;
ALTER TABLE calls DROP COLUMN inbox_id;
DROP TABLE inbox_entries;
