CREATE TABLE integrations (
    workspace_id uuid NOT NULL REFERENCES workspaces,
    id uuid NOT NULL,
    kind text NOT NULL,
    adapter text NOT NULL,
    name text NOT NULL,
    enabled boolean NOT NULL,
    secret text NOT NULL,
    previous_secret text,
    previous_until timestamptz,
    country text,
    access_digit text,
    lines text[] NOT NULL,
    extensions jsonb NOT NULL,
    version integer NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id)
);
-- Whoever posts names the integration alone.
CREATE INDEX integrations_by_id ON integrations (id);
COMMENT ON TABLE integrations IS 'Exchanges that post their events, and what the company says of their phones and lines.';
COMMENT ON COLUMN integrations.workspace_id IS 'The tenant.';
COMMENT ON COLUMN integrations.id IS 'UUIDv7; part of the address that is posted to.';
COMMENT ON COLUMN integrations.kind IS 'telephony.';
COMMENT ON COLUMN integrations.adapter IS 'How its posts are verified and read: canonical.';
COMMENT ON COLUMN integrations.name IS 'For people.';
COMMENT ON COLUMN integrations.enabled IS 'Whether posts are taken.';
COMMENT ON COLUMN integrations.secret IS 'What posts are signed with. As it is: a signature cannot be checked with less.';
COMMENT ON COLUMN integrations.previous_secret IS 'The secret before, taken until previous_until.';
COMMENT ON COLUMN integrations.previous_until IS 'Until when the secret before is taken.';
COMMENT ON COLUMN integrations.country IS 'ISO 3166: how numbers without a country are read; null: the workspace''s.';
COMMENT ON COLUMN integrations.access_digit IS 'What is dialled before a number outside.';
COMMENT ON COLUMN integrations.lines IS 'The company''s own numbers, E.164: never a client''s.';
COMMENT ON COLUMN integrations.extensions IS 'Ids of users by extension; null where a phone is nobody''s.';
COMMENT ON COLUMN integrations.version IS 'Raised by every change.';
COMMENT ON COLUMN integrations.created_at IS 'When it was made.';
COMMENT ON COLUMN integrations.updated_at IS 'When it was changed last.';

CREATE TABLE raw_events (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    integration_id uuid NOT NULL,
    received_at timestamptz NOT NULL,
    token text,
    content_type text,
    body bytea NOT NULL,
    state text NOT NULL,
    reason text,
    PRIMARY KEY (workspace_id, id)
);
CREATE UNIQUE INDEX raw_events_once ON raw_events (workspace_id, integration_id, token) WHERE token IS NOT NULL;
CREATE INDEX raw_events_waiting ON raw_events (workspace_id, id) WHERE state = 'waiting';
CREATE INDEX raw_events_of_integration ON raw_events (workspace_id, integration_id, id);
CREATE INDEX raw_events_failed ON raw_events (workspace_id, integration_id, id) WHERE state = 'failed';
CREATE INDEX raw_events_by_age ON raw_events (received_at);
COMMENT ON TABLE raw_events IS 'What was posted, as it came: kept before it is acknowledged, interpreted after.';
COMMENT ON COLUMN raw_events.workspace_id IS 'The tenant.';
COMMENT ON COLUMN raw_events.id IS 'UUIDv7, in the order of coming.';
COMMENT ON COLUMN raw_events.integration_id IS 'Whose it is.';
COMMENT ON COLUMN raw_events.received_at IS 'When it came.';
COMMENT ON COLUMN raw_events.token IS 'What it has in common with its repetitions.';
COMMENT ON COLUMN raw_events.content_type IS 'As it was posted.';
COMMENT ON COLUMN raw_events.body IS 'As it was posted, to the byte.';
COMMENT ON COLUMN raw_events.state IS 'waiting, done, or failed.';
COMMENT ON COLUMN raw_events.reason IS 'Why it could not be interpreted.';

CREATE TABLE calls (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    integration_id uuid NOT NULL,
    root text NOT NULL,
    told jsonb NOT NULL,
    direction text NOT NULL,
    number text,
    e164 text,
    status text,
    talk_seconds bigint NOT NULL,
    user_id uuid,
    client_id uuid,
    contact_id uuid,
    deal_id uuid,
    candidates jsonb NOT NULL,
    activity_id uuid,
    began_at timestamptz,
    closed_by_clock boolean NOT NULL,
    version integer NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id)
);
CREATE UNIQUE INDEX calls_by_root ON calls (workspace_id, integration_id, root);
CREATE INDEX calls_by_number ON calls (workspace_id, e164, id) WHERE e164 IS NOT NULL;
CREATE INDEX calls_going_on ON calls (workspace_id, updated_at) WHERE status IS NULL;
COMMENT ON TABLE calls IS 'Calls, each the legs under one root.';
COMMENT ON COLUMN calls.workspace_id IS 'The tenant.';
COMMENT ON COLUMN calls.id IS 'UUIDv7.';
COMMENT ON COLUMN calls.integration_id IS 'Whose exchange told of it.';
COMMENT ON COLUMN calls.root IS 'The exchange''s id of the call.';
COMMENT ON COLUMN calls.told IS 'All that was told of it, put together.';
COMMENT ON COLUMN calls.direction IS 'in, out or internal.';
COMMENT ON COLUMN calls.number IS 'The client''s number as the exchange has it; null of a caller who hides.';
COMMENT ON COLUMN calls.e164 IS 'The same as E.164, if it is one.';
COMMENT ON COLUMN calls.status IS 'answered, missed, busy, cancelled or failed; null while it goes on.';
COMMENT ON COLUMN calls.talk_seconds IS 'The sum of bridges.';
COMMENT ON COLUMN calls.user_id IS 'Who talked last; of a call that nobody answered, whose phone rang first.';
COMMENT ON COLUMN calls.client_id IS 'Whose number it is.';
COMMENT ON COLUMN calls.contact_id IS 'Whose number it is, at the client.';
COMMENT ON COLUMN calls.deal_id IS 'The open deal that it was about.';
COMMENT ON COLUMN calls.candidates IS 'All whose number it is, the one that was taken first, with the reason.';
COMMENT ON COLUMN calls.activity_id IS 'The activity that it became.';
COMMENT ON COLUMN calls.began_at IS 'When it began.';
COMMENT ON COLUMN calls.closed_by_clock IS 'Its end was never told: nothing was, for four hours.';
COMMENT ON COLUMN calls.version IS 'Raised by every change.';
COMMENT ON COLUMN calls.created_at IS 'When it was first told of.';
COMMENT ON COLUMN calls.updated_at IS 'When it was last changed.';

ALTER TABLE activities ADD COLUMN call_status text;
COMMENT ON COLUMN activities.call_status IS 'Of a call that an exchange told of: answered, missed, busy, cancelled or failed.';
