CREATE TABLE products (
    workspace_id uuid NOT NULL REFERENCES workspaces,
    id uuid NOT NULL,
    name text NOT NULL,
    sku text,
    unit text,
    price numeric(19, 4) CHECK (price >= 0),
    currency text,
    archived boolean NOT NULL DEFAULT false,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id),
    CHECK ((price IS NULL) = (currency IS NULL))
);
CREATE UNIQUE INDEX products_sku_is_unique ON products (workspace_id, lower(sku));
CREATE INDEX products_by_name ON products (workspace_id, name, id);
COMMENT ON TABLE products IS 'What is sold.';
COMMENT ON COLUMN products.workspace_id IS 'The tenant.';
COMMENT ON COLUMN products.id IS 'UUIDv7.';
COMMENT ON COLUMN products.name IS 'Name of the product.';
COMMENT ON COLUMN products.sku IS 'Stock keeping unit, unique without regard to case; null for none.';
COMMENT ON COLUMN products.unit IS 'What it is counted in, e.g. piece or hour.';
COMMENT ON COLUMN products.price IS 'List price of a unit; null where it is not known.';
COMMENT ON COLUMN products.currency IS 'Currency of the price, ISO 4217.';
COMMENT ON COLUMN products.archived IS 'No longer offered; history keeps it.';
COMMENT ON COLUMN products.version IS 'Counts the changes; the ETag.';
COMMENT ON COLUMN products.created_at IS 'When the row was made.';
COMMENT ON COLUMN products.updated_at IS 'When the row last changed.';
