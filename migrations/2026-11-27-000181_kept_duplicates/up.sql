-- Clients that may be one are found as clients change, and not when somebody asks.
CREATE TABLE client_pairs (
    workspace_id uuid NOT NULL,
    one uuid NOT NULL,
    other uuid NOT NULL,
    score double precision NOT NULL,
    reasons jsonb NOT NULL,
    PRIMARY KEY (workspace_id, one, other),
    CHECK (one < other)
);
CREATE INDEX client_pairs_by_score ON client_pairs (workspace_id, score DESC, one, other);
CREATE INDEX client_pairs_by_other ON client_pairs (workspace_id, other);
COMMENT ON TABLE client_pairs IS 'Pairs of clients in use that may be one, as of the changes that were looked at.';
COMMENT ON COLUMN client_pairs.workspace_id IS 'The tenant.';
COMMENT ON COLUMN client_pairs.one IS 'The older client; no foreign key, which would wait for whoever holds the client.';
COMMENT ON COLUMN client_pairs.other IS 'The younger client.';
COMMENT ON COLUMN client_pairs.score IS 'How likely the two are one, 0 to 1.';
COMMENT ON COLUMN client_pairs.reasons IS 'What speaks for it, the strongest first.';

-- A queue, and no key: who changes a client waits for nobody else who does.
CREATE TABLE client_changes (
    workspace_id uuid NOT NULL,
    position bigint GENERATED ALWAYS AS IDENTITY,
    client_id uuid NOT NULL,
    spreads boolean NOT NULL DEFAULT true,
    changed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, position)
);
CREATE INDEX client_changes_by_client ON client_changes (workspace_id, client_id);
COMMENT ON TABLE client_changes IS 'Clients that are to be compared with the others anew.';
COMMENT ON COLUMN client_changes.position IS 'In the order of the changes.';
COMMENT ON COLUMN client_changes.workspace_id IS 'The tenant.';
COMMENT ON COLUMN client_changes.client_id IS 'The client.';
COMMENT ON COLUMN client_changes.spreads IS 'It has changed itself: those with which it has something in common are compared anew, too.';
COMMENT ON COLUMN client_changes.changed_at IS 'When.';

INSERT INTO client_changes (workspace_id, client_id) SELECT workspace_id, id FROM clients;
