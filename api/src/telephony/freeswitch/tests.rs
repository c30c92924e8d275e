use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;
use voronka_domain::{intake::call::Judged, work::activity::CallStatus};

use super::super::testing::{judged, now, told, verified, whole, without_each};
use super::*;

const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef";
const CLIENT: &str = "+79161234567";
const LINE: &str = "+74951110000";
const BEGAN: i64 = 1_762_923_102_707_743;

#[test]
fn a_password_passes_under_any_name() {
    // Of base64 of Python: voronka:SECRET.
    let header =
        "Basic dm9yb25rYTowMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    let verify = |header: &str, secrets: &[&str]| {
        verified(&Freeswitch, &[("authorization", header)], ("", "uuid=1"), b"{}", secrets)
    };
    assert_eq!(verify(header, &["other", SECRET]), Ok(None));
    assert_eq!(verify(header, &["other"]), Err(Refused::Signature));
    assert_eq!(verify(header, &[]), Err(Refused::Signature));
    let none = verified(&Freeswitch, &[], ("", ""), b"secret=x", &["x"]);
    assert!(matches!(none, Err(Refused::Missing(_))));
    for place in 0..SECRET.len() {
        let mut tampered = SECRET.as_bytes().to_vec();
        tampered[place] ^= 1;
        let tampered = format!("voronka:{}", String::from_utf8(tampered).unwrap());
        let header = format!("Basic {}", STANDARD.encode(tampered));
        assert_eq!(verify(&header, &[SECRET]), Err(Refused::Signature));
    }
}

/// Microseconds some milliseconds after the call began, as they are told.
fn micros(after: i64) -> String {
    match after {
        0 => "0".to_owned(),
        after => (BEGAN + after * 1_000).to_string(),
    }
}

/// When it rang, was answered and bridged, and ended.
type Times = (i64, i64, i64, i64);

fn callflow(profile: Value, (rang, answered, bridged, ended): Times) -> Value {
    json!([{
        "dialplan": "XML",
        "profile_index": "1",
        "caller_profile": profile,
        "times": {
            "created_time": micros(1), "profile_created_time": micros(1),
            "progress_time": micros(rang), "progress_media_time": "0",
            "answered_time": micros(answered), "bridged_time": micros(bridged),
            "last_hold_time": "0", "hold_accum_time": "0", "hangup_time": micros(ended),
            "resurrect_time": "0", "transfer_time": "0",
        },
    }])
}

fn record(variables: Value, callflow: Value) -> Value {
    let mut record = json!({
        "core-uuid": "60e127b7-2c12-49ca-aacf-00bba4eea101",
        "switchname": "pbx",
        "channel_data": {"state": "CS_REPORTING", "direction": variables["direction"]},
        "callStats": {},
        "variables": variables,
        "callflow": callflow,
    });
    record["variables"]["start_stamp"] = json!("2025-11-12 10:21:42");
    record
}

fn post(record: &Value) -> Vec<Told> {
    told(&Freeswitch, "uuid=x", "application/json", &record.to_string())
}

/// The leg by which a caller comes in, and what it was bridged to.
fn a(cause: &str, times: Times, (from, to): (&str, &str), more: Value) -> Value {
    let mut variables = json!({
        "direction": "inbound", "uuid": "A", "call_uuid": "A", "hangup_cause": cause,
        "channel_name": "sofia/external/x@10.0.0.1",
    });
    variables.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let profile = json!({
        "caller_id_number": from, "destination_number": to, "uuid": "A",
        "chan_name": "sofia/external/x@10.0.0.1",
    });
    record(variables, callflow(profile, times))
}

/// A leg that is made for it.
fn b(id: &str, party: &str, cause: &str, times: Times, (from, to): (&str, &str)) -> Value {
    let is_phone = party.len() == 3;
    let mut variables = json!({
        "direction": "outbound", "uuid": id, "call_uuid": "A", "originating_leg_uuid": "A",
        "signal_bond": "A", "originator": "A", "hangup_cause": cause,
        "channel_name": format!("sofia/internal/{party}@10.0.0.2:5060"),
    });
    if is_phone {
        variables["dialed_user"] = json!(party);
    }
    let destination = if is_phone { "p7hk2v0q" } else { party };
    let profile = json!({
        "caller_id_number": from, "destination_number": destination, "uuid": id,
        "originator": {"originator_caller_profiles": [
            {"caller_id_number": from, "destination_number": to, "uuid": "A"},
        ]},
    });
    record(variables, callflow(profile, times))
}

