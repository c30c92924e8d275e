CREATE TABLE tasks (
    workspace_id uuid NOT NULL REFERENCES workspaces,
    id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('work', 'loss_review')),
    deal_id uuid,
    client_id uuid,
    key text,
    stage_id uuid,
    visit integer,
    title text NOT NULL,
    description text,
    status text NOT NULL CHECK (status IN ('new', 'in_progress', 'deferred', 'done', 'cancelled')),
    priority text NOT NULL CHECK (priority IN ('low', 'normal', 'high')),
    responsible_id uuid NOT NULL,
    creator_id uuid,
    by_process boolean NOT NULL,
    starts_at timestamptz,
    due_at timestamptz,
    started_at timestamptz,
    done_at timestamptz,
    done_by uuid,
    result_fields jsonb NOT NULL DEFAULT '[]',
    result text,
    links jsonb NOT NULL DEFAULT '[]',
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id)
);
CREATE INDEX tasks_by_deal ON tasks (workspace_id, deal_id, id);
CREATE INDEX tasks_open_by_responsible ON tasks (workspace_id, responsible_id, due_at) WHERE status IN ('new', 'in_progress', 'deferred');
CREATE INDEX tasks_by_responsible ON tasks (workspace_id, responsible_id, created_at);
CREATE INDEX tasks_by_due ON tasks (workspace_id, due_at, id);
CREATE INDEX tasks_by_client ON tasks (workspace_id, client_id, id) WHERE client_id IS NOT NULL;
CREATE INDEX tasks_by_update ON tasks (workspace_id, updated_at, id);
COMMENT ON TABLE tasks IS 'What somebody is to do by when.';
COMMENT ON COLUMN tasks.workspace_id IS 'The tenant.';
COMMENT ON COLUMN tasks.id IS 'UUIDv7.';
COMMENT ON COLUMN tasks.kind IS 'work, or loss_review: a head looks at why a deal was lost.';
COMMENT ON COLUMN tasks.deal_id IS 'The deal that it is for.';
COMMENT ON COLUMN tasks.client_id IS 'The client that it is for, where there is no deal.';
COMMENT ON COLUMN tasks.key IS 'Name of the template that it was made from; gates wait for it.';
COMMENT ON COLUMN tasks.stage_id IS 'The stage for which the process made it.';
COMMENT ON COLUMN tasks.visit IS 'The visit of the deal to which it belongs.';
COMMENT ON COLUMN tasks.title IS 'What is to be done, in a line.';
COMMENT ON COLUMN tasks.description IS 'The same at length.';
COMMENT ON COLUMN tasks.status IS 'new, in_progress, deferred, done or cancelled.';
COMMENT ON COLUMN tasks.priority IS 'low, normal or high.';
COMMENT ON COLUMN tasks.responsible_id IS 'Who is to do it.';
COMMENT ON COLUMN tasks.creator_id IS 'Who created it; none for the process.';
COMMENT ON COLUMN tasks.by_process IS 'The process or a rule made it.';
COMMENT ON COLUMN tasks.starts_at IS 'When it is planned to begin.';
COMMENT ON COLUMN tasks.due_at IS 'By when it is to be done.';
COMMENT ON COLUMN tasks.started_at IS 'When somebody began.';
COMMENT ON COLUMN tasks.done_at IS 'When it was done.';
COMMENT ON COLUMN tasks.done_by IS 'Who did it.';
COMMENT ON COLUMN tasks.result_fields IS 'Fields of the deal that must be filled when it is done.';
COMMENT ON COLUMN tasks.result IS 'What it has brought, in words.';
COMMENT ON COLUMN tasks.links IS 'Activities to look at, as ids.';
COMMENT ON COLUMN tasks.version IS 'Counts the changes; the ETag.';
COMMENT ON COLUMN tasks.created_at IS 'When the row was made.';
COMMENT ON COLUMN tasks.updated_at IS 'When the row last changed.';

CREATE TABLE task_people (
    workspace_id uuid NOT NULL REFERENCES workspaces,
    task_id uuid NOT NULL,
    user_id uuid NOT NULL,
    part text NOT NULL CHECK (part IN ('helper', 'watcher')),
    PRIMARY KEY (workspace_id, task_id, user_id, part),
    FOREIGN KEY (workspace_id, task_id) REFERENCES tasks
);
CREATE INDEX task_people_by_user ON task_people (workspace_id, user_id, part, task_id);
COMMENT ON TABLE task_people IS 'Who takes part in a task beside its responsible.';
COMMENT ON COLUMN task_people.workspace_id IS 'The tenant.';
COMMENT ON COLUMN task_people.task_id IS 'The task.';
COMMENT ON COLUMN task_people.user_id IS 'The person.';
COMMENT ON COLUMN task_people.part IS 'helper: works on it too; watcher: wants to know.';

