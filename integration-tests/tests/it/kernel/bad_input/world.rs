//! A workspace with one of everything.

use std::collections::BTreeMap;

use diesel::{QueryableByName, RunQueryDsl, sql_types::Text};
use serde_json::{Value, json};
use voronka_integration_tests::{Api, TestServer};

pub struct World {
    pub server: TestServer,
    pub api: Api,
    pub deal_type: String,
    /// Its first stage is left only with a client, which it has not.
    pub deal: String,
    pub won: String,
    pub client: String,
    pub contact: String,
    pub document: String,
    pub payment: String,
    pub activity: String,
    pub source: String,
    pub competitor: String,
    pub loss_reason: String,
    pub department: String,
    pub user: String,
    pub api_key: String,
    pub import: String,
    pub custom_field: String,
    pub exchange_rate: String,
    pub product: String,
    pub segment: String,
    pub task: String,
    pub hand_over: String,
    pub integration: String,
    pub inbox_entry: String,
    pub file: String,
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    text: String,
}

impl World {
    pub async fn new() -> Self {
        let server = TestServer::with(&["--import-limit", "20000"]).await;
        let api = server.admin.clone();
        let make = async |path: &str, body: Value| api.post(path, body).await.expect(201).id();
        let deal_type = api.deal_type(&["first", "second", "third"]).await;
        let gate = json!([{ "kind": "field", "field": "client_id" }]);
        let stages = json!([{ "name": "First", "gate": gate }, { "name": "Second" }]);
        let gated = json!({ "name": "Gated", "mode": "manual", "stages": stages });
        let gated = make("/v1/deal-types", gated).await;
        let client = make("/v1/clients", json!({ "name": "Isdom" })).await;
        let contact = json!({ "client_id": client, "name": "Joris" });
        let contact = make("/v1/contacts", contact).await;
        let source = make("/v1/sources", json!({ "name": "Fair" })).await;
        let competitor = make("/v1/competitors", json!({ "name": "Other" })).await;
        let loss_reason = api.loss_reason("Too dear").await;
        let department = make("/v1/departments", json!({ "name": "North" })).await;
        let user = json!({ "name": "Anna", "email": "anna@example.com", "role": "seller" });
        let user = make("/v1/users", user).await;
        let api_key = json!({ "name": "BI", "scopes": ["deals:read"] });
        let api_key = make("/v1/api-keys", api_key).await;
        let deal = api.deal(&gated, "10").await;
        let won = api.deal(&deal_type, "10").await;
        api.transition(&won, json!({ "to": "won" })).await.expect(200);
        let document = json!({ "deal_id": won, "kind": "invoice", "number": "1" });
        let document = make("/v1/documents", document).await;
        let payment = json!({ "deal_id": won, "amount": { "amount": "1", "currency": "EUR" } });
        let payment = make("/v1/payments", payment).await;
        let activity = json!({ "kind": "call", "title": "Call", "deal_id": won });
        let activity = make("/v1/activities", activity).await;
        let file = api.add_file("deal", &won, "a.txt", b"a").await.expect(201).id();
        let field =
            json!({ "entity": "deal", "key": "delivery", "name": "Delivery", "type": "date" });
        let custom_field = make("/v1/custom-fields", field).await;
        let rate = json!({ "currency": "GBP", "day": "2020-01-01", "rate": "0.9" });
        let exchange_rate = make("/v1/exchange-rates", rate).await;
        let product = make("/v1/products", json!({ "name": "Pump", "sku": "P-1" })).await;
        let condition = json!({ "field": "deal.amount", "op": "gte", "value": "1" });
        let segment = json!({ "name": "Some", "entity": "deal", "condition": condition });
        let segment = make("/v1/segments", segment).await;
        let task = make("/v1/tasks", json!({ "title": "Call", "deal_id": deal })).await;
        let hand_over = json!({ "from_id": user, "to_id": api.user_id, "reason": "holiday" });
        let hand_over = make("/v1/hand-overs", hand_over).await;
        let integration = json!({ "adapter": "canonical", "name": "Office" });
        let integration = make("/v1/integrations", integration).await;
        let spec = json!({ "kind": "deals", "deal_type_id": deal_type,
            "mapping": { "external_id": { "column": "id" } } });
        let import = api.import("id\n1\n", spec).await.expect(202).id();
        server.finished(&api, &import).await;
        Self {
            deal_type,
            deal,
            won,
            client,
            contact,
            document,
            payment,
            activity,
            source,
            competitor,
            loss_reason,
            department,
            user,
            api_key,
            import,
            custom_field,
            exchange_rate,
            product,
            segment,
            task,
            hand_over,
            file,
            inbox_entry: an_entry(&server, &api, &integration),
            integration,
            server,
            api,
        }
    }

