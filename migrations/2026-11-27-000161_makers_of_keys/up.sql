-- Who answers for a key: whom it ends with, and without whom it administers nothing.
ALTER TABLE api_keys ADD COLUMN maker_id uuid, ADD COLUMN parent_id uuid,
    ADD FOREIGN KEY (workspace_id, maker_id) REFERENCES users,
    ADD FOREIGN KEY (workspace_id, parent_id) REFERENCES api_keys;
COMMENT ON COLUMN api_keys.maker_id IS 'The user who answers for it: who made it, or who has taken it over since.';
COMMENT ON COLUMN api_keys.parent_id IS 'The key that made it, and that it ends with.';
CREATE INDEX api_keys_by_parent ON api_keys (workspace_id, parent_id) WHERE parent_id IS NOT NULL;
UPDATE api_keys SET maker_id = created_by;
UPDATE api_keys SET parent_id = (e.actor ->> 'id')::uuid FROM events e
WHERE e.workspace_id = api_keys.workspace_id AND e.object_id = api_keys.id AND e.event_type = 'api_key.created'
    AND e.actor ->> 'kind' = 'api_key' AND EXISTS (SELECT FROM api_keys p
        WHERE p.workspace_id = api_keys.workspace_id AND p.id = (e.actor ->> 'id')::uuid);
-- What was made by a key ends with it, and is answered for by whoever answers for that.
WITH RECURSIVE made AS (
    SELECT workspace_id, id, maker_id, expires_at, revoked_at FROM api_keys WHERE parent_id IS NULL
    UNION ALL SELECT k.workspace_id, k.id, made.maker_id, least(k.expires_at, made.expires_at),
        least(k.revoked_at, made.revoked_at)
    FROM api_keys k JOIN made ON made.workspace_id = k.workspace_id AND made.id = k.parent_id)
UPDATE api_keys SET maker_id = made.maker_id, expires_at = made.expires_at, revoked_at = made.revoked_at
FROM made WHERE made.workspace_id = api_keys.workspace_id AND made.id = api_keys.id
    AND api_keys.parent_id IS NOT NULL;
