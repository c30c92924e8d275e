DROP INDEX tasks_reopenings;
DROP INDEX tasks_reviews;
COMMENT ON COLUMN tasks.links IS 'Activities to look at, as ids.';
ALTER TABLE tasks DROP COLUMN reopened_at;
