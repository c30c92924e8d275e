use serde_json::json;
use voronka_domain::work::activity::CallStatus;

use super::*;
use crate::telephony::testing::{judged, now, told, verified, whole, without_each};

// Computed by `hashlib` of Python.
const SECRET: &str = "k3yOfTheVpbx:s4lt:OfTheVpbx";
const JSON: &str = r#"{"entry_id":"NDI=","call_id":"MToxMDA1NzU5Mw==","timestamp":1764320400,"seq":1,"call_state":"Appeared","location":"abonent","from":{"number":"31201234567"},"to":{"extension":"101","number":"sip:a@b.mangosip.ru","line_number":"74951110000"}}"#;
const SIGN: &str = "6698c7f5e1843ffa9f6b72ddf13d41c9956e63838b4967103e783cf938b0e47b";
const CLIENT: &str = "31201234567";
const LINE: &str = "74951110000";
const BEGAN: i64 = 1_764_299_000;

fn form(key: &str, sign: &str, json: &str) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("vpbx_api_key", key).append_pair("sign", sign).append_pair("json", json);
    form.finish()
}

fn check(body: &str, secrets: &[&str]) -> Result<Option<String>, Refused> {
    verified(&Mango, &[], ("events/call", ""), body.as_bytes(), secrets)
}

fn post(target: &str, json: &Value) -> Vec<Told> {
    let body = form("k", "s", &json.to_string());
    told(&Mango, target, "application/x-www-form-urlencoded", &body)
}

fn call(after: i64, state: &str, leg: &str, from: Value, to: Value, more: Value) -> Vec<Told> {
    let mut event = json!({"entry_id": "E1", "call_id": leg, "timestamp": BEGAN + after, "seq": after,
        "call_state": state, "location": "abonent", "from": from, "to": to});
    for (name, value) in more.as_object().into_iter().flatten() {
        event[name] = value.clone();
    }
    post("events/call", &event)
}

fn coming(after: i64, state: &str, extension: &str, more: Value) -> Vec<Told> {
    let to = json!({"extension": extension, "number": "sip:u@b.mangosip.ru", "line_number": LINE});
    call(after, state, &format!("leg {extension}"), json!({"number": CLIENT}), to, more)
}

fn queue(after: i64, state: &str) -> Vec<Told> {
    let to = json!({"number": LINE, "line_number": LINE, "acd_group": "700"});
    let more = json!({"location": "queue", "disconnect_reason": 1110});
    call(after, state, "leg q", json!({"number": CLIENT}), to, more)
}

fn summary(direction: i64, from: Value, to: Value, talk: i64, end: i64, more: Value) -> Vec<Told> {
    let mut event = json!({"entry_id": "E1", "call_direction": direction, "from": from, "to": to,
        "line_number": LINE, "create_time": BEGAN, "forward_time": BEGAN,
        "talk_time": if talk == 0 { 0 } else { BEGAN + talk }, "end_time": BEGAN + end,
        "entry_result": 1, "disconnect_reason": 1110});
    for (name, value) in more.as_object().into_iter().flatten() {
        event[name] = value.clone();
    }
    post("events/summary", &event)
}

#[test]
fn a_signature_over_the_text_as_it_was_posted_passes() {
    let body = form("k3yOfTheVpbx", SIGN, JSON);
    assert_eq!(check(&body, &["other:salt", SECRET]), Ok(None));
    assert_eq!(check(&body, &["other:salt"]), Err(Refused::Signature));
    assert_eq!(check(&body, &[]), Err(Refused::Signature));
    // The same JSON with a blank behind it is another text.
    let blank = form("k3yOfTheVpbx", SIGN, &format!("{JSON} "));
    assert_eq!(check(&blank, &[SECRET]), Err(Refused::Signature));
    assert_eq!(check("json={}", &[SECRET]), Err(Refused::Missing("vpbx_api_key")));
}

#[test]
fn each_tampered_byte_fails() {
    let parts = ["k3yOfTheVpbx", SIGN, JSON];
    for which in 0..3 {
        for place in 0..parts[which].len() {
            let mut bytes = parts[which].as_bytes().to_vec();
            bytes[place] ^= 1;
            let Ok(tampered) = String::from_utf8(bytes) else { continue };
            let mut given = parts;
            given[which] = &tampered;
            let body = form(given[0], given[1], given[2]);
            assert_eq!(check(&body, &[SECRET]), Err(Refused::Signature), "{tampered}");
        }
    }
}

#[test]
fn a_secret_is_a_code_and_a_key() {
    for (secret, fine) in
        [("a:b", true), ("a:b:c", true), ("ab", false), (":b", false), ("a:", false)]
    {
        assert_eq!(Mango.takes(secret), fine, "{secret}");
    }
}

