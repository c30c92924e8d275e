CREATE TABLE inbox_entries (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    integration_id uuid NOT NULL,
    direction text NOT NULL,
    number text,
    status text NOT NULL,
    user_id uuid,
    client_id uuid,
    deal_id uuid,
    reason text,
    calls integer NOT NULL,
    last_status text,
    last_activity_id uuid,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    version integer NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id)
);
CREATE UNIQUE INDEX inbox_waiting_once ON inbox_entries (workspace_id, number)
    WHERE number IS NOT NULL AND status IN ('open', 'assigned');
CREATE INDEX inbox_by_last ON inbox_entries (workspace_id, last_at, id);
CREATE INDEX inbox_by_status ON inbox_entries (workspace_id, status, last_at, id);
CREATE INDEX inbox_by_user ON inbox_entries (workspace_id, user_id, last_at, id);
CREATE INDEX inbox_by_number ON inbox_entries (workspace_id, number);
CREATE INDEX inbox_by_created ON inbox_entries (workspace_id, id);
COMMENT ON TABLE inbox_entries IS 'Who called and is no client yet: an entry a number, until somebody sees to it.';
COMMENT ON COLUMN inbox_entries.workspace_id IS 'The tenant.';
COMMENT ON COLUMN inbox_entries.id IS 'UUIDv7.';
COMMENT ON COLUMN inbox_entries.integration_id IS 'Whose exchange told of the first call.';
COMMENT ON COLUMN inbox_entries.direction IS 'in or out, of the first call.';
COMMENT ON COLUMN inbox_entries.number IS 'E.164, or as the exchange has it if it is none; null of a caller who hides.';
COMMENT ON COLUMN inbox_entries.status IS 'open, assigned, linked, converted or junk.';
COMMENT ON COLUMN inbox_entries.user_id IS 'Who is to see to it.';
COMMENT ON COLUMN inbox_entries.client_id IS 'Whom it was linked to, or has become.';
COMMENT ON COLUMN inbox_entries.deal_id IS 'The deal that it was linked to, or has become.';
COMMENT ON COLUMN inbox_entries.reason IS 'Why it is junk, or why no deal was opened by itself.';
COMMENT ON COLUMN inbox_entries.calls IS 'How many calls.';
COMMENT ON COLUMN inbox_entries.last_status IS 'How the last of them went.';
COMMENT ON COLUMN inbox_entries.last_activity_id IS 'The activity of the last of them, with its recording.';
COMMENT ON COLUMN inbox_entries.first_at IS 'When the first of them began.';
COMMENT ON COLUMN inbox_entries.last_at IS 'When the last of them began.';
COMMENT ON COLUMN inbox_entries.version IS 'Raised by every change.';
COMMENT ON COLUMN inbox_entries.created_at IS 'When it came.';
COMMENT ON COLUMN inbox_entries.updated_at IS 'When it was last changed.';

ALTER TABLE calls ADD COLUMN inbox_id uuid;
COMMENT ON COLUMN calls.inbox_id IS 'The entry of the inbox, of a call of a number that nobody had.';
CREATE INDEX calls_of_inbox ON calls (workspace_id, inbox_id, id) WHERE inbox_id IS NOT NULL;

CREATE INDEX calls_by_plain_number ON calls (workspace_id, number) WHERE e164 IS NULL AND number IS NOT NULL;

CREATE TABLE call_backs (
    workspace_id uuid NOT NULL,
    number text NOT NULL,
    call_id uuid NOT NULL,
    task_id uuid,
    PRIMARY KEY (workspace_id, number)
);
COMMENT ON TABLE call_backs IS 'The last task to call a number back: one that is open at a time.';
COMMENT ON COLUMN call_backs.workspace_id IS 'The tenant.';
COMMENT ON COLUMN call_backs.number IS 'Who called in vain.';
COMMENT ON COLUMN call_backs.call_id IS 'The call that was missed.';
COMMENT ON COLUMN call_backs.task_id IS 'The task; null until it is made, in the same transaction.';

ALTER TABLE integrations ADD COLUMN deal_type_id uuid, ADD COLUMN call_back_minutes integer;
COMMENT ON COLUMN integrations.deal_type_id IS 'Of the deal that the first call of an unknown number opens; null: it opens none.';
COMMENT ON COLUMN integrations.call_back_minutes IS 'Working minutes in which who called in vain is to be called back; null: no tasks are made.';
UPDATE integrations SET call_back_minutes = 60;

CREATE TABLE call_roots (
    workspace_id uuid NOT NULL,
    integration_id uuid NOT NULL,
    root text NOT NULL,
    call_id uuid NOT NULL,
    PRIMARY KEY (workspace_id, integration_id, root)
);
CREATE INDEX call_roots_of_call ON call_roots (workspace_id, call_id);
COMMENT ON TABLE call_roots IS 'Other ids of calls: exchanges change them in mid-call.';
COMMENT ON COLUMN call_roots.workspace_id IS 'The tenant.';
COMMENT ON COLUMN call_roots.integration_id IS 'Whose exchange has the id.';
COMMENT ON COLUMN call_roots.root IS 'The exchange''s other id.';
COMMENT ON COLUMN call_roots.call_id IS 'The call.';

-- Of rows that there are nothing is doubted.
ALTER TABLE tasks DROP CONSTRAINT tasks_kind_check,
    ADD CONSTRAINT tasks_kind_check CHECK (kind IN ('work', 'loss_review', 'call_back')) NOT VALID;
COMMENT ON COLUMN tasks.kind IS 'work; loss_review: a head looks at why a deal was lost; call_back: somebody called in vain.';
