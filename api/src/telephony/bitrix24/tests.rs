use voronka_domain::work::activity::CallStatus;

use super::*;
use crate::telephony::testing::{judged, now, told, verified, whole, without_each};

const CLIENT: &str = "+31201234567";
const SECRET: &str = "5ecre7";

fn posted<'p>(rest: &'p str, query: &'p str, body: &'p str) -> Posted<'p> {
    Posted { rest, query, url: None, headers: &[], body: body.as_bytes() }
}

/// What is answered, and what the post says of calls.
fn call(method: &str, body: &Value, which: &str) -> (Value, Vec<Told>) {
    let (rest, body) = (format!("{SECRET}/{method}"), body.to_string());
    let post = posted(&rest, "auth=5ecre7&a=b", &body);
    let (spoken, kept) =
        Bitrix24.answer(&post, &Known { which: which.to_owned(), ..Known::default() }).unwrap();
    let target = Bitrix24.target(&post) + &kept;
    assert!(!target.contains(SECRET), "{target}");
    let told = told(&Bitrix24, &target, "application/json", &body);
    (serde_json::from_str(&spoken.text).unwrap(), told)
}

fn register(more: Value) -> (String, Vec<Told>) {
    let mut body = json!({"USER_PHONE_INNER": "101", "PHONE_NUMBER": CLIENT, "TYPE": 2, "CRM_CREATE": 0,
        "SHOW": 1, "LINE_NUMBER": "74951110000", "CALL_START_DATE": "2025-11-28T06:18:00+03:00"});
    for (name, value) in more.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    let (answer, told) = call("telephony.externalcall.register", &body, "0");
    (answer["result"]["CALL_ID"].as_str().unwrap().to_owned(), told)
}

fn finish(id: &str, more: Value) -> Vec<Told> {
    let mut body =
        json!({"CALL_ID": id, "USER_PHONE_INNER": "101", "DURATION": 60, "STATUS_CODE": "200"});
    for (name, value) in more.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    call("telephony.externalCall.finish.json", &body, "0").1
}

#[test]
fn a_secret_in_the_address_passes_and_each_tampered_byte_fails() {
    let check = |rest: &str, secrets: &[&str]| verified(&Bitrix24, &[], (rest, ""), b"", secrets);
    assert_eq!(check("5ecre7/telephony.externalcall.show", &["other", SECRET]), Ok(None));
    assert_eq!(check("5ecre7/x", &[]), Err(Refused::Signature));
    assert_eq!(check("", &[SECRET]), Err(Refused::Missing("The secret")));
    assert_eq!(check("/x", &[SECRET]), Err(Refused::Signature));
    for place in 0..SECRET.len() {
        let mut bytes = SECRET.as_bytes().to_vec();
        bytes[place] ^= 1;
        let rest = format!("{}/x", String::from_utf8(bytes).unwrap());
        assert_eq!(check(&rest, &[SECRET]), Err(Refused::Signature), "{rest}");
    }
}

#[test]
fn a_register_succeeds_with_nulls_where_nothing_was_made() {
    // Case 5; case 4: a field that nobody knows.
    let body = json!({"USER_ID": 1269, "PHONE_NUMBER": CLIENT, "TYPE": "2", "CRM_CREATE": "1", "NEW": {"a": [1]}});
    let (answer, told) = call("telephony.externalcall.register", &body, "3");
    let result = &answer["result"];
    let id = result["CALL_ID"].as_str().unwrap();
    assert!(id.starts_with("externalCall.2") && id.ends_with(".3") && id.len() == 48, "{id}");
    assert_eq!(told[0].root, id);
    for field in ["CRM_CREATED_LEAD", "CRM_ENTITY_TYPE", "CRM_ENTITY_ID"] {
        assert_eq!(result.get(field), Some(&Value::Null), "{field}");
    }
    assert_eq!(result["CRM_CREATED_ENTITIES"], json!([]));
    assert!(result["LEAD_CREATION_ERROR"].is_string());
    let leg = told[0].call.legs.get("1269").unwrap();
    assert_eq!(leg.party.as_deref(), Some("1269"));
}

