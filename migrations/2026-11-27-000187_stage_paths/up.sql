ALTER TABLE deals RENAME COLUMN trail TO stage_path;
