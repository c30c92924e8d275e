COMMENT ON COLUMN stages.norm_days IS 'Working days that a deal may stay before it is overdue.';
