CREATE INDEX activities_by_call_status ON activities (workspace_id, call_status, happened_at, id) WHERE call_status IS NOT NULL;
