//! What posts have not told is caught up by the exchange's own list of calls.

use serde_json::{Value, json};
use voronka_integration_tests::{Reply, process::until};

use super::{
    exchange::{CLIENT, LINE, answered, leg, started},
    office::{Office, office},
};

impl Office {
    /// Imports a list and waits for its end.
    async fn list(&self, rows: &[&str], more: Value) -> Value {
        let import = self.try_list(rows, more).await.expect(202).id();
        let path = format!("/v1/imports/{import}");
        let state = async || self.server.admin.get(&path).await.expect(200).json;
        until("the import ends", async || {
            !["queued", "running"].contains(&state().await["state"].as_str().unwrap())
        })
        .await;
        let state = state().await;
        assert_eq!(state["state"], "done", "{state}");
        state
    }

    async fn try_list(&self, rows: &[&str], more: Value) -> Reply {
        let mut mapping = json!({});
        for field in HEADER.split(',') {
            mapping[field] = json!({ "column": field });
        }
        let mut spec =
            json!({ "kind": "calls", "integration_id": self.exchange.id, "mapping": mapping });
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let file = [&[HEADER], rows].concat().join("\n");
        self.server.admin.import(file, spec).await
    }
}

const HEADER: &str = "call_id,started_at,from,to,extension,status,talk_seconds";

fn counts(import: &Value) -> [i64; 4] {
    ["created", "updated", "unchanged", "rejected"].map(|name| import[name].as_i64().unwrap())
}

async fn calls(office: &Office) -> Vec<(String, String, i64, Value)> {
    let one = |activity: Value| {
        let text = |name: &str| activity[name].as_str().unwrap_or_default().to_owned();
        let seconds = activity["duration_seconds"].as_i64().unwrap();
        (text("happened_at"), text("call_status"), seconds, activity["user_id"].clone())
    };
    office.exchange.activities().await.into_iter().map(one).collect()
}

/// Four calls: one that was told of wholly, one of which the answer and the end were lost, two of which nothing came.
#[tokio::test]
async fn a_list_closes_the_gap_and_doubles_nothing() {
    let office = office().await;
    let Office { server, anna, ben, exchange } = &office;
    office.client("Isdom").await;
    exchange.tell(&answered("1", 0)).await;
    exchange.tell(&[started("2", 5, CLIENT, LINE), leg("2", "ringing", (5, 1), "102")]).await;
    exchange.interpreted().await;
    let rows = [
        // The list has whole seconds, and who answered first only.
        "1,2026-03-02T10:00:00Z,+31201234567,+31201110000,101,ANSWERED,70",
        "2,2026-03-02 11:05:00,020 123 4567,+31201110000,101,,0:00:40",
        "3,2026-03-02 11:09:00,102,0201234567,,NO ANSWER,",
        "4,2026-03-02 11:12:00,,+31201110000,,missed,0",
    ];
    let zone = json!({ "time_zone": "Europe/Amsterdam" });
    let tried = json!({ "time_zone": "Europe/Amsterdam", "dry_run": true });
    assert_eq!(counts(&office.list(&rows, tried).await), [2, 1, 1, 0]);
    assert_eq!(calls(&office).await.len(), 1);
    let tasks = "/v1/tasks?kind=call_back";
    assert_eq!(server.admin.get(tasks).await.expect(200).json["items"], json!([]));
    assert_eq!(counts(&office.list(&rows, zone.clone()).await), [2, 1, 1, 0]);
    let (anna_id, ben_id) = (json!(anna.user_id), json!(ben.user_id));
    let told = |minute: u32, status: &str, seconds: i64, user: &Value| {
        (format!("2026-03-02T10:{minute:02}:00Z"), status.to_owned(), seconds, user.clone())
    };
    let expected = vec![
        told(0, "answered", 70, &ben_id),
        told(5, "answered", 40, &anna_id),
        told(9, "missed", 0, &ben_id),
        told(12, "missed", 0, &Value::Null),
    ];
    assert_eq!(calls(&office).await, expected);
    assert_eq!(counts(&office.list(&rows, zone).await), [0, 0, 4, 0]);
    // What is told late of a call that was listed takes nothing back.
    exchange.tell(&[leg("2", "answered", (5, 8), "102")]).await;
    let told_later = calls(&office).await;
    assert_eq!(told_later.len(), 4);
    assert_eq!((&told_later[1].1[..], told_later[1].2), ("answered", 40));
    let inbox = server.admin.get("/v1/inbox").await.expect(200);
    assert_eq!(inbox.json["items"].as_array().unwrap().len(), 1, "the hidden caller: {inbox:?}");
}

