DROP TABLE custom_values, custom_fields;
ALTER TABLE deals DROP COLUMN custom;
ALTER TABLE clients DROP COLUMN custom;