#[test]
fn the_same_call_has_the_same_id_until_it_is_over() {
    let rest = "5ecre7/telephony.externalCall.register";
    let body = r#"{"USER_PHONE_INNER":"101","PHONE_NUMBER":"1","TYPE":2}"#;
    let Some(Question::Which { key, number: None }) = Bitrix24.asks(&posted(rest, "", body)) else {
        panic!("it asks which one it is");
    };
    let id = |body: &str, which: &str| {
        let known = Known { which: which.to_owned(), ..Known::default() };
        let (spoken, kept) = Bitrix24.answer(&posted(rest, "", body), &known).unwrap();
        let answer: Value = serde_json::from_str(&spoken.text).unwrap();
        let id = answer["result"]["CALL_ID"].as_str().unwrap().to_owned();
        assert_eq!(kept, format!("&call_id={id}"));
        id
    };
    assert_eq!((id(body, "0"), id(body, "1")), (format!("{key}.0"), format!("{key}.1")));
    // By a form, in other letters, and in the query it is the same call.
    assert_eq!(
        id("USER_PHONE_INNER=101&phone_number=1&TYPE=2&CRM_CREATE=0", "0"),
        format!("{key}.0")
    );
    // What is unique has one id for ever, and nothing is asked.
    for more in
        [r#","EXTERNAL_CALL_ID":"a.1"}"#, r#","CALL_START_DATE":"2025-11-28T06:18:00+03:00"}"#]
    {
        let body = body.replace('}', more);
        assert_eq!(Bitrix24.asks(&posted(rest, "", &body)), None);
        assert_eq!(id(&body, "0"), id(&body, "7"));
        assert_ne!(id(&body, "0"), format!("{key}.0"));
    }
    // Another phone, another way, another text that reads alike.
    for other in [
        r#"{"USER_PHONE_INNER":"102","PHONE_NUMBER":"1","TYPE":2}"#,
        r#"{"USER_PHONE_INNER":"101","PHONE_NUMBER":"1","TYPE":1}"#,
        r#"{"USER_PHONE_INNER":"10","PHONE_NUMBER":"11","TYPE":2}"#,
        r#"{"USER_ID":"101","PHONE_NUMBER":"1","TYPE":2}"#,
    ] {
        assert_ne!(id(other, "0"), id(body, "0"), "{other}");
    }
}

#[test]
fn a_call_in_is_of_whoever_finished_it() {
    for kind in [2, 3] {
        let (id, registered) = register(json!({"TYPE": kind}));
        let recorded = call(
            "telephony.externalcall.attachRecord",
            &json!({"CALL_ID": id, "FILENAME": "1.mp3", "RECORD_URL": "https://pbx.example/1.mp3"}),
            "0",
        );
        assert_eq!(recorded.0, json!({"result": {"FILE_ID": null}}));
        let posts = [registered, finish(&id, json!({"USER_PHONE_INNER": "102"})), recorded.1];
        let whole = whole(&posts);
        assert_eq!(whole.recordings.len(), 1);
        assert_eq!(whole.began_at.unwrap().to_rfc3339(), "2025-11-28T03:18:00+00:00");
        let call = judged(&whole);
        assert_eq!(
            (call.direction, call.status, call.user),
            (Direction::In, Some(CallStatus::Answered), Some(2))
        );
        assert_eq!((call.e164.as_deref(), call.talk_seconds), (Some(CLIENT), 60));
        let lost = without_each(&posts);
        // Without the parties, and without the end, nobody knows yet.
        assert_eq!((lost[0].status, lost[1].status), (None, None));
        assert_eq!((lost[0].talk_seconds, lost[1].talk_seconds), (60, 0));
    }
}

#[test]
fn a_finish_that_is_sent_again_later_adds_no_talk() {
    for kind in [1, 2] {
        let (id, registered) = register(json!({"TYPE": kind}));
        let body = json!({"CALL_ID": id, "USER_PHONE_INNER": "101", "DURATION": 60}).to_string();
        let later = Kept {
            target: "telephony.externalcall.finish?",
            content_type: None,
            body: body.as_bytes(),
            received_at: now() + chrono::TimeDelta::seconds(30),
            zone: chrono_tz::UTC,
        };
        let again = Bitrix24.read(&later).unwrap();
        let call = judged(&whole(&[registered, finish(&id, json!({})), again]));
        assert_eq!(
            (call.status, call.user, call.talk_seconds),
            (Some(CallStatus::Answered), Some(1), 60)
        );
    }
}

#[test]
fn a_call_out_is_as_the_client_took_it() {
    for (code, status) in [
        ("304", CallStatus::Missed),
        ("603", CallStatus::Busy),
        ("603-S", CallStatus::Cancelled),
        ("486", CallStatus::Busy),
        ("404", CallStatus::Failed),
        ("402", CallStatus::Failed),
        ("OTHER", CallStatus::Missed),
    ] {
        let (id, registered) = register(json!({"TYPE": 1}));
        // It rang for a while.
        let posts = [registered, finish(&id, json!({"STATUS_CODE": code, "DURATION": 12}))];
        let call = judged(&whole(&posts));
        assert_eq!(
            (call.direction, call.status, call.user),
            (Direction::Out, Some(status), Some(1)),
            "{code}"
        );
        assert_eq!(call.talk_seconds, 0);
    }
    for kind in [1, 4] {
        let (id, registered) = register(json!({"TYPE": kind}));
        let call = judged(&whole(&[registered, finish(&id, json!({}))]));
        assert_eq!(
            (call.direction, call.status, call.user),
            (Direction::Out, Some(CallStatus::Answered), Some(1))
        );
        assert_eq!(call.talk_seconds, 60);
    }
}

#[test]
fn nobody_who_answers_is_a_missed_call() {
    let codes = [
        json!({"STATUS_CODE": "304", "DURATION": 20}),
        json!({"STATUS_CODE": null, "DURATION": 0}),
        json!({"DURATION": "0"}),
    ];
    for more in codes {
        // Case 14: the caller hides.
        let (id, registered) = register(json!({"PHONE_NUMBER": "anonymous"}));
        let call = judged(&whole(&[registered, finish(&id, more)]));
        assert_eq!(
            (call.status, call.user, call.number),
            (Some(CallStatus::Missed), Some(1), None)
        );
        assert_eq!(call.talk_seconds, 0);
    }
}

#[test]
fn a_beginning_has_a_zone_or_that_of_the_exchange() {
    // Case 34.
    for start in [
        "2025-11-28T06:18:00+03:00",
        "2025-11-28T03:18:00Z",
        "2025-11-28 06:18:00",
        "2025-11-28T06:18:00",
    ] {
        let began_at = register(json!({"CALL_START_DATE": start})).1[0].call.began_at.unwrap();
        assert_eq!(began_at.to_rfc3339(), "2025-11-28T03:18:00+00:00", "{start}");
    }
    for start in ["soon", "2026-01-01T00:00:00Z"] {
        assert_eq!(
            register(json!({"CALL_START_DATE": start})).1[0].call.began_at,
            Some(now()),
            "{start}"
        );
    }
}

#[test]
fn methods_answer_as_those_of_bitrix24() {
    let (answer, _) = call(
        "telephony.externalcall.finish",
        &json!({"CALL_ID": "c", "USER_ID": 7, "DURATION": 0}),
        "0",
    );
    let result = &answer["result"];
    assert_eq!((&result["CALL_ID"], &result["PORTAL_USER_ID"]), (&json!("c"), &json!(7)));
    assert_eq!((&result["CALL_STATUS"], &result["CALL_FAILED_CODE"]), (&json!(0), &json!("304")));
    for method in ["show", "hide.json"] {
        let name = format!("telephony.externalcall.{method}");
        assert_eq!(
            call(&name, &json!({"CALL_ID": "c", "USER_ID": [1, 2]}), "0"),
            (json!({"result": true}), vec![])
        );
    }
    let said = |method: &str, body: &str| {
        let rest = format!("{SECRET}/{method}");
        let (spoken, _) = Bitrix24.answer(&posted(&rest, "", body), &Known::default()).unwrap();
        serde_json::from_str::<Value>(&spoken.text).unwrap()["error"].clone()
    };
    assert_eq!(said("crm.lead.add", "{}"), json!("ERROR_METHOD_NOT_FOUND"));
    assert_eq!(said("telephony.externalcall.finish", "{}"), json!("INVALID_ARGUMENT"));
    assert_eq!(
        said("telephony.externalcall.attachRecord", r#"{"CALL_ID":"c","FILENAME":"1.mp3"}"#),
        json!("ERROR_CORE")
    );
    for (target, body) in [
        ("crm.lead.add?", "{}"),
        ("telephony.externalcall.finish?", "{}"),
        ("", ""),
        ("telephony.externalcall.finish", "CALL_ID=%00"),
    ] {
        let kept = Kept {
            target,
            content_type: None,
            body: body.as_bytes(),
            received_at: now(),
            zone: chrono_tz::UTC,
        };
        assert!(Bitrix24.read(&kept).is_err(), "{target}");
    }
}
