//! What reaches a deal by way of another thing: a right is that to what changes.

use serde_json::{Value, json};
use voronka_integration_tests::{Api, TestServer, histories::count, process::until_so, sql};

mod heads;
mod merging;
mod taken_ids;

struct Company {
    server: TestServer,
    deal_type: String,
    /// Of Anna and Ben.
    north: String,
    anna: Api,
    ben: Api,
    /// Leads another department than that of Anna and Ben.
    head: Api,
}

async fn company() -> Company {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let department = async |name: &str| {
        admin.post("/v1/departments", json!({ "name": name })).await.expect(201).id()
    };
    let (north, south) = (department("North").await, department("South").await);
    let anna = admin.colleague("seller", Some(&north)).await;
    let ben = admin.colleague("seller", Some(&north)).await;
    let head = admin.colleague("head", Some(&south)).await;
    let deal_type = admin.deal_type(&["first", "second"]).await;
    Company { deal_type, north, anna, ben, head, server }
}

impl Company {
    /// A deal of Anna's and a task of it.
    async fn task(&self, body: Value) -> (String, String) {
        let deal = self.anna.deal(&self.deal_type, "1").await;
        let mut task = json!({ "title": "Ask", "deal_id": deal });
        task.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        let task = self.anna.post("/v1/tasks", task).await.expect(201).id();
        (deal, task)
    }

    /// A key with these scopes and no more.
    async fn key(&self, scopes: &[&str]) -> Api {
        let key = json!({ "name": "Key", "scopes": scopes });
        let key = self.server.admin.post("/v1/api-keys", key).await.expect(201).json;
        self.anna.with_token(key["key"].as_str().unwrap())
    }

    /// Two clients, with a deal of each of these owners' at the one and the other.
    async fn clients(&self, of_one: &[&Api], of_other: &[&Api]) -> [String; 2] {
        let mut clients = Vec::new();
        for (name, owners) in [("Alder Mill", of_one), ("Alder Mills", of_other)] {
            let client = self.anna.post("/v1/clients", json!({ "name": name })).await;
            let client = client.expect(201).id();
            for owner in owners {
                let deal =
                    json!({ "title": "Deal", "deal_type_id": self.deal_type, "client_id": client });
                owner.post("/v1/deals", deal).await.expect(201);
            }
            clients.push(client);
        }
        clients.try_into().unwrap()
    }

    fn deals(&self) -> Value {
        let all = "SELECT jsonb_agg(to_jsonb(d) ORDER BY id)::text FROM deals d";
        sql::json(&mut self.server.connection(), all)
    }
}

fn done(deal: Value) -> Value {
    json!({ "to": "done", "result": "Asked", "deal": deal })
}

#[tokio::test]
async fn a_task_takes_from_who_does_not_see_its_deal_what_it_asks_for() {
    let company = company().await;
    let Company { ben, head, .. } = &company;
    // A helper, and a creator whose deal went to somebody else; each sees the task and not the deal.
    let (_, helped) = company.task(json!({ "helper_ids": [ben.user_id] })).await;
    let created = {
        let deal = ben.deal(&company.deal_type, "1").await;
        let task = json!({ "title": "Ask", "deal_id": deal });
        let task = ben.post("/v1/tasks", task).await.expect(201).id();
        let owner = json!({ "owner_id": company.anna.user_id });
        company.server.admin.patch(&format!("/v1/deals/{deal}"), owner).await.expect(200);
        task
    };
    for task in [&helped, &created] {
        let path = format!("/v1/tasks/{task}/transition");
        let before = company.deals();
        for (field, pointer, value) in [
            ("owner_id", "/deal/owner_id", json!(ben.user_id)),
            ("title", "/deal/title", json!("Mine")),
            ("amount", "/deal/amount", json!({ "amount": "7", "currency": "EUR" })),
            ("lead_temperature", "/deal/lead_temperature", json!("hot")),
            ("initiated_by", "/deal/initiated_by", json!("us")),
        ] {
            let told = ben.post(&path, done(json!({ field: value }))).await;
            let faults = told.problem(422, "validation_failed").faults();
            assert_eq!(faults, [(pointer.to_owned(), "not_allowed".to_owned())]);
        }
        assert_eq!(company.deals(), before);
        ben.post(&path, json!({ "to": "done", "result": "Asked" })).await.expect(200);
    }
    // A head of elsewhere who merely watches does not change the task.
    let (_, watched) = company.task(json!({ "watcher_ids": [head.user_id] })).await;
    let path = format!("/v1/tasks/{watched}/transition");
    for body in [done(json!({ "owner_id": head.user_id })), json!({ "to": "done" })] {
        head.post(&path, body).await.problem(403, "not_a_participant");
    }
    // Who sees the deal changes it, as in the deal itself.
    company.anna.post(&path, done(json!({ "title": "Asked for" }))).await.expect(200);
}