CREATE TABLE activities (
    workspace_id uuid NOT NULL REFERENCES workspaces,
    id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('call', 'email', 'meeting', 'message', 'note')),
    direction text CHECK (direction IN ('in', 'out')),
    title text NOT NULL,
    note text,
    planned_at timestamptz,
    happened_at timestamptz,
    cancelled boolean NOT NULL DEFAULT false,
    goal text,
    outcome text CHECK (outcome IN ('reached', 'not_reached')),
    result text,
    duration_seconds integer CHECK (duration_seconds >= 0),
    recording_url text,
    client_id uuid,
    contact_id uuid,
    deal_id uuid,
    user_id uuid,
    visit integer,
    external_source text,
    external_id text,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id)
);
CREATE INDEX activities_by_deal ON activities (workspace_id, deal_id, id);
CREATE INDEX activities_by_client ON activities (workspace_id, client_id, id);
CREATE INDEX activities_by_user ON activities (workspace_id, user_id, happened_at);
CREATE INDEX activities_by_update ON activities (workspace_id, updated_at, id);
CREATE UNIQUE INDEX activities_external_id_is_unique ON activities (workspace_id, external_source, external_id) WHERE external_id IS NOT NULL;
COMMENT ON TABLE activities IS 'What was said and done between the company and its clients.';
COMMENT ON COLUMN activities.workspace_id IS 'The tenant.';
COMMENT ON COLUMN activities.id IS 'UUIDv7.';
COMMENT ON COLUMN activities.kind IS 'call, email, meeting, message or note.';
COMMENT ON COLUMN activities.direction IS 'in: from the client; out: to the client.';
COMMENT ON COLUMN activities.title IS 'What it is about, in a line.';
COMMENT ON COLUMN activities.note IS 'What was said.';
COMMENT ON COLUMN activities.planned_at IS 'When it is to happen.';
COMMENT ON COLUMN activities.happened_at IS 'When it happened; none while it is planned.';
COMMENT ON COLUMN activities.cancelled IS 'It will not happen.';
COMMENT ON COLUMN activities.goal IS 'What it is to reach.';
COMMENT ON COLUMN activities.outcome IS 'Whether the goal was reached.';
COMMENT ON COLUMN activities.result IS 'What came of it.';
COMMENT ON COLUMN activities.duration_seconds IS 'How long it took.';
COMMENT ON COLUMN activities.recording_url IS 'Where it can be heard.';
COMMENT ON COLUMN activities.client_id IS 'The client.';
COMMENT ON COLUMN activities.contact_id IS 'The person there.';
COMMENT ON COLUMN activities.deal_id IS 'The deal.';
COMMENT ON COLUMN activities.user_id IS 'The employee.';
COMMENT ON COLUMN activities.visit IS 'The visit of the deal in which it was recorded as happened.';
COMMENT ON COLUMN activities.external_source IS 'The other system that knows it too.';
COMMENT ON COLUMN activities.external_id IS 'Its id there.';
COMMENT ON COLUMN activities.version IS 'Counts the changes; the ETag.';
COMMENT ON COLUMN activities.created_at IS 'When the row was made.';
COMMENT ON COLUMN activities.updated_at IS 'When the row last changed.';

