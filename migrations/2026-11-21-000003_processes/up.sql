CREATE TABLE deal_types (
    workspace_id uuid NOT NULL REFERENCES workspaces,
    id uuid NOT NULL,
    name text NOT NULL,
    mode text NOT NULL CHECK (mode IN ('automatic', 'manual', 'untracked')),
    enabled boolean NOT NULL DEFAULT true,
    allow_skip boolean NOT NULL DEFAULT true,
    allow_back boolean NOT NULL DEFAULT true,
    require_primary_demand boolean NOT NULL DEFAULT false,
    current_version_id uuid NOT NULL,
    archived boolean NOT NULL DEFAULT false,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id)
);
CREATE UNIQUE INDEX deal_types_name_is_unique ON deal_types (workspace_id, lower(name));
COMMENT ON TABLE deal_types IS 'Sales processes for kinds of sale.';
COMMENT ON COLUMN deal_types.workspace_id IS 'The tenant.';
COMMENT ON COLUMN deal_types.id IS 'UUIDv7.';
COMMENT ON COLUMN deal_types.name IS 'Name, unique without regard to case.';
COMMENT ON COLUMN deal_types.mode IS 'automatic: the process moves deals; manual: people do; untracked: no stages.';
COMMENT ON COLUMN deal_types.enabled IS 'Whether new deals may be opened.';
COMMENT ON COLUMN deal_types.allow_skip IS 'Whether deals may skip stages.';
COMMENT ON COLUMN deal_types.allow_back IS 'Whether deals may go back.';
COMMENT ON COLUMN deal_types.require_primary_demand IS 'Whether a new deal must say what the client first wanted.';
COMMENT ON COLUMN deal_types.current_version_id IS 'The version that new deals start on.';
COMMENT ON COLUMN deal_types.archived IS 'No longer offered; history keeps it.';
COMMENT ON COLUMN deal_types.version IS 'Counts the changes; the ETag.';
COMMENT ON COLUMN deal_types.created_at IS 'When the row was made.';
COMMENT ON COLUMN deal_types.updated_at IS 'When the row last changed.';

CREATE TABLE process_versions (
    workspace_id uuid NOT NULL REFERENCES workspaces,
    id uuid NOT NULL,
    deal_type_id uuid NOT NULL,
    number integer NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id),
    UNIQUE (workspace_id, deal_type_id, number),
    FOREIGN KEY (workspace_id, deal_type_id) REFERENCES deal_types
);
ALTER TABLE deal_types ADD FOREIGN KEY (workspace_id, current_version_id) REFERENCES process_versions DEFERRABLE INITIALLY DEFERRED;
COMMENT ON TABLE process_versions IS 'Published versions of processes: immutable.';
COMMENT ON COLUMN process_versions.workspace_id IS 'The tenant.';
COMMENT ON COLUMN process_versions.id IS 'UUIDv7.';
COMMENT ON COLUMN process_versions.deal_type_id IS 'The deal type.';
COMMENT ON COLUMN process_versions.number IS '1 for the first version.';
COMMENT ON COLUMN process_versions.created_at IS 'When the row was made.';

CREATE TABLE stages (
    workspace_id uuid NOT NULL REFERENCES workspaces,
    id uuid NOT NULL,
    version_id uuid NOT NULL,
    position smallint NOT NULL,
    key text NOT NULL,
    name text NOT NULL,
    goal text,
    probability numeric(5,4) NOT NULL,
    norm_days numeric(9,4),
    gate jsonb NOT NULL,
    PRIMARY KEY (workspace_id, id),
    UNIQUE (workspace_id, version_id, position),
    UNIQUE (workspace_id, version_id, key),
    FOREIGN KEY (workspace_id, version_id) REFERENCES process_versions
);
COMMENT ON TABLE stages IS 'Stages of process versions: immutable.';
COMMENT ON COLUMN stages.workspace_id IS 'The tenant.';
COMMENT ON COLUMN stages.id IS 'UUIDv7.';
COMMENT ON COLUMN stages.version_id IS 'The process version.';
COMMENT ON COLUMN stages.position IS '1 for the first stage.';
COMMENT ON COLUMN stages.key IS 'Stable name for programs; the same key in two versions is the same stage.';
COMMENT ON COLUMN stages.name IS 'Name for people.';
COMMENT ON COLUMN stages.goal IS 'The result that the stage is there for.';
COMMENT ON COLUMN stages.probability IS 'Chance, 0..1, that a deal in this stage will be won.';
COMMENT ON COLUMN stages.norm_days IS 'Days that a deal may stay before it is overdue.';
COMMENT ON COLUMN stages.gate IS 'Requirements to leave the stage forwards.';
