-- Only where no event is packed yet.
ALTER TABLE events
    ALTER COLUMN actor SET NOT NULL,
    ALTER COLUMN change SET NOT NULL,
    ALTER COLUMN object SET NOT NULL,
    DROP COLUMN packed;
COMMENT ON COLUMN events.actor IS 'Who did it: a user, an API key, an import, the operator.';
COMMENT ON COLUMN events.change IS 'What changed, with previous and current values.';
COMMENT ON COLUMN events.object IS 'The object right after the event.';
