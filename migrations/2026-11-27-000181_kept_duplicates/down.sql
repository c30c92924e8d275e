DROP TABLE client_changes;
DROP TABLE client_pairs;
