ALTER TABLE tasks ADD COLUMN reopened_at timestamptz;
COMMENT ON COLUMN tasks.reopened_at IS 'When the review of a loss reopened its deal.';
COMMENT ON COLUMN tasks.links IS 'What to look at, as kind and id.';
-- Reviews of losses, by the visit in which the deal was lost, and by when they reopened it.
CREATE INDEX tasks_reviews ON tasks (workspace_id, deal_id, visit) WHERE kind = 'loss_review';
CREATE INDEX tasks_reopenings ON tasks (workspace_id, reopened_at) WHERE reopened_at IS NOT NULL;
