-- Companies with two years of deals. {workspace} is the one that is measured; it has users already.
-- {companies}, {deals} of each, {spare} deals to move, which begin at event {sequence}.
SET synchronous_commit = off;
SET work_mem = '256MB';
SET maintenance_work_mem = '512MB';
SELECT setseed(0.5);

INSERT INTO workspaces (workspace_id, name, currency, time_zone, created_at, updated_at)
SELECT gen_random_uuid(), 'Company ' || n, 'EUR', 'Europe/Amsterdam', now(), now()
FROM generate_series(2, {companies}) n;

INSERT INTO users (workspace_id, id, name, role, created_at, updated_at)
SELECT workspace_id, gen_random_uuid(), 'Seller ' || n, 'seller', now(), now()
FROM workspaces, generate_series(1, 20) n;

INSERT INTO clients (workspace_id, id, name, kind, client_type, class, region, created_at, updated_at)
SELECT workspace_id, gen_random_uuid(), 'Client ' || n, 'organisation',
    CASE WHEN n % 3 = 0 THEN 'current' ELSE 'new' END, chr(65 + n % 3), 'Region ' || n % 12, now(), now()
FROM workspaces, generate_series(1, {clients}) n;

INSERT INTO sources (workspace_id, id, name, created_at, updated_at)
SELECT workspace_id, gen_random_uuid(), 'Source ' || n, now(), now() FROM workspaces, generate_series(1, 8) n;

INSERT INTO loss_reasons (workspace_id, id, name, created_at, updated_at)
SELECT workspace_id, gen_random_uuid(), 'Reason ' || n, now(), now() FROM workspaces, generate_series(1, 10) n;

BEGIN;
INSERT INTO deal_types (workspace_id, id, name, mode, current_version_id, created_at, updated_at)
SELECT workspace_id, gen_random_uuid(), 'Typical sale', 'manual', gen_random_uuid(), now(), now() FROM workspaces;
INSERT INTO process_versions (workspace_id, id, deal_type_id, number, created_at)
SELECT workspace_id, current_version_id, id, 1, now() FROM deal_types;
COMMIT;

INSERT INTO stages (workspace_id, id, version_id, position, key, name, probability, norm_days, gate)
SELECT workspace_id, gen_random_uuid(), id, n, 'stage_' || n, 'Stage ' || n, n / 10.0, 7, '[]'
FROM process_versions, generate_series(1, 8) n;

CREATE UNLOGGED TABLE bench_workspaces AS
SELECT t.workspace_id, t.id AS deal_type_id, t.current_version_id AS version_id,
    t.workspace_id = '{workspace}' AS measured,
    (SELECT array_agg(id ORDER BY position) FROM stages s WHERE s.workspace_id = t.workspace_id) AS stages,
    (SELECT array_agg(id) FROM users u WHERE u.workspace_id = t.workspace_id) AS users,
    (SELECT count(*) FROM clients c WHERE c.workspace_id = t.workspace_id)::int AS clients,
    (SELECT array_agg(id) FROM sources s WHERE s.workspace_id = t.workspace_id) AS sources,
    (SELECT array_agg(id) FROM loss_reasons r WHERE r.workspace_id = t.workspace_id) AS reasons
FROM deal_types t;

-- Not as an array, which would be taken apart for every deal.
CREATE UNLOGGED TABLE bench_clients AS
SELECT workspace_id, (row_number() OVER (PARTITION BY workspace_id ORDER BY id))::int AS n, id AS client_id FROM clients;
CREATE INDEX ON bench_clients (workspace_id, n);
ANALYZE bench_clients;

-- A fifth is open; of the others, less than half is won, and the lost ones got more or less far.
CREATE UNLOGGED TABLE bench_deals AS
WITH dice AS MATERIALIZED (
    SELECT w.workspace_id, measured, i, random() AS outcome, random() AS length, random() AS ended, random() AS far
    FROM bench_workspaces w,
        generate_series(1, {deals} - CASE WHEN measured THEN {spare} ELSE 0 END) i
), told AS (
    SELECT *, CASE WHEN outcome < 0.2 THEN 'open' WHEN outcome < 0.52 THEN 'won' ELSE 'lost' END AS status,
        CASE WHEN outcome < 0.2 THEN now() ELSE now() - ended * interval '730 days' END AS until,
        interval '3 days' + length * length * interval '150 days' AS cycle
    FROM dice
)
SELECT workspace_id, measured, i, status, until, until - cycle AS opened_at, cycle,
    ('01900000-0000-7000-8000-' || lpad(i::text, 12, '0'))::uuid AS id,
    CASE status WHEN 'won' THEN 8 ELSE 1 + floor(8 * far * far) END::int AS depth,
    round((100 + 50000 * far ^ 3)::numeric, 2) AS amount
FROM told;

