-- What an import waits for before it goes on: the database, its disk, or locks.
ALTER TABLE imports ADD COLUMN waiting_for text;
COMMENT ON COLUMN imports.waiting_for IS 'What an import waits for before it goes on: database, disk or locks.';
