//! What one person has goes to another one, and comes back.

mod clock;

use futures_util::future::{join, join_all};
use serde_json::{Value, json};
use voronka_integration_tests::{
    Api, Reply, TestServer,
    histories::{self, count},
    sql,
};

/// What a person has that is open, as the database says.
fn has(server: &TestServer, who: &Api) -> Value {
    let id = who.user_id;
    let query = format!(
        "SELECT jsonb_build_object( \
         'deals', (SELECT count(*) FROM deals WHERE owner_id = '{id}' AND status = 'open'), \
         'amount', jsonb_build_object('currency', 'EUR', 'amount', \
            (SELECT coalesce(sum(base_amount), 0)::numeric(19, 2)::text FROM deals \
             WHERE owner_id = '{id}' AND status = 'open')), \
         'tasks', (SELECT count(*) FROM tasks WHERE responsible_id = '{id}' \
            AND status NOT IN ('done', 'cancelled')), \
         'clients', (SELECT count(*) FROM clients WHERE owner_id = '{id}' AND NOT archived))::text"
    );
    sql::json(&mut server.connection(), &query)
}

fn counts(deals: i64, amount: &str, tasks: i64, clients: i64) -> Value {
    let amount = json!({ "amount": amount, "currency": "EUR" });
    json!({ "deals": deals, "amount": amount, "tasks": tasks, "clients": clients })
}

