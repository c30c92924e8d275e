ALTER TABLE workspaces DROP COLUMN require_primary_demand;
DROP TABLE demand_lines;
DROP TABLE demands;
CREATE TABLE demand_lines (
    workspace_id uuid NOT NULL REFERENCES workspaces,
    deal_id uuid NOT NULL,
    number smallint NOT NULL,
    item text NOT NULL,
    quantity numeric(19,4) NOT NULL CHECK (quantity > 0),
    amount numeric(19,4) NOT NULL,
    met_quantity numeric(19,4) NOT NULL DEFAULT 0,
    unmet_reason text,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, deal_id, number),
    FOREIGN KEY (workspace_id, deal_id) REFERENCES deals
);
