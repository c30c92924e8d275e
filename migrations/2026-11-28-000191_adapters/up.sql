ALTER TABLE integrations ADD COLUMN external_url text, ADD COLUMN time_zone text;
COMMENT ON COLUMN integrations.external_url IS 'The address that the exchange posts to, as it is seen from outside.';
COMMENT ON COLUMN integrations.time_zone IS 'IANA: of times that say none; null: the workspace''s.';
COMMENT ON COLUMN integrations.adapter IS 'How its posts are verified and read, such as canonical.';
ALTER TABLE raw_events ADD COLUMN target text NOT NULL DEFAULT '';
COMMENT ON COLUMN raw_events.target IS 'What stood behind the address, without secrets, and what was answered.';

-- What strangers write is no change of the integration.
CREATE TABLE integration_refusals (
    workspace_id uuid NOT NULL,
    integration_id uuid NOT NULL,
    at timestamptz NOT NULL,
    reason text NOT NULL,
    PRIMARY KEY (workspace_id, integration_id)
);
COMMENT ON TABLE integration_refusals IS 'The last post to an integration that was not taken.';
COMMENT ON COLUMN integration_refusals.workspace_id IS 'The tenant.';
COMMENT ON COLUMN integration_refusals.integration_id IS 'Whose it is.';
COMMENT ON COLUMN integration_refusals.at IS 'When it came; others that come within ten seconds are not written down.';
COMMENT ON COLUMN integration_refusals.reason IS 'Why it was not taken.';
