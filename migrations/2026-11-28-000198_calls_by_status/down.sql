DROP INDEX activities_by_call_status;
