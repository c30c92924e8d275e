ALTER TABLE deals ADD COLUMN initiated_by text, ADD COLUMN from_activity_id uuid;
COMMENT ON COLUMN deals.initiated_by IS 'Who began: us or client; null: nobody has said.';
COMMENT ON COLUMN deals.from_activity_id IS 'The activity that it was opened from, such as the first call.';
CREATE INDEX deals_by_initiator ON deals (workspace_id, initiated_by, updated_at, id) WHERE initiated_by IS NOT NULL;
