-- A stage is its key. What has to be worked out of old deals is worked out by the servers, in pieces.
ALTER TABLE deals ADD COLUMN touched integer[], ADD COLUMN visit_stage integer;
COMMENT ON COLUMN deals.touched IS 'Versions that it has been on, and stages in which its visits began, in order: number of the version, times 100; plus the position of the stage. Null until it is worked out.';
COMMENT ON COLUMN deals.visit_stage IS 'That of its present or last visit; null for untracked types.';
COMMENT ON COLUMN deals.depth IS 'Furthest position in its version of any stage ever entered.';
COMMENT ON COLUMN deals.trail IS 'Visits of a closed deal in short: stage as in touched, + or - for going back, milliseconds without holds; 101+3600000 102+60000 101-500. Made from stage_visits at closing; out of date while the deal is open.';
ALTER TABLE stage_visits ADD COLUMN stage_number integer;
COMMENT ON COLUMN stage_visits.stage_number IS 'The stage in which the visit began, as in deals.touched; the same in all segments of a visit.';
CREATE INDEX deals_not_worked_out ON deals (workspace_id, id) WHERE touched IS NULL;

-- Every report reads the rows themselves: what these indexes carried along was read by none.
DROP INDEX deals_by_closing;
CREATE INDEX deals_by_closing ON deals (workspace_id, deal_type_id, closed_at) WHERE closed_at IS NOT NULL;
DROP INDEX deals_by_opening;
CREATE INDEX deals_by_opening ON deals (workspace_id, deal_type_id, opened_at);
CREATE INDEX stages_by_key ON stages (workspace_id, key);

ALTER TABLE process_versions ADD COLUMN withdrawn_at timestamptz;
COMMENT ON COLUMN process_versions.withdrawn_at IS 'When it was withdrawn, as published by mistake.';
CREATE TABLE process_migrations (
    workspace_id uuid NOT NULL,
    deal_type_id uuid NOT NULL,
    migrated_at timestamptz NOT NULL,
    version_id uuid NOT NULL,
    mapping jsonb NOT NULL,
    PRIMARY KEY (workspace_id, deal_type_id, migrated_at),
    FOREIGN KEY (workspace_id, deal_type_id) REFERENCES deal_types,
    FOREIGN KEY (workspace_id, version_id) REFERENCES process_versions
);
COMMENT ON TABLE process_migrations IS 'When open deals were taken to another version, append-only: reports count stages that are gone where they were mapped to.';
COMMENT ON COLUMN process_migrations.workspace_id IS 'The tenant.';
COMMENT ON COLUMN process_migrations.deal_type_id IS 'The deal type.';
COMMENT ON COLUMN process_migrations.migrated_at IS 'When.';
COMMENT ON COLUMN process_migrations.version_id IS 'The version that they went to.';
COMMENT ON COLUMN process_migrations.mapping IS 'Keys of its stages by the keys of others.';