fn order(from: &Api, to: &Api, more: Value) -> Value {
    let mut body = json!({ "from_id": from.user_id, "to_id": to.user_id, "reason": "holiday" });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

async fn hand_over(by: &Api, from: &Api, to: &Api, more: Value) -> Reply {
    by.post("/v1/hand-overs", order(from, to, more)).await
}

async fn give_back(by: &Api, id: &str, dry_run: bool) -> Reply {
    by.post(&format!("/v1/hand-overs/{id}/return"), json!({ "dry_run": dry_run })).await
}

async fn task(by: &Api, title: &str, responsible: &Api) -> String {
    let body = json!({ "title": title, "responsible_id": responsible.user_id });
    by.post("/v1/tasks", body).await.expect(201).id()
}

async fn client(by: &Api, name: &str, owner: &Api) -> String {
    let body = json!({ "name": name, "owner_id": owner.user_id });
    by.post("/v1/clients", body).await.expect(201).id()
}

async fn owner(api: &Api, deal: &str) -> Value {
    api.get(&format!("/v1/deals/{deal}")).await.expect(200).json["owner_id"].clone()
}

async fn events(api: &Api, query: &str) -> Vec<Value> {
    let feed = api.get(&format!("/v1/events?limit=200&{query}")).await.expect(200).json;
    feed["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn what_is_previewed_goes_over_and_says_by_whom() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let (anna, ben) =
        (admin.colleague("seller", None).await, admin.colleague("seller", None).await);
    let rate = json!({ "currency": "USD", "day": "2020-01-01", "rate": "0.9" });
    admin.post("/v1/exchange-rates", rate).await.expect(201);
    let deal_type = admin.deal_type(&["one", "two"]).await;
    let small = anna.deal(&deal_type, "100").await;
    let held = anna.deal(&deal_type, "250.50").await;
    let hold = json!({ "to": "hold", "reason": "Summer" });
    anna.transition(&held, hold).await.expect(200);
    let dollars = json!({ "title": "Dollars", "deal_type_id": deal_type,
        "amount": { "amount": "1000", "currency": "USD" } });
    let large = anna.post("/v1/deals", dollars).await.expect(201).id();
    let won = anna.deal(&deal_type, "7").await;
    anna.transition(&won, json!({ "to": "won" })).await.expect(200);
    let bens = ben.deal(&deal_type, "9").await;
    let (call, write) = (task(admin, "Call", &anna).await, task(admin, "Write", &anna).await);
    let done = task(admin, "Done", &anna).await;
    anna.post(&format!("/v1/tasks/{done}/transition"), json!({ "to": "done" })).await.expect(200);
    let isdom = client(admin, "Isdom", &anna).await;
    let gone = client(admin, "Gone", &anna).await;
    let archived = json!({ "archived": true });
    admin.patch(&format!("/v1/clients/{gone}"), archived).await.expect(200);

    let expected = counts(3, "1250.50", 2, 1);
    assert_eq!(has(&server, &anna), expected);
    let before = sql::fingerprint(&mut server.connection());
    let preview = hand_over(admin, &anna, &ben, json!({ "dry_run": true })).await.expect(200).json;
    assert_eq!(preview["handed_over"], expected);
    let first = |what: &str| -> Vec<Value> {
        let all = preview[what].as_array().unwrap();
        all.iter().map(|thing| thing["id"].clone()).collect()
    };
    assert_eq!(first("deals"), [json!(large), json!(held), json!(small)]);
    assert_eq!(first("tasks"), [json!(call), json!(write)]);
    assert_eq!(preview["clients"], json!([{ "id": isdom, "name": "Isdom" }]));
    assert_eq!(sql::fingerprint(&mut server.connection()), before);
    // A key that may hand over and read tasks is told how many there are, and which tasks.
    let scopes = json!({ "name": "Key", "scopes": ["hand_overs:write", "tasks:read"] });
    let key = admin.post("/v1/api-keys", scopes).await.expect(201).json;
    let key = admin.with_token(key["key"].as_str().unwrap());
    let told = hand_over(&key, &anna, &ben, json!({ "dry_run": true })).await.expect(200).json;
    let unnamed =
        json!({ "handed_over": expected, "deals": [], "tasks": preview["tasks"], "clients": [] });
    assert_eq!(told, unnamed);

    let all = hand_over(admin, &anna, &ben, json!({ "note": "Crete" })).await.expect(201);
    let id = all.id();
    assert_eq!(all.header("location"), format!("/v1/hand-overs/{id}"));
    assert_eq!(all.json["handed_over"], expected);
    assert_eq!(all.json["what"], json!(["deals", "tasks", "clients"]));
    assert_eq!((&all.json["outcome"], &all.json["returned_at"]), (&Value::Null, &Value::Null));
    assert_eq!(has(&server, &anna), counts(0, "0.00", 0, 0));
    assert_eq!(has(&server, &ben), counts(4, "1259.50", 2, 1));
    assert_eq!(owner(admin, &won).await, json!(anna.user_id));
    assert_eq!(owner(admin, &bens).await, json!(ben.user_id));

    let me = json!({ "kind": "user", "id": admin.user_id });
    let change =
        json!({ "type": "owner_changed", "previous": anna.user_id, "current": ben.user_id });
    for deal in [&small, &held, &large] {
        let history = admin.get(&format!("/v1/deals/{deal}/history")).await.expect(200).json;
        let last = history["items"].as_array().unwrap().last().unwrap().clone();
        assert_eq!((&last["type"], &last["actor"]), (&json!("deal.owner_changed"), &me));
        assert_eq!(last["change"], change);
        // The stay goes on, in a segment that is Ben's.
        let segments = format!(
            "SELECT jsonb_agg(jsonb_build_array(owner_id, ended_by, visit) ORDER BY sequence)::text \
             FROM stage_visits WHERE deal_id = '{deal}' AND NOT held"
        );
        if *deal != held {
            let segments = sql::json(&mut server.connection(), &segments);
            let expected = json!([[anna.user_id, "split", 1], [ben.user_id, null, 1]]);
            assert_eq!(segments, expected);
        }
    }
    let changed = events(admin, "type=deal.owner_changed").await;
    assert_eq!(changed.len(), 3);
    assert!(changed.iter().all(|event| event["actor"] == me));
    let told = events(admin, &format!("object_id={id}")).await;
    assert_eq!(told.len(), 1);
    assert_eq!((&told[0]["type"], &told[0]["actor"]), (&json!("hand_over.created"), &me));
    let updated = events(admin, &format!("object_id={call}")).await;
    assert_eq!(updated.last().unwrap()["object"]["responsible_id"], json!(ben.user_id));
    let looked = events(admin, &format!("object_id={isdom}")).await;
    assert_eq!(looked.last().unwrap()["object"]["owner_id"], json!(ben.user_id));
    histories::check(&mut server.connection());

    let read = admin.get(&format!("/v1/hand-overs/{id}")).await.expect(200);
    assert_eq!((read.json, read.headers["etag"].to_str().unwrap()), (all.json, "\"1\""));
}

#[tokio::test]
async fn only_what_is_named_goes_over() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let (anna, ben) =
        (admin.colleague("seller", None).await, admin.colleague("seller", None).await);
    let deal_type = admin.deal_type(&["one"]).await;
    anna.deal(&deal_type, "1").await;
    task(admin, "Call", &anna).await;
    client(admin, "Isdom", &anna).await;
    let what = json!({ "what": ["tasks"] });
    let some = hand_over(admin, &anna, &ben, what).await.expect(201).json;
    assert_eq!(some["handed_over"], counts(0, "0.00", 1, 0));
    assert_eq!(has(&server, &anna), counts(1, "1.00", 0, 1));
    let what = json!({ "what": ["clients", "deals"] });
    let rest = hand_over(admin, &anna, &ben, what).await.expect(201).json;
    assert_eq!(rest["handed_over"], counts(1, "1.00", 0, 1));
    assert_eq!(has(&server, &ben), counts(1, "1.00", 1, 1));
}

#[tokio::test]
async fn a_process_goes_on_in_its_stage_and_its_rules_hear_of_it() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let (anna, ben) =
        (admin.colleague("seller", None).await, admin.colleague("seller", None).await);
    let stages = json!([
        { "key": "one", "name": "One", "tasks": [{ "key": "call", "title": "Call" }] },
        { "key": "two", "name": "Two", "gate": [{ "kind": "field", "field": "client_id" }] },
    ]);
    let greet = json!([{ "do": "create_task", "task": { "key": "greet", "title": "Greet" } }]);
    let rules = json!([{ "key": "greet", "on": "deal.updated", "then": greet }]);
    let body = json!({ "name": "Led", "mode": "automatic", "stages": stages, "rules": rules });
    let deal_type = admin.post("/v1/deal-types", body).await.expect(201).id();
    let body = json!({ "title": "Servers", "deal_type_id": deal_type });
    let deal = anna.post("/v1/deals", body).await.expect(201).id();
    let over = hand_over(admin, &anna, &ben, json!({})).await.expect(201).json;
    assert_eq!(over["handed_over"], counts(1, "0.00", 1, 0));
    let here = admin.get(&format!("/v1/deals/{deal}")).await.expect(200).json;
    assert_eq!((&here["stage_key"], &here["owner_id"]), (&json!("one"), &json!(ben.user_id)));
    let tasks = format!("/v1/tasks?deal_id={deal}&responsible_id={}&sort=created_at", ben.user_id);
    let tasks = ben.get(&tasks).await.expect(200).json["items"].as_array().unwrap().clone();
    let keys: Vec<_> = tasks.iter().map(|task| task["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["call", "greet"]);
    let call = format!("/v1/tasks/{}/transition", tasks[0]["id"].as_str().unwrap());
    ben.post(&call, json!({ "to": "done" })).await.expect(200);
    let here = admin.get(&format!("/v1/deals/{deal}")).await.expect(200).json;
    assert_eq!(here["stage_key"], "two");
    histories::check(&mut server.connection());
}

#[tokio::test]
async fn what_happened_in_between_stays() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let anna = admin.colleague("seller", None).await;
    let ben = admin.colleague("seller", None).await;
    let carla = admin.colleague("seller", None).await;
    let deal_type = admin.deal_type(&["one", "two"]).await;
    let mut deals = Vec::new();
    for amount in ["1", "2", "4", "8", "16"] {
        deals.push(anna.deal(&deal_type, amount).await);
    }
    let own = ben.deal(&deal_type, "32").await;
    let done = task(admin, "Done", &anna).await;
    let open = task(admin, "Open", &anna).await;
    let kept = client(admin, "Kept", &anna).await;
    let cleared = client(admin, "Cleared", &anna).await;
    let id = hand_over(admin, &anna, &ben, json!({ "until": null })).await.expect(201).id();

    ben.transition(&deals[0], json!({ "to": "won" })).await.expect(200);
    let give = async |deal: &str, to: &Api| {
        let body = json!({ "owner_id": to.user_id });
        admin.patch(&format!("/v1/deals/{deal}"), body).await.expect(200);
    };
    give(&deals[1], &carla).await;
    give(&deals[2], &anna).await;
    let end = format!("/v1/tasks/{done}/transition");
    ben.post(&end, json!({ "to": "done" })).await.expect(200);
    let nobody = json!({ "owner_id": null });
    admin.patch(&format!("/v1/clients/{cleared}"), nobody).await.expect(200);

    let expected = json!({ "returned": counts(2, "24.00", 1, 1),
        "already_back": counts(1, "4.00", 0, 0), "closed": counts(1, "1.00", 1, 0),
        "passed_on": counts(1, "2.00", 0, 1) });
    let before = sql::fingerprint(&mut server.connection());
    let dry = give_back(admin, &id, true).await.expect(200);
    assert_eq!((&dry.json["outcome"], &dry.json["returned_at"]), (&expected, &Value::Null));
    assert_eq!(dry.header("etag"), "\"1\"");
    assert_eq!(sql::fingerprint(&mut server.connection()), before);
    let path = format!("/v1/hand-overs/{id}/return");
    let stale = admin.post_with(&path, &[("if-match", "\"2\"")], &json!({})).await;
    stale.problem(412, "version_mismatch");
    let back = give_back(admin, &id, false).await.expect(200);
    assert_eq!((&back.json["outcome"], &back.json["version"]), (&expected, &json!(2)));
    let me = json!({ "kind": "user", "id": admin.user_id });
    assert_eq!(back.json["returned_by"], me);
    assert!(back.json["returned_at"].is_string());

    // The deals of 4, 8 and 16 are Anna's, that of 32 has always been Ben's.
    assert_eq!(has(&server, &anna), counts(3, "28.00", 1, 1));
    assert_eq!(has(&server, &ben), counts(1, "32.00", 0, 0));
    assert_eq!(has(&server, &carla), counts(1, "2.00", 0, 0));
    assert_eq!(owner(admin, &own).await, json!(ben.user_id));
    assert_eq!(owner(admin, &deals[0]).await, json!(ben.user_id));
    let open = admin.get(&format!("/v1/tasks/{open}")).await.expect(200).json;
    assert_eq!(open["responsible_id"], json!(anna.user_id));
    let kept = admin.get(&format!("/v1/clients/{kept}")).await.expect(200).json;
    assert_eq!(kept["owner_id"], json!(anna.user_id));
    let items = sql::json(
        &mut server.connection(),
        "SELECT jsonb_object_agg(kind || ' ' || outcome, number)::text FROM (SELECT kind, outcome, \
         count(*) AS number FROM hand_over_items GROUP BY 1, 2) AS items",
    );
    let expected = json!({ "deal returned": 2, "deal already_back": 1, "deal closed": 1,
        "deal passed_on": 1, "task returned": 1, "task closed": 1, "client returned": 1,
        "client passed_on": 1 });
    assert_eq!(items, expected);

    give_back(admin, &id, false).await.problem(409, "hand_over_returned");
    give_back(admin, &id, true).await.problem(409, "hand_over_returned");
    histories::check(&mut server.connection());
}

#[tokio::test]
async fn heads_hand_over_what_their_people_have() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let department = async |name: &str| {
        admin.post("/v1/departments", json!({ "name": name })).await.expect(201).id()
    };
    let (north, south) = (department("North").await, department("South").await);
    let head = admin.colleague("head", Some(&north)).await;
    let other = admin.colleague("head", Some(&south)).await;
    let anna = admin.colleague("seller", Some(&north)).await;
    let ben = admin.colleague("seller", Some(&south)).await;
    let deal_type = admin.deal_type(&["one"]).await;
    anna.deal(&deal_type, "1").await;
    let bens = ben.deal(&deal_type, "2").await;

    for seller in [&anna, &ben] {
        hand_over(seller, &anna, &ben, json!({})).await.problem(403, "forbidden");
    }
    let foreign = hand_over(&head, &ben, &anna, json!({})).await.problem(403, "forbidden");
    assert_eq!(foreign.faults(), [("/from_id".to_owned(), "forbidden".to_owned())]);
    hand_over(&head, &ben, &anna, json!({ "dry_run": true })).await.problem(403, "forbidden");
    assert_eq!(owner(admin, &bens).await, json!(ben.user_id));
    let id = hand_over(&head, &anna, &ben, json!({})).await.expect(201).id();
    assert_eq!(has(&server, &ben), counts(2, "3.00", 0, 0));

    // Who is to see it sees it; to give it back is for those whose person it came from.
    let stranger = admin.colleague("seller", None).await;
    let path = format!("/v1/hand-overs/{id}");
    for (who, sees) in [(&head, 1), (&other, 1), (&anna, 1), (&ben, 1), (admin, 1), (&stranger, 0)]
    {
        let page = who.get("/v1/hand-overs").await.expect(200).json;
        assert_eq!(page["items"].as_array().unwrap().len(), sees);
        who.get(&path).await.expect(if sees == 1 { 200 } else { 404 });
    }
    give_back(&anna, &id, false).await.problem(403, "forbidden");
    give_back(&other, &id, false).await.problem(403, "forbidden");
    give_back(&head, &id, false).await.expect(200);
    assert_eq!(has(&server, &anna), counts(1, "1.00", 0, 0));

    // Where everybody sees everything, sellers hand over nothing all the same.
    let everyone = json!({ "deal_visibility": "everyone" });
    admin.patch("/v1/workspace", everyone).await.expect(200);
    hand_over(&anna, &anna, &ben, json!({})).await.problem(403, "forbidden");
    let body = json!({ "name": "Key", "scopes": ["hand_overs:write"] });
    let key = admin.post("/v1/api-keys", body).await.expect(201);
    let key = admin.with_token(key.json["key"].as_str().unwrap());
    let by_key = hand_over(&key, &anna, &ben, json!({})).await.expect(201).json;
    assert_eq!(by_key["created_by"]["kind"], "api_key");

    let list = async |query: &str| {
        let page = admin.get(&format!("/v1/hand-overs?{query}")).await.expect(200).json;
        page["items"].as_array().unwrap().len()
    };
    assert_eq!(list(&format!("from_id={}", anna.user_id)).await, 2);
    assert_eq!(list(&format!("to_id={}", anna.user_id)).await, 0);
    assert_eq!((list("returned=true").await, list("returned=false").await), (1, 1));
    assert_eq!((list("reason=holiday").await, list("reason=dismissal").await), (2, 0));
    assert_eq!((list("until=null").await, list("limit=1").await), (2, 1));
}

