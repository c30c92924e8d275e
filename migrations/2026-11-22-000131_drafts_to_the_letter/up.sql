-- What somebody wrote, as they wrote it: jsonb writes the largest numbers so that nobody can read them.
ALTER TABLE process_drafts ALTER COLUMN process TYPE json USING process::json;