#[tokio::test]
async fn a_task_may_ask_for_a_field_of_its_deal() {
    let company = company().await;
    let stages = json!([{ "key": "ask", "name": "Ask", "tasks": [{ "key": "ask", "title": "Ask",
        "result": ["expected_close_on"] }] }, { "key": "last", "name": "Last",
            "gate": [{ "kind": "field", "field": "amount" }] }]);
    let led = json!({ "name": "Led", "mode": "automatic", "stages": stages });
    let led = company.server.admin.post("/v1/deal-types", led).await.expect(201).id();
    let deal = json!({ "title": "Led", "deal_type_id": led });
    let deal = company.anna.post("/v1/deals", deal).await.expect(201).id();
    let tasks = company.anna.get(&format!("/v1/tasks?deal_id={deal}")).await.expect(200).json;
    let task = tasks["items"][0]["id"].as_str().unwrap().to_owned();
    let help = json!({ "helper_ids": [company.ben.user_id] });
    company.anna.patch(&format!("/v1/tasks/{task}"), help).await.expect(200);
    let path = format!("/v1/tasks/{task}/transition");
    let more = done(json!({ "expected_close_on": "2030-01-01", "title": "Mine" }));
    let told = company.ben.post(&path, more).await.problem(422, "validation_failed");
    assert_eq!(told.faults(), [("/deal/title".to_owned(), "not_allowed".to_owned())]);
    let asked = done(json!({ "expected_close_on": "2030-01-01" }));
    company.ben.post(&path, asked).await.expect(200);
    let deal = company.anna.get(&format!("/v1/deals/{deal}")).await.expect(200).json;
    assert_eq!(deal["expected_close_on"], "2030-01-01");
}

#[tokio::test]
async fn a_key_for_tasks_changes_no_deal() {
    let company = company().await;
    let (_, task) = company.task(json!({})).await;
    let path = format!("/v1/tasks/{task}/transition");
    let body = done(json!({ "title": "Other" }));
    let before = company.deals();
    let tasks = company.key(&["tasks:write"]).await;
    tasks.post(&path, body.clone()).await.problem(403, "forbidden");
    assert_eq!(company.deals(), before);
    let both = company.key(&["tasks:write", "deals:write"]).await;
    both.post(&path, body).await.expect(200);
}

#[tokio::test]
async fn conditions_look_at_the_activities_that_one_sees() {
    let company = company().await;
    let Company { anna, ben, server, .. } = &company;
    let client = anna.post("/v1/clients", json!({ "name": "Alder Mill" })).await.expect(201).id();
    let deal = json!({ "title": "Mine", "deal_type_id": company.deal_type, "client_id": client });
    for seller in [anna, ben] {
        seller.post("/v1/deals", deal.clone()).await.expect(201);
    }
    let meeting = json!({ "kind": "meeting", "title": "Meet", "client_id": client,
        "planned_at": "2999-01-01T10:00:00Z" });
    ben.post("/v1/activities", meeting).await.expect(201);
    let condition =
        json!({ "field": "client.next_activity_at", "op": "eq", "value": "2999-01-01" });
    // Where everybody sees all deals, Ben's meeting of none is Ben's all the same.
    for (setting, entity, deals_of_ben) in [
        ("by_role", "deal", 1),
        ("by_role", "client", 1),
        ("everyone", "deal", 2),
        ("everyone", "client", 2),
    ] {
        let open = json!({ "deal_visibility": setting });
        server.admin.patch("/v1/workspace", open).await.expect(200);
        let name = format!("Of {entity}s, {setting}");
        let segment = json!({ "name": name, "entity": entity, "condition": condition });
        let segment = server.admin.post("/v1/segments", segment).await.expect(201).id();
        for (who, deals) in [(anna, 0), (ben, deals_of_ben), (&server.admin, 2)] {
            let things = if entity == "deal" { deals } else { deals.min(1) };
            for search in [json!({ "condition": condition }), json!({ "segment_id": segment })] {
                let mut search = search;
                search["count"] = json!(true);
                let found = who.post(&format!("/v1/{entity}s/search"), search).await.expect(200);
                assert_eq!(found.json["total"], things, "{}", found.text);
                assert_eq!(found.json["items"].as_array().unwrap().len(), things);
            }
            let of = who.get(&format!("/v1/segments/{segment}")).await.expect(200).json;
            assert_eq!(of["count"], things, "{of}");
            let listed = who.get("/v1/segments").await.expect(200).json;
            assert_eq!(listed["items"][0]["count"], Value::Null);
            let funnel = format!(
                "/v1/reports/funnel/open?deal_type_id={}&segment_id={segment}",
                company.deal_type
            );
            let funnel = who.get(&funnel).await.expect(200).json;
            assert_eq!(funnel["totals"]["deals"], deals);
        }
    }
}

