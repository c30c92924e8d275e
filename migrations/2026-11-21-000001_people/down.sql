ALTER TABLE departments DROP CONSTRAINT departments_workspace_id_head_id_fkey;
DROP TABLE api_keys, refresh_tokens, users, departments, workspaces, instance_keys;
