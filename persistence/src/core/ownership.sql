-- A database belongs to a role that is no superuser's, with all that is in it but the extensions.
SELECT pg_advisory_lock(hashtext('{role}'));
DO $$
DECLARE
    command text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
        CREATE ROLE {role} LOGIN;
    END IF;
    -- At every start: what was restored from a backup is whose it was restored by.
    FOR command IN
        SELECT format('ALTER DATABASE %I OWNER TO {role}', datname) FROM pg_database
        WHERE datname = current_database() AND pg_get_userbyid(datdba) <> '{role}'
        UNION ALL
        SELECT 'ALTER SCHEMA public OWNER TO {role}' FROM pg_namespace
        WHERE nspname = 'public' AND pg_get_userbyid(nspowner) <> '{role}'
        UNION ALL
        -- Sequences that belong to a column go with it.
        SELECT format('ALTER TABLE %s OWNER TO {role}', c.oid::regclass) FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
            AND pg_get_userbyid(c.relowner) <> '{role}'
            AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                AND d.deptype IN ('e', 'a', 'i'))
        UNION ALL
        SELECT format('ALTER FUNCTION %s OWNER TO {role}', p.oid::regprocedure) FROM pg_proc p
        WHERE p.pronamespace = 'public'::regnamespace AND pg_get_userbyid(p.proowner) <> '{role}'
            AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid
                AND d.deptype = 'e')
    LOOP
        EXECUTE command;
    END LOOP;
END $$;
SELECT pg_advisory_unlock(hashtext('{role}'));
