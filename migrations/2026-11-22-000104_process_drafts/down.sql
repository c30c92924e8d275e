DROP TABLE process_drafts;
