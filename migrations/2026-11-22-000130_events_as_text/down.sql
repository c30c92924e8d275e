ALTER TABLE stage_visits ALTER COLUMN cause TYPE jsonb USING cause::jsonb;
ALTER TABLE events
    ALTER COLUMN actor TYPE jsonb USING actor::jsonb,
    ALTER COLUMN change TYPE jsonb USING change::jsonb,
    ALTER COLUMN object TYPE jsonb USING object::jsonb;