INSERT INTO bench_deals
SELECT workspace_id, true, i, 'open', now(), now() - interval '30 days', interval '30 days',
    ('01900000-0000-7000-8001-' || lpad((i - 1)::text, 12, '0'))::uuid, 2, 1999.95
FROM bench_workspaces, generate_series(1, {spare}) i WHERE measured;

INSERT INTO deals (workspace_id, id, deal_type_id, version_id, title, client_id, owner_id, amount, currency,
    base_amount, source_id, lead_temperature, expected_close_on, external_source, external_id, status, stage_id,
    position, depth, loss_reason_id, opened_at, closed_at, visit, visit_entered_at, visit_held_seconds, segment,
    segment_entered_at, sequence, last_occurred_at, created_at, updated_at, stage_path, touched, visit_stage)
SELECT workspace_id, id, deal_type_id, version_id, 'Servers for plant ' || i, client_id,
    users[1 + i % 20], amount, 'EUR', amount, sources[1 + i % 8], (ARRAY['cold', 'warm', 'hot'])[1 + i % 3],
    (opened_at + interval '60 days')::date, crm, crm_id, d.status, stages[depth], depth, depth,
    CASE status WHEN 'lost' THEN reasons[1 + i % 10] END, opened_at, closed_at, visit, entered_at, 0, visit,
    entered_at, visit + (status <> 'open')::int, coalesce(closed_at, entered_at), opened_at,
    coalesce(closed_at, entered_at), stage_path,
    (SELECT array_agg(100 + k ORDER BY k) FROM generate_series(0, depth) k), 100 + depth
FROM bench_workspaces JOIN bench_deals d USING (workspace_id, measured)
    JOIN bench_clients USING (workspace_id),
    LATERAL (SELECT CASE WHEN d.id >= '01900000-0000-7000-8001-000000000000' THEN {sequence} ELSE depth END AS visit,
        CASE WHEN i % 3 = 0 THEN 'crm' END AS crm, CASE WHEN i % 3 = 0 THEN d.id::text END AS crm_id,
        CASE WHEN d.status <> 'open' THEN until END AS closed_at,
        CASE WHEN d.status <> 'open' THEN (
            SELECT string_agg(100 + k || '+' || round(1000 * extract(epoch FROM cycle / depth)), ' ' ORDER BY k)
            FROM generate_series(1, depth) k) END AS stage_path,
        opened_at + cycle * (depth - 1) / depth AS entered_at) AS facts
WHERE n = 1 + i % clients
ORDER BY workspace_id, opened_at;

-- Every visit where it is measured, the last one elsewhere.
INSERT INTO stage_visits (workspace_id, deal_id, sequence, visit, deal_type_id, version_id, stage_id, position,
    entered_at, left_at, ended_by, direction, visit_entered_at, visit_held_seconds, held, owner_id, base_amount,
    probability, cause, stage_number)
SELECT d.workspace_id, d.id, sequence, sequence, d.deal_type_id, d.version_id, stages[k], k, entered_at, left_at,
    CASE WHEN left_at IS NOT NULL THEN CASE WHEN k < depth THEN 'moved' ELSE status END END, 'forward', entered_at,
    0, false, users[1 + i % 20], amount, k / 10.0, json_build_object('kind', 'user', 'id', users[1 + i % 20]), 100 + k
FROM bench_workspaces w JOIN bench_deals b USING (workspace_id, measured)
    JOIN (SELECT workspace_id, id, deal_type_id, version_id, visit FROM deals) d USING (workspace_id, id, deal_type_id, version_id),
    generate_series(CASE WHEN measured AND visit = depth THEN 1 ELSE depth END, depth) k,
    LATERAL (SELECT opened_at + cycle * (k - 1) / depth AS entered_at,
        CASE WHEN k < depth THEN opened_at + cycle * k / depth WHEN status <> 'open' THEN until END AS left_at,
        CASE WHEN k < depth THEN k ELSE visit END AS sequence) AS facts
ORDER BY d.workspace_id, facts.entered_at;

INSERT INTO events (workspace_id, id, event_type, object_id, sequence, occurred_at, recorded_at, actor, change, object)
SELECT workspace_id, gen_random_uuid(),
    CASE WHEN k = 1 THEN 'deal.opened' WHEN k <= depth THEN 'deal.stage_changed' ELSE 'deal.' || status END,
    d.id, k, opened_at + cycle * (k - 1) / depth, opened_at + cycle * (k - 1) / depth,
    jsonb_build_object('kind', 'user', 'id', users[1 + i % 20]),
    jsonb_build_object('type', 'stage_changed', 'direction', 'forward', 'override', NULL,
        'from', jsonb_build_object('stage_id', stages[greatest(least(k, depth) - 1, 1)], 'stage_key', 'stage', 'position', k),
        'to', jsonb_build_object('stage_id', stages[least(k, depth)], 'stage_key', 'stage', 'position', k)),
    jsonb_build_object('id', d.id, 'title', 'Servers for plant ' || i, 'deal_type_id', deal_type_id,
        'process_version_id', version_id, 'client_id', client_id,
        'owner_id', users[1 + i % 20], 'amount', jsonb_build_object('amount', amount::text, 'currency', 'EUR'),
        'base_amount', jsonb_build_object('amount', amount::text, 'currency', 'EUR'),
        'source_id', sources[1 + i % 8], 'lead_temperature', 'warm', 'expected_close_on', opened_at::date,
        'external_id', NULL, 'status', status, 'stage_id', stages[least(k, depth)], 'stage_key', 'stage',
        'depth', depth, 'hold', NULL, 'loss', NULL, 'opened_at', opened_at, 'stage_entered_at', opened_at,
        'closed_at', NULL, 'reopened', 0, 'version', k)
