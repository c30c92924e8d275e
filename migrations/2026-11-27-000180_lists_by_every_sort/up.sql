-- Every sort that a list of many rows offers has its index; what is sorted by the time of making goes by the ids.
-- The deal type stands behind, for the reports of one type: it is looked at in the index.
DROP INDEX deals_by_closing;
CREATE INDEX deals_by_closing ON deals (workspace_id, closed_at, id, deal_type_id) WHERE closed_at IS NOT NULL;
DROP INDEX deals_by_opening;
CREATE INDEX deals_by_opening ON deals (workspace_id, opened_at, id, deal_type_id);
CREATE INDEX deals_by_title ON deals (workspace_id, title, id);
-- Of open deals; with what tells which of them are overdue.
CREATE INDEX deals_by_stage_entry ON deals (workspace_id, visit_entered_at, id)
    INCLUDE (version_id, position, hold_since, visit_held_seconds) WHERE status = 'open';
CREATE INDEX deals_by_expected_closing ON deals (workspace_id, expected_close_on, id) WHERE expected_close_on IS NOT NULL;
CREATE INDEX clients_by_full_name ON clients (workspace_id, name, id);
CREATE INDEX contacts_by_name ON contacts (workspace_id, name, id);
CREATE INDEX contacts_by_update ON contacts (workspace_id, updated_at, id);
CREATE INDEX products_by_sku ON products (workspace_id, sku, id) WHERE sku IS NOT NULL;
CREATE INDEX products_by_price ON products (workspace_id, price, id) WHERE price IS NOT NULL;
CREATE INDEX products_by_update ON products (workspace_id, updated_at, id);
-- Rows without a value are listed apart from the others.
DROP INDEX activities_by_time;
CREATE INDEX activities_by_time ON activities (workspace_id, happened_at, id) WHERE happened_at IS NOT NULL;
-- As searches compare: a part of a name in lower case.
CREATE INDEX clients_by_part_of_name ON clients USING gin (workspace_id, lower(name COLLATE "und-x-icu") gin_trgm_ops);

-- Durations read one row a visit, the last one, and open funnels the present ones: neither needs the table.
DROP INDEX stage_visits_by_entry;
CREATE INDEX stage_visits_by_entry ON stage_visits (workspace_id, deal_type_id, visit_entered_at)
    INCLUDE (left_at, stage_number, visit_held_seconds, held, owner_id, deal_id, visit) WHERE ended_by IS DISTINCT FROM 'split';
DROP INDEX stage_visits_present;
CREATE INDEX stage_visits_present ON stage_visits (workspace_id, deal_type_id, entered_at)
    INCLUDE (deal_id, sequence, visit, version_id, position, stage_number, visit_entered_at, visit_held_seconds, held,
        owner_id, base_amount, probability) WHERE left_at IS NULL;
