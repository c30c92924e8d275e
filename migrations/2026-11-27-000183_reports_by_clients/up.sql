-- What reports group deals by, without the table of clients.
CREATE INDEX clients_in_reports ON clients (workspace_id, id) INCLUDE (client_type, region, class);
-- Few deals have been on hold in their visit: whether these are overdue is worked out one by one.
CREATE INDEX deals_once_held ON deals (workspace_id, visit_entered_at)
    WHERE status = 'open' AND (hold_since IS NOT NULL OR visit_held_seconds > 0);
