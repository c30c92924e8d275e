ALTER TABLE deals ADD COLUMN trail text;
COMMENT ON COLUMN deals.trail IS 'Visits of a closed deal in short: position, + or - for going back, milliseconds without holds; 1+3600000 2+60000 1-500. Made from stage_visits at closing; out of date while the deal is open.';
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
