//! Changes: absent and null, versions, repetitions, archived entries, dry runs.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use voronka_integration_tests::{Api, Reply, TestServer};

#[tokio::test]
async fn a_patch_keeps_what_is_absent_clears_null_and_sets_the_rest() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let client = json!({ "name": "Isdom", "class": "A", "region": "North", "consent": true });
    let client = api.post("/v1/clients", client).await.expect(201);
    let path = format!("/v1/clients/{}", client.id());
    let after =
        api.patch(&path, json!({ "class": null, "region": "South" })).await.expect(200).json;
    assert_eq!(after["class"], Value::Null);
    assert_eq!((&after["region"], &after["name"]), (&json!("South"), &json!("Isdom")));
    assert_eq!((&after["consent"], &after["version"]), (&json!(true), &json!(2)));
    // Nothing to change is no change.
    for same in [json!({}), json!({ "region": "South" })] {
        assert_eq!(api.patch(&path, same).await.expect(200).json, after);
    }

    let deal_type = api.deal_type(&["first"]).await;
    let source = api.post("/v1/sources", json!({ "name": "Fair" })).await.expect(201).id();
    let deal = json!({ "title": "A deal", "deal_type_id": deal_type, "client_id": client.id(),
        "source": "fair", "lead_temperature": "hot", "initiated_by": "us", "expected_close_on": "2026-12-15",
        "external_id": { "source": "shop", "id": "1" } });
    let deal = api.post("/v1/deals", deal).await.expect(201).json;
    assert_eq!(deal["source_id"], source);
    let path = format!("/v1/deals/{}", deal["id"].as_str().unwrap_or_default());
    let fields = [
        "client_id",
        "source_id",
        "lead_temperature",
        "initiated_by",
        "expected_close_on",
        "external_id",
    ];
    for field in fields {
        let after = api.patch(&path, json!({ field: null })).await.expect(200).json;
        assert_eq!(after[field], Value::Null, "{field}");
        let back = api.patch(&path, json!({ field: deal[field] })).await.expect(200).json;
        assert_eq!(back[field], deal[field], "{field}");
    }
    let (before, after) = (&deal, api.get(&path).await.expect(200).json);
    for field in fields.iter().chain(&["title", "amount", "owner_id", "stage_id", "opened_at"]) {
        assert_eq!(after[*field], before[*field], "{field}");
    }
}

/// One of each resource: its path, and a change that it takes.
async fn resources(api: &Api) -> Vec<(String, Value)> {
    let make = async |path: &str, body: Value| {
        let id = api.post(path, body).await.expect(201).id();
        format!("{path}/{id}")
    };
    let client = make("/v1/clients", json!({ "name": "A" })).await;
    let id = client.rsplit('/').next().unwrap_or_default().to_owned();
    let deal_type = api.deal_type(&["first", "second"]).await;
    let deal = json!({ "title": "A", "deal_type_id": deal_type });
    let renamed = json!({ "name": "Renamed" });
    let mut all = vec![
        (make("/v1/deals", deal).await, json!({ "title": "Renamed" })),
        ("/v1/workspace".to_owned(), renamed.clone()),
        (format!("/v1/deal-types/{deal_type}"), renamed.clone()),
        (client, renamed.clone()),
    ];
    for (path, body) in [
        ("/v1/contacts", json!({ "name": "A", "client_id": id })),
        ("/v1/departments", json!({ "name": "A" })),
        ("/v1/users", json!({ "name": "A", "role": "seller" })),
        ("/v1/sources", json!({ "name": "A" })),
        ("/v1/competitors", json!({ "name": "A" })),
        ("/v1/loss-reasons", json!({ "name": "A" })),
    ] {
        all.push((make(path, body).await, renamed.clone()));
    }
    all
}

async fn with(
    api: &Api,
    method: Method,
    path: &str,
    header: (&str, &str),
    body: Option<&Value>,
) -> Reply {
    let body = body.map(|body| body.to_string().into_bytes());
    api.send(method, path, &[header], body).await
}

