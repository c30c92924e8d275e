ALTER TABLE deals
    ADD CONSTRAINT deals_amount_check CHECK (amount >= 0),
    ADD CONSTRAINT deals_base_amount_check CHECK (base_amount >= 0),
    ADD CONSTRAINT deals_lead_temperature_check CHECK (lead_temperature IN ('cold', 'warm', 'hot')),
    ADD CONSTRAINT deals_status_check CHECK (status IN ('open', 'won', 'lost')),
    ADD CONSTRAINT deals_check CHECK ((status = 'open') = (closed_at IS NULL)),
    ADD CONSTRAINT deals_check1 CHECK ((status = 'lost') = (loss_reason_id IS NOT NULL)),
    ADD CONSTRAINT deals_check2 CHECK ((external_source IS NULL) = (external_id IS NULL));
ALTER TABLE stage_visits
    ADD CONSTRAINT stage_visits_ended_by_check CHECK (ended_by IN ('split', 'moved', 'won', 'lost')),
    ADD CONSTRAINT stage_visits_direction_check CHECK (direction IN ('forward', 'skip', 'back', 'reopen')),
    ADD CONSTRAINT stage_visits_check CHECK ((left_at IS NULL) = (ended_by IS NULL));
COMMENT ON COLUMN deals.status IS 'open, won or lost.';
COMMENT ON COLUMN deals.lead_temperature IS 'How warm the lead was.';
COMMENT ON COLUMN stage_visits.ended_by IS 'split: the visit goes on in the next segment.';
COMMENT ON COLUMN stage_visits.direction IS 'How the visit began; null for a segment that continues one.';