    /// The id of what a path with `{id}` is about.
    pub fn id_for(&self, path: &str) -> &str {
        match path.split('/').nth(2).unwrap_or_default() {
            "deals" => &self.deal,
            "deal-types" => &self.deal_type,
            "clients" => &self.client,
            "contacts" => &self.contact,
            "documents" => &self.document,
            "payments" => &self.payment,
            "activities" => &self.activity,
            "sources" => &self.source,
            "competitors" => &self.competitor,
            "loss-reasons" => &self.loss_reason,
            "departments" => &self.department,
            "users" => &self.user,
            "api-keys" => &self.api_key,
            "imports" => &self.import,
            "custom-fields" => &self.custom_field,
            "exchange-rates" => &self.exchange_rate,
            "products" => &self.product,
            "segments" => &self.segment,
            "tasks" => &self.task,
            "hand-overs" => &self.hand_over,
            // The second is of /webhooks/v1/telephony/{id}.
            "integrations" | "v1" => &self.integration,
            "inbox" => &self.inbox_entry,
            "files" => &self.file,
            "jobs" => &self.import,
            "workspace" => "2026-12-25",
            other => panic!("nothing of {other}"),
        }
    }

    fn lines(&self, sql: impl Into<String>) -> Vec<String> {
        let mut connection = self.server.connection();
        let lines: Vec<Line> = diesel::sql_query(sql).load(&mut connection).expect("rows");
        lines.into_iter().map(|line| line.text).collect()
    }

    /// A digest of every table's rows. Refresh tokens are left out: logging in is no change.
    pub fn contents(&self) -> BTreeMap<String, String> {
        let tables = self.lines(
            "SELECT tablename::text AS text FROM pg_tables \
             WHERE schemaname = 'public' AND tablename NOT IN ('refresh_tokens', 'integration_refusals')",
        );
        assert!(tables.iter().any(|table| table == "deals"), "{tables:?}");
        let digest = |table: &String| {
            let rows = format!("SELECT md5(t::text) AS row FROM {table} t");
            let sql = format!(
                "SELECT count(*) || ' ' || md5(coalesce(string_agg(row, '' ORDER BY row), '')) AS text \
                 FROM ({rows}) AS rows"
            );
            self.lines(sql).concat()
        };
        tables.iter().map(|table| (table.clone(), digest(table))).collect()
    }

    /// How far the feed is, and its last events.
    pub async fn feed(&self) -> Value {
        self.api.get("/v1/events?limit=200").await.expect(200).json
    }
}

/// Who called and is no client.
fn an_entry(server: &TestServer, admin: &Api, integration: &str) -> String {
    let id = uuid::Uuid::now_v7();
    let insert = format!(
        "INSERT INTO inbox_entries (workspace_id, id, integration_id, direction, status, calls, \
         first_at, last_at, version, created_at, updated_at) \
         VALUES ('{}', '{id}', '{integration}', 'in', 'open', 1, now(), now(), 1, now(), now())",
        admin.workspace_id
    );
    voronka_integration_tests::sql::run(&mut server.connection(), &insert);
    id.to_string()
}
