-- A database belongs to a role that is no superuser's, with all that is in it but the extensions.
SELECT pg_advisory_lock(hashtext('{role}'));
DO $$
DECLARE
    command text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
        CREATE ROLE {role} LOGIN;
    END IF;
    IF EXISTS (SELECT FROM pg_database WHERE datname = current_database() AND pg_get_userbyid(datdba) = '{role}') THEN
        RETURN;
    END IF;
    EXECUTE format('ALTER DATABASE %I OWNER TO {role}', current_database());
    ALTER SCHEMA public OWNER TO {role};
    FOR command IN
        -- Sequences that belong to a column go with it.
        SELECT format('ALTER TABLE %s OWNER TO {role}', c.oid::regclass) FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
            AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                AND d.deptype IN ('e', 'a', 'i'))
        UNION ALL
        SELECT format('ALTER FUNCTION %s OWNER TO {role}', p.oid::regprocedure) FROM pg_proc p
        WHERE p.pronamespace = 'public'::regnamespace
            AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid
                AND d.deptype = 'e')
    LOOP
        EXECUTE command;
    END LOOP;
END $$;
SELECT pg_advisory_unlock(hashtext('{role}'));
