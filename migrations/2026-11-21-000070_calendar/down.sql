DROP TABLE holidays;
ALTER TABLE workspaces DROP working_hours, DROP calendar_version;
