-- No foreign keys here: what deals refer to is archived and never deleted, the command path checks each
-- reference, and key-share locks on the same few rows would make concurrent writers wait for each other.
CREATE TABLE deals (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    deal_type_id uuid NOT NULL,
    version_id uuid NOT NULL,
    title text NOT NULL,
    client_id uuid,
    owner_id uuid NOT NULL,
    amount numeric(19,4) NOT NULL CHECK (amount >= 0),
    currency text NOT NULL,
    base_amount numeric(19,4) NOT NULL CHECK (base_amount >= 0),
    source_id uuid,
    lead_temperature text CHECK (lead_temperature IN ('cold', 'warm', 'hot')),
    expected_close_on date,
    external_source text,
    external_id text,
    status text NOT NULL CHECK (status IN ('open', 'won', 'lost')),
    stage_id uuid,
    position smallint,
    depth smallint NOT NULL,
    hold_reason text,
    hold_resume_on date,
    hold_since timestamptz,
    loss_reason_id uuid,
    loss_note text,
    competitor_id uuid,
    opened_at timestamptz NOT NULL,
    closed_at timestamptz,
    visit integer NOT NULL,
    visit_entered_at timestamptz NOT NULL,
    visit_held_seconds bigint NOT NULL,
    segment integer NOT NULL,
    segment_entered_at timestamptz NOT NULL,
    reopened integer NOT NULL DEFAULT 0,
    sequence integer NOT NULL,
    last_occurred_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id),
    CHECK ((status = 'open') = (closed_at IS NULL)),
    CHECK ((status = 'lost') = (loss_reason_id IS NOT NULL)),
    CHECK ((external_source IS NULL) = (external_id IS NULL))
);
CREATE UNIQUE INDEX deals_external_id_is_unique ON deals (workspace_id, external_source, external_id);
CREATE INDEX deals_by_update ON deals (workspace_id, updated_at DESC, id DESC);
CREATE INDEX deals_by_stage ON deals (workspace_id, stage_id, updated_at DESC, id DESC);
CREATE INDEX deals_by_owner ON deals (workspace_id, owner_id, updated_at DESC, id DESC);
CREATE INDEX deals_by_client ON deals (workspace_id, client_id);
CREATE INDEX deals_by_closing ON deals (workspace_id, deal_type_id, closed_at) INCLUDE (version_id, owner_id, depth, position, status, base_amount, opened_at);
CREATE INDEX deals_by_opening ON deals (workspace_id, deal_type_id, opened_at) INCLUDE (version_id, owner_id, depth, position, status, base_amount, closed_at);
COMMENT ON TABLE deals IS 'Deals as their history has made them.';
COMMENT ON COLUMN deals.workspace_id IS 'The tenant.';
COMMENT ON COLUMN deals.id IS 'UUIDv7.';
COMMENT ON COLUMN deals.deal_type_id IS 'The deal type.';
COMMENT ON COLUMN deals.version_id IS 'The process version that the deal started on.';
COMMENT ON COLUMN deals.title IS 'What the deal is called.';
COMMENT ON COLUMN deals.client_id IS 'The client.';
COMMENT ON COLUMN deals.owner_id IS 'The user who leads the deal.';
COMMENT ON COLUMN deals.amount IS 'Amount in the deal''s currency.';
COMMENT ON COLUMN deals.currency IS 'ISO 4217.';
COMMENT ON COLUMN deals.base_amount IS 'Amount in the workspace''s base currency; the one that is summed.';
COMMENT ON COLUMN deals.source_id IS 'Where the deal came from.';
COMMENT ON COLUMN deals.lead_temperature IS 'How warm the lead was.';
COMMENT ON COLUMN deals.expected_close_on IS 'Day on which it is expected to close.';
COMMENT ON COLUMN deals.external_source IS 'The other system that external_id belongs to.';
COMMENT ON COLUMN deals.external_id IS 'Id of the same deal in another system.';
COMMENT ON COLUMN deals.status IS 'open, won or lost.';
COMMENT ON COLUMN deals.stage_id IS 'The stage that it is in, or was closed in; null for untracked types.';
COMMENT ON COLUMN deals.position IS 'Position of that stage.';
COMMENT ON COLUMN deals.depth IS 'Highest position of any stage ever entered; never falls.';
COMMENT ON COLUMN deals.hold_reason IS 'Why it is on hold; null when it is not.';
COMMENT ON COLUMN deals.hold_resume_on IS 'When work is to go on.';
COMMENT ON COLUMN deals.hold_since IS 'When the hold began.';
COMMENT ON COLUMN deals.loss_reason_id IS 'Why it was lost; set on lost deals and on no others.';
COMMENT ON COLUMN deals.loss_note IS 'Note on the loss.';
COMMENT ON COLUMN deals.competitor_id IS 'Who won it instead.';
COMMENT ON COLUMN deals.opened_at IS 'When it was opened.';
COMMENT ON COLUMN deals.closed_at IS 'When it was won or lost; null while open.';
COMMENT ON COLUMN deals.visit IS 'Number of the deal''s present visit to a stage.';
COMMENT ON COLUMN deals.visit_entered_at IS 'When that visit began.';
COMMENT ON COLUMN deals.visit_held_seconds IS 'Seconds on hold in the visit before its present segment.';
COMMENT ON COLUMN deals.segment IS 'Sequence of the event that began the present segment of the visit.';
COMMENT ON COLUMN deals.segment_entered_at IS 'When that segment began.';
COMMENT ON COLUMN deals.reopened IS 'How often the deal was reopened.';
COMMENT ON COLUMN deals.sequence IS 'Number of the deal''s last event; the ETag.';
COMMENT ON COLUMN deals.last_occurred_at IS 'When the deal''s last event happened.';
COMMENT ON COLUMN deals.created_at IS 'When the row was made.';
COMMENT ON COLUMN deals.updated_at IS 'When the row last changed.';

