DROP TABLE process_migrations;
ALTER TABLE process_versions DROP COLUMN withdrawn_at;
DROP INDEX stages_by_key, deals_by_closing, deals_by_opening;
-- Trails by position, as they were.
UPDATE deals SET trail = (
    SELECT coalesce(string_agg(stay.word, ' ' ORDER BY stay.visit), '') FROM (
        SELECT v.visit, max(v.position)::text
            || CASE WHEN bool_or(v.direction = 'back') THEN '-' ELSE '+' END
            || coalesce(max(round(1000 * (
                extract(epoch FROM v.left_at - v.visit_entered_at)::float8 - v.visit_held_seconds
                - CASE WHEN v.held THEN extract(epoch FROM v.left_at - v.entered_at)::float8 ELSE 0 END
            ))::bigint) FILTER (WHERE v.ended_by <> 'split')::text, '') AS word
        FROM stage_visits v
        WHERE v.workspace_id = deals.workspace_id AND v.deal_id = deals.id GROUP BY v.visit) AS stay)
WHERE status <> 'open';
ALTER TABLE stage_visits DROP COLUMN stage_number;
ALTER TABLE deals DROP COLUMN touched, DROP COLUMN visit_stage;
CREATE INDEX deals_by_closing ON deals (workspace_id, deal_type_id, closed_at) INCLUDE (version_id, owner_id, depth, position, status, base_amount, opened_at);
CREATE INDEX deals_by_opening ON deals (workspace_id, deal_type_id, opened_at) INCLUDE (version_id, owner_id, depth, position, status, base_amount, closed_at);
