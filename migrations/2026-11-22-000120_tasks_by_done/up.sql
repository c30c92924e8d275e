-- Tasks that were done in a period.
CREATE INDEX tasks_by_done ON tasks (workspace_id, done_at) WHERE done_at IS NOT NULL;