#[tokio::test]
async fn every_resource_has_a_version_that_guards_its_changes() {
    let server = TestServer::start().await;
    let api = &server.admin;
    for (path, change) in resources(api).await {
        let before = api.get(&path).await.expect(200);
        let tag = before.header("etag").to_owned();
        assert_eq!(tag, format!("\"{}\"", before.json["version"]), "{path}");
        for (known, status) in [
            (tag.clone(), 304),
            (format!("W/{tag}"), 304),
            (format!("\"0\", {tag}"), 304),
            ("*".to_owned(), 304),
            ("\"0\"".to_owned(), 200),
        ] {
            let reply = with(api, Method::GET, &path, ("if-none-match", &known), None).await;
            assert_eq!(
                (reply.status, reply.header("etag")),
                (status, tag.as_str()),
                "{path} {known}"
            );
            assert_eq!(reply.text.is_empty(), status == 304, "{path} {known}");
        }
        let refused = with(api, Method::PATCH, &path, ("if-match", "\"99\""), Some(&change)).await;
        let refused = refused.problem(412, "version_mismatch");
        assert_eq!(refused.faults()[0].0, "/if-match", "{path}");
        assert_eq!(api.get(&path).await.json, before.json, "{path}");
        let changed = with(api, Method::PATCH, &path, ("if-match", &tag), Some(&change)).await;
        let changed = changed.expect(200);
        assert_ne!(changed.header("etag"), tag, "{path}");
        let stale = with(api, Method::PATCH, &path, ("if-match", &tag), Some(&change)).await;
        stale.problem(412, "version_mismatch");
        with(api, Method::PATCH, &path, ("if-match", "*"), Some(&change)).await.expect(200);
    }
}

#[tokio::test]
async fn moves_versions_of_processes_and_revocations_honour_if_match() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first", "second"]).await;
    let deal = format!("/v1/deals/{}/transition", api.deal(&deal_type, "1").await);
    let key = json!({ "name": "A", "scopes": ["deals:read"] });
    let key = format!("/v1/api-keys/{}", api.post("/v1/api-keys", key).await.expect(201).id());
    let versions = format!("/v1/deal-types/{deal_type}/versions");
    let stages = json!({ "stages": [{ "name": "Only" }] });
    for (method, path, body, good) in [
        (Method::POST, deal, Some(json!({ "to": "next" })), 200),
        (Method::POST, versions, Some(stages), 201),
        (Method::DELETE, key, None, 200),
    ] {
        let refused = with(api, method.clone(), &path, ("if-match", "\"7\""), body.as_ref()).await;
        refused.problem(412, "version_mismatch");
        with(api, method, &path, ("if-match", "\"1\""), body.as_ref()).await.expect(good);
    }
}

async fn keyed(api: &Api, path: &str, key: &str, body: &Value) -> Reply {
    with(api, Method::POST, path, ("idempotency-key", key), Some(body)).await
}

#[tokio::test]
async fn a_repetition_by_key_is_answered_as_the_first_time() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let body = json!({ "name": "Fair" });
    let first = keyed(api, "/v1/sources", "k", &body).await.expect(201);
    assert_eq!(first.header("idempotent-replayed"), "");
    let again = keyed(api, "/v1/sources", "k", &body).await.expect(201);
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!((&again.text, again.header("etag")), (&first.text, first.header("etag")));
    assert_eq!(again.header("location"), first.header("location"));
    let other = keyed(api, "/v1/sources", "k", &json!({ "name": "Ad" })).await;
    let other = other.problem(422, "idempotency_key_reused");
    assert_eq!(other.faults()[0].0, "/idempotency-key");
    let elsewhere = keyed(api, "/v1/competitors", "k", &body).await;
    elsewhere.problem(422, "idempotency_key_reused");
    // A key is its caller's own.
    let colleague = api.colleague("admin", None).await;
    let taken = keyed(&colleague, "/v1/sources", "k", &body).await;
    taken.problem(409, "name_taken");
    let theirs = keyed(&colleague, "/v1/sources", "k", &json!({ "name": "Ad" })).await.expect(201);
    assert_eq!(theirs.header("idempotent-replayed"), "");
}

#[tokio::test]
async fn a_refused_request_does_not_burn_its_key() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first"]).await;
    let path = format!("/v1/deals/{}/transition", api.deal(&deal_type, "1").await);
    let next = json!({ "to": "next" });
    keyed(api, &path, "k", &next).await.problem(409, "no_next_stage");
    keyed(api, &path, "k", &json!({ "to": "moon" })).await.problem(422, "validation_failed");
    let won = keyed(api, &path, "k", &json!({ "to": "won" })).await.expect(200);
    assert_eq!(won.header("idempotent-replayed"), "");
    keyed(api, &path, "k", &next).await.problem(422, "idempotency_key_reused");
    // A secret is shown once: the repetition has none.
    let key = json!({ "name": "A", "scopes": ["deals:read"] });
    let shown = keyed(api, "/v1/api-keys", "s", &key).await.expect(201);
    assert!(shown.json["key"].as_str().is_some_and(|key| key.starts_with("vk_")));
    let again = keyed(api, "/v1/api-keys", "s", &key).await.expect(201);
    assert_eq!((&again.json["key"], again.id()), (&Value::Null, shown.id()));
}

