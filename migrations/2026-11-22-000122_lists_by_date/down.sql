DROP INDEX activities_by_plan;
DROP INDEX activities_by_time;
DROP INDEX payments_by_receipt;
DROP INDEX documents_by_date;
