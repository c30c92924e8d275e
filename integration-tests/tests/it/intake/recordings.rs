//! Recordings of calls are fetched when they are there, kept for as long as the workspace says, and heard by whoever
//! sees their activities.

mod bad_hosts;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Method;
use serde_json::{Value, json};
use voronka_integration_tests::{Api, TestServer, histories, invariants, process::until, sql};

use super::exchange::{CLIENT, Exchange, LINE};
use super::host::{Answer, Host};
use super::office::{Office, office_in};

/// A WAV file by the description of the format: telephone quality, so many bytes of sound of which none is like the
/// next.
fn wave(sound: u32) -> Vec<u8> {
    let mut file = b"RIFF".to_vec();
    file.extend((36 + sound).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0data");
    file.extend(sound.to_le_bytes());
    file.extend((0..sound).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8));
    file
}

/// An office whose recordings are fetched, from hosts on this machine, too.
async fn fetching_office(arguments: &[&str]) -> Office {
    let own = ["--recording-networks", "127.0.0.1"];
    let server = TestServer::with(&[&own, arguments].concat()).await;
    let office = office_in(server).await;
    let path = format!("/v1/integrations/{}", office.exchange.id);
    let body = json!({ "recordings": "fetch" });
    assert_eq!(
        office.server.admin.patch(&path, body).await.expect(200).json["recordings"],
        "fetch"
    );
    office
}

/// A call of an hour ago that the second phone answered.
fn call(id: &str) -> Vec<Value> {
    let began = Utc::now() - TimeDelta::hours(1);
    let at = |seconds: i64| json!(began + TimeDelta::seconds(seconds));
    vec![
        json!({ "call_id": id, "type": "started", "at": at(0), "from": CLIENT, "to": LINE }),
        json!({ "call_id": id, "type": "answered", "at": at(5), "party": "102" }),
        json!({ "call_id": id, "type": "left", "at": at(65), "party": "102", "reason": "hung_up" }),
        json!({ "call_id": id, "type": "ended", "at": at(65) }),
    ]
}

fn recording(id: &str, url: &str) -> Value {
    let at = Utc::now() - TimeDelta::minutes(58);
    json!({ "call_id": id, "type": "recording", "at": at, "recording_url": url })
}

async fn tell(exchange: &Exchange, id: &str, url: &str) -> String {
    let mut events = call(id);
    events.push(recording(id, url));
    exchange.tell(&events).await;
    exchange.interpreted().await;
    let path = format!("/v1/activities?external_id={id}");
    let page = exchange.admin.get(&path).await.expect(200).json;
    assert_eq!(page["items"].as_array().unwrap().len(), 1, "{page}");
    page["items"][0]["id"].as_str().unwrap().to_owned()
}

async fn shown(api: &Api, activity: &str) -> Value {
    api.get(&format!("/v1/activities/{activity}")).await.expect(200).json["recording"].clone()
}

async fn until_it_is(api: &Api, activity: &str, state: &str) -> Value {
    until(state, async || shown(api, activity).await["state"] == state).await;
    shown(api, activity).await
}

/// It was tried, and waits for the next time.
async fn until_missed(api: &Api, activity: &str, reason: &str) -> Value {
    let missed = async || {
        let shown = shown(api, activity).await;
        shown["state"] == "waiting" && shown["reason"] == reason
    };
    until(reason, missed).await;
    shown(api, activity).await
}

/// What waits has waited for long enough.
fn wait_no_longer(server: &TestServer) {
    sql::run(
        &mut server.connection(),
        "UPDATE recordings SET next_at = now() WHERE state = 'waiting'",
    );
}

/// The next attempt is the last one, and is made now.
fn try_for_the_last_time(server: &TestServer) {
    let last = "UPDATE recordings SET attempts = 8, next_at = now() WHERE state = 'waiting'";
    sql::run(&mut server.connection(), last);
}

fn objects(server: &TestServer, state: &str) -> i64 {
    let query = format!("SELECT count(*) AS number FROM stored_objects WHERE state = '{state}'");
    histories::count(&mut server.connection(), &query)
}

/// Whatever has to be so at any moment is so.
fn check_invariants(server: &TestServer) {
    let findings = invariants::look(&mut server.connection(), invariants::When::Always);
    assert_eq!(invariants::told(&findings), [""; 0]);
}

/// The answer and its bytes.
async fn hear(
    api: &Api,
    activity: &str,
    headers: &[(&str, &str)],
) -> (reqwest::StatusCode, reqwest::header::HeaderMap, Vec<u8>) {
    let path = format!("/v1/activities/{activity}/recording");
    let mut request = api.http.get(format!("{}{path}", api.base));
    request = request.bearer_auth(api.token.as_deref().unwrap());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.expect("an answer");
    let (status, headers) = (answer.status(), answer.headers().clone());
    (status, headers, answer.bytes().await.expect("all of it").to_vec())
}

