-- What gates and the clock look at beside a deal may change without the deal being held: such a change rings.
CREATE TABLE rings (
    workspace_id uuid NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY,
    client_id uuid,
    currency text,
    rung_at timestamptz NOT NULL,
    again_after bigint,
    PRIMARY KEY (workspace_id, id),
    CHECK (client_id IS NULL OR currency IS NULL)
);
CREATE INDEX rings_by_time ON rings (rung_at, workspace_id, id);
COMMENT ON TABLE rings IS 'Changes for which the clock has to look at deals again; those without a client and a currency, at all deals for which the clock is set.';
COMMENT ON COLUMN rings.workspace_id IS 'The tenant.';
COMMENT ON COLUMN rings.id IS 'The order in which they were rung.';
COMMENT ON COLUMN rings.client_id IS 'The deals of this client.';
COMMENT ON COLUMN rings.currency IS 'The deals in this currency.';
COMMENT ON COLUMN rings.rung_at IS 'Not heard before.';
COMMENT ON COLUMN rings.again_after IS 'Heard once; heard again when every transaction before this one has ended, as those may not have seen the change. Then it is over.';