FROM bench_workspaces JOIN bench_deals d USING (workspace_id, measured) JOIN bench_clients USING (workspace_id),
    generate_series(1, depth + (status <> 'open')::int) k
WHERE measured AND n = 1 + i % clients;

DROP TABLE bench_deals;

-- A process that leads its deals: {led} deals in its first stage, each with the task that it waits for.
BEGIN;
INSERT INTO deal_types (workspace_id, id, name, mode, current_version_id, created_at, updated_at)
SELECT '{workspace}', gen_random_uuid(), 'Led sale', 'automatic', gen_random_uuid(), now(), now();
INSERT INTO process_versions (workspace_id, id, deal_type_id, number, created_at)
SELECT workspace_id, current_version_id, id, 1, now() FROM deal_types WHERE name = 'Led sale';
COMMIT;

INSERT INTO stages (workspace_id, id, version_id, position, key, name, probability, norm_days, gate, tasks)
SELECT workspace_id, gen_random_uuid(), current_version_id, n, 'led_' || n, 'Stage ' || n, n / 10.0, 7,
    '[{"kind": "task", "task": "work"}, {"kind": "field", "field": "amount"}]',
    '[{"key": "work", "title": "Work on {deal.title}", "performer": {}, "due_days": 3, "priority": "normal"}]'
FROM deal_types, generate_series(1, 8) n WHERE name = 'Led sale';

CREATE UNLOGGED TABLE bench_led AS
SELECT w.workspace_id, t.id AS deal_type_id, t.current_version_id AS version_id, s.id AS stage_id, i,
    ('01900000-0000-7000-8002-' || lpad((i - 1)::text, 12, '0'))::uuid AS deal_id,
    ('01900000-0000-7000-8003-' || lpad((i - 1)::text, 12, '0'))::uuid AS task_id,
    users[1 + i % 20] AS owner_id, client_id,
    now() - interval '2 days' AS at
FROM bench_workspaces w JOIN deal_types t ON t.workspace_id = w.workspace_id AND t.name = 'Led sale'
    JOIN stages s ON s.workspace_id = t.workspace_id AND s.version_id = t.current_version_id AND s.position = 1
    JOIN bench_clients c ON c.workspace_id = w.workspace_id, generate_series(1, {led}) i
WHERE c.n = 1 + i % clients;

INSERT INTO deals (workspace_id, id, deal_type_id, version_id, title, client_id, owner_id, amount, currency,
    base_amount, status, stage_id, position, depth, opened_at, visit, visit_entered_at, visit_held_seconds, segment,
    segment_entered_at, sequence, last_occurred_at, created_at, updated_at, touched, visit_stage)
SELECT workspace_id, deal_id, deal_type_id, version_id, 'Led deal ' || i, client_id, owner_id, 1999.95, 'EUR', 1999.95,
    'open', stage_id, 1, 1, at, 1, at, 0, 1, at, 1, at, at, at, ARRAY[100, 101], 101 FROM bench_led;

INSERT INTO stage_visits (workspace_id, deal_id, sequence, visit, deal_type_id, version_id, stage_id, position,
    entered_at, direction, visit_entered_at, visit_held_seconds, held, owner_id, base_amount, probability, cause,
    stage_number)
SELECT workspace_id, deal_id, 1, 1, deal_type_id, version_id, stage_id, 1, at, 'forward', at, 0, false, owner_id,
    1999.95, 0.1, json_build_object('kind', 'user', 'id', owner_id), 101 FROM bench_led;

INSERT INTO tasks (workspace_id, id, kind, deal_id, key, stage_id, visit, title, status, priority, responsible_id,
    by_process, starts_at, due_at, created_at, updated_at)
SELECT workspace_id, task_id, 'work', deal_id, 'work', stage_id, 1, 'Work on deal ' || i, 'new', 'normal', owner_id,
    true, at, at + interval '3 days', at, at FROM bench_led;

DROP TABLE bench_led;

INSERT INTO deal_titles SELECT workspace_id, id, title FROM deals;
