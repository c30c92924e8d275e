UPDATE tasks SET kind = 'work' WHERE kind = 'call_back';
ALTER TABLE tasks DROP CONSTRAINT tasks_kind_check,
    ADD CONSTRAINT tasks_kind_check CHECK (kind IN ('work', 'loss_review'));
COMMENT ON COLUMN tasks.kind IS 'work, or loss_review: a head looks at why a deal was lost.';
ALTER TABLE integrations DROP COLUMN call_back_minutes, DROP COLUMN deal_type_id;
DROP TABLE call_roots;
DROP TABLE call_backs;
DROP INDEX calls_by_plain_number;
DROP INDEX calls_of_inbox;
ALTER TABLE calls DROP COLUMN inbox_id;
DROP TABLE inbox_entries;
