ALTER TABLE process_drafts ALTER COLUMN process TYPE jsonb USING process::jsonb;
