ALTER TABLE client_changes DROP COLUMN had;