#[tokio::test]
async fn a_repetition_hands_nothing_over_again() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let (anna, ben) =
        (admin.colleague("seller", None).await, admin.colleague("seller", None).await);
    let deal_type = admin.deal_type(&["one"]).await;
    anna.deal(&deal_type, "1").await;
    let (key, body) = ([("idempotency-key", "once")], order(&anna, &ben, json!({})));
    let first = admin.post_with("/v1/hand-overs", &key, &body).await.expect(201);
    anna.deal(&deal_type, "2").await;
    let again = admin.post_with("/v1/hand-overs", &key, &body).await.expect(201);
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.json, first.json);
    assert_eq!(has(&server, &anna), counts(1, "2.00", 0, 0));
    let path = format!("/v1/hand-overs/{}/return", first.id());
    let back = admin.post_with(&path, &key, &json!({})).await;
    back.problem(422, "idempotency_key_reused");
    let key = [("idempotency-key", "back")];
    let back = admin.post_with(&path, &key, &json!({})).await.expect(200);
    let again = admin.post_with(&path, &key, &json!({})).await.expect(200);
    assert_eq!((again.header("idempotent-replayed"), &again.json), ("true", &back.json));
}

#[tokio::test]
async fn of_several_at_once_each_thing_goes_once() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let (anna, ben) =
        (admin.colleague("seller", None).await, admin.colleague("seller", None).await);
    let carla = admin.colleague("seller", None).await;
    let deal_type = admin.deal_type(&["one"]).await;
    for _ in 0..20 {
        anna.deal(&deal_type, "1").await;
        task(admin, "Call", &anna).await;
    }
    let (one, two) =
        join(hand_over(admin, &anna, &ben, json!({})), hand_over(admin, &anna, &carla, json!({})))
            .await;
    let (one, two) = (one.expect(201), two.expect(201));
    for (over, to) in [(&one, &ben), (&two, &carla)] {
        assert_eq!(over.json["handed_over"], has(&server, to));
    }
    let sum = |what: &str| {
        let of = |over: &Reply| over.json["handed_over"][what].as_i64().unwrap();
        of(&one) + of(&two)
    };
    assert_eq!((sum("deals"), sum("tasks")), (20, 20));
    let changes = "SELECT count(*) AS number FROM events WHERE event_type = 'deal.owner_changed'";
    assert_eq!(count(&mut server.connection(), changes), 20);

    let id = one.id();
    let backs = join_all((0..4).map(|_| give_back(admin, &id, false))).await;
    let mut answers: Vec<_> = backs.iter().map(|reply| (reply.status, reply.code())).collect();
    answers.sort_unstable();
    let refused = (409, "hand_over_returned");
    assert_eq!(answers, [(200, ""), refused, refused, refused]);
    give_back(admin, &two.id(), false).await.expect(200);
    assert_eq!(has(&server, &anna), counts(20, "20.00", 20, 0));
    histories::check(&mut server.connection());
}