const IN: (&str, &str) = (CLIENT, LINE);
const OUT: (&str, &str) = ("101", "89161234567");

fn is_answered_or_open(calls: &[Judged<u8>]) {
    for call in calls {
        assert!(matches!(call.status, None | Some(CallStatus::Answered)), "{call:?}");
    }
}

fn is_never_answered(calls: &[Judged<u8>]) {
    assert!(calls.iter().all(|call| call.status != Some(CallStatus::Answered)), "{calls:?}");
}

/// Cases 16 and 23: the phone that lost the race was answered elsewhere.
#[test]
fn a_ring_group_is_of_the_phone_that_answered() {
    let posts = [
        post(&b("B2", "102", "LOSE_RACE", (500, 0, 0, 9_000), IN)),
        post(&b("B1", "101", "NORMAL_CLEARING", (500, 9_000, 9_000, 69_000), IN)),
        post(&a("NORMAL_CLEARING", (500, 9_000, 9_000, 69_100), IN, json!({"bridge_uuid": "B1"}))),
    ];
    assert!(posts.iter().flatten().all(|told| told.root == "A"));
    let call = whole(&posts);
    assert_eq!(call.legs["B2"].end, Some(LegEnd::AnsweredElsewhere));
    let call = judged(&call);
    assert_eq!((call.direction, call.status), (Direction::In, Some(CallStatus::Answered)));
    assert_eq!((call.user, call.others.len(), call.talk_seconds), (Some(1), 0, 60));
    assert_eq!(call.e164.as_deref(), Some(CLIENT));
    is_answered_or_open(&without_each(&posts));
}

/// Case 24: loopback legs are cancelled while the phone behind them talks, and are no phones.
#[test]
fn a_loopback_leg_says_nothing_of_the_call() {
    let mut loopback = b("L", "101", "ORIGINATOR_CANCEL", (500, 0, 0, 9_000), IN);
    loopback["variables"]["channel_name"] = json!("loopback/101-a");
    let posts = [
        post(&loopback),
        post(&b("B1", "101", "NORMAL_CLEARING", (600, 9_000, 9_000, 19_000), IN)),
        post(&a("NORMAL_CLEARING", (500, 9_000, 9_000, 19_000), IN, json!({"bridge_uuid": "B1"}))),
    ];
    let call = judged(&whole(&posts));
    assert_eq!((call.status, call.user), (Some(CallStatus::Answered), Some(1)));
    assert_eq!(call.talk_seconds, 10);
    is_answered_or_open(&without_each(&posts));
    // A mailbox behind one is nobody.
    let mut mailbox = b("L", "101", "NORMAL_CLEARING", (500, 20_000, 20_000, 40_000), IN);
    mailbox["variables"]["channel_name"] = json!("loopback/app=voicemail:default-a");
    let mut first =
        a("NORMAL_CLEARING", (500, 20_000, 20_000, 40_000), IN, json!({"bridge_uuid": "L"}));
    first["callflow"][0]["caller_profile"]["originatee"] = json!({"originatee_caller_profiles": [
        {"uuid": "L", "destination_number": "app", "chan_name": "loopback/app=voicemail:default-a"},
    ]});
    let posts =
        [post(&b("B1", "101", "NO_ANSWER", (600, 0, 0, 20_000), IN)), post(&mailbox), post(&first)];
    let call = judged(&whole(&posts));
    assert_eq!((call.status, call.talk_seconds), (Some(CallStatus::Missed), 0));
    assert_eq!(call.user, Some(1));
    is_never_answered(&without_each(&posts));
}

