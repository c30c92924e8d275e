DROP INDEX stage_visits_by_end;
