//! Malformed bodies, one a line.

use reqwest::Method;
use serde_json::{Value, json};

use super::{
    Bad,
    battery::{Operation, operations},
    conditions, files, integrations, invisible, parameters, work,
    world::World,
};

pub const NOBODY: &str = "0199c2f0-7a35-7d0e-9d5a-3f0a5f1c2b11";

pub async fn all(world: &World) -> Vec<Bad> {
    let mut table = form(world);
    table.extend(texts(world));
    table.extend(invisible::all(world));
    table.extend(integrations::all(world));
    table.extend(files::all(world));
    table.extend(deals(world));
    table.extend(processes(world));
    table.extend(tasks(world));
    table.extend(people());
    table.extend(clients(world));
    table.extend(moves(world));
    table.extend(conditions::all(world));
    table.extend(definitions(world));
    table.extend(calendars());
    table.extend(work::all(world));
    table.extend(searches());
    table.extend(parameters::all(world).await);
    table
}

fn deep(levels: usize) -> String {
    format!(r#"{{"name":{}1{}}}"#, "[".repeat(levels), "]".repeat(levels))
}

/// What every operation refuses, whatever it is: each has these rows by itself.
pub fn everywhere(world: &World) -> Vec<Bad> {
    let mut rows = Vec::new();
    for Operation { method, path, said } in operations(world) {
        let content = &said["requestBody"]["content"];
        // What exchanges post is verified before anything else.
        if content["application/json"].is_object() && !path.starts_with("/webhooks/") {
            let send = |body: &str| {
                Bad::new(method.clone(), &path).raw(body).gives(400, "malformed_json").at("")
            };
            rows.push(send("{"));
            rows.push(send("[]").gives(422, "validation_failed"));
            rows.push(send("{\"colour\":\"red\"}").gives(422, "validation_failed").at("/colour"));
            rows.push(
                send("{}")
                    .header("content-type", "text/plain")
                    .gives(415, "unsupported_media_type")
                    .at("/content-type"),
            );
        } else if method == Method::GET {
            let separator = if path.contains('?') { '&' } else { '?' };
            rows.push(Bad::get(format!("{path}{separator}colour=red"), "/colour"));
            rows.push(Bad::get(format!("{path}{separator}q=%FF"), "/"));
        }
        let nobody = Bad::any(method, path, 401, "unauthenticated");
        if said["security"][0].is_object() {
            rows.push(nobody.header("authorization", "Bearer nobody"));
        }
    }
    rows
}

/// What is no JSON object, or not of the operation's media type, or nowhere.
fn form(world: &World) -> Vec<Bad> {
    let deal = format!("/v1/deals/{}", world.deal);
    let form = "application/x-www-form-urlencoded";
    let huge = format!(r#"{{"name":"{}"}}"#, "a".repeat(1 << 20));
    let login = r#"{"email":"a@example.com","email":"b@example.com","password":"x"}"#;
    vec![
        Bad::text("/v1/sources", ""),
        Bad::text("/v1/sources", "{"),
        Bad::text("/v1/sources", r#"{"name":"a""#),
        Bad::text("/v1/sources", r#"{"name":"a"} x"#),
        Bad::text("/v1/sources", r#"{"name":"a"}{"name":"b"}"#),
        Bad::text("/v1/sources", "name=a"),
        Bad::text("/v1/sources", r#"{"name":"a",}"#),
        Bad::text("/v1/sources", r#"{'name':'a'}"#),
        Bad::text("/v1/sources", &b"{\"name\":\"\xff\xfe\"}"[..]),
        Bad::text("/v1/sources", &b"{\"name\":\"a\0b\"}"[..]),
        Bad::text("/v1/sources", r#"{"name":"\ud800"}"#),
        Bad::text("/v1/sources", deep(10_000)).gives(422, "validation_failed").at("/name"),
        Bad::text("/v1/sources", "[".repeat(10_000)).gives(422, "validation_failed"),
        Bad::text("/v1/deals", format!(r#"{{"title":"a","amount":{}"#, "{\"a\":".repeat(10_000)))
            .gives(422, "validation_failed")
            .at("/amount/a"),
        Bad::post("/v1/sources", json!(["a"]), ""),
        Bad::post("/v1/sources", json!("a"), ""),
        Bad::post("/v1/sources", Value::Null, ""),
        Bad::post("/v1/sources", json!({}), "/name"),
        Bad::text("/v1/sources", r#"{"name":"a","name":"b"}"#).gives(422, "validation_failed"),
        Bad::text("/v1/auth/token", login).gives(422, "validation_failed"),
        Bad::text("/v1/sources", huge.as_str()).gives(413, "body_too_large"),
        Bad::text("/v1/auth/token", huge).gives(413, "body_too_large"),
        Bad::any(Method::POST, "/v1/sources", 415, "unsupported_media_type").at("/content-type"),
        Bad::text("/v1/sources", r#"{"name":"a"}"#)
            .header("content-type", "text/plain")
            .gives(415, "unsupported_media_type")
            .at("/content-type"),
        Bad::text("/v1/auth/refresh", "refresh_token=a")
            .header("content-type", form)
            .gives(415, "unsupported_media_type")
            .at("/content-type"),
        Bad::any(Method::DELETE, &deal, 405, "method_not_allowed"),
        Bad::any(Method::PUT, "/v1/deals", 405, "method_not_allowed"),
        Bad::any(Method::GET, "/v1/auth/token", 405, "method_not_allowed"),
        Bad::any(Method::POST, "/v1/events", 405, "method_not_allowed"),
        Bad::any(Method::PATCH, format!("{deal}/transition"), 405, "method_not_allowed"),
        Bad::any(Method::DELETE, "/v1/workspace", 405, "method_not_allowed"),
        Bad::any(Method::GET, "/v1/clients/batch", 405, "method_not_allowed"),
        Bad::any(Method::PATCH, "/v1/clients/facets", 405, "method_not_allowed"),
        Bad::any(Method::GET, "/v1/deals/search", 405, "method_not_allowed"),
        Bad::any(Method::GET, "/v1/imports/preview", 405, "method_not_allowed"),
        Bad::any(Method::GET, "/v1/nothing", 404, "not_found"),
        Bad::any(Method::GET, "/v2/deals", 404, "not_found"),
        Bad::any(Method::GET, "/v1/deals/", 404, "not_found"),
        Bad::any(Method::POST, format!("{deal}/transition/now"), 404, "not_found"),
        Bad::any(Method::GET, format!("/v1/deals/{NOBODY}"), 404, "not_found"),
        Bad::any(Method::GET, format!("/v1/imports/{NOBODY}/rejected.csv"), 404, "not_found"),
    ]
}

/// Names and other texts.
fn texts(world: &World) -> Vec<Bad> {
    let mut rows = Vec::new();
    let long = "n".repeat(10_000);
    for (path, rest) in [
        ("/v1/sources", json!({})),
        ("/v1/competitors", json!({})),
        ("/v1/loss-reasons", json!({})),
        ("/v1/clients", json!({})),
        ("/v1/departments", json!({})),
        ("/v1/users", json!({ "role": "seller" })),
        ("/v1/contacts", json!({ "client_id": world.client })),
        ("/v1/api-keys", json!({ "scopes": ["deals:read"] })),
        ("/v1/deal-types", json!({ "mode": "untracked" })),
    ] {
        for name in [json!(""), json!("   "), json!(long), json!(7), json!(null), json!(["a"])] {
            let mut body = rest.clone();
            body["name"] = name;
            rows.push(Bad::post(path, body, "/name"));
        }
        let mut body = rest.clone();
        body["name"] = json!("a\0b");
        rows.push(Bad::post(path, body, ""));
        let mut body = rest;
        (body["name"], body["colour"]) = (json!("a"), json!("red"));
        rows.push(Bad::post(path, body, "/colour"));
    }
    for path in [
        "sources",
        "competitors",
        "loss-reasons",
        "clients",
        "contacts",
        "departments",
        "users",
        "deal-types",
    ] {
        let path = format!("/v1/{path}");
        let path = format!("{path}/{}", world.id_for(&path));
        rows.push(Bad::patch(&path, json!({ "name": "   " }), "/name"));
        rows.push(Bad::patch(&path, json!({ "name": long }), "/name"));
        rows.push(Bad::patch(&path, json!({ "id": NOBODY }), "/id"));
    }
    rows.push(Bad::patch("/v1/workspace", json!({ "name": "  " }), "/name"));
    rows.push(Bad::patch("/v1/workspace", json!({ "currency": "USD" }), "/currency"));
    rows.push(Bad::patch("/v1/workspace", json!({ "time_zone": "Mars/Olympus" }), "/time_zone"));
    let setting = json!({ "deal_visibility": "nobody" });
    rows.push(Bad::patch("/v1/workspace", setting, "/deal_visibility"));
    rows.push(Bad::patch("/v1/workspace", json!({ "country": "nl" }), "/country"));
    rows.push(Bad::patch("/v1/workspace", json!({ "country": "XX" }), "/country"));
    let job = "/v1/jobs/sweep";
    rows.push(Bad::patch(job, json!({ "schedule": "at noon" }), "/schedule"));
    rows.push(Bad::patch(job, json!({ "schedule": "0 3 * * 8" }), "/schedule"));
    rows.push(Bad::patch(job, json!({ "schedule": "0 0 3 * * *" }), "/schedule"));
    rows.push(Bad::patch(job, json!({ "enabled": null }), "/enabled"));
    rows.push(Bad::patch("/v1/jobs/imports", json!({ "schedule": "0 3 * * *" }), "/schedule"));
    rows.push(Bad::post("/v1/jobs/imports/runs", json!({}), "/run_id"));
    rows.push(Bad::post("/v1/jobs/sweep/runs", json!({ "run_id": NOBODY }), "/run_id"));
    let client = format!("/v1/clients/{}", world.client);
    rows.push(Bad::patch(&client, json!({ "phones": ["+31 20"] }), "/phones/0"));
    rows.push(Bad::patch(&client, json!({ "merged_into": NOBODY }), "/merged_into"));
    let contact = format!("/v1/contacts/{}", world.contact);
    rows.push(Bad::patch(&contact, json!({ "phones": ["+31 20"] }), "/phones/0"));
    rows.push(Bad::patch(&contact, json!({ "emails": ["a@b@c"] }), "/emails/0"));
    rows
}

fn deals(world: &World) -> Vec<Bad> {
    let deal = |changes: Value| {
        let mut body = json!({ "title": "A deal", "deal_type_id": world.deal_type });
        for (field, value) in changes.as_object().into_iter().flatten() {
            body[field] = value.clone();
        }
        body
    };
    let new = |changes: Value, pointer| Bad::post("/v1/deals", deal(changes), pointer);
    let money = |amount: Value, currency: &str| json!({ "amount": { "amount": amount, "currency": currency } });
    let path = format!("/v1/deals/{}", world.deal);
    let huge = "1000000000000000000000000000000";
    let mut rows = vec![
        new(money(json!("-1"), "EUR"), "/amount/amount"),
        new(money(json!(huge), "EUR"), "/amount/amount"),
        new(money(json!("1e3"), "EUR"), "/amount/amount"),
        new(money(json!("1.23456"), "EUR"), "/amount/amount"),
        new(money(json!("1,5"), "EUR"), "/amount/amount"),
        new(money(json!(""), "EUR"), "/amount/amount"),
        new(money(json!("NaN"), "EUR"), "/amount/amount"),
        new(money(json!(1.5), "EUR"), "/amount/amount"),
        new(money(json!(10), "EUR"), "/amount/amount"),
        new(money(json!(1e300), "EUR"), "/amount/amount"),
        new(money(json!("1"), "XYZ"), "/amount/currency"),
        new(money(json!("1"), "eur"), "/amount/currency"),
        new(money(json!("1"), ""), "/amount/currency"),
        new(money(json!("1"), "USD"), "/amount/currency"),
        new(json!({ "amount": { "amount": "1" } }), "/amount/currency"),
        new(json!({ "amount": "1 EUR" }), "/amount"),
        new(json!({ "title": "" }), "/title"),
        new(json!({ "title": "t".repeat(10_000) }), "/title"),
        new(json!({ "deal_type_id": NOBODY }), "/deal_type_id"),
        new(json!({ "deal_type_id": "x" }), "/deal_type_id"),
        new(json!({ "client_id": NOBODY }), "/client_id"),
        new(json!({ "owner_id": NOBODY }), "/owner_id"),
        new(json!({ "source": "'; DROP TABLE deals; --" }), "/source"),
        new(json!({ "source": "Fair", "source_id": world.source }), "/source_id"),
        new(json!({ "source_id": NOBODY }), "/source_id"),
        new(json!({ "lead_temperature": "boiling" }), "/lead_temperature"),
        new(json!({ "external_id": { "source": "", "id": "1" } }), "/external_id/source"),
        new(json!({ "external_id": { "source": "a" } }), "/external_id/id"),
        new(
            json!({ "external_id": { "source": "a", "id": "i".repeat(10_000) } }),
            "/external_id/id",
        ),
        new(json!({ "external_id": "a/1" }), "/external_id"),
        new(json!({ "stage": "second" }), "/stage"),
        Bad::patch(&path, json!({ "status": "won" }), "/status"),
        Bad::patch(&path, json!({ "stage_id": NOBODY }), "/stage_id"),
        Bad::patch(&path, json!({ "title": "" }), "/title"),
        Bad::patch(&path, money(json!("-0.01"), "EUR"), "/amount/amount"),
        Bad::patch(&path, json!({ "client_id": NOBODY }), "/client_id"),
        Bad::patch(&path, json!({ "expected_close_on": "soon" }), "/expected_close_on"),
        new(json!({ "stage_key": "nowhere" }), "/stage_key").gives(409, "stage_not_in_process"),
        Bad::patch(format!("/v1/deals/{}", world.won), money(json!("11"), "EUR"), "/to")
            .gives(409, "deal_closed"),
    ];
    for at in [
        "2999-01-01T00:00:00Z",
        "+99999-01-01T00:00:00Z",
        "-0001-01-01T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "2026-02-30T00:00:00Z",
        "2026-01-01",
        "yesterday",
        "",
    ] {
        rows.push(new(json!({ "opened_at": at }), "/opened_at"));
    }
    for day in ["2026-02-30", "+99999-01-01", "-0001-01-01", "2026-13-01", "01/02/2026", ""] {
        rows.push(new(json!({ "expected_close_on": day }), "/expected_close_on"));
    }
    rows
}

fn processes(world: &World) -> Vec<Bad> {
    let versions = format!("/v1/deal-types/{}/versions", world.deal_type);
    let migrate = format!("/v1/deal-types/{}/migrate", world.deal_type);
    let with = |mode: &str, stages: Value, pointer| {
        let body = json!({ "name": "Sale", "mode": mode, "stages": stages });
        Bad::post("/v1/deal-types", body, pointer)
    };
    let stage = |field: &str, value: Value, pointer| {
        with("manual", json!([{ "name": "First", field: value }]), pointer)
    };
    let rule = |rule: Value, pointer| {
        let stages = json!([{ "name": "First" }]);
        let body = json!({ "name": "Sale", "mode": "manual", "stages": stages, "rules": [rule] });
        Bad::post("/v1/deal-types", body, pointer)
    };
    let keys = json!([{ "name": "A", "key": "a" }, { "name": "B", "key": "a" }]);
    let many: Vec<_> = (0..10_000).map(|n| json!({ "name": format!("Stage {n}") })).collect();
    vec![
        with("automatic", json!([{ "name": "First" }]), "/stages/0/gate"),
        with("automatic", json!([]), "/stages"),
        with(
            "manual",
            json!([{ "name": "A", "tasks": [{ "key": "a", "title": "A" }] }]),
            "/stages/0/tasks",
        ),
        stage("tasks", json!([{ "key": "A b", "title": "A" }]), "/stages/0/tasks/0/key"),
        stage("performer", json!({ "assign": "dice" }), "/stages/0/performer/assign"),
        stage("performer", json!({ "position": " " }), "/stages/0/performer/position"),
        stage("cost", json!(-1), "/stages/0/cost"),
        stage("cost", json!(1_000_000_000_000_000_i64), "/stages/0/cost"),
        stage("gate", json!([{ "kind": "payment", "share": 2 }]), "/stages/0/gate/0/share"),
        stage(
            "gate",
            json!([{ "kind": "document", "document": "quote", "state": "paid" }]),
            "/stages/0/gate/0/state",
        ),
        stage(
            "gate",
            json!([{ "kind": "checklist", "checklist": "a", "score": 1 }]),
            "/stages/0/gate/0/kind",
        ),
        rule(json!({ "on": "deal.opened", "then": [{ "do": "advance" }] }), "/rules/0/key"),
        rule(
            json!({ "key": "a", "on": "moon.rises", "then": [{ "do": "advance" }] }),
            "/rules/0/on",
        ),
        rule(json!({ "key": "a", "on": "deal.opened", "then": [] }), "/rules/0/then"),
        rule(
            json!({ "key": "a", "on": "deal.opened", "then": [{ "do": "dance" }] }),
            "/rules/0/then/0/do",
        ),
        rule(
            json!({ "key": "a", "on": "deal.opened", "then": [{ "do": "move", "stage_key": "moon" }] }),
            "/rules/0/then/0/stage_key",
        ),
        rule(
            json!({ "key": "a", "on": "deal.opened", "task": "b", "then": [{ "do": "advance" }] }),
            "/rules/0/task",
        ),
        rule(
            json!({ "key": "a", "on": "deal.opened", "if": { "field": "moon" }, "then": [{ "do": "advance" }] }),
            "/rules/0/if",
        ),
        with("magic", json!([{ "name": "First" }]), "/mode"),
        with("manual", json!([]), "/stages"),
        with("manual", json!([""]), "/stages/0"),
        with("manual", json!({ "name": "First" }), "/stages"),
        with("untracked", json!([{ "name": "First" }]), "/stages"),
        with("manual", Value::from(many), "/stages"),
        with("manual", keys.clone(), "/stages/1/key"),
        with("manual", json!([{ "name": "A" }, { "name": "" }]), "/stages/1/name"),
        stage("key", json!("Not a key"), "/stages/0/key"),
        stage("key", json!("k".repeat(65)), "/stages/0/key"),
        stage("goal", json!("g".repeat(10_000)), "/stages/0/goal"),
        stage("probability", json!(1.5), "/stages/0/probability"),
        stage("probability", json!(-0.1), "/stages/0/probability"),
        stage("probability", json!(1e300), "/stages/0/probability"),
        stage("probability", json!("0.5"), "/stages/0/probability"),
        stage("norm_days", json!(0), "/stages/0/norm_days"),
        stage("norm_days", json!(-1), "/stages/0/norm_days"),
        stage("norm_days", json!(3651), "/stages/0/norm_days"),
        stage("gate", json!([{ "kind": "moon" }]), "/stages/0/gate/0/kind"),
        stage("gate", json!([{ "kind": "field", "field": "moon" }]), "/stages/0/gate/0"),
        stage("gate", json!([{ "kind": "field" }]), "/stages/0/gate/0/field"),
        stage("gate", json!("client_id"), "/stages/0/gate"),
        stage("position", json!(1), "/stages/0/position"),
        Bad::post(&migrate, json!({ "mapping": { "first": "moon" } }), "/mapping/first"),
        Bad::post(&migrate, json!({ "mapping": { "first": 1 } }), "/mapping/first"),
        Bad::post(&migrate, json!({ "override_reason": "" }), "/override_reason"),
        Bad::post(&versions, json!({ "stages": [] }), "/stages"),
        Bad::post(&versions, json!({ "stages": keys }), "/stages/1/key"),
        Bad::post(&versions, json!({}), "/stages"),
    ]
}

fn tasks(world: &World) -> Vec<Bad> {
    let new = |field: &str, value: Value, pointer| {
        let mut body = json!({ "title": "Call" });
        body[field] = value;
        Bad::post("/v1/tasks", body, pointer)
    };
    let transition = format!("/v1/tasks/{}/transition", world.task);
    vec![
        new("title", json!(" "), "/title"),
        Bad::patch(format!("/v1/tasks/{}", world.task), json!({ "priority": null }), "/priority"),
        new("title", json!("t".repeat(201)), "/title"),
        new("priority", json!("royal"), "/priority"),
        new("deal_id", json!(NOBODY), "/deal_id"),
        new("helper_ids", json!([NOBODY]), "/helper_ids/0"),
        new("helper_ids", json!([world.user, world.user]), "/helper_ids"),
        new("due_at", json!("tomorrow"), "/due_at"),
        new("status", json!("done"), "/status"),
        Bad::post(&transition, json!({ "to": "heaven" }), "/to"),
        Bad::post(&transition, json!({ "to": "deferred", "reopen": true }), "/reopen"),
        // It is no review of a loss.
        Bad::post(&transition, json!({ "to": "done", "reopen": true }), "/reopen"),
        Bad::post(&transition, json!({ "to": "done", "reopen": "yes" }), "/reopen"),
        Bad::post(&transition, json!({ "to": "deferred", "result": "Nothing" }), "/result"),
        Bad::post(
            &transition,
            json!({ "to": "done", "deal": { "stage_key": "a" } }),
            "/deal/stage_key",
        ),
        Bad::post(
            &transition,
            json!({ "to": "done", "deal": { "amount": { "amount": "x", "currency": "EUR" } } }),
            "/deal/amount/amount",
        ),
        Bad::post(
            &transition,
            json!({ "to": "done", "deal": { "custom": { "moon": 1 } } }),
            "/deal/custom/moon",
        ),
    ]
}

/// Users, keys, contacts, logins.
fn people() -> Vec<Bad> {
    let user = |field: &str, value: Value| json!({ "name": "A", "role": "seller", field: value });
    let key =
        |field: &str, value: Value| json!({ "name": "A", "scopes": ["deals:read"], field: value });
    let own = |new: &str, at| {
        let body = json!({ "current_password": "x", "new_password": new });
        Bad::send(Method::PUT, "/v1/me/password", body, at)
    };
    let scopes: Vec<_> = (0..80_000).map(|_| "deals:read").collect();
    let emails: Vec<_> = (0..51).map(|n| format!("{n}@b.c")).collect();
    let tags: Vec<_> = (0..100_000).map(|_| "a").collect();
    vec![
        Bad::post("/v1/users", user("role", json!("king")), "/role"),
        Bad::post("/v1/users", user("email", json!("nobody")), "/email"),
        Bad::post("/v1/users", user("password", json!("short")), "/password"),
        Bad::post("/v1/users", user("password", json!("p".repeat(10_000))), "/password"),
        Bad::post("/v1/users", user("department_id", json!(NOBODY)), "/department_id"),
        Bad::post("/v1/users", user("position", json!("p".repeat(10_000))), "/position"),
        Bad::post("/v1/api-keys", key("scopes", json!([])), "/scopes"),
        Bad::post("/v1/api-keys", key("scopes", json!(["moon:walk"])), "/scopes/0"),
        Bad::post("/v1/api-keys", key("scopes", json!(scopes)), "/scopes"),
        Bad::post("/v1/api-keys", key("expires_at", json!("2001-01-01T00:00:00Z")), "/expires_at"),
        Bad::post(
            "/v1/api-keys",
            key("expires_at", json!("+99999-01-01T00:00:00Z")),
            "/expires_at",
        ),
        Bad::post("/v1/products", json!({ "name": "" }), "/name"),
        Bad::post("/v1/products", json!({ "name": "Saw", "moon": 1 }), "/moon"),
        Bad::post("/v1/clients", json!({ "name": "A", "tags": tags }), "/tags"),
        Bad::post("/v1/clients", json!({ "name": "A", "tags": [""] }), "/tags/0"),
        Bad::post("/v1/clients", json!({ "name": "A", "type": "old" }), "/type"),
        Bad::post("/v1/clients", json!({ "name": "A", "consent": "yes" }), "/consent"),
        Bad::post("/v1/clients", json!({ "name": "A", "phones": ["020 123 4567"] }), "/phones/0"),
        Bad::post("/v1/clients", json!({ "name": "A", "phones": "+31201234567" }), "/phones"),
        Bad::post(
            "/v1/clients",
            json!({ "name": "A", "emails": ["a@b.c", "nobody"] }),
            "/emails/1",
        ),
        Bad::post("/v1/clients", json!({ "name": "A", "emails": emails }), "/emails"),
        Bad::post("/v1/clients", json!({ "name": "A", "tax_id": "№ 7" }), "/tax_id"),
        Bad::post("/v1/clients", json!({ "name": "A", "tax_id": "7".repeat(33) }), "/tax_id"),
        Bad::post(
            "/v1/clients",
            json!({ "name": "A", "external_id": { "source": " ", "id": "1" } }),
            "/external_id/source",
        ),
        Bad::post("/v1/departments", json!({ "name": "A", "parent_id": NOBODY }), "/parent_id"),
        Bad::post("/v1/departments", json!({ "name": "A", "head_id": NOBODY }), "/head_id"),
        Bad::post("/v1/contacts", json!({ "name": "A", "client_id": NOBODY }), "/client_id"),
        Bad::post("/v1/auth/token", json!({ "email": "a", "password": "x" }), "/email"),
        Bad::post("/v1/auth/token", json!({ "email": "a@example.com" }), "/password"),
        Bad::post(
            "/v1/auth/password",
            json!({ "token": "vp_x", "new_password": "short" }),
            "/new_password",
        ),
        Bad::post(
            "/v1/auth/password",
            json!({ "token": "", "new_password": "twelve blue herons" }),
            "/token",
        ),
        Bad::post(
            "/v1/auth/password",
            json!({ "token": "vp_x", "new_password": "twelve blue herons" }),
            "/token",
        )
        .gives(401, "invalid_credentials"),
        Bad::any(Method::GET, "/v1/me/password", 405, "method_not_allowed"),
        own("short", "/new_password"),
        own("1234567890", "/new_password"),
        own("twelve blue herons", "/current_password"),
        Bad::post("/v1/users", user("password", json!("1234567890")), "/password"),
        Bad::post("/v1/users", user("password", json!("          ")), "/password"),
        Bad::post("/v1/auth/refresh", json!({ "refresh_token": "" }), "/refresh_token"),
        Bad::post("/v1/auth/refresh", json!({ "refresh_token": "vr_x" }), "")
            .gives(401, "invalid_credentials")
            .anywhere(),
        Bad::post("/v1/auth/revoke", json!({ "refresh_token": 7 }), "/refresh_token"),
    ]
}

fn clients(world: &World) -> Vec<Bad> {
    let merge = |body: Value, pointer| {
        Bad::post(format!("/v1/clients/{}/merge", world.client), body, pointer)
    };
    let put = |path: &str, body: Value, pointer| {
        Bad::send(Method::PUT, format!("/v1/clients/by-external-id/{path}"), body, pointer)
    };
    let batch = |body: Value, pointer| Bad::post("/v1/clients/batch", body, pointer);
    let items: Vec<_> = (0..1_001).map(|_| json!({})).collect();
    let atomic = |item: Value| json!({ "items": [item], "atomic": true });
    vec![
        merge(json!({}), "/duplicate_id"),
        merge(json!({ "duplicate_id": "x" }), "/duplicate_id"),
        merge(json!({ "duplicate_id": NOBODY }), "/duplicate_id"),
        merge(json!({ "duplicate_id": world.client }), "/duplicate_id"),
        merge(json!({ "duplicate_id": NOBODY, "keep": { "name": "mine" } }), "/keep/name"),
        merge(json!({ "duplicate_id": NOBODY, "keep": { "phones": "this" } }), "/keep/phones"),
        put("erp/1", json!({}), "/name"),
        put("erp/1", json!({ "name": " " }), "/name"),
        put("erp/1", json!({ "name": "A", "external_id": null }), "/external_id"),
        put("%20/1", json!({ "name": "A" }), "/source").gives(400, "invalid_parameters"),
        put(&format!("erp/{}", "i".repeat(201)), json!({ "name": "A" }), "/external_id")
            .gives(400, "invalid_parameters"),
        Bad::any(Method::GET, "/v1/clients/by-external-id/erp/1", 405, "method_not_allowed"),
        batch(json!({}), "/items"),
        batch(json!({ "items": [] }), "/items"),
        batch(json!({ "items": items }), "/items"),
        batch(json!({ "items": {} }), "/items"),
        batch(json!({ "items": [{}], "atomic": "yes" }), "/atomic"),
        batch(atomic(json!({ "op": "create" })), "/items/0/name"),
        batch(atomic(json!({ "op": "update", "name": "A" })), "/items/0/id"),
        batch(atomic(json!({ "op": "upsert", "name": "A" })), "/items/0/external_id"),
        batch(atomic(json!({ "op": "create", "name": "A", "id": NOBODY })), "/items/0/id"),
        batch(atomic(json!(7)), "/items/0"),
        Bad::post("/v1/clients/duplicates/check", json!({ "phones": [] }), "/name"),
        Bad::get("/v1/clients/duplicates?min_score=2", "/min_score"),
        Bad::get("/v1/clients/duplicates?limit=0", "/limit"),
        Bad::get("/v1/clients/duplicates?cursor=x", "/cursor"),
        Bad::get(format!("/v1/clients/{}/duplicates?limit=5", world.client), "/limit"),
        Bad::get(format!("/v1/clients/{}/history?cursor=-1", world.client), "/cursor"),
    ]
}

fn moves(world: &World) -> Vec<Bad> {
    let to = |deal: &str, body: Value, pointer| {
        Bad::post(format!("/v1/deals/{deal}/transition"), body, pointer)
    };
    let open = |body: Value, pointer| to(&world.deal, body, pointer);
    let at = |at: &str| json!({ "to": "hold", "reason": "r", "occurred_at": at });
    let long = "n".repeat(10_000);
    vec![
        open(json!({}), "/to"),
        open(json!({ "to": "moon" }), "/to"),
        open(json!({ "to": ["won"] }), "/to"),
        open(json!({ "to": "stage" }), "/stage_key"),
        open(json!({ "to": "next", "stage_key": "second" }), "/stage_key"),
        open(json!({ "to": "won", "note": "n" }), "/note"),
        open(json!({ "to": "hold" }), "/reason"),
        open(json!({ "to": "hold", "reason": " " }), "/reason"),
        open(json!({ "to": "hold", "reason": "r", "resume_on": "2001-01-01" }), "/resume_on"),
        open(json!({ "to": "hold", "reason": "r", "resume_on": "2026-02-30" }), "/resume_on"),
        open(json!({ "to": "lost" }), "/loss_reason_id").gives(422, "loss_reason_required"),
        open(json!({ "to": "lost", "loss_reason_id": NOBODY }), "/loss_reason_id"),
        open(
            json!({ "to": "lost", "loss_reason_id": world.loss_reason, "competitor_id": NOBODY }),
            "/competitor_id",
        ),
        open(json!({ "to": "lost", "loss_reason_id": world.loss_reason, "note": long }), "/note"),
        open(json!({ "to": "next", "validate_only": "yes" }), "/validate_only"),
        open(json!({ "to": "next", "override_reason": " " }), "/override_reason"),
        open(json!({ "to": "next" }), "/client_id").gives(422, "stage_gate_unmet"),
        open(json!({ "to": "won" }), "/client_id").gives(422, "stage_gate_unmet"),
        open(json!({ "to": "stage", "stage_key": "moon" }), "/stage_key")
            .gives(409, "stage_not_in_process"),
        open(json!({ "to": "resume" }), "/to").gives(409, "deal_not_on_hold"),
        open(json!({ "to": "open" }), "/to").gives(409, "deal_open"),
        to(&world.won, json!({ "to": "next" }), "/to").gives(409, "deal_closed"),
        open(at("2999-01-01T00:00:00Z"), "/occurred_at"),
        open(at("2001-01-01T00:00:00Z"), "/occurred_at"),
        open(at("+99999-01-01T00:00:00Z"), "/occurred_at"),
        open(at("-0001-01-01T00:00:00Z"), "/occurred_at"),
        open(at("2026-02-30T00:00:00Z"), "/occurred_at"),
    ]
}

/// What a workspace defines for itself.
fn definitions(world: &World) -> Vec<Bad> {
    let field = |body: Value, at| {
        let whole = json!({ "entity": "deal", "key": "colour", "name": "Colour", "type": "text" });
        Bad::post("/v1/custom-fields", with(whole, body), at)
    };
    let rate = |body: Value, at| {
        let whole = json!({ "currency": "USD", "day": "2026-11-01", "rate": "0.9213" });
        Bad::post("/v1/exchange-rates", with(whole, body), at)
    };
    let rates = |rates: Value, at| {
        Bad::send(Method::PUT, "/v1/exchange-rates", json!({ "rates": rates }), at)
    };
    let segment = |body: Value, at| {
        let condition = json!({ "field": "deal.title", "op": "filled" });
        let whole = json!({ "name": "A", "entity": "deal", "condition": condition });
        Bad::post("/v1/segments", with(whole, body), at)
    };
    let patch =
        |noun: &str, id: &str, body: Value, at| Bad::patch(format!("/v1/{noun}/{id}"), body, at);
    let dollar = json!({ "currency": "USD", "day": "2026-11-02", "rate": "0.9" });
    let choice = |key: &str| json!({ "key": key, "name": "A" });
    vec![
        field(json!({ "entity": "lead" }), "/entity"),
        field(json!({ "type": "colour" }), "/type"),
        field(json!({ "key": "" }), "/key"),
        field(json!({ "key": "1st" }), "/key"),
        field(json!({ "key": "k".repeat(65) }), "/key"),
        field(json!({ "name": " " }), "/name"),
        field(json!({ "description": "d".repeat(2_001) }), "/description"),
        field(json!({ "type": "choice" }), "/choices"),
        field(json!({ "choices": [choice("a")] }), "/choices"),
        field(json!({ "type": "choice", "choices": [choice("A")] }), "/choices/0/key"),
        field(json!({ "type": "choice", "choices": [choice("a"), choice("a")] }), "/choices/1/key"),
        patch("custom-fields", &world.custom_field, json!({ "name": "" }), "/name"),
        patch("custom-fields", &world.custom_field, json!({ "archived": null }), "/archived"),
        patch("custom-fields", &world.custom_field, json!({ "key": "other" }), "/key"),
        rate(json!({ "rate": "0" }), "/rate"),
        rate(json!({ "rate": "-1" }), "/rate"),
        rate(json!({ "rate": "1e3" }), "/rate"),
        rate(json!({ "rate": 0.9 }), "/rate"),
        rate(json!({ "rate": "1000000000000" }), "/rate"),
        rate(json!({ "currency": "XQX" }), "/currency"),
        rate(json!({ "day": "1969-12-31" }), "/day"),
        rate(json!({ "day": "2026-02-30" }), "/day"),
        rates(json!([dollar, dollar]), "/rates/1"),
        rates(json!([with(dollar.clone(), json!({ "rate": "x" }))]), "/rates/0/rate"),
        rates(json!(vec![dollar; 5_001]), "/rates"),
        patch("exchange-rates", &world.exchange_rate, json!({ "rate": "x" }), "/rate"),
        patch("products", &world.product, json!({ "name": "" }), "/name"),
        patch("products", &world.product, json!({ "sku": " " }), "/sku"),
        patch("products", &world.product, json!({ "unit": "x".repeat(201) }), "/unit"),
        patch("products", &world.product, json!({ "price": "5" }), "/price"),
        patch(
            "products",
            &world.product,
            json!({ "price": { "amount": "-1", "currency": "EUR" } }),
            "/price/amount",
        ),
        patch("products", &world.product, json!({ "archived": null }), "/archived"),
        patch("exchange-rates", &world.exchange_rate, json!({ "rate": null }), "/rate"),
        segment(json!({ "entity": "lead" }), "/entity"),
        segment(json!({ "name": "" }), "/name"),
        segment(json!({ "condition": {} }), "/condition"),
        segment(
            json!({ "condition": { "field": "deal.colour", "op": "filled" } }),
            "/condition/field",
        ),
        patch("segments", &world.segment, json!({ "condition": [] }), "/condition"),
        patch("segments", &world.segment, json!({ "entity": "client" }), "/entity"),
    ]
}

/// Working hours and holidays.
fn calendars() -> Vec<Bad> {
    let hours = |hours: Value, at| {
        Bad::send(Method::PUT, "/v1/workspace/calendar", json!({ "hours": hours }), at)
    };
    let monday =
        |from: &str, to: &str, at| hours(json!({ "monday": [{ "from": from, "to": to }] }), at);
    let days = |body: Value, at| {
        let whole = json!({ "from": "2026-01-01", "to": "2026-12-31", "holidays": [] });
        Bad::send(Method::PUT, "/v1/workspace/holidays", with(whole, body), at)
    };
    let day = json!({ "day": "2026-12-25" });
    let one = |part: Value, at| days(json!({ "holidays": [with(day.clone(), part)] }), at);
    let overlap = json!([{ "from": "13:00", "to": "18:00" }, { "from": "09:00", "to": "13:01" }]);
    let delete = |day: &str| {
        Bad::any(Method::DELETE, format!("/v1/workspace/holidays/{day}"), 400, "invalid_parameters")
            .at("/day")
    };
    vec![
        hours(Value::Null, "/hours"),
        hours(json!({}), "/hours"),
        hours(json!({ "monday": [], "sunday": [] }), "/hours"),
        hours(json!({ "monday": null }), "/hours/monday"),
        hours(json!({ "Monday": [] }), "/hours/Monday"),
        hours(json!({ "friday": [{ "from": "09:00" }] }), "/hours/friday/0/to"),
        hours(json!({ "friday": overlap }), "/hours/friday/0"),
        monday("9:00", "18:00", "/hours/monday/0/from"),
        monday("09:00:00", "18:00", "/hours/monday/0/from"),
        monday("24:00", "24:00", "/hours/monday/0/to"),
        monday("09:00", "24:01", "/hours/monday/0/to"),
        monday("09:00", "09:60", "/hours/monday/0/to"),
        monday("18:00", "09:00", "/hours/monday/0/to"),
        monday("09:00", "09:00", "/hours/monday/0/to"),
        days(json!({ "from": "2027-01-01" }), "/to"),
        days(json!({ "from": "1969-12-31" }), "/from"),
        days(json!({ "to": "+10000-01-01" }), "/to"),
        days(json!({ "to": "2026-02-30" }), "/to"),
        days(json!({ "holidays": [day, day] }), "/holidays/1/day"),
        days(json!({ "holidays": vec![day.clone(); 1_001] }), "/holidays"),
        days(json!({ "to": "2026-12-24", "holidays": [day] }), "/holidays/0/day"),
        one(json!({ "name": "" }), "/holidays/0/name"),
        one(json!({ "name": "n".repeat(201) }), "/holidays/0/name"),
        one(json!({ "hours": [{ "from": "x", "to": "10:00" }] }), "/holidays/0/hours/0/from"),
        one(json!({ "hours": overlap }), "/holidays/0/hours/0"),
        delete("christmas"),
        delete("2026-02-30"),
        delete("0000-01-01"),
    ]
}

fn with(mut whole: Value, part: Value) -> Value {
    for (name, value) in part.as_object().into_iter().flatten() {
        whole[name] = value.clone();
    }
    whole
}

fn searches() -> Vec<Bad> {
    let rows = |noun: &'static str| {
        let search = move |body: Value, at| Bad::post(format!("/v1/{noun}s/search"), body, at);
        let test = |field: &str, op: &str, value: Value| json!({ "condition": { "field": field, "op": op, "value": value } });
        [
            search(json!({ "condition": {} }), "/condition"),
            search(json!({ "condition": "all" }), "/condition"),
            search(json!({ "condition": { "all": [] } }), "/condition/all"),
            search(test("client.colour", "eq", json!("red")), "/condition/field"),
            search(test("client.created_at", "like", json!("x")), "/condition/op"),
            search(test("client.created_at", "gte", json!("yesterday")), "/condition/value"),
            search(json!({ "segment_id": "x" }), "/segment_id"),
            search(json!({ "limit": 0 }), "/limit"),
            search(json!({ "limit": 201 }), "/limit"),
            search(json!({ "sort": "colour" }), "/sort"),
            search(json!({ "cursor": "zz" }), "/cursor"),
        ]
    };
    ["deal", "client"].into_iter().flat_map(rows).collect()
}