#[test]
fn a_call_in_that_nobody_answered_was_missed() {
    let more = json!({"originate_disposition": "NO_ANSWER", "dialed_user": "101"});
    let posts = [
        post(&b("B1", "101", "NO_ANSWER", (500, 0, 0, 30_000), IN)),
        // What spoke for itself before is no talk.
        post(&a("NORMAL_CLEARING", (0, 100, 0, 30_100), IN, more)),
    ];
    let call = judged(&whole(&posts));
    assert_eq!((call.status, call.user), (Some(CallStatus::Missed), Some(1)));
    assert_eq!((call.talk_seconds, call.number.as_deref()), (0, Some(CLIENT)));
    is_never_answered(&without_each(&posts));
    // Case 26: of a phone that is off there is no leg.
    let more = json!({"originate_disposition": "USER_NOT_REGISTERED", "dialed_user": "102"});
    let call = judged(&whole(&[post(&a("USER_NOT_REGISTERED", (0, 0, 0, 100), IN, more))]));
    assert_eq!((call.status, call.user), (Some(CallStatus::Missed), Some(2)));
}

#[test]
fn a_call_out_is_as_it_ended_for_the_client() {
    for (cause, status) in [
        ("USER_BUSY", CallStatus::Busy),
        ("ORIGINATOR_CANCEL", CallStatus::Cancelled),
        ("NO_ANSWER", CallStatus::Missed),
        ("NORMAL_TEMPORARY_FAILURE", CallStatus::Failed),
    ] {
        let more = json!({"originate_disposition": cause});
        let posts = [
            post(&b("B", "79161234567", cause, (500, 0, 0, 5_000), OUT)),
            post(&a(cause, (0, 0, 0, 5_100), OUT, more)),
        ];
        let call = judged(&whole(&posts));
        assert_eq!((call.direction, call.status), (Direction::Out, Some(status)), "{cause}");
        assert_eq!((call.user, call.e164.as_deref()), (Some(1), Some(CLIENT)));
        is_never_answered(&without_each(&posts));
    }
    let posts = [
        post(&b("B", "79161234567", "NORMAL_CLEARING", (500, 5_000, 5_000, 35_000), OUT)),
        post(&a("NORMAL_CLEARING", (0, 5_000, 5_000, 35_100), OUT, json!({"bridge_uuid": "B"}))),
    ];
    let call = judged(&whole(&posts));
    assert_eq!((call.direction, call.status), (Direction::Out, Some(CallStatus::Answered)));
    assert_eq!((call.user, call.talk_seconds), (Some(1), 30));
    is_answered_or_open(&without_each(&posts));
}

/// Case 8: the first leg of `originate user/101 89161234567` is the employee's, and turned around.
#[test]
fn a_click_to_call_is_a_call_out_that_the_client_answers() {
    let first = |cause: &str, bridged, ended, more: Value| {
        let mut variables = json!({
            "direction": "outbound", "uuid": "A", "call_uuid": "A", "hangup_cause": cause,
            "dialed_user": "101", "channel_name": "sofia/internal/101@10.0.0.2:5060",
            "origination_caller_id_number": LINE,
        });
        variables.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let profile =
            |to: &str| json!({"caller_id_number": "101", "destination_number": to, "uuid": "A"});
        let mut flow = callflow(profile("89161234567"), (0, 0, bridged, ended));
        let before = callflow(profile("101"), (500, 3_000, 0, 0));
        flow.as_array_mut().unwrap().push(before[0].clone());
        post(&record(variables, flow))
    };
    let busy = [
        post(&b("B", "79161234567", "USER_BUSY", (0, 0, 0, 6_000), OUT)),
        first("NORMAL_CLEARING", 0, 7_000, json!({"originate_disposition": "USER_BUSY"})),
    ];
    let call = judged(&whole(&busy));
    assert_eq!((call.direction, call.status), (Direction::Out, Some(CallStatus::Busy)));
    assert_eq!((call.user, call.e164.as_deref()), (Some(1), Some(CLIENT)));
    is_never_answered(&without_each(&busy));
    let talk = [
        post(&b("B", "79161234567", "NORMAL_CLEARING", (500, 8_000, 8_000, 38_000), OUT)),
        first("NORMAL_CLEARING", 8_000, 38_000, json!({"bridge_uuid": "B"})),
    ];
    let call = judged(&whole(&talk));
    assert_eq!((call.direction, call.status), (Direction::Out, Some(CallStatus::Answered)));
    assert_eq!((call.user, call.talk_seconds), (Some(1), 30));
    is_answered_or_open(&without_each(&talk));
}

