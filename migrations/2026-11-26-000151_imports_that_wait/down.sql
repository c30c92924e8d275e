ALTER TABLE imports DROP COLUMN waiting_for;