CREATE TABLE documents (
    workspace_id uuid NOT NULL REFERENCES workspaces,
    id uuid NOT NULL,
    deal_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('quote', 'contract', 'invoice', 'order', 'shipment')),
    number text NOT NULL,
    dated_on date NOT NULL,
    amount numeric(19,4) NOT NULL,
    currency text NOT NULL,
    base_amount numeric(19,4) NOT NULL,
    state text NOT NULL,
    state_since timestamptz NOT NULL,
    title text,
    url text,
    author_id uuid,
    external_source text,
    external_id text,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, deal_id) REFERENCES deals,
    FOREIGN KEY (workspace_id, author_id) REFERENCES users
);
CREATE INDEX documents_by_deal ON documents (workspace_id, deal_id, id);
CREATE INDEX documents_by_update ON documents (workspace_id, updated_at, id);
CREATE UNIQUE INDEX documents_external_id_is_unique ON documents (workspace_id, external_source, external_id) WHERE external_id IS NOT NULL;
COMMENT ON TABLE documents IS 'Quotes, contracts, invoices, orders and shipments of deals.';
COMMENT ON COLUMN documents.workspace_id IS 'The tenant.';
COMMENT ON COLUMN documents.id IS 'UUIDv7.';
COMMENT ON COLUMN documents.deal_id IS 'The deal.';
COMMENT ON COLUMN documents.kind IS 'quote, contract, invoice, order or shipment.';
COMMENT ON COLUMN documents.number IS 'Its number.';
COMMENT ON COLUMN documents.dated_on IS 'Its date.';
COMMENT ON COLUMN documents.amount IS 'What it is over.';
COMMENT ON COLUMN documents.currency IS 'ISO 4217.';
COMMENT ON COLUMN documents.base_amount IS 'The amount in the base currency, by the rate of its date.';
COMMENT ON COLUMN documents.state IS 'How far it has come; the states depend on the kind.';
COMMENT ON COLUMN documents.state_since IS 'When it came into the state.';
COMMENT ON COLUMN documents.title IS 'What it is about.';
COMMENT ON COLUMN documents.url IS 'Where it can be read.';
COMMENT ON COLUMN documents.author_id IS 'Who made it.';
COMMENT ON COLUMN documents.external_source IS 'The other system that knows it too.';
COMMENT ON COLUMN documents.external_id IS 'Its id there.';
COMMENT ON COLUMN documents.version IS 'Counts the changes; the ETag.';
COMMENT ON COLUMN documents.created_at IS 'When the row was made.';
COMMENT ON COLUMN documents.updated_at IS 'When the row last changed.';

CREATE TABLE payments (
    workspace_id uuid NOT NULL REFERENCES workspaces,
    id uuid NOT NULL,
    deal_id uuid NOT NULL,
    invoice_id uuid,
    amount numeric(19,4) NOT NULL,
    currency text NOT NULL,
    base_amount numeric(19,4) NOT NULL,
    received_at timestamptz NOT NULL,
    note text,
    external_source text,
    external_id text,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, deal_id) REFERENCES deals,
    FOREIGN KEY (workspace_id, invoice_id) REFERENCES documents
);
CREATE INDEX payments_by_deal ON payments (workspace_id, deal_id, id);
CREATE INDEX payments_by_invoice ON payments (workspace_id, invoice_id);
CREATE INDEX payments_by_update ON payments (workspace_id, updated_at, id);
CREATE UNIQUE INDEX payments_external_id_is_unique ON payments (workspace_id, external_source, external_id) WHERE external_id IS NOT NULL;
COMMENT ON TABLE payments IS 'Money received from clients, and given back.';
COMMENT ON COLUMN payments.workspace_id IS 'The tenant.';
COMMENT ON COLUMN payments.id IS 'UUIDv7.';
COMMENT ON COLUMN payments.deal_id IS 'The deal.';
COMMENT ON COLUMN payments.invoice_id IS 'The invoice that it pays.';
COMMENT ON COLUMN payments.amount IS 'How much; below zero where it was given back.';
COMMENT ON COLUMN payments.currency IS 'ISO 4217.';
COMMENT ON COLUMN payments.base_amount IS 'The amount in the base currency, by the rate of its day.';
COMMENT ON COLUMN payments.received_at IS 'When it came.';
COMMENT ON COLUMN payments.note IS 'What it is for.';
COMMENT ON COLUMN payments.external_source IS 'The other system that knows it too.';
COMMENT ON COLUMN payments.external_id IS 'Its id there.';
COMMENT ON COLUMN payments.version IS 'Counts the changes; the ETag.';
COMMENT ON COLUMN payments.created_at IS 'When the row was made.';
COMMENT ON COLUMN payments.updated_at IS 'When the row last changed.';

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
COMMENT ON TABLE demand_lines IS 'Primary demand: what the client of a deal first wanted, and what of it was met.';
COMMENT ON COLUMN demand_lines.workspace_id IS 'The tenant.';
COMMENT ON COLUMN demand_lines.deal_id IS 'The deal.';
COMMENT ON COLUMN demand_lines.number IS '1 for the first line.';
COMMENT ON COLUMN demand_lines.item IS 'What was wanted.';
COMMENT ON COLUMN demand_lines.quantity IS 'How many.';
COMMENT ON COLUMN demand_lines.amount IS 'What for, in the deal''s currency.';
COMMENT ON COLUMN demand_lines.met_quantity IS 'How many of them the client got.';
COMMENT ON COLUMN demand_lines.unmet_reason IS 'Why not all.';
COMMENT ON COLUMN demand_lines.created_at IS 'When the demand was first written down.';
