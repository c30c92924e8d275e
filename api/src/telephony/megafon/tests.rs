use voronka_domain::work::activity::CallStatus;

use super::*;
use crate::telephony::testing::{judged, now, told, verified, whole, without_each};

const CLIENT: &str = "79161234567";
const LINE: &str = "74951110000";

fn form(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

fn post(cmd: &str, fields: &[(&str, &str)]) -> Vec<Told> {
    let mut all = vec![("cmd", cmd), ("callid", "c1"), ("crm_token", "t0ken"), ("phone", CLIENT)];
    all.extend_from_slice(fields);
    told(&Megafon, "", "application/x-www-form-urlencoded", &form(&all))
}

fn event(what: &str, direction: &str, phone: &str) -> Vec<Told> {
    let user = format!("user{phone}");
    let fields = [
        ("type", what),
        ("direction", direction),
        ("user", &user),
        ("ext", phone),
        ("diversion", LINE),
    ];
    post("event", &fields)
}

/// Two minutes before the posts come.
fn history(way: &str, phone: &str, status: &str, duration: &str) -> Vec<Told> {
    let user = format!("user{phone}");
    let fields = [
        ("type", way),
        ("user", &user),
        ("ext", phone),
        ("diversion", LINE),
        ("start", "20251128T031800Z"),
        ("wait", "9"),
        ("duration", duration),
        ("status", status),
        ("link", "https://vats.example/1.mp3"),
    ];
    post("history", &fields)
}

#[test]
fn a_token_of_ours_passes_and_each_tampered_byte_fails() {
    let check =
        |body: &str, secrets: &[&str]| verified(&Megafon, &[], ("", ""), body.as_bytes(), secrets);
    assert_eq!(check("cmd=event&crm_token=t0ken", &["other", "t0ken"]), Ok(None));
    assert_eq!(check("cmd=event&crm_token=t0ken", &[]), Err(Refused::Signature));
    assert_eq!(check("cmd=event", &["t0ken"]), Err(Refused::Missing(TOKEN)));
    assert_eq!(check("cmd=event&crm_token=", &["t0ken"]), Err(Refused::Missing(TOKEN)));
    for place in 0..5 {
        let mut bytes = b"t0ken".to_vec();
        bytes[place] ^= 1;
        let body = form(&[("crm_token", &String::from_utf8(bytes).unwrap())]);
        assert_eq!(check(&body, &["t0ken"]), Err(Refused::Signature), "{body}");
    }
}

#[test]
fn the_token_is_not_told() {
    let posted =
        Posted { rest: "", query: "a=b&crm_token=t0ken", url: None, headers: &[], body: b"" };
    assert_eq!(Megafon.target(&posted), "a=b");
    assert!(!format!("{:?}", history("in", "101", "Success", "60")).contains("t0ken"));
}

#[test]
fn a_ring_group_is_answered_by_whoever_was_faster() {
    let posts = [
        event("INCOMING", "in", "101"),
        event("INCOMING", "in", "102"),
        event("ACCEPTED", "in", "102"),
        event("CANCELLED", "in", "101"),
        event("COMPLETED", "in", "102"),
        history("in", "102", "Success", "60"),
    ];
    let whole = whole(&posts);
    assert_eq!(whole.recordings.len(), 1);
    assert_eq!(whole.began_at.unwrap().to_rfc3339(), "2025-11-28T03:18:00+00:00");
    let call = judged(&whole);
    assert_eq!(
        (call.direction, call.status, call.user),
        (Direction::In, Some(CallStatus::Answered), Some(2))
    );
    assert_eq!(call.e164.as_deref(), Some("+79161234567"));
    for call in without_each(&posts) {
        assert_eq!(
            (call.direction, call.status, call.user),
            (Direction::In, Some(CallStatus::Answered), Some(2))
        );
    }
}

#[test]
fn what_is_told_when_it_is_over_is_enough() {
    let call = judged(&whole(&[history("in", "101", "Success", "60")]));
    assert_eq!(
        (call.status, call.user, call.talk_seconds),
        (Some(CallStatus::Answered), Some(1), 60)
    );
    let call = judged(&whole(&[history("out", "101", "Success", "60")]));
    assert_eq!(
        (call.direction, call.status, call.user),
        (Direction::Out, Some(CallStatus::Answered), Some(1))
    );
    assert_eq!(call.talk_seconds, 60);
}

#[test]
fn a_phone_that_was_cancelled_does_not_end_the_call() {
    let posts = [event("INCOMING", "in", "101"), event("CANCELLED", "in", "101")];
    assert_eq!(judged(&whole(&posts)).status, None);
    let posts = [posts[0].clone(), posts[1].clone(), history("in", "101", "missed", "0")];
    let call = judged(&whole(&posts));
    assert_eq!((call.status, call.user, call.talk_seconds), (Some(CallStatus::Missed), Some(1), 0));
    assert!(without_each(&posts).iter().all(|call| call.talk_seconds == 0));
}

#[test]
fn a_call_out_is_as_the_client_took_it() {
    for (word, status) in [
        ("Busy", CallStatus::Busy),
        ("Cancel", CallStatus::Cancelled),
        ("NotAvailable", CallStatus::Failed),
        ("NotAllowed", CallStatus::Failed),
        ("NotFound", CallStatus::Failed),
        ("Missed", CallStatus::Missed),
    ] {
        let posts = [event("OUTGOING", "out", "101"), history("out", "101", word, "12")];
        let call = judged(&whole(&posts));
        assert_eq!(
            (call.direction, call.status, call.user),
            (Direction::Out, Some(status), Some(1))
        );
        assert_eq!(call.talk_seconds, 0);
    }
    // Older exchanges do not say the way of an event.
    let posts = [
        event("OUTGOING", "", "101"),
        event("ACCEPTED", "", "101"),
        event("COMPLETED", "", "101"),
        history("out", "101", "Success", "60"),
    ];
    for call in without_each(&posts).iter().chain([&judged(&whole(&posts))]) {
        assert_eq!(
            (call.direction, call.status, call.user),
            (Direction::Out, Some(CallStatus::Answered), Some(1))
        );
    }
}

#[test]
fn a_transfer_is_of_whoever_talked_last() {
    let mut passed = event("TRANSFERRED", "in", "102");
    passed.extend(post(
        "event",
        &[("type", "TRANSFERRED"), ("direction", "in"), ("second_callid", "c2")],
    ));
    assert_eq!(passed[1].also, ["c2"]);
    let posts = [
        event("INCOMING", "in", "101"),
        event("ACCEPTED", "in", "101"),
        passed,
        event("ACCEPTED", "in", "102"),
        history("in", "102", "Success", "60"),
    ];
    let call = judged(&whole(&posts));
    assert_eq!(call.status, Some(CallStatus::Answered));
    assert!(
        without_each(&posts)
            .iter()
            .all(|call| matches!(call.status, None | Some(CallStatus::Answered)))
    );
}

#[test]
fn a_hidden_caller_is_nobody() {
    // Case 14.
    let posted = form(&[("cmd", "contact"), ("callid", "c"), ("phone", "")]);
    let posted = Posted { rest: "", query: "", url: None, headers: &[], body: posted.as_bytes() };
    assert_eq!(Megafon.asks(&posted), None);
    let fields = [
        ("cmd", "history"),
        ("callid", "c"),
        ("type", "in"),
        ("phone", "anonymous"),
        ("status", "missed"),
        ("user", "user101"),
        ("ext", "101"),
        ("diversion", LINE),
    ];
    let call = judged(&whole(&[told(&Megafon, "", "", &form(&fields))]));
    assert_eq!((call.number, call.status), (None, Some(CallStatus::Missed)));
}

#[test]
fn whoever_calls_is_told_while_it_rings() {
    let body =
        form(&[("cmd", "contact"), ("callid", "c1"), ("phone", CLIENT), ("diversion", LINE)]);
    let posted = Posted { rest: "", query: "", url: None, headers: &[], body: body.as_bytes() };
    assert_eq!(Megafon.asks(&posted), Some(Question::Whose { number: format!("+{CLIENT}") }));
    let known = Known {
        name: Some("Alder Mill".to_owned()),
        extension: Some("101".to_owned()),
        ..Known::default()
    };
    let (said, kept) = Megafon.answer(&posted, &known).unwrap();
    assert_eq!((said.content_type, kept.as_str()), ("application/json", ""));
    assert_eq!(said.text, r#"{"contact_name":"Alder Mill","responsible":"101"}"#);
    assert_eq!(Megafon.answer(&posted, &Known::default()).unwrap().0.text, "{}");
    let event = Posted { body: b"cmd=event", ..posted };
    assert_eq!((Megafon.asks(&event), Megafon.answer(&event, &known)), (None, None));
    // It is a call in, whatever comes after.
    let call = judged(&whole(&[post("contact", &[("diversion", LINE)])]));
    assert_eq!(
        (call.direction, call.status, call.e164.as_deref()),
        (Direction::In, None, Some("+79161234567"))
    );
}

#[test]
fn what_is_no_event_of_a_call_is_passed_over_and_what_is_none_says_why() {
    assert_eq!(post("rating", &[("rating", "5")]), []);
    for body in ["", "cmd=event", "cmd=history&callid=1", "cmd=history&callid=1&type=up"] {
        let kept = Kept {
            target: "",
            content_type: None,
            body: body.as_bytes(),
            received_at: now(),
            zone: chrono_tz::UTC,
        };
        assert!(Megafon.read(&kept).is_err(), "{body}");
    }
}