CREATE TABLE stage_visits (
    workspace_id uuid NOT NULL,
    deal_id uuid NOT NULL,
    sequence integer NOT NULL,
    visit integer NOT NULL,
    deal_type_id uuid NOT NULL,
    version_id uuid NOT NULL,
    stage_id uuid,
    position smallint NOT NULL,
    entered_at timestamptz NOT NULL,
    left_at timestamptz,
    ended_by text CHECK (ended_by IN ('split', 'moved', 'won', 'lost')),
    direction text CHECK (direction IN ('forward', 'skip', 'back', 'reopen')),
    visit_entered_at timestamptz NOT NULL,
    visit_held_seconds bigint NOT NULL,
    held boolean NOT NULL,
    owner_id uuid NOT NULL,
    base_amount numeric(19,4) NOT NULL,
    probability numeric(5,4),
    cause jsonb NOT NULL,
    PRIMARY KEY (workspace_id, deal_id, sequence),
    CHECK ((left_at IS NULL) = (ended_by IS NULL))
);
CREATE INDEX stage_visits_by_entry ON stage_visits (workspace_id, deal_type_id, entered_at) INCLUDE (left_at);
CREATE INDEX stage_visits_present ON stage_visits (workspace_id, deal_type_id, position) WHERE left_at IS NULL;
COMMENT ON TABLE stage_visits IS 'Stays of deals in stages, append-only. A change of amount, owner or hold splits a visit into segments, a row each, so that every past instant has its stage, owner and amount.';
COMMENT ON COLUMN stage_visits.workspace_id IS 'The tenant.';
COMMENT ON COLUMN stage_visits.deal_id IS 'The deal.';
COMMENT ON COLUMN stage_visits.sequence IS 'The event that began the segment.';
COMMENT ON COLUMN stage_visits.visit IS 'Number of the deal''s visit.';
COMMENT ON COLUMN stage_visits.deal_type_id IS 'The deal''s type.';
COMMENT ON COLUMN stage_visits.version_id IS 'The deal''s process version.';
COMMENT ON COLUMN stage_visits.stage_id IS 'The stage; null for untracked types.';
COMMENT ON COLUMN stage_visits.position IS 'Position of the stage; 0 for untracked types.';
COMMENT ON COLUMN stage_visits.entered_at IS 'When the segment began.';
COMMENT ON COLUMN stage_visits.left_at IS 'When it ended; null while the deal is there.';
COMMENT ON COLUMN stage_visits.ended_by IS 'split: the visit goes on in the next segment.';
COMMENT ON COLUMN stage_visits.direction IS 'How the visit began; null for a segment that continues one.';
COMMENT ON COLUMN stage_visits.visit_entered_at IS 'When the visit began.';
COMMENT ON COLUMN stage_visits.visit_held_seconds IS 'Seconds on hold in the visit before this segment.';
COMMENT ON COLUMN stage_visits.held IS 'Whether the deal was on hold: such time does not age.';
COMMENT ON COLUMN stage_visits.owner_id IS 'Who led the deal then.';
COMMENT ON COLUMN stage_visits.base_amount IS 'What the deal was worth then, in base currency.';
COMMENT ON COLUMN stage_visits.probability IS 'The stage''s probability.';
COMMENT ON COLUMN stage_visits.cause IS 'Who or what began it: a person, an import, with ids.';
