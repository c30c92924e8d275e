-- A one-time token ends with the right of whoever made it; those from before are good for 72 hours.
ALTER TABLE password_resets ADD COLUMN made_by jsonb;
COMMENT ON COLUMN password_resets.made_by IS 'Who made it, as the actor of an event.';