#[tokio::test]
async fn who_may_not_read_what_a_condition_asks_of_does_not_search_by_it() {
    let company = company().await;
    let asked = [
        (
            "client.name",
            json!({ "field": "client.name", "op": "contains", "value": "a" }),
            "clients:read",
        ),
        (
            "deal.next_activity_at",
            json!({ "not": { "field": "deal.next_activity_at", "op": "empty" } }),
            "activities:read",
        ),
    ];
    for (field, condition, scope) in asked {
        let search = json!({ "condition": condition });
        let deals = company.key(&["deals:read"]).await;
        let told = deals.post("/v1/deals/search", search.clone()).await;
        let faults = told.problem(422, "validation_failed").faults();
        assert_eq!(faults, [("/condition".to_owned(), "not_allowed".to_owned())], "{field}");
        let both = company.key(&["deals:read", scope]).await;
        both.post("/v1/deals/search", search).await.expect(200);
    }
}

#[tokio::test]
async fn segments_tell_nothing_of_what_one_may_not_read() {
    let company = company().await;
    let admin = &company.server.admin;
    let body = json!({ "name": "Alder Mill", "region": "North" });
    let client = admin.post("/v1/clients", body).await.expect(201).id();
    let deal = json!({ "title": "Deal", "deal_type_id": company.deal_type, "client_id": client });
    admin.post("/v1/deals", deal).await.expect(201);
    let of_client = json!({ "field": "client.name", "op": "starts_with", "value": "Al" });
    let met = json!({ "field": "deal.activity_count", "op": "eq", "value": 0 });
    let open = json!({ "field": "deal.status", "op": "eq", "value": "open" });
    let mut segments = Vec::new();
    for (condition, reads) in
        [(open, None), (of_client, Some("clients:read")), (met, Some("activities:read"))]
    {
        let deals = ["catalogues:write", "catalogues:read", "reports:read", "deals:read"];
        let key = company.key(&deals).await;
        let segment =
            json!({ "name": condition.to_string(), "entity": "deal", "condition": condition });
        if reads.is_some() {
            let refused = key.post("/v1/segments", segment.clone()).await.expect(422).faults();
            assert_eq!(refused, [("/condition".to_owned(), "not_allowed".to_owned())]);
        }
        let id = admin.post("/v1/segments", segment).await.expect(201).id();
        let path = format!("/v1/segments/{id}");
        let enough = company.key(&[&deals[..], &Vec::from_iter(reads)].concat()).await;
        assert_eq!(enough.get(&path).await.expect(200).json["count"], 1);
        let counted = if reads.is_none() { json!(1) } else { Value::Null };
        assert_eq!(key.get(&path).await.expect(200).json["count"], counted);
        let change = key.patch(&path, json!({ "condition": condition })).await.status;
        assert_eq!(change, if reads.is_none() { 200 } else { 422 });
        // A report tells how many there are; the deals behind it tell which.
        let report = format!("deal_type_id={}&segment_id={id}", company.deal_type);
        let funnel = format!("/v1/reports/funnel/open?{report}");
        assert_eq!(key.get(&funnel).await.expect(200).json["totals"]["deals"], 1);
        let behind = format!("/v1/reports/funnel/open/deals?{report}&figure=deals");
        assert_eq!(enough.get(&behind).await.expect(200).json["items"][0]["counted"], 1);
        for format in ["json", "csv"] {
            let told = key.get(&format!("{behind}&format={format}")).await;
            match reads {
                None => drop(told.expect(200)),
                Some(_) => {
                    let refused = [("/segment_id".to_owned(), "not_allowed".to_owned())];
                    assert_eq!(told.expect(422).faults(), refused);
                }
            }
        }
        segments.push((id, reads));
    }
    // The group of a client, or of a segment, is such a choice, too.
    let key = company.key(&["deals:read"]).await;
    let behind = |group: &str| {
        format!(
            "/v1/reports/funnel/open/deals?deal_type_id={}&figure=deals&{group}",
            company.deal_type
        )
    };
    for group in ["group_by=region&group=North", "group_by=client_type&group=new"] {
        let refused = key.get(&behind(group)).await.expect(422).faults();
        assert_eq!(refused, [("/group_by".to_owned(), "not_allowed".to_owned())]);
        assert_eq!(admin.get(&behind(group)).await.expect(200).json["items"][0]["counted"], 1);
    }
    for (id, reads) in segments {
        let status = key.get(&behind(&format!("group_by=segment&group={id}"))).await.status;
        assert_eq!(status, if reads.is_none() { 200 } else { 422 });
    }
    key.get(&behind(&format!("group_by=owner&group={}", uuid::Uuid::nil()))).await.expect(200);
}

