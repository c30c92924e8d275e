-- Lists and searches sorted by amount.
CREATE INDEX deals_by_amount ON deals (workspace_id, base_amount DESC, id DESC);
-- Deals that came from nowhere need no entry.
DROP INDEX deals_external_id_is_unique;
CREATE UNIQUE INDEX deals_external_id_is_unique ON deals (workspace_id, external_source, external_id)
    WHERE external_id IS NOT NULL;