#[tokio::test]
async fn of_fifty_requests_with_one_key_one_does_the_work() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first"]).await;
    let body = json!({ "title": "Once", "deal_type_id": deal_type });
    let replies = join_all((0..50).map(|_| keyed(api, "/v1/deals", "once", &body))).await;
    let (mut fresh, mut ids) = (0, Vec::new());
    for reply in replies {
        if reply.status == 409 {
            let reply = reply.problem(409, "idempotency_key_in_flight");
            assert_eq!(reply.header("retry-after"), "1");
            continue;
        }
        let reply = reply.expect(201);
        fresh += u32::from(reply.header("idempotent-replayed") != "true");
        ids.push(reply.id());
    }
    ids.dedup();
    assert_eq!((fresh, ids.len()), (1, 1), "{ids:?}");
    let deals = api.get("/v1/deals?q=Once").await.expect(200).json;
    assert_eq!(deals["items"].as_array().map(Vec::len), Some(1), "{deals}");
}

#[tokio::test]
async fn archived_entries_are_readable_and_of_no_further_use() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first"]).await;
    let deal = api.deal(&deal_type, "1").await;
    let archive = async |path: &str, body: Value| {
        let id = api.post(path, body).await.expect(201).id();
        api.patch(&format!("{path}/{id}"), json!({ "archived": true })).await.expect(200);
        assert_eq!(api.get(&format!("{path}/{id}")).await.expect(200).json["archived"], true);
        let listed = api.get(&format!("{path}?archived=true")).await.expect(200).json;
        assert_eq!(listed["items"][0]["id"], json!(id), "{path}");
        id
    };
    let source = archive("/v1/sources", json!({ "name": "Fair" })).await;
    let reason = archive("/v1/loss-reasons", json!({ "name": "Dear" })).await;
    let competitor = archive("/v1/competitors", json!({ "name": "Other" })).await;
    let client = archive("/v1/clients", json!({ "name": "Isdom" })).await;
    let department = archive("/v1/departments", json!({ "name": "North" })).await;
    let unused = json!({ "name": "Unused", "mode": "untracked" });
    let unused = archive("/v1/deal-types", unused).await;
    let good = api.loss_reason("Late").await;
    let new = |field: &str, value: &str| {
        let mut body = json!({ "title": "A", "deal_type_id": deal_type });
        body[field] = json!(value);
        body
    };
    let lost = |reason: &str, competitor: Option<&str>| json!({ "to": "lost", "loss_reason_id": reason, "competitor_id": competitor });
    let path = format!("/v1/deals/{deal}");
    let moves = format!("{path}/transition");
    let seller = json!({ "name": "A", "role": "seller", "department_id": department });
    for (method, path, body, pointer) in [
        (Method::POST, "/v1/deals", new("source_id", &source), "/source_id"),
        (Method::POST, "/v1/deals", new("source", "fair"), "/source"),
        (Method::POST, "/v1/deals", new("client_id", &client), "/client_id"),
        (Method::PATCH, &path, json!({ "source_id": source }), "/source_id"),
        (Method::PATCH, &path, json!({ "client_id": client }), "/client_id"),
        (Method::POST, &moves, lost(&reason, None), "/loss_reason_id"),
        (Method::POST, &moves, lost(&good, Some(&competitor)), "/competitor_id"),
        (Method::POST, "/v1/contacts", json!({ "name": "A", "client_id": client }), "/client_id"),
        (Method::POST, "/v1/users", seller, "/department_id"),
        (
            Method::POST,
            "/v1/departments",
            json!({ "name": "B", "parent_id": department }),
            "/parent_id",
        ),
    ] {
        let body = Some(body.to_string().into_bytes());
        let refused = api.send(method, path, &[], body).await.problem(422, "validation_failed");
        let expected = [(pointer.to_owned(), "unknown_reference".to_owned())];
        assert_eq!(refused.faults(), expected, "{path}");
    }
    let refused = api.post("/v1/deals", json!({ "title": "A", "deal_type_id": unused })).await;
    refused.problem(409, "deal_type_disabled");
}

