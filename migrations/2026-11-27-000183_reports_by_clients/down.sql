DROP INDEX deals_once_held;
DROP INDEX clients_in_reports;
