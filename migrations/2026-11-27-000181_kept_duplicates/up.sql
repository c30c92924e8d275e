-- Clients that may be one are found as clients change, and not when somebody asks.
CREATE TABLE client_pairs (
    workspace_id uuid NOT NULL,
    one uuid NOT NULL,
    other uuid NOT NULL,
    score double precision NOT NULL,
    reasons jsonb NOT NULL,
    PRIMARY KEY (workspace_id, one, other),
    CHECK (one < other)
);
CREATE INDEX client_pairs_by_score ON client_pairs (workspace_id, score DESC, one, other);
CREATE INDEX client_pairs_by_other ON client_pairs (workspace_id, other);
COMMENT ON TABLE client_pairs IS 'Pairs of clients in use that may be one, as of the changes that were looked at.';
COMMENT ON COLUMN client_pairs.workspace_id IS 'The tenant.';
COMMENT ON COLUMN client_pairs.one IS 'The older client; no foreign key, which would wait for whoever holds the client.';
COMMENT ON COLUMN client_pairs.other IS 'The younger client.';
COMMENT ON COLUMN client_pairs.score IS 'How likely the two are one, 0 to 1.';
COMMENT ON COLUMN client_pairs.reasons IS 'What speaks for it, the strongest first.';

-- A queue, and no key: who changes a client waits for nobody else who does.
CREATE TABLE client_changes (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace_id uuid NOT NULL,
    client_id uuid NOT NULL,
    spreads boolean NOT NULL DEFAULT true,
    changed_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX client_changes_by_workspace ON client_changes (workspace_id, position);
CREATE INDEX client_changes_by_client ON client_changes (workspace_id, client_id);
COMMENT ON TABLE client_changes IS 'Clients that are to be compared with the others anew.';
COMMENT ON COLUMN client_changes.position IS 'In the order of the changes.';
COMMENT ON COLUMN client_changes.workspace_id IS 'The tenant.';
COMMENT ON COLUMN client_changes.client_id IS 'The client.';
COMMENT ON COLUMN client_changes.spreads IS 'It has changed itself: those with which it has something in common are compared anew, too.';
COMMENT ON COLUMN client_changes.changed_at IS 'When.';

-- Whatever way a change comes in by.
CREATE FUNCTION clients_made() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO client_changes (workspace_id, client_id) SELECT workspace_id, id FROM made;
    RETURN NULL;
END $$;
CREATE FUNCTION client_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO client_changes (workspace_id, client_id) VALUES (NEW.workspace_id, NEW.id);
    RETURN NULL;
END $$;
CREATE FUNCTION contacts_made() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO client_changes (workspace_id, client_id)
    SELECT DISTINCT workspace_id, client_id FROM made WHERE phones <> '{}' OR emails <> '{}';
    RETURN NULL;
END $$;
CREATE FUNCTION contact_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO client_changes (workspace_id, client_id)
    SELECT DISTINCT OLD.workspace_id, id FROM unnest(ARRAY[OLD.client_id, NEW.client_id]) AS id WHERE id IS NOT NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER clients_made AFTER INSERT ON clients REFERENCING NEW TABLE AS made
    FOR EACH STATEMENT EXECUTE FUNCTION clients_made();
CREATE TRIGGER client_changed AFTER UPDATE ON clients FOR EACH ROW
    WHEN ((OLD.name_key, OLD.kind, OLD.phones, OLD.emails, OLD.tax_id, OLD.merged_into, OLD.archived)
        IS DISTINCT FROM (NEW.name_key, NEW.kind, NEW.phones, NEW.emails, NEW.tax_id, NEW.merged_into, NEW.archived))
    EXECUTE FUNCTION client_changed();
CREATE TRIGGER contacts_made AFTER INSERT ON contacts REFERENCING NEW TABLE AS made
    FOR EACH STATEMENT EXECUTE FUNCTION contacts_made();
CREATE TRIGGER contact_changed AFTER UPDATE ON contacts FOR EACH ROW
    WHEN ((OLD.client_id, OLD.phones, OLD.emails) IS DISTINCT FROM (NEW.client_id, NEW.phones, NEW.emails))
    EXECUTE FUNCTION contact_changed();
CREATE TRIGGER contact_removed AFTER DELETE ON contacts FOR EACH ROW EXECUTE FUNCTION contact_changed();

INSERT INTO client_changes (workspace_id, client_id) SELECT workspace_id, id FROM clients;