/// Case 33: a recording that is 404 for the first seconds is fetched later, and is then what the exchange has.
#[tokio::test]
async fn a_recording_that_is_not_there_yet_is_fetched_later() {
    let Office { server, exchange, .. } = fetching_office(&[]).await;
    let (host, file) = (Host::open(), wave(100_000));
    let there = Answer::File("application/octet-stream", file.clone());
    let url = host.says("/1.wav", [Answer::Status(404, ""), there]);
    let activity = tell(&exchange, "1", &url).await;
    let missed = until_missed(&server.admin, &activity, "The exchange answered 404.").await;
    assert!(missed["next_at"].is_string() && missed["content_type"].is_null(), "{missed}");
    let path = format!("/v1/activities/{activity}/recording");
    server.admin.get(&path).await.problem(404, "recording_not_kept");
    let at = format!("/v1/activities/{activity}");
    let tag = server.admin.get(&at).await.header("etag").to_owned();

    wait_no_longer(&server);
    let kept = until_it_is(&server.admin, &activity, "kept").await;
    let expected = json!({ "state": "kept", "reason": null, "next_at": null,
        "content_type": "audio/wav", "bytes": 100_044 });
    assert_eq!(kept, expected);
    assert_eq!(host.asked("/1.wav"), 2);
    // Who has the activity as it was is told that it is another one.
    let known = [("if-none-match", tag.as_str())];
    server.admin.send(Method::GET, &at, &known, None).await.expect(200);
    let (status, headers, bytes) = hear(&server.admin, &activity, &[]).await;
    assert_eq!((status.as_u16(), bytes == file), (200, true));
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    for (name, expected) in [
        ("content-type", "audio/wav".to_owned()),
        ("content-length", "100044".to_owned()),
        ("accept-ranges", "bytes".to_owned()),
        ("x-content-type-options", "nosniff".to_owned()),
        ("cache-control", "private".to_owned()),
        ("content-disposition", format!("inline; filename=\"{activity}.wav\"")),
    ] {
        assert_eq!(text(name), Some(expected), "{name}");
    }
    // The list shows the same, and each state was told.
    let list = server.admin.get("/v1/activities").await.expect(200).json;
    assert_eq!(list["items"][0]["recording"], expected);
    let told = server.admin.get("/v1/events?type=recording.created,recording.updated").await;
    let states: Vec<_> =
        told.json["items"].as_array().unwrap().iter().map(|one| &one["object"]["state"]).collect();
    assert_eq!(states, ["waiting", "waiting", "kept"]);
    assert!(!told.text.contains("1.wav"), "{}", told.text);
    assert_eq!((objects(&server, "kept"), objects(&server, "writing")), (1, 0));
    check_invariants(&server);
}

#[tokio::test]
async fn a_part_of_a_recording_is_cut_from_it() {
    let Office { server, exchange, .. } = fetching_office(&[]).await;
    let (host, file) = (Host::open(), wave(300_000));
    let url = host.says("/1.wav", [Answer::File("audio/x-wav", file.clone())]);
    let activity = tell(&exchange, "1", &url).await;
    until_it_is(&server.admin, &activity, "kept").await;
    let (_, headers, _) = hear(&server.admin, &activity, &[]).await;
    let tag = headers["etag"].to_str().unwrap().to_owned();
    let last = file.len() - 1;
    for (range, from, to) in [
        ("bytes=0-0", 0, 0),
        ("bytes=44-1043", 44, 1_043),
        ("bytes=299000-", 299_000, last),
        ("bytes=-7", last - 6, last),
        ("bytes=70000-9999999", 70_000, last),
    ] {
        let asked = [("range", range), ("if-range", tag.as_str()), ("accept-encoding", "gzip")];
        let (status, headers, bytes) = hear(&server.admin, &activity, &asked).await;
        assert_eq!((status.as_u16(), bytes == file[from..=to]), (206, true), "{range}");
        let said = format!("bytes {from}-{to}/{}", file.len());
        assert_eq!(headers["content-range"].to_str().unwrap(), said);
        assert_eq!(headers["content-length"].to_str().unwrap(), (to - from + 1).to_string());
    }
    for asked in [
        [("range", "bytes=0-1,5-6"), ("accept", "*/*")],
        [("range", "bytes=0-1"), ("if-range", "\"another\"")],
        [("range", "bytes=0-1"), ("if-range", "Sat, 28 Nov 2026 12:00:00 GMT")],
    ] {
        let (status, _, bytes) = hear(&server.admin, &activity, &asked).await;
        assert_eq!((status.as_u16(), bytes == file), (200, true), "{asked:?}");
    }
    let path = format!("/v1/activities/{activity}/recording");
    let beyond = [("range", "bytes=300044-")];
    let beyond = server.admin.send(Method::GET, &path, &beyond, None).await;
    let beyond = beyond.problem(416, "range_not_satisfiable");
    assert_eq!(beyond.header("content-range"), "bytes */300044");
    let (status, _, bytes) = hear(&server.admin, &activity, &[("if-none-match", &tag)]).await;
    assert_eq!((status.as_u16(), bytes.len()), (304, 0));
}