#[test]
fn a_ring_group_is_answered_by_whoever_was_faster() {
    // Case 16: the slower phone is told last.
    let posts = [
        queue(0, "Appeared"),
        coming(2, "Appeared", "101", json!({})),
        coming(2, "Appeared", "102", json!({})),
        coming(9, "Connected", "102", json!({})),
        coming(9, "Disconnected", "101", json!({"disconnect_reason": 1100})),
        coming(69, "Disconnected", "102", json!({"disconnect_reason": "1110"})),
        summary(
            1,
            json!({"number": CLIENT}),
            json!({"extension": "102"}),
            9,
            69,
            json!({"entry_result": 0}),
        ),
    ];
    let call = judged(&whole(&posts));
    assert_eq!(call.direction, Direction::In);
    assert_eq!(
        (call.status, call.user, call.talk_seconds),
        (Some(CallStatus::Answered), Some(2), 60)
    );
    assert_eq!(call.e164.as_deref(), Some("+31201234567"));
    for call in without_each(&posts) {
        assert!(matches!(call.status, None | Some(CallStatus::Answered)), "{call:?}");
        assert_eq!((call.user, call.talk_seconds), (Some(2), 60));
    }
}

#[test]
fn a_sum_alone_tells_who_talked_and_how_long() {
    let posts =
        [summary(1, json!({"number": CLIENT}), json!({"extension": "101"}), 9, 69, json!({}))];
    let call = judged(&whole(&posts));
    assert_eq!(
        (call.status, call.user, call.talk_seconds),
        (Some(CallStatus::Answered), Some(1), 60)
    );
}

#[test]
fn answered_is_told_by_the_talk_and_not_by_the_result() {
    let posts = [summary(
        1,
        json!({"number": CLIENT}),
        json!({"extension": "101"}),
        0,
        30,
        json!({"entry_result": 1}),
    )];
    assert_eq!(judged(&whole(&posts)).status, Some(CallStatus::Missed));
}

#[test]
fn a_caller_who_hangs_up_in_the_queue_is_missed() {
    // Case 25.
    let posts = [
        queue(0, "Appeared"),
        queue(1, "Connected"),
        coming(2, "Appeared", "101", json!({})),
        coming(40, "Disconnected", "101", json!({"disconnect_reason": 1110})),
        queue(40, "Disconnected"),
        summary(1, json!({"number": CLIENT}), json!({"extension": "101"}), 0, 40, json!({})),
    ];
    let call = judged(&whole(&posts));
    assert_eq!((call.status, call.user, call.talk_seconds), (Some(CallStatus::Missed), Some(1), 0));
    for call in without_each(&posts) {
        assert_eq!(call.talk_seconds, 0);
        assert_ne!(call.status, Some(CallStatus::Answered));
    }
}

#[test]
fn a_hidden_caller_is_nobody() {
    // Case 14.
    let to = json!({"extension": "101", "line_number": LINE});
    let posts = [
        call(0, "Appeared", "l", json!({"number": "anonymous"}), to.clone(), json!({})),
        summary(1, json!({}), to, 0, 20, json!({})),
    ];
    let call = judged(&whole(&posts));
    assert_eq!((call.number, call.status), (None, Some(CallStatus::Missed)));
}

#[test]
fn a_call_out_is_answered_by_the_client() {
    let (from, to) = (json!({"extension": "101"}), json!({"number": CLIENT}));
    let busy = [
        call(0, "Appeared", "l", from.clone(), to.clone(), json!({})),
        call(5, "Disconnected", "l", from.clone(), to.clone(), json!({"disconnect_reason": 1121})),
        summary(2, from.clone(), to.clone(), 0, 5, json!({"disconnect_reason": 1121})),
    ];
    let judgement = judged(&whole(&busy));
    assert_eq!((judgement.status, judgement.user), (Some(CallStatus::Busy), Some(1)));
    assert!(without_each(&busy).iter().all(|call| call.talk_seconds == 0));
    let talk = [
        call(0, "Appeared", "l", from.clone(), to.clone(), json!({})),
        call(5, "Connected", "l", from.clone(), to.clone(), json!({})),
        call(65, "Disconnected", "l", from.clone(), to.clone(), json!({"disconnect_reason": 1120})),
        summary(2, from, to, 5, 65, json!({})),
    ];
    for call in without_each(&talk).iter().chain([&judged(&whole(&talk))]) {
        assert_eq!((call.direction, call.user, call.talk_seconds), (Direction::Out, Some(1), 60));
    }
}