/// Case 25: the queue answered, and nobody in it did.
#[test]
fn who_hangs_up_in_the_queue_was_missed() {
    let queue = json!({
        "cc_queue": "sales@pbx", "cc_side": "member", "cc_queue_joined_epoch": "1762923103",
        "cc_queue_canceled_epoch": "1762923143", "cc_cancel_reason": "BREAK_OUT",
        "cc_member_session_uuid": "A",
    });
    let mut agent = b("B", "101", "ORIGINATOR_CANCEL", (2_000, 0, 0, 40_000), IN);
    for name in ["call_uuid", "originating_leg_uuid", "originator", "signal_bond"] {
        agent["variables"].as_object_mut().unwrap().remove(name);
    }
    agent["callflow"][0]["caller_profile"].as_object_mut().unwrap().remove("originator");
    let side = json!({"cc_side": "agent", "cc_member_session_uuid": "A", "cc_agent": "101@pbx", "call_uuid": "B"});
    agent["variables"].as_object_mut().unwrap().extend(side.as_object().unwrap().clone());
    let posts = [post(&agent), post(&a("NORMAL_CLEARING", (0, 300, 0, 40_100), IN, queue.clone()))];
    assert!(posts.iter().flatten().all(|told| told.root == "A"));
    let call = judged(&whole(&posts));
    assert_eq!((call.status, call.talk_seconds), (Some(CallStatus::Missed), 0));
    assert_eq!(call.user, Some(1));
    is_never_answered(&without_each(&posts));
    // One who was answered.
    let times = &mut agent["callflow"][0]["times"];
    (times["answered_time"], times["bridged_time"]) = (json!(micros(9_000)), json!(micros(9_000)));
    let mut answered = queue;
    answered["bridge_uuid"] = json!("B");
    let posts = [post(&agent), post(&a("NORMAL_CLEARING", (0, 300, 9_000, 40_100), IN, answered))];
    let call = judged(&whole(&posts));
    assert_eq!((call.status, call.user), (Some(CallStatus::Answered), Some(1)));
    assert_eq!(call.talk_seconds, 31);
    is_answered_or_open(&without_each(&posts));
}

/// Cases 20 and 22: a blind transfer ends the first phone's leg, and not the call.
#[test]
fn a_call_that_was_passed_on_is_of_the_last_to_talk() {
    let mut passed_on = b("B2", "102", "NORMAL_CLEARING", (30_000, 35_000, 35_000, 45_000), IN);
    // Made by a leg that was transferred: the call is the same.
    passed_on["variables"]["originating_leg_uuid"] = json!("B1");
    let posts = [
        post(&b("B1", "101", "BLIND_TRANSFER", (500, 9_000, 9_000, 29_000), IN)),
        post(&passed_on),
        post(&a("NORMAL_CLEARING", (500, 9_000, 35_000, 45_000), IN, json!({"bridge_uuid": "B2"}))),
    ];
    assert_eq!(
        (posts[1][0].root.as_str(), posts[1][0].also.as_slice()),
        ("A", &["B1".to_owned(), "B2".to_owned()][..])
    );
    let call = judged(&whole(&posts));
    assert_eq!((call.status, call.user), (Some(CallStatus::Answered), Some(2)));
    assert_eq!((call.others.as_slice(), call.talk_seconds), (&[1][..], 20 + 10));
    is_answered_or_open(&without_each(&posts));
}

#[test]
fn a_caller_who_hides_is_nobody() {
    for hidden in ["anonymous", "", "Restricted"] {
        let post = post(&a("ORIGINATOR_CANCEL", (0, 0, 0, 5_000), (hidden, LINE), json!({})));
        let call = judged(&whole(&[post]));
        assert_eq!((call.number, call.status), (None, Some(CallStatus::Missed)), "{hidden}");
    }
}

