DROP TABLE stage_visits, deals;