#[test]
fn a_click_to_call_is_a_call_out() {
    // Case 8: the employee's phone rings first.
    let employee = json!({"extension": "101", "number": "sip:u@b.mangosip.ru"});
    let more = json!({"command_id": "c1", "callback_initiator": "API"});
    let posts = [
        call(0, "Appeared", "l1", json!({"number": CLIENT}), employee.clone(), more.clone()),
        call(3, "Connected", "l1", json!({"number": CLIENT}), employee, more.clone()),
        call(
            4,
            "Appeared",
            "l2",
            json!({"extension": "101"}),
            json!({"number": CLIENT}),
            more.clone(),
        ),
        call(9, "Connected", "l2", json!({"extension": "101"}), json!({"number": CLIENT}), more),
        summary(2, json!({"extension": "101"}), json!({"number": CLIENT}), 9, 39, json!({})),
    ];
    let call = judged(&whole(&posts));
    assert_eq!((call.direction, call.user, call.talk_seconds), (Direction::Out, Some(1), 30));
    for call in without_each(&posts) {
        assert_eq!(call.direction, Direction::Out);
    }
    // Until it is summed up it goes on.
    assert_eq!(judged(&whole(&posts[..4])).status, None);
}

#[test]
fn a_transfer_is_of_whoever_talked_last_and_asking_is_no_talk() {
    // Case 22, as in the manual: 101 asks 102 while the caller waits.
    let ask = json!({"extension": "101", "number": "sip:u@b.mangosip.ru", "taken_from_call_id": "leg 101"});
    let to = json!({"extension": "102", "number": "sip:v@b.mangosip.ru"});
    let taken = json!({"number": CLIENT, "taken_from_call_id": "leg 101"});
    let posts = [
        coming(0, "Appeared", "101", json!({})),
        coming(5, "Connected", "101", json!({})),
        call(35, "Connected", "leg 102", ask, to.clone(), json!({})),
        coming(45, "Disconnected", "101", json!({"disconnect_reason": 1120})),
        call(45, "Connected", "leg 102", taken.clone(), to.clone(), json!({})),
        call(65, "Disconnected", "leg 102", taken, to, json!({"disconnect_reason": 1110})),
        summary(1, json!({"number": CLIENT}), json!({"extension": "101"}), 5, 65, json!({})),
    ];
    let call = judged(&whole(&posts));
    assert_eq!(
        (call.direction, call.user, call.others, call.talk_seconds),
        (Direction::In, Some(2), vec![1], 60)
    );
    for call in without_each(&posts) {
        assert_eq!(call.direction, Direction::In);
        assert!(matches!(call.status, None | Some(CallStatus::Answered)));
    }
}

#[test]
fn a_recording_is_where_whoever_may_hears_it() {
    let completed = json!({"entry_id": "E1", "call_id": "l", "recording_id": "MTox/+Q==", "seq": 3,
        "recording_state": "Completed", "completion_code": 1000, "recipient": "Cloud", "timestamp": BEGAN + 70});
    let heard = "https://app.mango-office.ru/vpbx/queries/recording/issa/MTox%2F%2BQ%3D%3D/play";
    for target in ["events/recording", "events/recording?a=1", ""] {
        let call = &post(target, &completed)[0].call;
        assert_eq!(call.recordings.iter().map(String::as_str).collect::<Vec<_>>(), [heard]);
    }
    for (field, value) in [
        ("recording_state", json!("Started")),
        ("completion_code", json!(4002)),
        ("recipient", json!("Mail")),
    ] {
        let mut event = completed.clone();
        event[field] = value;
        assert_eq!(post("events/recording", &event)[0].call.recordings.len(), 0, "{event}");
    }
}

#[test]
fn codes_that_are_not_known_are_of_their_class() {
    for (code, of) in [
        (1090, LegEnd::Unknown),
        (1129, LegEnd::HungUp),
        (1121, LegEnd::Busy),
        (1139, LegEnd::Failed),
        (2999, LegEnd::Failed),
        (4299, LegEnd::Failed),
        (9, LegEnd::Unknown),
    ] {
        assert_eq!(end(code), of, "{code}");
    }
}

#[test]
fn what_is_no_event_of_a_call_is_passed_over_and_what_is_none_says_why() {
    assert_eq!(post("events/sms", &json!({"command_id": "c", "reason": 1000})), []);
    assert_eq!(post("", &json!({"key": "k"})), []);
    let read = |body: &str| {
        let kept = Kept {
            target: "events/call",
            content_type: None,
            body: body.as_bytes(),
            received_at: now(),
            zone: chrono_tz::Europe::Moscow,
        };
        Mango.read(&kept)
    };
    for body in ["", "json=", "json=%7B", "json=%7B%7D", "json=%7B%22call_id%22%3A%221%22%7D"] {
        assert!(read(body).is_err(), "{body}");
    }
    // What is told of the address, by which it was posted.
    let posted = Posted { rest: "events/call", query: "a=1", url: None, headers: &[], body: b"" };
    assert_eq!(Mango.target(&posted), "events/call?a=1");
}
