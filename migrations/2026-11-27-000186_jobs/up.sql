-- Background work: what waits for its turn, what runs, and what has come of it.
CREATE TABLE jobs (
    workspace_id uuid NOT NULL REFERENCES workspaces,
    id uuid NOT NULL,
    name text NOT NULL,
    subject_id uuid,
    state text NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'failed', 'dropped')),
    run_at timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    holder integer,
    error text,
    result jsonb NOT NULL DEFAULT '{}',
    created_by jsonb,
    started_at timestamptz,
    finished_at timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id),
    CHECK ((state = 'running') = (holder IS NOT NULL)),
    CHECK ((state IN ('waiting', 'running')) = (finished_at IS NULL))
);
COMMENT ON TABLE jobs IS 'Runs of background work.';
COMMENT ON COLUMN jobs.workspace_id IS 'The tenant.';
COMMENT ON COLUMN jobs.id IS 'UUIDv7.';
COMMENT ON COLUMN jobs.name IS 'The kind of work, such as imports.';
COMMENT ON COLUMN jobs.subject_id IS 'What it is about, such as an import; null of work that looks for itself what there is to do.';
COMMENT ON COLUMN jobs.state IS 'waiting, running, done, failed for the last time, or dropped after that.';
COMMENT ON COLUMN jobs.run_at IS 'When it may begin.';
COMMENT ON COLUMN jobs.attempts IS 'How often it has begun, turns and interruptions left out.';
COMMENT ON COLUMN jobs.holder IS 'The server that runs it: the number of an advisory lock of its session, and so free once the server is gone.';
COMMENT ON COLUMN jobs.error IS 'Why it failed the last time.';
COMMENT ON COLUMN jobs.result IS 'What it has done, in figures.';
COMMENT ON COLUMN jobs.created_by IS 'Who started it; null of what began by itself.';
COMMENT ON COLUMN jobs.started_at IS 'When it began for the first time.';
COMMENT ON COLUMN jobs.finished_at IS 'When it ended.';
COMMENT ON COLUMN jobs.created_at IS 'When it began to wait.';
COMMENT ON COLUMN jobs.updated_at IS 'The last change.';
CREATE INDEX jobs_in_progress ON jobs (workspace_id, name, id) WHERE state IN ('waiting', 'running');
CREATE UNIQUE INDEX jobs_of_one_subject ON jobs (workspace_id, name, coalesce(subject_id, workspace_id)) WHERE state = 'waiting';
CREATE INDEX jobs_by_name ON jobs (workspace_id, name, id);

-- How a workspace has set its kinds of work; without a row, as they come.
CREATE TABLE job_settings (
    workspace_id uuid NOT NULL REFERENCES workspaces,
    name text NOT NULL,
    enabled boolean,
    schedule text,
    next_at timestamptz,
    served_at timestamptz,
    version integer NOT NULL DEFAULT 1,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, name)
);
COMMENT ON TABLE job_settings IS 'Switch and schedule of background work.';
COMMENT ON COLUMN job_settings.workspace_id IS 'The tenant.';
COMMENT ON COLUMN job_settings.name IS 'The kind of work.';
COMMENT ON COLUMN job_settings.enabled IS 'Whether it runs; null: as it comes.';
COMMENT ON COLUMN job_settings.schedule IS 'Five fields of cron, in the zone of the workspace; null: as soon as there is something to do.';
COMMENT ON COLUMN job_settings.next_at IS 'When the schedule begins the next run.';
COMMENT ON COLUMN job_settings.served_at IS 'When a run began last: who was served longest ago comes first.';
COMMENT ON COLUMN job_settings.version IS 'Counts the changes.';
COMMENT ON COLUMN job_settings.updated_at IS 'The last change.';
CREATE INDEX job_settings_by_next ON job_settings (next_at) WHERE next_at IS NOT NULL;

-- The clock looks at one workspace at a time.
DROP INDEX deals_by_alarm;
CREATE INDEX deals_by_alarm ON deals (workspace_id, alarm_at) WHERE alarm_at IS NOT NULL;

-- Imports that have not ended.
INSERT INTO jobs (workspace_id, id, name, subject_id, state, run_at, created_by, created_at, updated_at)
SELECT workspace_id, id, 'imports', id, 'waiting', created_at, created_by, created_at, created_at
FROM imports WHERE state IN ('queued', 'running');
