-- Parts of titles are looked for here: an index of them on the deals would be written by each move.
CREATE TABLE deal_titles (
    workspace_id uuid NOT NULL,
    deal_id uuid NOT NULL,
    title text NOT NULL,
    PRIMARY KEY (workspace_id, deal_id)
);
COMMENT ON TABLE deal_titles IS 'Titles of deals, to be searched for parts of them.';
COMMENT ON COLUMN deal_titles.workspace_id IS 'The tenant.';
COMMENT ON COLUMN deal_titles.deal_id IS 'The deal.';
COMMENT ON COLUMN deal_titles.title IS 'Its title, the same as in deals.';
INSERT INTO deal_titles SELECT workspace_id, id, title FROM deals;
-- As lists and searches compare: a part in lower case, both small sigmas being one.
CREATE INDEX deal_titles_by_part ON deal_titles USING gin (workspace_id, translate(lower(title COLLATE "und-x-icu"), 'ς', 'σ') gin_trgm_ops);
-- What is seldom written has its index beside it.
CREATE INDEX contacts_by_part_of_name ON contacts USING gin (workspace_id, translate(lower(name COLLATE "und-x-icu"), 'ς', 'σ') gin_trgm_ops);
CREATE INDEX tasks_by_part_of_title ON tasks USING gin (workspace_id, translate(lower(title COLLATE "und-x-icu"), 'ς', 'σ') gin_trgm_ops);
CREATE INDEX activities_by_part_of_title ON activities USING gin (workspace_id, translate(lower(title COLLATE "und-x-icu"), 'ς', 'σ') gin_trgm_ops);
CREATE INDEX documents_by_part_of_title ON documents USING gin (workspace_id, translate(lower(title COLLATE "und-x-icu"), 'ς', 'σ') gin_trgm_ops);
CREATE INDEX products_by_part_of_name ON products
    USING gin (workspace_id, translate(lower((name || ' ' || coalesce(sku, '')) COLLATE "und-x-icu"), 'ς', 'σ') gin_trgm_ops);
DROP INDEX clients_by_part_of_name;
CREATE INDEX clients_by_part_of_name ON clients USING gin (workspace_id, translate(lower(name COLLATE "und-x-icu"), 'ς', 'σ') gin_trgm_ops);
