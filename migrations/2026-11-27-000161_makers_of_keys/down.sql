ALTER TABLE api_keys DROP COLUMN parent_id, DROP COLUMN maker_id;
