-- They are written once and read whole: text is not taken apart at each write, nor sorted by ANALYZE.
ALTER TABLE events
    ALTER COLUMN actor TYPE json USING actor::json,
    ALTER COLUMN change TYPE json USING change::json,
    ALTER COLUMN object TYPE json USING object::json;
ALTER TABLE stage_visits ALTER COLUMN cause TYPE json USING cause::json;
