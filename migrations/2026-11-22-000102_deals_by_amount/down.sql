DROP INDEX deals_external_id_is_unique;
CREATE UNIQUE INDEX deals_external_id_is_unique ON deals (workspace_id, external_source, external_id);
DROP INDEX deals_by_amount;
