DROP TABLE import_rows;
ALTER TABLE imports DROP COLUMN last_case;
ALTER TABLE imports DROP COLUMN rows_read;
