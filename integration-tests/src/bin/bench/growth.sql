-- What else a company of the measured size has: people and their work, goods, papers, and clients that are one.
-- {workspace} and {deals}, as in world.sql.
UPDATE clients SET name = initcap(words.one) || ' ' || initcap(words.two) || ' ' || words.trade,
    phones = ARRAY['+49' || (3000000000 + number)::text], emails = ARRAY['office@' || words.one || number || '.example'],
    owner_id = (SELECT users[1 + number % 20] FROM bench_workspaces WHERE measured)
FROM (SELECT id AS of, split_part(name, ' ', 2)::int AS number FROM clients WHERE workspace_id = '{workspace}') AS numbered,
    LATERAL (SELECT translate(substr(md5(number::text), 1, 7), '0123456789', 'orstuwyzel') AS one,
        translate(substr(md5((number / 3)::text || 'x'), 1, 5), '0123456789', 'aeiounlmrs') AS two,
        (ARRAY['Trade', 'Logistics', 'Machines', 'Food', 'Paper', 'Energy', 'Textiles', 'Optics'])[1 + number % 8] AS trade) AS words
WHERE workspace_id = '{workspace}' AND id = numbered.of;

-- Of every fortieth there is another card: the same number, the name mistyped.
UPDATE clients SET name = overlay(twin.name PLACING 'q' FROM 3 FOR 1), phones = twin.phones
FROM (SELECT name, phones, (substr(phones[1], 4)::bigint - 3000000000)::int AS number FROM clients
    WHERE workspace_id = '{workspace}') AS twin
WHERE workspace_id = '{workspace}' AND twin.number % 40 = 0
    AND clients.phones = ARRAY['+49' || (3000000000 + twin.number + 1)::text];

INSERT INTO contacts (workspace_id, id, client_id, name, phones, emails, created_at, updated_at)
SELECT workspace_id, gen_random_uuid(), id, 'Kim ' || split_part(name, ' ', 2), '{}', '{}', created_at,
    created_at - interval '1 second' * (row_number() OVER ())
FROM clients WHERE workspace_id = '{workspace}';

INSERT INTO products (workspace_id, id, name, sku, price, currency, created_at, updated_at)
SELECT '{workspace}', gen_random_uuid(), 'Pump ' || n, 'P-' || n, n % 997, 'EUR', now(), now() - n * interval '1 second'
FROM generate_series(1, {deals} / 10) n;

INSERT INTO tasks (workspace_id, id, kind, deal_id, client_id, title, status, priority, responsible_id, by_process,
    starts_at, due_at, done_at, created_at, updated_at)
SELECT workspace_id, gen_random_uuid(), 'work', id, client_id, 'Call ' || left(id::text, 8),
    CASE WHEN status = 'open' THEN 'new' ELSE 'done' END, 'normal', owner_id, false, opened_at,
    opened_at + interval '3 days', closed_at, opened_at, coalesce(closed_at, opened_at)
FROM deals WHERE workspace_id = '{workspace}';

INSERT INTO activities (workspace_id, id, kind, direction, title, planned_at, happened_at, client_id, deal_id, user_id,
    created_at, updated_at)
SELECT workspace_id, gen_random_uuid(), (ARRAY['call', 'email', 'meeting'])[1 + n % 3], 'out', 'Talk ' || n,
    CASE WHEN status = 'open' AND n = 1 THEN now() + interval '2 days' END,
    CASE WHEN status <> 'open' OR n > 1 THEN opened_at + n * interval '1 day' END, client_id, id, owner_id, opened_at,
    opened_at + n * interval '1 day'
FROM deals, generate_series(1, 2) n WHERE workspace_id = '{workspace}';

INSERT INTO documents (workspace_id, id, deal_id, kind, number, dated_on, amount, currency, base_amount, state,
    state_since, title, created_at, updated_at)
SELECT workspace_id, gen_random_uuid(), id, 'quote', left(id::text, 8), opened_at::date, base_amount, 'EUR', base_amount,
    'sent', opened_at, 'Quote', opened_at, opened_at
FROM deals WHERE workspace_id = '{workspace}' AND amount IS NOT NULL;

INSERT INTO payments (workspace_id, id, deal_id, amount, currency, base_amount, received_at, created_at, updated_at)
SELECT workspace_id, gen_random_uuid(), id, base_amount, 'EUR', base_amount, closed_at, closed_at, closed_at
FROM deals WHERE workspace_id = '{workspace}' AND status = 'won' AND amount IS NOT NULL;

INSERT INTO segments (workspace_id, id, name, entity, condition, created_at, updated_at) VALUES
('{workspace}', gen_random_uuid(), 'Large', 'deal', '{"field": "deal.amount", "op": "gte", "value": "20000"}', now(), now()),
('{workspace}', gen_random_uuid(), 'Of class A', 'deal', '{"field": "client.class", "op": "eq", "value": "A"}', now(), now()),
('{workspace}', gen_random_uuid(), 'Optics', 'client', '{"field": "client.name", "op": "contains", "value": "optics"}', now(), now()),
('{workspace}', gen_random_uuid(), 'Region 3', 'client', '{"field": "client.region", "op": "eq", "value": "Region 3"}', now(), now());

-- Some have been on hold.
UPDATE stage_visits SET visit_held_seconds = 86400 WHERE workspace_id = '{workspace}' AND deal_id::text LIKE '%00';
UPDATE deals SET visit_held_seconds = 86400 WHERE workspace_id = '{workspace}' AND id::text LIKE '%00';

-- Something rare, long ago and lately.
UPDATE events SET event_type = 'deal.held' WHERE workspace_id = '{workspace}' AND position IN (
    SELECT unnest(ARRAY[min(position) + 5, max(position) - 5]) FROM events WHERE workspace_id = '{workspace}');

INSERT INTO client_changes (workspace_id, client_id, changed_at)
SELECT workspace_id, id, now() - interval '1 minute' FROM clients WHERE workspace_id = '{workspace}';