#[tokio::test]
async fn a_row_that_is_no_call_is_rejected_and_stops_none() {
    let office = office().await;
    let rows = [
        ",2026-03-02T10:00:00Z,+31201234567,+31201110000,101,answered,70",
        "2,2026-03-02T10:00:00Z,+31201234567,+31201110000,101,maybe,",
        "3,2026-03-02T10:00:00Z,+31201234567,+31201110000,101,,",
        "4,2026-03-02T10:00:00Z,+31201234567,+31201110000,101,answered,1:99:99:99",
        "5,2126-03-02T10:00:00Z,+31201234567,+31201110000,101,answered,70",
        "6,2026-03-02T10:00:00Z,+31201234567,+31201110000,101,answered,70",
    ];
    let import = office.list(&rows, json!({})).await;
    assert_eq!(counts(&import), [1, 0, 0, 5]);
    let path = format!("/v1/imports/{}/rejected.csv", import["id"].as_str().unwrap());
    let told = office.server.admin.get(&path).await.expect(200).text;
    let faults: Vec<Vec<&str>> =
        told.lines().skip(1).map(|line| line.split(',').take(3).collect()).collect();
    let expected = [
        ["2", "call_id", "required"],
        ["3", "status", "invalid_value"],
        ["4", "status", "required"],
        ["5", "talk_seconds", "out_of_range"],
        ["6", "started_at", "out_of_range"],
    ];
    assert_eq!(faults, expected);
    let refused = [
        (json!({ "integration_id": null }), "required"),
        (json!({ "integration_id": "0199c2f0-7a35-7d0e-9d5a-3f0a5f1c2b11" }), "unknown_reference"),
        (json!({ "kind": "products", "mapping": { "sku": { "value": "1" } } }), "not_allowed"),
    ];
    for (more, code) in refused {
        let faults = office.try_list(&rows, more).await.expect(422).faults();
        assert_eq!(faults, [("/integration_id".to_owned(), code.to_owned())]);
    }
}

/// How long they talked is not how long the call was, and a list that cannot say how calls went is refused at once.
#[tokio::test]
async fn a_list_with_ends_tells_of_the_talk_and_not_of_the_ringing() {
    let office = office().await;
    let Office { server, exchange, .. } = &office;
    office.client("Isdom").await;
    exchange.tell(&answered("1", 0)).await;
    exchange.interpreted().await;
    let columns = ["call_id", "started_at", "ended_at", "from", "to", "extension", "talk_seconds"];
    let rows = "1,2026-03-02T10:00:00Z,2026-03-02T10:01:20Z,+31201234567,+31201110000,102,70\n\
                2,2026-03-02T10:05:00Z,2026-03-02T10:05:36Z,+31201234567,+31201110000,101,30\n\
                3,2026-03-02T10:07:00Z,2026-03-02T10:06:00Z,+31201234567,+31201110000,101,30\n";
    let spec = |left_out: &[&str]| {
        let mapped = columns.iter().filter(|name| !left_out.contains(name));
        let mapping: Value =
            mapped.map(|name| ((*name).to_owned(), json!({ "column": name }))).collect();
        json!({ "kind": "calls", "integration_id": exchange.id, "mapping": mapping })
    };
    let file = format!("{}\n{rows}", columns.join(","));
    for (left_out, pointer) in [
        (&["talk_seconds"][..], "/mapping/status"),
        (&["from", "to"], "/mapping/from"),
        (&["call_id"], "/mapping/call_id"),
    ] {
        let faults = server.admin.import(file.clone(), spec(left_out)).await.expect(422).faults();
        assert_eq!(faults, [(pointer.to_owned(), "required".to_owned())]);
    }
    let import = server.admin.import(file, spec(&[])).await.expect(202).id();
    let path = format!("/v1/imports/{import}");
    let state = async || server.admin.get(&path).await.expect(200).json;
    until("the import ends", async || state().await["state"] == "done").await;
    assert_eq!(counts(&state().await), [1, 0, 1, 1]);
    let seconds: Vec<_> = calls(&office).await.into_iter().map(|call| call.2).collect();
    assert_eq!(seconds, [70, 30]);
}

/// Some exchanges have several ids of a call: the one of the whole call is suggested.
#[tokio::test]
async fn of_several_ids_that_of_the_whole_call_is_suggested() {
    let office = office().await;
    let file = "call_id,start,from,to,seconds,pbx_call_id\n1,2026-03-02,1,2,3,in_1\n";
    let shown = office.server.admin.preview(file, &[("kind", "calls")]).await.expect(200).json;
    let column = |field: &str| shown["mapping"][field]["column"].clone();
    let found = ["call_id", "started_at", "from", "to", "talk_seconds"].map(column);
    assert_eq!(found, ["pbx_call_id", "start", "from", "to", "seconds"].map(|name| json!(name)));
}
