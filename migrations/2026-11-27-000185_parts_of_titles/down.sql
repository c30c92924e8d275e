DROP INDEX products_by_part_of_name;
DROP INDEX documents_by_part_of_title;
DROP INDEX activities_by_part_of_title;
DROP INDEX tasks_by_part_of_title;
DROP INDEX contacts_by_part_of_name;
DROP TABLE deal_titles;
