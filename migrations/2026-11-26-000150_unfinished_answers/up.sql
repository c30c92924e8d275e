-- A part of the command met what passes: a repetition carries it out.
ALTER TABLE idempotency_keys ADD COLUMN unfinished boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN idempotency_keys.unfinished IS 'A part of the command met what passes: a repetition carries it out.';
