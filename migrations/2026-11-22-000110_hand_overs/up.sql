ALTER TABLE clients ADD COLUMN owner_id uuid;
COMMENT ON COLUMN clients.owner_id IS 'The user who looks after the client; null where nobody does.';
CREATE INDEX clients_by_owner ON clients (workspace_id, owner_id, id) WHERE owner_id IS NOT NULL;

CREATE TABLE hand_overs (
    workspace_id uuid NOT NULL REFERENCES workspaces,
    id uuid NOT NULL,
    from_id uuid NOT NULL,
    to_id uuid NOT NULL,
    what text[] NOT NULL,
    reason text NOT NULL CHECK (reason IN ('holiday', 'illness', 'dismissal', 'other')),
    note text,
    until date,
    handed_over jsonb NOT NULL,
    created_by jsonb NOT NULL,
    returned_at timestamptz,
    returned_by jsonb,
    outcome jsonb,
    alarm_at timestamptz,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, from_id) REFERENCES users,
    FOREIGN KEY (workspace_id, to_id) REFERENCES users,
    CHECK (from_id <> to_id),
    CHECK ((returned_at IS NULL) = (outcome IS NULL)),
    CHECK (returned_at IS NULL OR alarm_at IS NULL)
);
CREATE INDEX hand_overs_by_creation ON hand_overs (workspace_id, created_at, id);
CREATE INDEX hand_overs_by_alarm ON hand_overs (alarm_at) WHERE alarm_at IS NOT NULL;
COMMENT ON TABLE hand_overs IS 'What one person had and another one got, for good or for a time.';
COMMENT ON COLUMN hand_overs.workspace_id IS 'The tenant.';
COMMENT ON COLUMN hand_overs.id IS 'UUIDv7.';
COMMENT ON COLUMN hand_overs.from_id IS 'Whose things went over.';
COMMENT ON COLUMN hand_overs.to_id IS 'Who got them.';
COMMENT ON COLUMN hand_overs.what IS 'deals, tasks, clients: what of them went over.';
COMMENT ON COLUMN hand_overs.reason IS 'holiday, illness, dismissal or other.';
COMMENT ON COLUMN hand_overs.note IS 'More on the reason.';
COMMENT ON COLUMN hand_overs.until IS 'The day on which it comes back, in the workspace''s zone; null where that is not known.';
COMMENT ON COLUMN hand_overs.handed_over IS 'How much went over: deals, their amount in base currency, tasks, clients.';
COMMENT ON COLUMN hand_overs.created_by IS 'Who handed over.';
COMMENT ON COLUMN hand_overs.returned_at IS 'When it came back.';
COMMENT ON COLUMN hand_overs.returned_by IS 'Who gave it back.';
COMMENT ON COLUMN hand_overs.outcome IS 'How much of it came back, and how much stayed.';
COMMENT ON COLUMN hand_overs.alarm_at IS 'When the clock has to look at it.';
COMMENT ON COLUMN hand_overs.version IS 'Counts the changes; the ETag.';
COMMENT ON COLUMN hand_overs.created_at IS 'When it was handed over.';
COMMENT ON COLUMN hand_overs.updated_at IS 'When the row last changed.';

CREATE TABLE hand_over_items (
    workspace_id uuid NOT NULL,
    hand_over_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('deal', 'task', 'client')),
    object_id uuid NOT NULL,
    outcome text CHECK (outcome IN ('returned', 'already_back', 'closed', 'passed_on')),
    PRIMARY KEY (workspace_id, hand_over_id, kind, object_id),
    FOREIGN KEY (workspace_id, hand_over_id) REFERENCES hand_overs
);
COMMENT ON TABLE hand_over_items IS 'The deals, tasks and clients of hand-overs.';
COMMENT ON COLUMN hand_over_items.workspace_id IS 'The tenant.';
COMMENT ON COLUMN hand_over_items.hand_over_id IS 'The hand-over.';
COMMENT ON COLUMN hand_over_items.kind IS 'deal, task or client.';
COMMENT ON COLUMN hand_over_items.object_id IS 'Its id.';
COMMENT ON COLUMN hand_over_items.outcome IS 'What became of it when the hand-over came back; null before.';