#[tokio::test]
async fn more_deals_go_over_than_are_decided_at_a_time() {
    const DEALS: usize = 1_201;
    let server = TestServer::start().await;
    let admin = &server.admin;
    let (anna, ben) =
        (admin.colleague("seller", None).await, admin.colleague("seller", None).await);
    let deal_type = admin.deal_type(&["one", "two"]).await;
    let item = |number: usize| {
        json!({ "op": "create", "title": format!("Deal {number}"), "deal_type_id": deal_type,
            "owner_id": anna.user_id, "amount": { "amount": "1", "currency": "EUR" } })
    };
    for from in [0, 1_000] {
        let items: Vec<_> = (from..DEALS.min(from + 1_000)).map(item).collect();
        admin.post("/v1/deals/batch", json!({ "items": items, "atomic": true })).await.expect(207);
    }
    let over = hand_over(admin, &anna, &ben, json!({})).await.expect(201);
    assert_eq!(over.json["handed_over"], counts(1_201, "1201.00", 0, 0));
    assert_eq!(has(&server, &ben), counts(1_201, "1201.00", 0, 0));
    assert_eq!(histories::check(&mut server.connection()), DEALS);
    give_back(admin, &over.id(), false).await.expect(200);
    assert_eq!(has(&server, &anna), counts(1_201, "1201.00", 0, 0));
    assert_eq!(histories::check(&mut server.connection()), DEALS);
}

