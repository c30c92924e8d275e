-- What must hold of a database, from its tables alone. Each query has a name and answers what breaks it, a
-- text a row that begins with the id of what is broken: none, where all is well. Those of `history` hold at any moment of any database, those of `rest`
-- when everybody is done, and of processes whose gates these functions can read.

-- prelude
CREATE OR REPLACE FUNCTION pg_temp.holds(condition jsonb, d deals) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    value text := condition ->> 'value';
    c clients;
BEGIN
    IF condition ? 'any' THEN
        RETURN (SELECT bool_or(pg_temp.holds(one, d)) FROM jsonb_array_elements(condition -> 'any') one);
    ELSIF condition ? 'all' THEN
        RETURN (SELECT bool_and(pg_temp.holds(one, d)) FROM jsonb_array_elements(condition -> 'all') one);
    END IF;
    SELECT * INTO c FROM clients WHERE workspace_id = d.workspace_id AND id = d.client_id;
    CASE concat_ws(' ', condition ->> 'field', condition ->> 'op')
        WHEN 'client.class eq' THEN RETURN coalesce(c.class = value, false);
        WHEN 'client.type eq' THEN RETURN coalesce(c.client_type = value, false);
        WHEN 'client.tags has' THEN RETURN coalesce(value = ANY (c.tags), false);
        WHEN 'client.call_count gte' THEN RETURN value::numeric <= (
            SELECT count(*) FROM activities a WHERE a.workspace_id = d.workspace_id
            AND a.client_id = d.client_id AND a.kind = 'call' AND a.happened_at IS NOT NULL);
        WHEN 'deal.lead_temperature eq' THEN RETURN coalesce(d.lead_temperature = value, false);
        ELSE RAISE EXCEPTION 'a condition that is not known here: %', condition;
    END CASE;
END $$;

