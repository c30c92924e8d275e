use voronka_domain::work::activity::CallStatus;

use super::*;
use crate::telephony::testing::{judged, now, told, verified, whole, without_each};

// Computed by `hmac` and `base64` of Python, as Zadarma's own PHP client does it:
// base64_encode(hash_hmac('sha1', fields, secret)), where hash_hmac answers hexadecimal digits.
const SECRET: &str = "b2f1zadarmasecret";
const START: &str = "2025-11-28 12:00:00";
/// An event, the fields that are signed, and the signature.
type Vector = (&'static str, [(&'static str, &'static str); 3], &'static str);
const VECTORS: [Vector; 4] = [
    (
        "NOTIFY_START",
        [("caller_id", "+31201234567"), ("called_did", "+74951110000"), ("call_start", START)],
        "ZmIxOTdhNWY1YzZkMzAxY2FkNzk2ZmM0MTEyNTQ4OTM4OGYzMzNlYQ==",
    ),
    (
        "NOTIFY_ANSWER",
        [("caller_id", "+31201234567"), ("destination", "101"), ("call_start", START)],
        "NGY1MTY2MzhkZmE3NWRiNjNlNzZhNmUzZDc0MTJjMDRmZmZlMmIxNg==",
    ),
    (
        "NOTIFY_OUT_END",
        [("internal", "101"), ("destination", "+31201234567"), ("call_start", START)],
        "NGQ1ZDEzNWQ4NjJmNmVmZGY3NTI0YWQ5MmFiZTU0ODQzYTcxOWJjNw==",
    ),
    (
        "NOTIFY_RECORD",
        [("pbx_call_id", "in_7f3c"), ("call_id_with_rec", "1764320400.777"), ("x", "")],
        "MzdiOWFiNzBkYWIwMWUyNTY3M2RmNDlmM2Q2NWE0ZjQ4NjMyZjk3NA==",
    ),
];

fn form(event: &str, fields: &[(&str, &str)]) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("event", event).extend_pairs(fields).finish()
}

fn check(signature: &str, body: &str, secrets: &[&str]) -> Result<Option<String>, Refused> {
    verified(&Zadarma, &[("signature", signature)], ("", ""), body.as_bytes(), secrets)
}

#[test]
fn the_signature_of_each_kind_passes() {
    for (event, fields, signature) in VECTORS {
        let body = form(event, &fields);
        assert_eq!(check(signature, &body, &["other", SECRET]), Ok(None), "{event}");
        assert_eq!(check(signature, &body, &["other"]), Err(Refused::Signature));
        assert_eq!(check(signature, &body, &[]), Err(Refused::Signature));
        // Of another event other fields are signed.
        let other = form("NOTIFY_END", &fields);
        assert_eq!(check(signature, &other, &[SECRET]).is_ok(), event == "NOTIFY_START");
    }
    let unsigned = verified(&Zadarma, &[], ("", ""), b"event=NOTIFY_START", &[SECRET]);
    assert_eq!(unsigned, Err(Refused::Missing("signature")));
}

#[test]
fn each_tampered_byte_fails() {
    for (event, fields, signature) in VECTORS {
        let body = form(event, &fields);
        for place in 0..signature.len() {
            let mut bytes = signature.as_bytes().to_vec();
            bytes[place] ^= 1;
            let tampered = String::from_utf8(bytes).unwrap();
            assert_eq!(check(&tampered, &body, &[SECRET]), Err(Refused::Signature), "{tampered}");
        }
        for which in 0..3 {
            for place in 0..fields[which].1.len() {
                let mut bytes = fields[which].1.as_bytes().to_vec();
                bytes[place] ^= 1;
                let tampered = String::from_utf8(bytes).unwrap();
                let mut given = fields;
                given[which].1 = &tampered;
                let body = form(event, &given);
                assert_eq!(check(signature, &body, &[SECRET]), Err(Refused::Signature), "{body}");
            }
        }
    }
}