#[tokio::test]
async fn a_dry_move_shows_the_outcome_and_changes_nothing() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first", "second"]).await;
    let deal = api.deal(&deal_type, "1").await;
    let path = format!("/v1/deals/{deal}");
    let before = api.get(&path).await.expect(200).json;
    let feed = api.get("/v1/events?limit=200").await.expect(200).json;
    let dry = json!({ "to": "next", "validate_only": true });
    let shown = api.transition(&deal, dry.clone()).await.expect(200).json;
    assert_eq!((&shown["stage_key"], &shown["version"]), (&json!("second"), &json!(2)));
    assert_eq!(api.get(&path).await.expect(200).json, before);
    assert_eq!(api.get("/v1/events?limit=200").await.expect(200).json, feed);
    assert_eq!(api.transition(&deal, dry).await.expect(200).json["stage_key"], "second");
    let refused = json!({ "to": "stage", "stage_key": "moon", "validate_only": true });
    api.transition(&deal, refused).await.problem(409, "stage_not_in_process");
}

/// Every figure of money in an answer.
fn amounts<'v>(value: &'v Value, found: &mut Vec<(&'v str, &'v Value)>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let money = name == "amount" || name.ends_with("_amount");
                if money && name != "win_rate_by_amount" && !value.is_object() {
                    found.push((name, value));
                }
                amounts(value, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| amounts(item, found)),
        _ => {}
    }
}

#[tokio::test]
async fn money_is_decimal_text_wherever_it_stands() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first", "second"]).await;
    let won = api.deal(&deal_type, "999999999999999.9999").await;
    api.transition(&won, json!({ "to": "won" })).await.expect(200);
    let deal = api.deal(&deal_type, "0.1").await;
    let change = json!({ "amount": { "amount": "1999.9500", "currency": "EUR" } });
    let path = format!("/v1/deals/{deal}");
    let changed = api.patch(&path, change).await.expect(200).json;
    assert_eq!(changed["amount"], json!({ "amount": "1999.95", "currency": "EUR" }));
    let history = format!("{path}/history");
    let closed = format!("/v1/reports/funnel/closed?deal_type_id={deal_type}&group_by=owner");
    let open = format!("/v1/reports/funnel/open?deal_type_id={deal_type}&group_by=owner");
    for path in [&path, &history, &closed, &open, "/v1/deals", "/v1/events"] {
        let reply = api.get(path).await.expect(200);
        let mut found = Vec::new();
        amounts(&reply.json, &mut found);
        assert!(!found.is_empty(), "{path}");
        for (name, value) in found {
            let text = value.as_str().unwrap_or("no text");
            let whole = text.split_once('.').map_or(text, |(whole, _)| whole);
            let decimal =
                text.bytes().all(|b| b.is_ascii_digit() || b == b'.') && !whole.is_empty();
            // An average of nothing is null.
            let unknown = value.is_null() && name.starts_with("average_");
            assert!(decimal || unknown, "{path} {name}: {value}");
        }
    }
    let totals = &api.get(&closed).await.expect(200).json["totals"];
    assert_eq!(totals["won_amount"], "999999999999999.9999");
}

/// `If-Match` may list the versions that one has seen: one of them is to be the present one.
#[tokio::test]
async fn if_match_may_list_versions() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let source = api.post("/v1/sources", json!({ "name": "Fair" })).await.expect(201).id();
    let path = format!("/v1/sources/{source}");
    let rename = async |tags: &str, name: &str| {
        let body = json!({ "name": name }).to_string().into_bytes();
        api.send(Method::PATCH, &path, &[("if-match", tags)], Some(body)).await
    };
    for (tags, version) in [("\"9\", W/\"1\"", 2), ("*", 3), ("\"3\"", 4), ("4", 5)] {
        let renamed = rename(tags, &format!("Fair {version}")).await.expect(200);
        assert_eq!(renamed.json["version"], version, "{tags}");
    }
    for tags in ["\"1\", \"4\"", "\"of somebody else\""] {
        rename(tags, "Late").await.problem(412, "version_mismatch");
    }
    let many = ["\"5\""; 9].join(",");
    rename(&many, "Many").await.problem(400, "invalid_parameters");
}
