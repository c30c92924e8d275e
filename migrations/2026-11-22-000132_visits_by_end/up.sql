-- For open funnels: what ended after an instant held at it.
CREATE INDEX stage_visits_by_end ON stage_visits (workspace_id, deal_type_id, left_at) WHERE left_at IS NOT NULL;