#[tokio::test]
async fn clients_are_looked_after() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let (anna, ben) =
        (admin.colleague("seller", None).await, admin.colleague("seller", None).await);
    let isdom = client(admin, "Isdom", &anna).await;
    let path = format!("/v1/clients/{isdom}");
    let nobodys = admin.post("/v1/clients", json!({ "name": "Cancity" })).await.expect(201);
    assert_eq!(nobodys.json["owner_id"], Value::Null);
    let found = async |query: String| {
        let page = admin.get(&format!("/v1/clients?{query}")).await.expect(200).json;
        let items = page["items"].as_array().unwrap().clone();
        items.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(found(format!("owner_id={}", anna.user_id)).await, ["Isdom"]);
    assert_eq!(found("owner_id=null".to_owned()).await, ["Cancity"]);
    let bens = json!({ "owner_id": ben.user_id });
    let after = admin.patch(&path, bens).await.expect(200).json;
    assert_eq!(after["owner_id"], json!(ben.user_id));
    let away = format!("/v1/users/{}", anna.user_id);
    admin.patch(&away, json!({ "active": false })).await.expect(200);
    let gone = json!({ "owner_id": anna.user_id });
    let refused = admin.patch(&path, gone).await.problem(422, "validation_failed");
    assert_eq!(refused.faults(), [("/owner_id".to_owned(), "unknown_reference".to_owned())]);
    // A survivor without one gets the duplicate's.
    let merge = format!("/v1/clients/{}/merge", nobodys.id());
    let merged = admin.post(&merge, json!({ "duplicate_id": isdom })).await.expect(200).json;
    assert_eq!(merged["owner_id"], json!(ben.user_id));
    let cleared = format!("/v1/clients/{}", nobodys.id());
    let cleared = admin.patch(&cleared, json!({ "owner_id": null })).await.expect(200).json;
    assert_eq!(cleared["owner_id"], Value::Null);
}
