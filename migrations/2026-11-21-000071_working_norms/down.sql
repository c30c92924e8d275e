COMMENT ON COLUMN stages.norm_days IS 'Days that a deal may stay before it is overdue.';