CREATE OR REPLACE FUNCTION pg_temp.filled(field text, deal jsonb) RETURNS boolean LANGUAGE sql AS $$
    SELECT CASE
        WHEN field LIKE 'custom.%' THEN coalesce(deal -> 'custom' ->> substr(field, 8), '') <> ''
        WHEN field = 'amount' THEN coalesce((deal #>> '{amount,amount}')::numeric <> 0, false)
        WHEN field = 'source' THEN deal ->> 'source_id' IS NOT NULL
        ELSE deal ->> field IS NOT NULL
    END $$;

-- Whether a document in a state has come as far as another one.
CREATE OR REPLACE FUNCTION pg_temp.has_come(kind text, state text, wanted text) RETURNS boolean LANGUAGE sql AS $$
    WITH paths(kind, path) AS (VALUES
        ('quote', ARRAY['draft', 'sent', 'accepted']),
        ('contract', ARRAY['draft', 'sent', 'signed']),
        ('invoice', ARRAY['draft', 'issued', 'partly_paid', 'paid']),
        ('order', ARRAY['draft', 'confirmed', 'fulfilled']),
        ('shipment', ARRAY['draft', 'shipped', 'delivered']))
    SELECT state = wanted OR coalesce(array_position(path, state) >= array_position(path, wanted), false)
    FROM paths WHERE paths.kind = has_come.kind $$;

CREATE OR REPLACE FUNCTION pg_temp.met(d deals, g jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    CASE g ->> 'kind'
        WHEN 'condition' THEN RETURN pg_temp.holds(g -> 'condition', d);
        WHEN 'field' THEN RETURN pg_temp.filled(g ->> 'field', to_jsonb(d)
            || jsonb_build_object('amount', jsonb_build_object('amount', d.amount)));
        WHEN 'task' THEN RETURN EXISTS (SELECT FROM tasks t WHERE t.workspace_id = d.workspace_id
            AND t.deal_id = d.id AND t.visit = d.visit AND t.key = g ->> 'task' AND t.status = 'done');
        WHEN 'activity' THEN RETURN EXISTS (SELECT FROM activities a WHERE a.workspace_id = d.workspace_id
            AND a.deal_id = d.id AND a.visit = d.visit AND a.kind = g ->> 'activity'
            AND a.happened_at IS NOT NULL AND (g ->> 'outcome' IS NULL OR a.outcome = g ->> 'outcome')
            AND CASE WHEN a.call_status IS NULL THEN g ->> 'call_status' IS NULL AND g ->> 'talk_seconds' IS NULL
                ELSE a.call_status = coalesce(g ->> 'call_status', 'answered')
                    AND coalesce(a.duration_seconds, 0) >= coalesce((g ->> 'talk_seconds')::int, 0) END);
        WHEN 'document' THEN RETURN EXISTS (SELECT FROM documents o WHERE o.workspace_id = d.workspace_id
            AND o.deal_id = d.id AND o.kind = g ->> 'document'
            AND pg_temp.has_come(o.kind, o.state, g ->> 'state'));
        WHEN 'payment' THEN RETURN coalesce((SELECT CASE WHEN bool_and(p.currency = d.currency)
                THEN sum(p.amount) / nullif(d.amount, 0) ELSE sum(p.base_amount) / nullif(d.base_amount, 0) END
            FROM payments p WHERE p.workspace_id = d.workspace_id AND p.deal_id = d.id)
            >= (g ->> 'share')::numeric, false);
        WHEN 'primary_demand' THEN RETURN EXISTS (SELECT FROM demands m JOIN demand_lines l
            ON l.workspace_id = m.workspace_id AND l.demand_id = m.id
            WHERE m.workspace_id = d.workspace_id AND m.deal_id = d.id);
        ELSE RAISE EXCEPTION 'a requirement that is not known here: %', g;
    END CASE;
END $$;

-- What the feed tells of the work on deals.
DROP TABLE IF EXISTS pg_temp.told;
CREATE TEMP TABLE told AS SELECT workspace_id, (object ->> 'deal_id')::uuid AS deal_id, position,
    split_part(event_type, '.', 1) AS noun, object_id, object::jsonb AS object
    FROM events WHERE event_type ~ '^(task|activity|document|payment)[.]' AND object ->> 'deal_id' IS NOT NULL;
CREATE INDEX ON told (workspace_id, deal_id, position);
ANALYZE told;

-- Whether a requirement was met by what the feed tells before a position, of a deal whose visit had begun
-- at another one. What only the tables know is taken for met.
CREATE OR REPLACE FUNCTION pg_temp.was_met(workspace uuid, deal jsonb, began bigint, moved bigint, g jsonb)
RETURNS boolean LANGUAGE sql AS $$
    WITH last AS (SELECT DISTINCT ON (object_id) noun, position, object FROM told
        WHERE workspace_id = workspace AND deal_id = (deal ->> 'id')::uuid AND position < moved
        ORDER BY object_id, position DESC)
    SELECT CASE g ->> 'kind'
        WHEN 'field' THEN pg_temp.filled(g ->> 'field', deal)
        WHEN 'task' THEN EXISTS (SELECT FROM last WHERE noun = 'task' AND object ->> 'key' = g ->> 'task'
            AND object ->> 'status' = 'done' AND position > began)
        WHEN 'activity' THEN EXISTS (SELECT FROM last WHERE noun = 'activity' AND position > began
            AND object ->> 'kind' = g ->> 'activity' AND object ->> 'happened_at' IS NOT NULL
            AND (g ->> 'outcome' IS NULL OR object ->> 'outcome' = g ->> 'outcome')
            AND CASE WHEN object ->> 'call_status' IS NULL
                THEN g ->> 'call_status' IS NULL AND g ->> 'talk_seconds' IS NULL
                ELSE object ->> 'call_status' = coalesce(g ->> 'call_status', 'answered')
                    AND coalesce((object ->> 'duration_seconds')::int, 0)
                        >= coalesce((g ->> 'talk_seconds')::int, 0) END)
        WHEN 'document' THEN EXISTS (SELECT FROM last WHERE noun = 'document'
            AND object ->> 'kind' = g ->> 'document'
            AND pg_temp.has_come(object ->> 'kind', object ->> 'state', g ->> 'state'))
        WHEN 'payment' THEN (SELECT coalesce(CASE
                WHEN bool_and(object ->> 'currency' = deal #>> '{amount,currency}')
                THEN sum((object ->> 'amount')::numeric) / nullif((deal #>> '{amount,amount}')::numeric, 0)
                ELSE sum((object ->> 'base_amount')::numeric)
                    / nullif((deal #>> '{base_amount,amount}')::numeric, 0) END
                >= (g ->> 'share')::numeric, false) FROM last WHERE noun = 'payment')
        ELSE true
    END $$;

-- history: an open deal has one open segment, of its stage, its owner, its amount and its visit; a closed one none
SELECT d.id::text FROM deals d LEFT JOIN stage_visits v
    ON v.workspace_id = d.workspace_id AND v.deal_id = d.id AND v.left_at IS NULL
GROUP BY d.workspace_id, d.id
HAVING count(v.deal_id) <> (d.status = 'open')::int
    OR bool_or(v.stage_id IS DISTINCT FROM d.stage_id AND d.status = 'open')
    OR bool_or(v.visit <> d.visit OR v.owner_id <> d.owner_id OR v.base_amount <> d.base_amount
               OR v.sequence <> d.segment)

-- history: a deal has what belongs to its status, and an external id whole
SELECT id::text FROM deals
WHERE (status IN ('open', 'won', 'lost')) IS NOT TRUE OR (status = 'open') <> (closed_at IS NULL)
    OR (status = 'lost') <> (loss_reason_id IS NOT NULL) OR amount < 0 OR base_amount < 0
    OR lead_temperature NOT IN ('cold', 'warm', 'hot') OR initiated_by NOT IN ('us', 'client')
    OR (external_source IS NULL) <> (external_id IS NULL)

-- history: a segment has ended in a known way, and a visit begun in one
SELECT deal_id::text FROM stage_visits
WHERE (left_at IS NULL) <> (ended_by IS NULL) OR ended_by NOT IN ('split', 'moved', 'won', 'lost')
    OR direction NOT IN ('forward', 'skip', 'back', 'reopen')

-- history: a segment begins when the one before it ends, in the same visit if that was split, else in the next
SELECT deal_id::text FROM (
    SELECT v.*, lag(left_at) OVER w AS before, lag(ended_by) OVER w AS how, lag(visit) OVER w AS visit_before,
        row_number() OVER w AS number
    FROM stage_visits v WINDOW w AS (PARTITION BY workspace_id, deal_id ORDER BY sequence)) AS v
WHERE number > 1 AND (before IS NULL OR entered_at < before
    OR (how IN ('split', 'moved') AND entered_at <> before)
    OR visit <> visit_before + (how <> 'split')::int)

-- history: segments begin with an event of their deal
SELECT v.deal_id::text FROM stage_visits v LEFT JOIN events e ON e.workspace_id = v.workspace_id
    AND e.object_id = v.deal_id AND e.sequence = v.sequence WHERE e.id IS NULL

-- history: a visit has the number of the stage in which it began, and the deal the numbers of its visits
SELECT d.id::text FROM deals d JOIN (SELECT v.workspace_id, v.deal_id,
    (SELECT array_agg(DISTINCT number ORDER BY number)
        FROM unnest(array_agg(v.stage_number) || array_agg(p.number * 100)) AS number) AS touched,
    (array_agg(v.stage_number ORDER BY v.sequence DESC))[1] AS visit_stage,
    bool_and(v.stage_number = (SELECT q.number * 100 + f.position FROM stage_visits f
        JOIN process_versions q ON q.workspace_id = f.workspace_id AND q.id = f.version_id
        WHERE f.workspace_id = v.workspace_id AND f.deal_id = v.deal_id AND f.visit = v.visit
        ORDER BY f.sequence LIMIT 1)) AS begun
    FROM stage_visits v
    JOIN process_versions p ON p.workspace_id = v.workspace_id AND p.id = v.version_id
    WHERE v.stage_id IS NOT NULL GROUP BY 1, 2) AS been
    ON been.workspace_id = d.workspace_id AND been.deal_id = d.id
WHERE d.touched IS NOT NULL AND (been.begun IS NOT TRUE OR (d.touched, d.visit_stage)
    IS DISTINCT FROM (been.touched, been.visit_stage))

-- history: an event has an id of its own
SELECT id::text FROM events GROUP BY id HAVING count(*) > 1

-- history: external ids are not doubled
SELECT min(id::text) FROM deals WHERE external_id IS NOT NULL
GROUP BY workspace_id, external_source, external_id HAVING count(*) > 1

-- history: a deal's row is what its last event left
SELECT d.id::text FROM deals d JOIN events e ON e.workspace_id = d.workspace_id
    AND e.object_id = d.id AND e.sequence = d.sequence AND e.event_type LIKE 'deal.%'
WHERE ROW(d.status, d.stage_id::text, d.version_id::text, d.owner_id::text, d.client_id::text, d.title,
        d.lead_temperature, d.initiated_by, d.from_activity_id::text, d.expected_close_on::text, d.amount, d.currency, d.base_amount,
        d.hold_since IS NULL, d.loss_reason_id::text, d.reopened, d.overrides, d.custom)
    IS DISTINCT FROM ROW(e.object ->> 'status', e.object ->> 'stage_id', e.object ->> 'process_version_id',
        e.object ->> 'owner_id', e.object ->> 'client_id', e.object ->> 'title',
        e.object ->> 'lead_temperature', e.object ->> 'initiated_by', e.object ->> 'from_activity_id',
        e.object ->> 'expected_close_on',
        (e.object #>> '{amount,amount}')::numeric, e.object #>> '{amount,currency}',
        (e.object #>> '{base_amount,amount}')::numeric, e.object ->> 'hold' IS NULL,
        e.object #>> '{loss,loss_reason_id}', (e.object ->> 'reopened')::int,
        (e.object ->> 'overrides')::int, coalesce((e.object -> 'custom')::jsonb, '{}'))

-- rest: nobody rests in a stage whose gate is met
SELECT concat_ws(' ', d.id, t.name, (SELECT string_agg(event_type, ', ' ORDER BY sequence) FROM events e
    WHERE e.workspace_id = d.workspace_id AND e.object_id = d.id)) FROM deals d
    JOIN deal_types t ON t.workspace_id = d.workspace_id AND t.id = d.deal_type_id AND t.mode = 'automatic'
    JOIN stages s ON s.workspace_id = d.workspace_id AND s.id = d.stage_id
WHERE d.status = 'open' AND d.hold_since IS NULL AND (d.alarm_at IS NULL OR d.alarm_at > clock_timestamp())
    AND NOT EXISTS (SELECT FROM jsonb_array_elements(s.gate) g WHERE NOT pg_temp.met(d, g))
    -- A ring that has not been heard twice may yet wake it.
    AND NOT EXISTS (SELECT FROM rings r WHERE r.workspace_id = d.workspace_id
        AND (r.client_id = d.client_id OR r.currency = d.currency))

-- rest: a deal for which a rule of the clock waits has its alarm set
SELECT d.id::text FROM deals d
    JOIN process_versions v ON v.workspace_id = d.workspace_id AND v.id = d.version_id
    JOIN stages s ON s.workspace_id = d.workspace_id AND s.id = d.stage_id
    CROSS JOIN jsonb_array_elements(v.rules) r
WHERE d.status = 'open' AND d.hold_since IS NULL AND d.alarm_at IS NULL
    AND coalesce(r ->> 'stage', s.key) = s.key AND (r ->> 'id')::uuid <> ALL (d.fired)
    AND (r ->> 'on' = 'deal.stuck' OR (r ->> 'on' = 'stage.overdue' AND s.norm_days IS NOT NULL))

-- rest: a gate was passed when it was met, as the feed tells
SELECT DISTINCT e.object_id::text FROM events e
    JOIN stages s ON s.workspace_id = e.workspace_id AND s.id = (e.change #>> '{from,stage_id}')::uuid
    JOIN events p ON p.workspace_id = e.workspace_id AND p.object_id = e.object_id
        AND p.sequence = e.sequence - 1 AND p.event_type LIKE 'deal.%'
    CROSS JOIN LATERAL (SELECT max(position) AS position FROM events b
        WHERE b.workspace_id = e.workspace_id AND b.object_id = e.object_id AND b.sequence < e.sequence
        AND (b.event_type IN ('deal.opened', 'deal.stage_changed', 'deal.reopened')
            OR b.change ->> 'direction' IS NOT NULL)) AS began
    CROSS JOIN jsonb_array_elements(s.gate) g
WHERE (e.event_type = 'deal.won'
        OR (e.event_type = 'deal.stage_changed' AND e.change ->> 'direction' IN ('forward', 'skip')))
    AND e.change ->> 'override' IS NULL
    AND NOT pg_temp.was_met(e.workspace_id, p.object::jsonb, began.position, e.position, g)

-- rest: the tasks of a stage are there while a deal is in it, and none of another one waits
SELECT d.id::text FROM deals d
    JOIN deal_types t ON t.workspace_id = d.workspace_id AND t.id = d.deal_type_id AND t.mode = 'automatic'
    JOIN stages s ON s.workspace_id = d.workspace_id AND s.id = d.stage_id
WHERE d.status = 'open' AND (EXISTS (SELECT FROM jsonb_array_elements(s.tasks) k WHERE NOT EXISTS (
        SELECT FROM tasks w WHERE w.workspace_id = d.workspace_id AND w.deal_id = d.id
        AND w.visit = d.visit AND w.key = k ->> 'key'))
    OR EXISTS (SELECT FROM tasks w WHERE w.workspace_id = d.workspace_id AND w.deal_id = d.id
        AND w.visit < d.visit AND w.kind = 'work' AND w.by_process AND w.status NOT IN ('done', 'cancelled')))

-- rest: versions have no gaps, and the feed has each of them
SELECT concat_ws(' ', noun, id) FROM (
    SELECT 'deal' AS noun, workspace_id, id, sequence AS version FROM deals
    UNION ALL SELECT 'task', workspace_id, id, version FROM tasks
    UNION ALL SELECT 'activity', workspace_id, id, version FROM activities
    UNION ALL SELECT 'recording', workspace_id, id, version FROM recordings
    UNION ALL SELECT 'document', workspace_id, id, version FROM documents
    UNION ALL SELECT 'payment', workspace_id, id, version FROM payments
    UNION ALL SELECT 'demand', workspace_id, id, version FROM demands
    UNION ALL SELECT 'client', workspace_id, id, version FROM clients
    UNION ALL SELECT 'hand-over', workspace_id, id, version FROM hand_overs) AS things
LEFT JOIN (SELECT workspace_id, object_id, count(*) AS number, count(DISTINCT sequence) AS numbers,
        max(sequence) AS last FROM events GROUP BY 1, 2) AS events
    ON events.workspace_id = things.workspace_id AND object_id = id
WHERE (number, numbers, last) IS DISTINCT FROM (version::bigint, version::bigint, version)

-- rest: no passing fault is kept as an answer
SELECT key FROM idempotency_keys WHERE status >= 500 OR body ~ '"status":5[0-9][0-9]'

-- rest: imports have ended well, with every row counted
SELECT concat_ws(' ', id, state, error) FROM imports
WHERE state NOT IN ('done', 'cancelled') OR rows_done <> created + updated + unchanged + rejected

-- rest: the index of custom fields has every value
SELECT d.id::text FROM deals d WHERE (SELECT count(*) FROM jsonb_object_keys(d.custom)) <> (
    SELECT count(DISTINCT v.field_id) FROM custom_values v
    WHERE v.workspace_id = d.workspace_id AND v.object_id = d.id)

-- rest: titles are found as the deals have them
SELECT d.id::text FROM deals d LEFT JOIN deal_titles t ON t.workspace_id = d.workspace_id AND t.deal_id = d.id
WHERE t.title IS DISTINCT FROM d.title

-- history: each file has its object in the store, and no other file has it
SELECT f.id::text FROM files f LEFT JOIN stored_objects o ON o.workspace_id = f.workspace_id AND o.id = f.stored_id
WHERE o.state IS DISTINCT FROM 'kept' OR (o.bytes, o.sha256) IS DISTINCT FROM (f.bytes, f.sha256)
    OR EXISTS (SELECT FROM files g WHERE g.workspace_id = f.workspace_id AND g.stored_id = f.stored_id AND g.id <> f.id)

-- history: what a workspace has in the store is the sum of its objects
SELECT concat_ws(' ', workspace_id, b.bytes, o.bytes) FROM stored_bytes b
FULL JOIN (SELECT workspace_id, sum(bytes) AS bytes FROM stored_objects GROUP BY 1) AS o USING (workspace_id)
WHERE coalesce(b.bytes, 0) <> coalesce(o.bytes, 0)

-- history: a recording that is kept has its object in the store, and one that waits its next time
SELECT r.id::text FROM recordings r
    LEFT JOIN stored_objects o ON o.workspace_id = r.workspace_id AND o.id = r.object_id
WHERE (r.state = 'kept') <> coalesce(o.state = 'kept' AND o.bytes = r.bytes, false)
    OR (r.state = 'kept') <> (r.object_id IS NOT NULL)
    OR (r.state = 'waiting') <> (r.next_at IS NOT NULL)
    OR NOT EXISTS (SELECT FROM activities a WHERE a.workspace_id = r.workspace_id AND a.id = r.activity_id)