#[tokio::test]
async fn whoever_sees_the_activity_hears_it() {
    let office = fetching_office(&[]).await;
    let Office { server, exchange, anna, ben } = &office;
    let (host, file) = (Host::open(), wave(1_000));
    let url = host.says("/1.wav", [Answer::File("audio/wav", file.clone())]);
    let activity = tell(exchange, "1", &url).await;
    until_it_is(&server.admin, &activity, "kept").await;
    let path = format!("/v1/activities/{activity}/recording");
    // The second phone is Ben's.
    for api in [ben, &server.admin] {
        let (status, _, bytes) = hear(api, &activity, &[]).await;
        assert_eq!((status.as_u16(), bytes == file), (200, true));
    }
    anna.get(&path).await.problem(404, "not_found");
    let stranger = server.workspace("Other", "EUR", "Europe/Amsterdam").await;
    stranger.get(&path).await.problem(404, "not_found");
    server.admin.without_token().get(&path).await.problem(401, "unauthenticated");
    let nothing = "/v1/activities/0199c2f0-7a35-7d0e-9d5a-3f0a5f1c2b11/recording";
    server.admin.get(nothing).await.problem(404, "not_found");
    // Who only sees it has no say in it.
    for api in [anna, &stranger] {
        api.post(&format!("{path}/fetch"), json!({})).await.problem(404, "not_found");
    }
}

#[tokio::test]
async fn whatever_the_order_a_recording_is_fetched_once() {
    let Office { server, exchange, .. } = fetching_office(&[]).await;
    let host = Host::open();
    let url = host.says("/1.wav", [Answer::File("audio/wav", wave(10))]);
    // Before the call is over, again after it, and once more when it is kept.
    let mut events = vec![recording("1", &url)];
    events.extend(call("1"));
    events.push(recording("1", &url));
    for event in &events {
        exchange.tell(std::slice::from_ref(event)).await;
        exchange.interpreted().await;
    }
    let activity = tell(&exchange, "1", &url).await;
    until_it_is(&server.admin, &activity, "kept").await;
    exchange.tell(&events).await;
    // A recording that comes after the first one is not the activity's.
    exchange.tell(&[recording("1", &host.says("/2.wav", [Answer::Status(404, "")]))]).await;
    exchange.interpreted().await;
    wait_no_longer(&server);
    assert_eq!(shown(&server.admin, &activity).await["state"], "kept");
    assert_eq!((host.asked("/1.wav"), host.asked("/2.wav")), (1, 0));
    let rows = "SELECT count(*) AS number FROM recordings";
    assert_eq!(histories::count(&mut server.connection(), rows), 1);

    // What somebody has taken away stays away, whatever else is told of the call.
    let path = format!("/v1/activities/{activity}");
    let body = json!({ "recording_url": null });
    let changed = server.admin.patch(&path, body).await.expect(200);
    assert_eq!(changed.json["recording"]["state"], "gone");
    exchange.tell(&[json!({ "call_id": "1", "type": "ended", "at": Utc::now() })]).await;
    exchange.interpreted().await;
    let after = server.admin.get(&path).await.expect(200).json;
    assert_eq!(
        (&after["recording_url"], &after["recording"]["state"]),
        (&Value::Null, &json!("gone"))
    );
    server.admin.get(&format!("{path}/recording")).await.problem(404, "recording_not_kept");
    assert_eq!(objects(&server, "kept"), 0);
    check_invariants(&server);
}

#[tokio::test]
async fn where_nothing_is_fetched_the_link_is_kept() {
    let Office { server, exchange, .. } = office_in(TestServer::start().await).await;
    let host = Host::open();
    let url = host.says("/1.wav", [Answer::File("audio/wav", wave(10))]);
    let activity = tell(&exchange, "1", &url).await;
    let read = server.admin.get(&format!("/v1/activities/{activity}")).await.expect(200).json;
    let link = json!({ "state": "link", "reason": null, "next_at": null, "content_type": null,
        "bytes": null });
    assert_eq!((&read["recording_url"], &read["recording"]), (&json!(url), &link));
    let path = format!("/v1/activities/{activity}/recording");
    server.admin.get(&path).await.problem(404, "recording_not_kept");
    let note = json!({ "kind": "note", "title": "Asked for a quote" });
    let note = server.admin.post("/v1/activities", note).await.expect(201);
    assert_eq!(note.json["recording"], Value::Null);
    let path = format!("/v1/activities/{}/recording", note.id());
    server.admin.get(&path).await.problem(404, "recording_not_kept");
    assert_eq!(host.asked("/1.wav"), 0);
}

