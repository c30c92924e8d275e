DROP INDEX clients_by_part_of_name;
CREATE INDEX clients_by_part_of_name ON clients USING gin (workspace_id, lower(name COLLATE "und-x-icu") gin_trgm_ops);
DROP INDEX products_by_part_of_name;
DROP INDEX documents_by_part_of_title;
DROP INDEX activities_by_part_of_title;
DROP INDEX tasks_by_part_of_title;
DROP INDEX contacts_by_part_of_name;
DROP TABLE deal_titles;
