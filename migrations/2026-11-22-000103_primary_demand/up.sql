-- Nothing was ever kept in it: lines now belong to a demand, which has an id and a version.
DROP TABLE demand_lines;

CREATE TABLE demands (
    workspace_id uuid NOT NULL REFERENCES workspaces,
    id uuid NOT NULL,
    deal_id uuid NOT NULL,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id),
    UNIQUE (workspace_id, deal_id),
    FOREIGN KEY (workspace_id, deal_id) REFERENCES deals
);
COMMENT ON TABLE demands IS 'Primary demand: what the client of a deal first wanted.';
COMMENT ON COLUMN demands.workspace_id IS 'The tenant.';
COMMENT ON COLUMN demands.id IS 'UUIDv7.';
COMMENT ON COLUMN demands.deal_id IS 'The deal.';
COMMENT ON COLUMN demands.version IS 'Counts the changes; the ETag.';
COMMENT ON COLUMN demands.created_at IS 'When the demand was first written down.';
COMMENT ON COLUMN demands.updated_at IS 'When it last changed.';

CREATE TABLE demand_lines (
    workspace_id uuid NOT NULL REFERENCES workspaces,
    demand_id uuid NOT NULL,
    number smallint NOT NULL,
    item text NOT NULL,
    product_id uuid,
    quantity numeric(19,4) NOT NULL CHECK (quantity > 0),
    amount numeric(19,4) NOT NULL CHECK (amount >= 0),
    currency text NOT NULL,
    base_amount numeric(19,4) NOT NULL,
    met_quantity numeric(19,4) NOT NULL CHECK (met_quantity BETWEEN 0 AND quantity),
    unmet_reason text,
    PRIMARY KEY (workspace_id, demand_id, number),
    FOREIGN KEY (workspace_id, demand_id) REFERENCES demands,
    FOREIGN KEY (workspace_id, product_id) REFERENCES products
);
COMMENT ON TABLE demand_lines IS 'The things that were wanted, and what of them was met.';
COMMENT ON COLUMN demand_lines.workspace_id IS 'The tenant.';
COMMENT ON COLUMN demand_lines.demand_id IS 'The demand.';
COMMENT ON COLUMN demand_lines.number IS '1 for the first line.';
COMMENT ON COLUMN demand_lines.item IS 'What was wanted.';
COMMENT ON COLUMN demand_lines.product_id IS 'The product that it is, if it is one of the catalogue.';
COMMENT ON COLUMN demand_lines.quantity IS 'How many.';
COMMENT ON COLUMN demand_lines.amount IS 'What all of them would cost.';
COMMENT ON COLUMN demand_lines.currency IS 'ISO 4217.';
COMMENT ON COLUMN demand_lines.base_amount IS 'The amount in the base currency, by the rate of the day on which the line was written.';
COMMENT ON COLUMN demand_lines.met_quantity IS 'How many of them the client got.';
COMMENT ON COLUMN demand_lines.unmet_reason IS 'Why not all.';

ALTER TABLE workspaces ADD COLUMN require_primary_demand boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN workspaces.require_primary_demand IS 'Whether a new deal of any type must say what the client first wanted.';
