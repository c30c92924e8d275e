DROP TABLE demand_lines;
DROP TABLE payments;
DROP TABLE documents;
DROP TABLE activities;
DROP TABLE task_people;
DROP TABLE tasks;
