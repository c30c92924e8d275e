//! Hand-overs that come back by themselves.

use serde_json::json;
use voronka_integration_tests::{TestServer, histories, sql};
use voronka_persistence::Store;

use super::{client, events, give_back, hand_over, has, owner, task};

/// What three servers do when their clocks strike at the same moment.
fn strike(server: &TestServer, at: &str) {
    let now = at.parse().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            let url = server.url.clone();
            scope.spawn(move || Store::new(&url, 2).return_hand_overs(now).unwrap());
        }
    });
}

/// The day after tomorrow in Amsterdam; and, from its beginning in some zone, the instant so many seconds on.
fn day_after_tomorrow(server: &TestServer) -> String {
    let day = "SELECT to_json((now() AT TIME ZONE 'Europe/Amsterdam')::date + 2)::text";
    sql::json(&mut server.connection(), day).as_str().unwrap().to_owned()
}

fn instant(server: &TestServer, day: &str, zone: &str, seconds: i32) -> String {
    let at = format!(
        "SELECT to_json(to_char((timestamp '{day}' AT TIME ZONE '{zone}' + interval '1 second' * {seconds}) \
         AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'))::text"
    );
    sql::json(&mut server.connection(), &at).as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_is_for_a_time_comes_back_once_over_several_servers() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let (anna, ben) =
        (admin.colleague("seller", None).await, admin.colleague("seller", None).await);
    let deal_type = admin.deal_type(&["one", "two"]).await;
    let deal = anna.deal(&deal_type, "10").await;
    let call = task(admin, "Call", &anna).await;
    client(admin, "Isdom", &anna).await;
    let whole = has(&server, &anna);
    let day = day_after_tomorrow(&server);
    let over = hand_over(admin, &anna, &ben, json!({ "until": day })).await.expect(201);
    assert_eq!(over.json["until"], json!(day));
    let id = over.id();
    strike(&server, &instant(&server, &day, "Europe/Amsterdam", -1));
    assert_eq!(has(&server, &ben), whole);
    strike(&server, &instant(&server, &day, "Europe/Amsterdam", 0));
    assert_eq!(has(&server, &anna), whole);
    strike(&server, &instant(&server, &day, "Europe/Amsterdam", 86_400));

    let back = admin.get(&format!("/v1/hand-overs/{id}")).await.expect(200).json;
    let by_itself = json!({ "kind": "hand_over", "id": id });
    assert_eq!((&back["returned_by"], &back["version"]), (&by_itself, &json!(2)));
    assert_eq!(back["outcome"]["returned"], whole);
    let changed = events(admin, "type=deal.owner_changed").await;
    let actors: Vec<_> = changed.iter().map(|event| event["actor"].clone()).collect();
    assert_eq!(actors, [json!({ "kind": "user", "id": admin.user_id }), by_itself]);
    assert_eq!(changed[1]["object_id"], json!(deal));
    let versions = events(admin, &format!("object_id={call}")).await;
    assert_eq!(versions.len(), 3, "made, handed over, given back");
    give_back(admin, &id, false).await.problem(409, "hand_over_returned");
    histories::check(&mut server.connection());
}

#[tokio::test]
async fn the_day_begins_where_the_workspace_is() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let (anna, ben) =
        (admin.colleague("seller", None).await, admin.colleague("seller", None).await);
    let deal_type = admin.deal_type(&["one"]).await;
    let deal = anna.deal(&deal_type, "10").await;
    let day = day_after_tomorrow(&server);
    let live_in = async |zone: &str| {
        admin.patch("/v1/workspace", json!({ "time_zone": zone })).await.expect(200);
    };
    // Later than in Amsterdam, and earlier.
    for zone in ["America/New_York", "Asia/Tokyo"] {
        live_in("Europe/Amsterdam").await;
        hand_over(admin, &anna, &ben, json!({ "until": day })).await.expect(201);
        live_in(zone).await;
        strike(&server, &instant(&server, &day, zone, -1));
        assert_eq!(owner(admin, &deal).await, json!(ben.user_id), "{zone}");
        strike(&server, &instant(&server, &day, zone, 0));
        assert_eq!(owner(admin, &deal).await, json!(anna.user_id), "{zone}");
    }
}

#[tokio::test]
async fn nothing_goes_back_to_somebody_who_is_gone() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let (anna, ben) =
        (admin.colleague("seller", None).await, admin.colleague("seller", None).await);
    let deal_type = admin.deal_type(&["one"]).await;
    let deal = anna.deal(&deal_type, "10").await;
    let path = format!("/v1/users/{}", anna.user_id);
    admin.patch(&path, json!({ "active": false })).await.expect(200);
    // What the gone had can be handed over, and to them nothing can.
    let day = day_after_tomorrow(&server);
    let id = hand_over(admin, &anna, &ben, json!({ "until": day })).await.expect(201).id();
    let to = hand_over(admin, &ben, &anna, json!({})).await.problem(422, "validation_failed");
    assert_eq!(to.faults(), [("/to_id".to_owned(), "unknown_reference".to_owned())]);
    give_back(admin, &id, false).await.problem(409, "user_inactive");
    strike(&server, &instant(&server, &day, "Europe/Amsterdam", 0));
    assert_eq!(owner(admin, &deal).await, json!(ben.user_id));
    admin.patch(&path, json!({ "active": true })).await.expect(200);
    strike(&server, &instant(&server, &day, "Europe/Amsterdam", 599));
    assert_eq!(owner(admin, &deal).await, json!(ben.user_id));
    strike(&server, &instant(&server, &day, "Europe/Amsterdam", 600));
    assert_eq!(owner(admin, &deal).await, json!(anna.user_id));
}
