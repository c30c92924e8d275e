CREATE TABLE custom_fields (
    workspace_id uuid NOT NULL REFERENCES workspaces,
    id uuid NOT NULL,
    entity text NOT NULL CHECK (entity IN ('deal', 'client')),
    key text NOT NULL,
    name text NOT NULL,
    description text,
    field_type text NOT NULL CHECK (field_type IN ('text', 'number', 'money', 'date', 'boolean', 'choice', 'multi_choice', 'user', 'client')),
    choices jsonb NOT NULL DEFAULT '[]',
    archived boolean NOT NULL DEFAULT false,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id)
);
CREATE UNIQUE INDEX custom_fields_key_is_unique ON custom_fields (workspace_id, entity, key);
COMMENT ON TABLE custom_fields IS 'Fields that a workspace adds to deals and clients.';
COMMENT ON COLUMN custom_fields.workspace_id IS 'The tenant.';
COMMENT ON COLUMN custom_fields.id IS 'UUIDv7.';
COMMENT ON COLUMN custom_fields.entity IS 'What has the field: deal or client.';
COMMENT ON COLUMN custom_fields.key IS 'Name for programs; never changes.';
COMMENT ON COLUMN custom_fields.name IS 'Name for people.';
COMMENT ON COLUMN custom_fields.description IS 'What the field means.';
COMMENT ON COLUMN custom_fields.field_type IS 'What its values are; never changes.';
COMMENT ON COLUMN custom_fields.choices IS 'Of choice and multi_choice: keys and names, with those that are archived.';
COMMENT ON COLUMN custom_fields.archived IS 'No longer offered; the values stay.';
COMMENT ON COLUMN custom_fields.version IS 'Counts the changes; the ETag.';
COMMENT ON COLUMN custom_fields.created_at IS 'When the row was made.';
COMMENT ON COLUMN custom_fields.updated_at IS 'When the row last changed.';

ALTER TABLE deals ADD COLUMN custom jsonb NOT NULL DEFAULT '{}';
ALTER TABLE clients ADD COLUMN custom jsonb NOT NULL DEFAULT '{}';
COMMENT ON COLUMN deals.custom IS 'Values of custom fields, by key.';
COMMENT ON COLUMN clients.custom IS 'Values of custom fields, by key.';

-- The values once more, in a form that an index takes: a row a value, several of a multiple choice.
CREATE TABLE custom_values (
    workspace_id uuid NOT NULL,
    object_id uuid NOT NULL,
    field_id uuid NOT NULL,
    number smallint NOT NULL,
    text_value text,
    number_value numeric,
    PRIMARY KEY (workspace_id, object_id, field_id, number)
);
CREATE INDEX custom_values_by_text ON custom_values (workspace_id, field_id, text_value, object_id) WHERE text_value IS NOT NULL;
CREATE INDEX custom_values_by_number ON custom_values (workspace_id, field_id, number_value, object_id) WHERE number_value IS NOT NULL;
COMMENT ON TABLE custom_values IS 'Values of custom fields for filters and sorts; what counts stands on the deal or client.';
COMMENT ON COLUMN custom_values.workspace_id IS 'The tenant.';
COMMENT ON COLUMN custom_values.object_id IS 'The deal or client.';
COMMENT ON COLUMN custom_values.field_id IS 'The custom field.';
COMMENT ON COLUMN custom_values.number IS '0, and more for the further choices of a multiple choice.';
COMMENT ON COLUMN custom_values.text_value IS 'A text, a choice, an id, true or false; the currency of money.';
COMMENT ON COLUMN custom_values.number_value IS 'A number, an amount of money, or a day as its number since 1970-01-01.';
