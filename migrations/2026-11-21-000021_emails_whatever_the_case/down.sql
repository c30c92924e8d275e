DROP INDEX clients_by_email, contacts_by_email;
DROP FUNCTION lower_all;
CREATE INDEX clients_by_email ON clients USING gin (workspace_id, emails);
CREATE INDEX contacts_by_email ON contacts USING gin (workspace_id, emails);
