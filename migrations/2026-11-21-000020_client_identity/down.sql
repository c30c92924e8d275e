DROP INDEX contacts_by_phone, contacts_by_email;
ALTER TABLE clients
    DROP phones, DROP emails, DROP tax_id, DROP external_source, DROP external_id, DROP name_key, DROP merged_into;
DROP INDEX IF EXISTS clients_by_phone, clients_by_email, clients_by_name_key;
ALTER TABLE workspaces DROP country;
DROP EXTENSION btree_gin;
DROP EXTENSION pg_trgm;
