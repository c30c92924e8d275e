CREATE FUNCTION lower_all(texts text[]) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ SELECT coalesce(array_agg(lower(one)), '{}') FROM unnest(texts) AS one $$;
COMMENT ON FUNCTION lower_all IS 'The texts in lower case, for indexes.';
DROP INDEX clients_by_email, contacts_by_email;
CREATE INDEX clients_by_email ON clients USING gin (workspace_id, lower_all(emails));
CREATE INDEX contacts_by_email ON contacts USING gin (workspace_id, lower_all(emails));
