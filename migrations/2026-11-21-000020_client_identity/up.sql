-- Both are trusted extensions: whoever may create in the database may add them.
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS btree_gin;

ALTER TABLE workspaces ADD country text CHECK (country ~ '^[A-Z]{2}$');
COMMENT ON COLUMN workspaces.country IS 'ISO 3166 country whose national phone numbers are understood; null for none.';

ALTER TABLE clients
    ADD phones text[] NOT NULL DEFAULT '{}',
    ADD emails text[] NOT NULL DEFAULT '{}',
    ADD tax_id text,
    ADD external_source text,
    ADD external_id text,
    ADD name_key text,
    ADD merged_into uuid,
    ADD CHECK ((external_source IS NULL) = (external_id IS NULL)),
    ADD CHECK (merged_into <> id),
    ADD FOREIGN KEY (workspace_id, merged_into) REFERENCES clients;
CREATE UNIQUE INDEX clients_external_id_is_unique ON clients (workspace_id, external_source, external_id);
CREATE INDEX clients_by_tax_id ON clients (workspace_id, tax_id) WHERE tax_id IS NOT NULL;
CREATE INDEX clients_by_phone ON clients USING gin (workspace_id, phones);
CREATE INDEX clients_by_email ON clients USING gin (workspace_id, emails);
CREATE INDEX clients_by_name_key ON clients USING gin (workspace_id, name_key gin_trgm_ops);
CREATE INDEX clients_by_survivor ON clients (workspace_id, merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX clients_without_name_key ON clients (workspace_id) WHERE name_key IS NULL;
COMMENT ON COLUMN clients.phones IS 'Phone numbers, E.164.';
COMMENT ON COLUMN clients.emails IS 'Email addresses.';
COMMENT ON COLUMN clients.tax_id IS 'Taxpayer number: letters and digits.';
COMMENT ON COLUMN clients.external_source IS 'The other system that has an id for the client.';
COMMENT ON COLUMN clients.external_id IS 'The client''s id in that system.';
COMMENT ON COLUMN clients.name_key IS 'The name as names are compared: without case, legal form and script; null until it is computed.';
COMMENT ON COLUMN clients.merged_into IS 'The client that this one, a duplicate, became part of.';

CREATE INDEX contacts_by_phone ON contacts USING gin (workspace_id, phones);
CREATE INDEX contacts_by_email ON contacts USING gin (workspace_id, emails);
