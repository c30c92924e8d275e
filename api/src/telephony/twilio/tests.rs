use voronka_domain::work::activity::CallStatus;

mod signatures;

use super::super::testing::{judged, now, told, whole, without_each};
use super::*;

const FORM: &str = "application/x-www-form-urlencoded; charset=UTF-8";
const TOKEN: &str = "12345";
const URL: &str = "https://mycompany.com/myapp.php?foo=1&bar=2";
const BODY: &str = "CallSid=CA1234567890ABCDE&Digits=1234&From=%2B14158675309&To=%2B18005551212&Caller=%2B14158675309";
/// Of the parameters in the tests of Twilio's own library for Python.
const SIGNATURE: &str = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";

fn verified(
    url: Option<&str>,
    (kind, body): (&str, &str),
    signature: &str,
    secrets: &[&str],
) -> Result<Option<String>, Refused> {
    let headers = [("content-type", kind), ("x-twilio-signature", signature)]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let query = url.and_then(|url| url.split_once('?')).map_or("", |(_, query)| query);
    let posted = Posted { rest: "", query, url, headers: &headers, body: body.as_bytes() };
    Twilio.verify(&posted, secrets, now())
}

#[test]
fn the_published_vector_passes() {
    let form = (FORM, BODY);
    assert_eq!(verified(Some(URL), form, SIGNATURE, &[TOKEN]), Ok(None));
    assert_eq!(verified(Some(URL), form, SIGNATURE, &["other", TOKEN]), Ok(None));
    // Case 35: with the port or without it.
    let with_port = URL.replace(".com/", ".com:443/");
    assert_eq!(verified(Some(&with_port), form, SIGNATURE, &[TOKEN]), Ok(None));
    for secrets in [&["other"][..], &[]] {
        assert_eq!(verified(Some(URL), form, SIGNATURE, secrets), Err(Refused::Signature));
    }
    for url in [URL.replace("https", "http"), URL.replace(".com", ".org"), URL.replace("1", "2")] {
        assert_eq!(verified(Some(&url), form, SIGNATURE, &[TOKEN]), Err(Refused::Signature));
    }
    let other_port = URL.replace(".com/", ".com:80/");
    assert_eq!(verified(Some(&other_port), form, SIGNATURE, &[TOKEN]), Ok(None));
}

/// Case 35: the address is that of the settings, never that of the request.
#[test]
fn without_the_address_from_outside_nothing_is_believed() {
    let missing = Err(Refused::Missing("external_url"));
    assert_eq!(verified(None, (FORM, BODY), SIGNATURE, &[TOKEN]), missing);
    let posted = Posted { rest: "", query: "", url: Some(URL), headers: &[], body: b"" };
    let missing = Err(Refused::Missing("x-twilio-signature"));
    assert_eq!(Twilio.verify(&posted, &[TOKEN], now()), missing);
}

#[test]
fn each_tampered_byte_fails() {
    for place in 0..BODY.len() {
        let mut body = BODY.as_bytes().to_vec();
        body[place] ^= 1;
        let body = String::from_utf8(body).unwrap();
        let result = verified(Some(URL), (FORM, &body), SIGNATURE, &[TOKEN]);
        // The order of fields is not signed.
        assert_eq!(result, Err(Refused::Signature), "{body}");
    }
    // The last character before the padding has bits that mean nothing.
    for place in 0..SIGNATURE.len() - 2 {
        let mut signature = SIGNATURE.as_bytes().to_vec();
        signature[place] ^= 1;
        let signature = String::from_utf8(signature).unwrap();
        let result = verified(Some(URL), (FORM, BODY), &signature, &[TOKEN]);
        assert_eq!(result, Err(Refused::Signature), "{signature}");
    }
    let more = format!("{BODY}&More=1");
    assert_eq!(verified(Some(URL), (FORM, &more), SIGNATURE, &[TOKEN]), Err(Refused::Signature));
}

/// Case 35: JSON is told by its digest in the address. Computed by `twilio` of PyPI.
#[test]
fn what_is_no_form_is_signed_by_its_digest() {
    let json = "application/json";
    let body = r#"{"CallSid":"CA1","CallStatus":"completed"}"#;
    let url = "https://crm.example/hook?bodySHA256=a0a5adcb584e9811c4ee5f334feef749f008b3b108d62d5addee051f9731b526";
    let signature = "20Ahdj8cCZLakMmlSuFlJ7fan70=";
    assert_eq!(verified(Some(url), (json, body), signature, &[TOKEN]), Ok(None));
    let refused = Err(Refused::Signature);
    for (kind, url, body) in [
        (json, url.to_owned(), body.replace('1', "2")),
        (json, url.replace("a0a5", "a0a6"), body.to_owned()),
        (json, url.replace("bodySHA256", "bodySHA255"), body.to_owned()),
        (FORM, url.to_owned(), body.to_owned()),
    ] {
        assert_eq!(verified(Some(&url), (kind, &body), signature, &[TOKEN]), refused, "{url}");
    }
}

