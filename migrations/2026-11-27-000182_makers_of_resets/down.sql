ALTER TABLE password_resets DROP COLUMN made_by;
