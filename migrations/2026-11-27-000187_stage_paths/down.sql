ALTER TABLE deals RENAME COLUMN stage_path TO trail;