#[test]
fn what_is_signed_by_a_key_of_its_own_is_signed_by_sha256() {
    // Of hmac and hashlib of Python, over the address and the fields of the vector.
    let signature = "033hgUJA9M/hXIZsYjwkerEP/DBm35nEri5FhCYjA5s=";
    let header = |settings: &str| {
        [("x-twilio-signature", signature), ("x-twilio-webhooks-signature-settings", settings)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    let verify = |settings: &str| {
        let headers = header(settings);
        let posted = Posted {
            rest: "",
            query: "foo=1&bar=2",
            url: Some(URL),
            headers: &headers,
            body: BODY.as_bytes(),
        };
        Twilio.verify(&posted, &[TOKEN], now())
    };
    assert_eq!(verify("key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"), Ok(None));
    assert_eq!(verify("key=webhooks_sharedkey_1"), Err(Refused::Signature));
}

#[test]
fn a_token_is_one_word() {
    assert!(Twilio.takes("0123456789abcdef0123456789abcdef"));
    assert!(!Twilio.takes(""));
    assert!(!Twilio.takes("two words"));
}

const CLIENT: &str = "+79161234567";
const LINE: &str = "+74951110000";

fn post(second: i64, id: &str, parent: &str, (from, to): (&str, &str), more: &str) -> Vec<Told> {
    let at = now() + TimeDelta::seconds(second);
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("AccountSid", "AC00").append_pair("CallSid", id);
    form.append_pair("Timestamp", &at.to_rfc2822()).append_pair("From", from);
    form.append_pair("To", to).append_pair("CallbackSource", "call-progress-events");
    if !parent.is_empty() {
        form.append_pair("ParentCallSid", parent).append_pair("Direction", "outbound-dial");
    }
    told(&Twilio, "", FORM, &format!("{}&{more}", form.finish()))
}

fn inbound(second: i64, more: &str) -> Vec<Told> {
    post(second, "CA1", "", (CLIENT, LINE), &format!("Direction=inbound&{more}"))
}

fn phone(second: i64, id: &str, extension: &str, more: &str) -> Vec<Told> {
    post(second, id, "CA1", (CLIENT, &format!("client:{extension}")), more)
}

fn is_answered_or_open(calls: &[voronka_domain::intake::call::Judged<u8>]) {
    for call in calls {
        assert!(matches!(call.status, None | Some(CallStatus::Answered)), "{call:?}");
    }
}

/// Case 16 and 27: two phones ring, one is faster; `ringing` before `initiated`, or never.
#[test]
fn a_call_in_is_of_the_phone_that_answered() {
    let posts = [
        phone(2, "CA3", "102", "CallStatus=ringing&SequenceNumber=0"),
        phone(2, "CA3", "102", "CallStatus=initiated&SequenceNumber=1"),
        phone(2, "CA2", "101", "CallStatus=ringing&SequenceNumber=1"),
        phone(9, "CA3", "102", "CallStatus=in-progress&SequenceNumber=2"),
        phone(9, "CA2", "101", "CallStatus=canceled&SequenceNumber=2&CallDuration=0"),
        phone(69, "CA3", "102", "CallStatus=completed&SequenceNumber=3&CallDuration=60"),
        inbound(70, "CallStatus=completed&CallDuration=70"),
    ];
    assert!(posts.iter().flatten().all(|told| told.root == "CA1"));
    let call = judged(&whole(&posts));
    assert_eq!((call.status, call.user), (Some(CallStatus::Answered), Some(2)));
    assert_eq!((call.e164.as_deref(), call.talk_seconds), (Some(CLIENT), 60));
    assert!(call.others.is_empty());
    is_answered_or_open(&without_each(&posts));
}

/// Cases 27 and 28: any subset of the states, twice, the end before the start, `answered` as well as `in-progress`.
#[test]
fn any_subset_of_states_is_the_same_call() {
    let last = phone(69, "CA2", "101", "CallStatus=completed&CallDuration=60");
    let end = inbound(70, "CallStatus=completed&CallDuration=70");
    let optional = [
        phone(2, "CA2", "101", "CallStatus=initiated"),
        phone(3, "CA2", "101", "CallStatus=ringing"),
        phone(9, "CA2", "101", "CallStatus=answered"),
        phone(9, "CA2", "101", "CallStatus=in-progress"),
    ];
    for subset in 0..16_usize {
        let mut posts = vec![end.clone(), last.clone()];
        for (index, post) in optional.iter().enumerate() {
            if subset & (1 << index) != 0 {
                posts.push(post.clone());
            }
        }
        let call = whole(&posts);
        assert_eq!(call.began_at, Some(now()));
        let call = judged(&call);
        assert_eq!((call.status, call.user), (Some(CallStatus::Answered), Some(1)), "{subset}");
        assert_eq!(call.talk_seconds, 60);
    }
}

#[test]
fn a_call_in_that_nobody_answered_was_missed() {
    for last in ["no-answer", "canceled", "failed", "busy"] {
        let posts = [
            inbound(0, "CallStatus=ringing"),
            // What speaks for itself in a menu is no talk.
            inbound(1, "CallStatus=in-progress"),
            phone(2, "CA2", "101", "CallStatus=ringing"),
            phone(22, "CA2", "101", &format!("CallStatus={last}")),
            inbound(23, "CallStatus=completed&CallDuration=22"),
        ];
        let call = judged(&whole(&posts));
        assert_eq!((call.status, call.user), (Some(CallStatus::Missed), Some(1)), "{last}");
        assert_eq!(call.talk_seconds, 0);
        let lost = without_each(&posts);
        assert!(lost.iter().all(|call| call.status != Some(CallStatus::Answered)));
    }
}

#[test]
fn a_caller_who_hides_is_nobody() {
    for hidden in ["anonymous", "", "Restricted"] {
        let parties = (hidden, LINE);
        let posts = [
            post(0, "CA1", "", parties, "CallStatus=ringing&Direction=inbound"),
            post(9, "CA1", "", parties, "CallStatus=no-answer&Direction=inbound"),
        ];
        let call = judged(&whole(&posts));
        assert_eq!((call.status, call.number), (Some(CallStatus::Missed), None));
    }
}

/// Cases 8 and 30: a click to call rings the employee first, and is a call out in whatever order it is told.
#[test]
fn a_click_to_call_is_a_call_out_that_the_client_answers() {
    let own = |second, more: &str| {
        let more = format!("Direction=outbound-api&{more}");
        post(second, "CA1", "", (LINE, "sip:101@pbx.example"), &more)
    };
    let client = |second, more: &str| post(second, "CA2", "CA1", (LINE, CLIENT), more);
    let busy = [
        own(0, "CallStatus=ringing"),
        own(3, "CallStatus=in-progress"),
        client(4, "CallStatus=initiated"),
        client(6, "CallStatus=busy"),
        own(7, "CallStatus=completed&CallDuration=4"),
    ];
    let call = judged(&whole(&busy));
    assert_eq!((call.direction, call.status), (Direction::Out, Some(CallStatus::Busy)));
    assert_eq!((call.user, call.e164.as_deref()), (Some(1), Some(CLIENT)));
    let lost = without_each(&busy);
    assert!(lost.iter().all(|call| call.status != Some(CallStatus::Answered)));
    let talk = [
        busy[0].clone(),
        busy[1].clone(),
        client(8, "CallStatus=in-progress"),
        client(38, "CallStatus=completed&CallDuration=30"),
        own(38, "CallStatus=completed&CallDuration=35"),
    ];
    let call = judged(&whole(&talk));
    assert_eq!((call.direction, call.status), (Direction::Out, Some(CallStatus::Answered)));
    assert_eq!((call.user, call.talk_seconds), (Some(1), 30));
    is_answered_or_open(&without_each(&talk));
    // The employee did not even pick up.
    let vain = [own(0, "CallStatus=ringing"), own(30, "CallStatus=no-answer")];
    let call = judged(&whole(&vain));
    assert_eq!((call.direction, call.status), (Direction::Out, Some(CallStatus::Missed)));
}

#[test]
fn a_call_from_the_browser_is_of_whose_phone_it_is() {
    let own = |second, more: &str| {
        post(second, "CA1", "", ("client:101", ""), &format!("Direction=inbound&{more}"))
    };
    let client = |second, more: &str| post(second, "CA2", "CA1", (LINE, CLIENT), more);
    let posts = [
        own(0, "CallStatus=in-progress"),
        client(1, "CallStatus=ringing"),
        client(6, "CallStatus=in-progress"),
        client(11, "CallStatus=completed&CallDuration=5"),
        own(12, "CallStatus=completed&CallDuration=12"),
    ];
    let call = judged(&whole(&posts));
    assert_eq!((call.direction, call.status), (Direction::Out, Some(CallStatus::Answered)));
    assert_eq!((call.user, call.talk_seconds), (Some(1), 5));
    assert_eq!(call.e164.as_deref(), Some(CLIENT));
    is_answered_or_open(&without_each(&posts));
}

#[test]
fn a_call_out_without_a_phone_is_answered_by_the_client() {
    let own = |second, more: &str| {
        post(second, "CA1", "", (LINE, CLIENT), &format!("Direction=outbound-api&{more}"))
    };
    let posts = [own(0, "CallStatus=initiated"), own(9, "CallStatus=busy")];
    let call = judged(&whole(&posts));
    assert_eq!((call.direction, call.status), (Direction::Out, Some(CallStatus::Busy)));
    assert_eq!(call.e164.as_deref(), Some(CLIENT));
    let posts = [
        own(0, "CallStatus=initiated"),
        phone(5, "CA2", "102", "CallStatus=in-progress"),
        own(9, "CallStatus=completed&CallDuration=7"),
    ];
    let call = judged(&whole(&posts));
    assert_eq!((call.direction, call.status), (Direction::Out, Some(CallStatus::Answered)));
    assert_eq!(call.user, Some(2));
}

/// A transfer is a second phone under the same call.
#[test]
fn a_call_that_was_passed_on_is_of_the_last_to_talk() {
    let posts = [
        inbound(0, "CallStatus=ringing"),
        phone(5, "CA2", "101", "CallStatus=in-progress"),
        phone(25, "CA2", "101", "CallStatus=completed&CallDuration=20"),
        phone(26, "CA3", "102", "CallStatus=in-progress"),
        phone(36, "CA3", "102", "CallStatus=completed&CallDuration=10"),
        inbound(36, "CallStatus=completed&CallDuration=36"),
    ];
    let call = judged(&whole(&posts));
    assert_eq!((call.status, call.user), (Some(CallStatus::Answered), Some(2)));
    assert_eq!((call.others, call.talk_seconds), (vec![1], 30));
    is_answered_or_open(&without_each(&posts));
}

/// Case 33: a recording is told when it is there, and only where it can be heard.
#[test]
fn a_recording_is_told_later() {
    let url = "https://api.twilio.com/2010-04-01/Accounts/AC00/Recordings/RE1";
    let recording = |status: &str, url: &str| {
        let body = format!(
            "CallSid=CA1&RecordingSid=RE1&RecordingUrl={url}&RecordingStatus={status}&RecordingStartTime=Sat%2C+28+Nov+2026+09%3A00%3A00+%2B0000"
        );
        told(&Twilio, "", FORM, &body)
    };
    let posts = [inbound(0, "CallStatus=completed"), recording("completed", url)];
    let call = whole(&posts);
    assert_eq!(call.recordings.iter().map(String::as_str).collect::<Vec<_>>(), [url]);
    assert_eq!(call.over_at, Some(now()));
    assert!(recording("in-progress", url)[0].call.recordings.is_empty());
    assert!(recording("absent", url)[0].call.recordings.is_empty());
    assert!(recording("completed", "javascript:alert(1)")[0].call.recordings.is_empty());
}

#[test]
fn json_is_read_like_a_form() {
    let body = r#"{"CallSid":"CA1","CallStatus":"completed","From":"+79161234567","To":"+74951110000","Direction":"inbound","CallDuration":60,"Timestamp":"2026-11-28T09:00:00Z","Extra":{"a":1}}"#;
    let told = told(&Twilio, "", "application/json", body);
    assert_eq!(told[0].root, "CA1");
    assert_eq!(told[0].call.over_at, Some("2026-11-28T09:00:00Z".parse().unwrap()));
}

#[test]
fn what_is_no_event_of_a_call_is_passed_over() {
    assert!(told(&Twilio, "", FORM, "MessageSid=SM1&MessageStatus=sent").is_empty());
    assert!(told(&Twilio, "", "application/json", "[]").is_empty());
    assert!(told(&Twilio, "", FORM, "").is_empty());
    // A state that is new: who called whom is told all the same.
    let new = inbound(0, "CallStatus=teleported");
    assert!(new[0].call.parties.is_some() && new[0].call.over_at.is_none());
    // Without a time it is now; a duration of years is none.
    let now_told = told(
        &Twilio,
        "",
        FORM,
        "CallSid=CA2&ParentCallSid=CA1&To=client:101&CallStatus=completed&CallDuration=99999999",
    );
    let leg = &now_told[0].call.legs["CA2"];
    assert_eq!((leg.ended_at, leg.talk_seconds), (Some(now()), None));
}

#[test]
fn what_cannot_be_understood_says_why() {
    let read = |kind, body: &str| {
        let kept = Kept {
            target: "",
            content_type: Some(kind),
            body: body.as_bytes(),
            received_at: now(),
            zone: chrono_tz::Europe::Moscow,
        };
        Twilio.read(&kept).unwrap_err().0
    };
    assert!(read(FORM, "CallStatus=completed").contains("CallSid"));
    assert!(
        read(FORM, &format!("CallStatus=busy&CallSid={}", "x".repeat(201))).contains("CallSid")
    );
    assert!(read(FORM, "CallStatus=busy&CallSid=CA1&Timestamp=yesterday").contains("Timestamp"));
    assert!(read("application/json", "{").contains("JSON"));
    assert!(read("application/json", "\u{0}").contains("JSON"));
}