/// 180 days, where nothing else is said, and what is older is not fetched.
#[tokio::test]
async fn recordings_are_kept_for_as_long_as_the_workspace_says() {
    let Office { server, exchange, .. } = fetching_office(&[]).await;
    let host = Host::open();
    let mut activities = Vec::new();
    for name in ["old", "young"] {
        let url = host.says(&format!("/{name}"), [Answer::File("audio/wav", wave(10))]);
        let activity = tell(&exchange, name, &url).await;
        until_it_is(&server.admin, &activity, "kept").await;
        activities.push(activity);
    }
    let age = |activity: &str, days: u32| {
        let statement = format!(
            "UPDATE recordings SET happened_at = now() - interval '{days} days' WHERE activity_id = '{activity}'"
        );
        sql::run(&mut server.connection(), &statement);
    };
    age(&activities[0], 181);
    age(&activities[1], 179);
    server.admin.post("/v1/jobs/sweep/runs", json!({})).await;
    let gone = until_it_is(&server.admin, &activities[0], "gone").await;
    assert_eq!((&gone["bytes"], &gone["content_type"]), (&Value::Null, &Value::Null));
    assert_eq!(shown(&server.admin, &activities[1]).await["state"], "kept");
    let path = format!("/v1/activities/{}/recording", activities[0]);
    server.admin.get(&path).await.problem(404, "recording_not_kept");
    assert_eq!(objects(&server, "kept"), 1);
    let shorter = json!({ "recording_days": 178 });
    server.admin.patch("/v1/workspace", shorter).await.expect(200);
    server.admin.post("/v1/jobs/sweep/runs", json!({})).await;
    until_it_is(&server.admin, &activities[1], "gone").await;
    assert_eq!(objects(&server, "kept"), 0);

    let url = host.says("/ancient", [Answer::File("audio/wav", wave(10))]);
    let mut events = super::exchange::answered("ancient", 0);
    events.push(recording("ancient", &url));
    for event in &mut events {
        let at: DateTime<Utc> = event["at"].as_str().unwrap().parse().unwrap();
        event["at"] = json!(at.min(Utc::now() - TimeDelta::days(200)));
    }
    exchange.tell(&events).await;
    exchange.interpreted().await;
    let page = server.admin.get("/v1/activities?external_id=ancient").await.expect(200).json;
    assert_eq!(page["items"][0]["recording"]["state"], "link", "{page}");
}

/// Whoever dies over a recording, it is fetched again by the next one, and kept once; who was only slow keeps nothing.
#[tokio::test]
async fn what_was_cut_off_is_fetched_again_and_kept_once() {
    let Office { server, exchange, .. } = fetching_office(&[]).await;
    let host = Host::open();
    let url = host.says("/1.wav", [Answer::Status(404, ""), Answer::File("audio/wav", wave(10))]);
    let activity = tell(&exchange, "1", &url).await;
    until_missed(&server.admin, &activity, "The exchange answered 404.").await;
    let workspace = server.admin.workspace_id;
    // Another server takes it up, takes room in the store, and is heard of no more.
    let later = Utc::now() + TimeDelta::minutes(1);
    let give_up = Utc::now() + TimeDelta::days(1);
    let taken = server.store.take_up_recordings(workspace, (9, give_up), later).unwrap();
    assert_eq!(taken.len(), 1);
    let object = server.store.begin_object(workspace, (1_000, 1 << 30), Utc::now()).unwrap();
    assert!(server.store.take_up_recordings(workspace, (9, give_up), later).unwrap().is_empty());
    assert_eq!(host.asked("/1.wav"), 1);
    wait_no_longer(&server);
    until_it_is(&server.admin, &activity, "kept").await;
    // It was not dead after all.
    let written = voronka_persistence::files::objects::Written {
        bytes: 1_000,
        sha256: vec![0; 32],
        content_type: Some("audio/mpeg".to_owned()),
    };
    let fetched = voronka_persistence::intake::recordings::Fetched::Kept(object, &written);
    let ours = server.store.recording_fetched(workspace, &taken[0], &fetched, Utc::now());
    assert!(!ours.unwrap());
    assert_eq!(shown(&server.admin, &activity).await["content_type"], "audio/wav");
    assert_eq!((objects(&server, "kept"), objects(&server, "writing")), (1, 1));
    check_invariants(&server);
}
