-- Lists of a whole workspace by the dates that they are sorted by.
CREATE INDEX documents_by_date ON documents (workspace_id, dated_on, id);
CREATE INDEX payments_by_receipt ON payments (workspace_id, received_at, id);
CREATE INDEX activities_by_time ON activities (workspace_id, happened_at DESC NULLS LAST, id DESC);
-- Of what is to come: most activities were never planned.
CREATE INDEX activities_by_plan ON activities (workspace_id, planned_at, id) WHERE planned_at IS NOT NULL;
