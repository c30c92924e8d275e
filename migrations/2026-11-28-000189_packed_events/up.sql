-- What an event says was most of what a deal takes on the disk. Events that are there stay as they are.
ALTER TABLE events
    ADD COLUMN packed bytea,
    ALTER COLUMN actor DROP NOT NULL,
    ALTER COLUMN change DROP NOT NULL,
    ALTER COLUMN object DROP NOT NULL,
    ALTER COLUMN packed SET STORAGE EXTERNAL;
COMMENT ON COLUMN events.packed IS 'Who did it, what changed, and the object right after the event: a JSON array of the three, packed by zstd with the dictionary that it names. The API reads it.';
COMMENT ON COLUMN events.actor IS 'Of events from before they were packed: who did it.';
COMMENT ON COLUMN events.change IS 'Of events from before they were packed: what changed, with previous and current values.';
COMMENT ON COLUMN events.object IS 'Of events from before they were packed: the object right after the event.';
