-- Who had a phone or an email counts for those who have it still.
ALTER TABLE client_changes ADD COLUMN had text;
COMMENT ON COLUMN client_changes.had IS 'A phone, or an email in lower case, that the client had before; null says only that it changed.';
