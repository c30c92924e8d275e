DROP INDEX tasks_by_done;
