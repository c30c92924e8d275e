DROP TABLE idempotency_keys, events;
