CREATE TABLE exchange_rates (
    workspace_id uuid NOT NULL REFERENCES workspaces,
    currency text NOT NULL,
    day date NOT NULL,
    id uuid NOT NULL,
    rate numeric(24,12) NOT NULL CHECK (rate > 0),
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, currency, day)
);
CREATE UNIQUE INDEX exchange_rates_by_id ON exchange_rates (workspace_id, id);
COMMENT ON TABLE exchange_rates IS 'What currencies are worth in the workspace''s base currency.';
COMMENT ON COLUMN exchange_rates.workspace_id IS 'The tenant.';
COMMENT ON COLUMN exchange_rates.currency IS 'The currency, ISO 4217.';
COMMENT ON COLUMN exchange_rates.day IS 'The first day on which the rate holds; it holds until the next one.';
COMMENT ON COLUMN exchange_rates.id IS 'UUIDv7.';
COMMENT ON COLUMN exchange_rates.rate IS 'Units of the base currency for one unit of this one.';
COMMENT ON COLUMN exchange_rates.version IS 'Counts the changes; the ETag.';
COMMENT ON COLUMN exchange_rates.created_at IS 'When the row was made.';
COMMENT ON COLUMN exchange_rates.updated_at IS 'When the row last changed.';
