ALTER TABLE imports ADD COLUMN rows_read bigint NOT NULL DEFAULT 0;
ALTER TABLE imports ADD COLUMN last_case text;
COMMENT ON COLUMN imports.rows_read IS 'Rows of an event log that were put together by case.';
COMMENT ON COLUMN imports.last_case IS 'The last case of an event log that was taken, in byte order.';

CREATE TABLE import_rows (
    workspace_id uuid NOT NULL,
    import_id uuid NOT NULL,
    case_id text COLLATE "C" NOT NULL,
    line bigint NOT NULL,
    cells text[] NOT NULL,
    PRIMARY KEY (workspace_id, import_id, case_id, line),
    FOREIGN KEY (workspace_id, import_id) REFERENCES imports
);
COMMENT ON TABLE import_rows IS 'Rows of event logs, put together by case while their import runs.';
COMMENT ON COLUMN import_rows.workspace_id IS 'The tenant.';
COMMENT ON COLUMN import_rows.import_id IS 'The import.';
COMMENT ON COLUMN import_rows.case_id IS 'The case that the row is of.';
COMMENT ON COLUMN import_rows.line IS 'Line of the file, the header being line 1.';
COMMENT ON COLUMN import_rows.cells IS 'The row''s cells as they stood in the file.';
