DROP INDEX deals_by_initiator;
ALTER TABLE deals DROP COLUMN initiated_by, DROP COLUMN from_activity_id;