#[test]
fn an_echo_is_a_word_and_nothing_else() {
    let said = |query: &str| Zadarma.greeting(query).map(|said| (said.content_type, said.text));
    assert_eq!(said("zd_echo=5f0a-5f_1C"), Some(("text/plain", "5f0a-5f_1C".to_owned())));
    let longest = "a".repeat(64);
    assert_eq!(said(&format!("a=b&zd_echo={longest}")), Some(("text/plain", longest.clone())));
    for query in [
        "",
        "zd_echo",
        "zd_echo=",
        "zd_echo=%3Cscript%3E",
        "zd_echo=a+b",
        "echo=a",
        "zd_echo=%C3%A9",
    ] {
        assert_eq!(said(query), None, "{query}");
    }
    assert_eq!(said(&format!("zd_echo={longest}a")), None);
}

// With a plus and without, as it happens.
const CLIENT: &str = "31201234567";
const LINE: &str = "+74951110000";
/// In Moscow, ten minutes before the posts come.
const BEGAN: &str = "2025-11-28 06:10:00";

fn post(root: &str, event: &str, fields: &[(&str, &str)]) -> Vec<Told> {
    let mut all = vec![("pbx_call_id", root), ("call_start", BEGAN)];
    all.extend_from_slice(fields);
    told(&Zadarma, "", "application/x-www-form-urlencoded", &form(event, &all))
}

fn coming(event: &str, fields: &[(&str, &str)]) -> Vec<Told> {
    let mut all = vec![("caller_id", CLIENT), ("called_did", LINE)];
    all.extend_from_slice(fields);
    post("in_1", event, &all)
}

fn going(event: &str, fields: &[(&str, &str)]) -> Vec<Told> {
    let mut all = vec![("internal", "101"), ("destination", CLIENT)];
    all.extend_from_slice(fields);
    post("out_1", event, &all)
}

fn answered(root: &str, caller: &str, destination: &str, internal: &str) -> Vec<Told> {
    let fields = [("caller_id", caller), ("destination", destination), ("internal", internal)];
    post(root, "NOTIFY_ANSWER", &fields)
}

fn ended(internal: &str, last: &str, duration: &str, disposition: &str) -> Vec<Told> {
    let fields = [
        ("internal", internal),
        ("last_internal", last),
        ("duration", duration),
        ("disposition", disposition),
        ("is_recorded", "1"),
        ("call_id_with_rec", "1.2"),
    ];
    coming("NOTIFY_END", &fields)
}

#[test]
fn a_ring_group_is_answered_by_whoever_was_faster() {
    // Cases 1 and 16: the end may come before the answer.
    let posts = [
        coming("NOTIFY_START", &[]),
        coming("NOTIFY_INTERNAL", &[("internal", "101")]),
        coming("NOTIFY_INTERNAL", &[("internal", "102")]),
        answered("in_1", CLIENT, "102", "102"),
        ended("102", "", "60", "answered"),
    ];
    let call = judged(&whole(&posts));
    assert_eq!(
        (call.direction, call.status, call.user),
        (Direction::In, Some(CallStatus::Answered), Some(2))
    );
    assert_eq!((call.talk_seconds, call.e164.as_deref()), (60, Some("+31201234567")));
    for (lost, call) in without_each(&posts).into_iter().enumerate() {
        // Without its end it goes on.
        let status = (lost != 4).then_some(CallStatus::Answered);
        assert_eq!((call.direction, call.status, call.user), (Direction::In, status, Some(2)));
    }
}

#[test]
fn a_call_is_of_the_zone_of_the_exchange() {
    // Case 34: the time has no zone.
    let call = whole(&[coming("NOTIFY_START", &[])]);
    assert_eq!(call.began_at.unwrap().to_rfc3339(), "2025-11-28T03:10:00+00:00");
    let call = &ended("101", "", "60", "answered")[0].call;
    assert_eq!(call.over_at.unwrap().to_rfc3339(), "2025-11-28T03:11:00+00:00");
}