#[tokio::test]
async fn gates_and_rules_tell_nothing_of_what_one_may_not_read() {
    let company = company().await;
    let client = json!({ "field": "client.tax_id", "op": "starts_with", "value": "N" });
    let met = json!({ "field": "deal.activity_count", "op": "gte", "value": 1 });
    let scopes = ["deal_types:write", "deal_types:read", "deals:read", "deals:write"];
    let key = company.key(&scopes).await;
    for (number, (condition, reads)) in
        [(client, "clients:read"), (met, "activities:read")].into_iter().enumerate()
    {
        let enough = company.key(&[&scopes[..], &[reads]].concat()).await;
        let gate = json!([{ "kind": "field", "field": "client_id" }, { "kind": "condition", "condition": condition }]);
        let rule = json!({ "key": "all", "on": "deal.opened", "if": condition, "then": [{ "do": "win" }] });
        let plain = json!([{ "kind": "field", "field": "client_id" }]);
        let stages = |gate: &Value| json!([{ "name": "first", "gate": gate }, { "name": "second", "gate": plain }]);
        let with_gate = json!({ "name": format!("Gate {number}"), "mode": "automatic", "stages": stages(&gate) });
        let with_rule = json!({ "name": format!("Rule {number}"), "mode": "automatic",
            "stages": stages(&plain), "rules": [rule] });
        for (body, place) in [(with_gate, "/stages/0/gate/1/condition"), (with_rule, "/rules/0/if")]
        {
            let refused = key.post("/v1/deal-types", body.clone()).await.expect(422).faults();
            assert_eq!(refused, [(place.to_owned(), "not_allowed".to_owned())]);
            let id = enough.post("/v1/deal-types", body.clone()).await.expect(201).id();
            let mut version = body;
            for gone in ["name", "mode"] {
                version.as_object_mut().unwrap().remove(gone);
            }
            let path = format!("/v1/deal-types/{id}/versions");
            assert_eq!(
                key.post(&path, version.clone()).await.expect(422).code(),
                "validation_failed"
            );
            enough.post(&path, version).await.expect(201);
        }
    }
}

/// Batches that were decided are written; the next one is not begun.
#[tokio::test]
async fn an_import_of_users_ends_with_the_right_of_who_started_it() {
    let company = company().await;
    let (server, admin) = (&company.server, &company.server.admin);
    let starter = admin.colleague("admin", None).await;
    let rows = 9_000;
    let mut text = "name,email,role\n".to_owned();
    text.push_str(&format!("Renamed,{},seller\n", company.ben.email));
    for number in 0..rows {
        text.push_str(&format!("New {number},new{number}@example.com,seller\n"));
    }
    let column = |name: &str| json!({ "column": name });
    let spec = json!({ "kind": "users", "mapping": { "name": column("name"), "email": column("email"),
        "role": column("role") } });
    let mut holder = server.connection();
    let hold = format!("BEGIN; SELECT FROM users WHERE id = '{}' FOR UPDATE", company.ben.user_id);
    sql::run(&mut holder, &hold);
    let import = starter.import(text, spec).await.expect(202).id();
    let mut looker = server.connection();
    until_so("the first batch waits", || sql::waiting(&mut looker) > 0).await;
    // Not by a request: changes of roles take turns with batches of users.
    let demoted = format!("UPDATE users SET role = 'seller' WHERE id = '{}'", starter.user_id);
    sql::run(&mut holder, &format!("{demoted}; COMMIT"));
    let done = server.finished(admin, &import).await;
    assert_eq!(done["state"], "failed", "{done}");
    assert!(done["error"].as_str().unwrap().contains("users:write"), "{done}");
    let made = count(&mut looker, "SELECT count(*) AS number FROM users WHERE email LIKE 'new%'");
    assert!(made < rows, "{made}");
}