#[test]
fn a_recording_is_one_that_can_be_heard() {
    let of = |path: &str| {
        let more = json!({"record_path": path});
        let post = post(&a("NORMAL_CLEARING", (0, 0, 0, 5_000), IN, more));
        post[0].call.recordings.iter().cloned().collect::<Vec<_>>()
    };
    assert_eq!(of("https://pbx.example/A.wav"), ["https://pbx.example/A.wav"]);
    assert!(of("/var/lib/freeswitch/recordings/A.wav").is_empty());
}

/// As it is in `%XX`, each character that the module escapes.
fn escaped(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// Case 31: the same record in each of the forms that the module has.
#[test]
fn every_encoding_says_the_same() {
    let more = json!({
        "originate_disposition": "NO_ANSWER", "dialed_user": "101",
        "sip_call_id": "100%25@x", "record_path": "https://pbx.example/a b/100%25.wav",
    });
    let plain = a("NO_ANSWER", (500, 0, 0, 5_000), IN, more);
    let expected = post(&plain);
    assert_eq!(
        expected[0].call.recordings.iter().next().map(String::as_str),
        Some("https://pbx.example/a b/100%25.wav")
    );
    let mut encoded = plain.clone();
    for (_, value) in encoded["variables"].as_object_mut().unwrap() {
        *value = json!(escaped(value.as_str().unwrap()));
    }
    assert_eq!(post(&encoded), expected);
    let read = |kind: &str, body: String| told(&Freeswitch, "uuid=A", kind, &body);
    let form = "application/x-www-form-urlencoded";
    assert_eq!(read(form, format!("cdr={}", escaped(&plain.to_string()))), expected);
    // Without the header, as disable-100-continue has it.
    assert_eq!(read(form, plain.to_string()), expected);
    let base64 = |record: &Value| format!("cdr={}", STANDARD.encode(record.to_string()));
    let kind = "application/x-www-form-base64-encoded";
    assert_eq!(read(kind, base64(&plain)), expected);
    assert_eq!(read(kind, base64(&encoded) + "\n"), expected);
}

/// Case 31: with both encodings on the module leaves what was encoded already, and nobody can tell quotes apart.
#[test]
fn what_cannot_be_understood_says_why() {
    let read = |body: &str| {
        let kept = Kept {
            target: "",
            content_type: None,
            body: body.as_bytes(),
            received_at: now(),
            zone: chrono_tz::Europe::Moscow,
        };
        Freeswitch.read(&kept)
    };
    let why = |body: &str| read(body).unwrap_err().0;
    let broken = "cdr=%7B%22variables%22%3A%7B%22sip_full_from%22%3A%22%22Ivan%22%22%7D%7D";
    assert!(why(broken).contains("encode-values"));
    assert!(why("cdr=?").contains("base64"));
    assert!(why("").contains("JSON"));
    assert!(why(r#"{"variables": {"hangup_cause": "NO_ANSWER"}}"#).contains("variables.uuid"));
    let long = json!({"variables": {"uuid": "x".repeat(201)}});
    assert!(why(&long.to_string()).contains("variables.uuid"));
    for nothing in ["[]", "{}", r#"{"variables": 1}"#] {
        assert_eq!(read(nothing), Ok(Vec::new()));
    }
    // A record with next to nothing in it is one of a call all the same.
    let told = read(r#"{"variables": {"uuid": "A", "end_epoch": 1762923116}, "callflow": 1}"#);
    let call = &told.unwrap()[0].call;
    assert_eq!(call.over_at.map(|at| at.timestamp()), Some(1_762_923_116));
    assert_eq!(call.parties, None);
}

/// Case 32: Cyrillic, and NULs behind it.
#[test]
fn texts_are_measured_in_bytes_and_have_no_nul() {
    let name = "Пётр\0";
    let told = post(&a("NO_ANSWER", (0, 0, 0, 5_000), (name, LINE), json!({})));
    assert_eq!(told[0].call.parties.as_ref().unwrap().from.as_deref(), Some("Пётр"));
    let long = "Ы".repeat(33);
    let told = post(&a("NO_ANSWER", (0, 0, 0, 5_000), (&long, LINE), json!({})));
    assert_eq!(told[0].call.parties.as_ref().unwrap().from, None);
}