#[test]
fn nobody_who_answers_is_a_missed_call() {
    for disposition in ["cancel", "no answer", "busy", "failed", "no day limit"] {
        let posts = [
            coming("NOTIFY_START", &[]),
            coming("NOTIFY_INTERNAL", &[("internal", "101")]),
            ended("101", "", "0", disposition),
        ];
        let call = judged(&whole(&posts));
        assert_eq!(
            (call.status, call.user, call.talk_seconds),
            (Some(CallStatus::Missed), Some(1), 0)
        );
        assert!(without_each(&posts).iter().all(|call| call.status != Some(CallStatus::Answered)));
    }
}

#[test]
fn a_menu_that_answers_is_no_talk() {
    // Case 25: the caller hangs up while they wait, and the exchange calls it answered.
    let posts =
        [coming("NOTIFY_START", &[]), coming("NOTIFY_IVR", &[]), ended("", "", "40", "answered")];
    let call = judged(&whole(&posts));
    assert_eq!((call.status, call.talk_seconds), (Some(CallStatus::Missed), 0));
    assert!(without_each(&posts).iter().all(|call| call.talk_seconds == 0));
}

#[test]
fn a_transfer_is_of_whoever_talked_last() {
    // Case 22.
    let posts = [
        coming("NOTIFY_START", &[]),
        answered("in_1", CLIENT, "101", "101"),
        answered("in_1", CLIENT, "102", "102"),
        ended("101", "102", "90", "answered"),
    ];
    let call = judged(&whole(&posts));
    assert_eq!(
        (call.status, call.user, call.others),
        (Some(CallStatus::Answered), Some(2), vec![1])
    );
    assert_eq!(call.talk_seconds, 90);
    for call in &without_each(&posts)[..3] {
        assert_eq!((call.user, call.talk_seconds), (Some(2), 90));
    }
}

#[test]
fn a_call_out_is_answered_by_the_client() {
    for (disposition, status) in [
        ("busy", CallStatus::Busy),
        ("cancel", CallStatus::Cancelled),
        ("no answer", CallStatus::Missed),
        ("call failed", CallStatus::Failed),
        ("no money, no limit", CallStatus::Failed),
    ] {
        let end = going("NOTIFY_OUT_END", &[("duration", "0"), ("disposition", disposition)]);
        let posts = [going("NOTIFY_OUT_START", &[]), end];
        let call = judged(&whole(&posts));
        assert_eq!(
            (call.direction, call.status, call.user),
            (Direction::Out, Some(status), Some(1))
        );
    }
    let posts = [
        going("NOTIFY_OUT_START", &[]),
        answered("out_1", "101", CLIENT, "101"),
        going(
            "NOTIFY_OUT_END",
            &[("caller_id", LINE), ("duration", "60"), ("disposition", "answered")],
        ),
    ];
    let call = judged(&whole(&posts));
    assert_eq!(
        (call.direction, call.status, call.user),
        (Direction::Out, Some(CallStatus::Answered), Some(1))
    );
    assert_eq!((call.talk_seconds, call.e164.as_deref()), (60, Some("+31201234567")));
    for (lost, call) in without_each(&posts).into_iter().enumerate() {
        let talk = if lost == 2 { 0 } else { 60 };
        assert_eq!((call.direction, call.talk_seconds), (Direction::Out, talk));
    }
}

#[test]
fn a_hidden_caller_is_nobody() {
    // Case 14.
    for caller in ["", "anonymous", "Anonymous", "-1"] {
        let fields = [
            ("caller_id", caller),
            ("called_did", LINE),
            ("internal", "101"),
            ("duration", "0"),
            ("disposition", "cancel"),
        ];
        let call = judged(&whole(&[post("in_2", "NOTIFY_END", &fields)]));
        assert_eq!((call.number, call.status), (None, Some(CallStatus::Missed)), "{caller}");
    }
}

#[test]
fn a_recording_has_no_address_and_other_events_are_none_of_calls() {
    assert_eq!(post("in_1", "NOTIFY_RECORD", &[("call_id_with_rec", "1.2")]), []);
    assert_eq!(post("in_1", "SPEECH_RECOGNITION", &[("result", "{}")]), []);
    let kept = Kept {
        target: "",
        content_type: None,
        body: b"event=NOTIFY_END",
        received_at: now(),
        zone: chrono_tz::Europe::Moscow,
    };
    assert!(Zadarma.read(&kept).is_err());
}
