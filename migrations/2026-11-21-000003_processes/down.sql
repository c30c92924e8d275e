DROP TABLE stages, process_versions, deal_types CASCADE;
