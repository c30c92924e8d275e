use voronka_domain::{intake::call::Judged, work::activity::CallStatus};

use super::super::testing::{judged, now, told, verified, whole, without_each};
use super::*;

const FORM: &str = "application/x-www-form-urlencoded";
const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef";

#[test]
fn a_password_passes_under_any_name() {
    // Of base64 of Python: voronka:SECRET, :SECRET and a:b:c.
    let basic = [
        "Basic dm9yb25rYTowMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
        "basic OjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZg==",
    ];
    let verify = |header: &str, secrets: &[&str]| {
        verified(&Asterisk, &[("authorization", header)], ("", ""), b"event=started", secrets)
    };
    for header in basic {
        assert_eq!(verify(header, &[SECRET]), Ok(None));
        assert_eq!(verify(header, &["other", SECRET]), Ok(None));
        assert_eq!(verify(header, &["other"]), Err(Refused::Signature));
        assert_eq!(verify(header, &[]), Err(Refused::Signature));
    }
    assert_eq!(verify("Basic YTpiOmM=", &["b:c"]), Ok(None));
    for header in ["Basic", "Basic !", "Bearer YTpiOmM=", "Basic YWJj"] {
        assert!(matches!(verify(header, &["b:c"]), Err(Refused::Missing(_))), "{header}");
    }
}

#[test]
fn a_password_in_the_form_passes_and_is_not_read() {
    let verify = |body: String| verified(&Asterisk, &[], ("", ""), body.as_bytes(), &[SECRET]);
    assert_eq!(verify(format!("secret={SECRET}&event=started")), Ok(None));
    assert_eq!(verify("event=started&secret=".to_owned()), Err(Refused::Signature));
    assert!(matches!(verify("event=started".to_owned()), Err(Refused::Missing(_))));
    for place in 0..SECRET.len() {
        let mut tampered = SECRET.as_bytes().to_vec();
        tampered[place] ^= 1;
        let tampered = String::from_utf8(tampered).unwrap();
        assert_eq!(verify(format!("secret={tampered}")), Err(Refused::Signature), "{tampered}");
    }
    let body = format!("secret={SECRET}&event=started&linkedid=1.1&caller=1&called=2");
    assert!(!format!("{:?}", told(&Asterisk, "", FORM, &body)).contains(SECRET));
}

const CLIENT: &str = "+79161234567";
const IN: &str = "caller=%2B79161234567&called=%2B74951110000&line=%2B74951110000&direction=in";
const OUT: &str = "caller=101&called=89161234567&line=&direction=out";

/// What a dialplan posts, by the name of the channel and some seconds after the call began.
fn post(second: f64, event: &str, channel: &str, parties: &str, more: &str) -> Vec<Told> {
    let at = 1_795_853_912.064 + second;
    let channel: String = form_urlencoded::byte_serialize(channel.as_bytes()).collect();
    let body = format!(
        "event={event}&at={at:.3}&linkedid=1795853912.0&transferred_from=1795853912.0&uniqueid=1795853912.9&channel={channel}&{parties}{more}"
    );
    told(&Asterisk, "", FORM, &body)
}

fn is_answered_or_open(calls: &[Judged<u8>]) {
    for call in calls {
        assert!(matches!(call.status, None | Some(CallStatus::Answered)), "{call:?}");
    }
}

fn is_never_answered(calls: &[Judged<u8>]) {
    assert!(calls.iter().all(|call| call.status != Some(CallStatus::Answered)), "{calls:?}");
}

/// Cases 2 and 16. As Asterisk 16 posted it: 102 was slower.
#[test]
fn a_ring_group_is_of_the_phone_that_answered() {
    let posts = [
        post(0.0, "started", "PJSIP/trunk-00000000", IN, ""),
        post(0.004, "ringing", "PJSIP/101-00000001", IN, "&party="),
        post(0.005, "ringing", "PJSIP/102-00000002", IN, "&party="),
        post(2.013, "left", "PJSIP/102-00000002", IN, "&party=&answered=&cause=26"),
        post(2.015, "answered", "PJSIP/101-00000001", IN, "&party="),
        post(5.025, "left", "PJSIP/101-00000001", IN, "&party=&answered=1&cause=16"),
        post(5.03, "ended", "PJSIP/trunk-00000000", IN, "&dialstatus=ANSWER&dialled=101%26102"),
    ];
    let call = whole(&posts);
    assert_eq!(call.legs["PJSIP/102-00000002"].end, Some(LegEnd::AnsweredElsewhere));
    let call = judged(&call);
    assert_eq!((call.direction, call.status), (Direction::In, Some(CallStatus::Answered)));
    assert_eq!((call.user, call.others.len(), call.talk_seconds), (Some(1), 0, 3));
    assert_eq!(call.e164.as_deref(), Some(CLIENT));
    // Case 1: without the answer too, the end says that it was one.
    is_answered_or_open(&without_each(&posts));
}

/// As Asterisk posts the same call from `h`: the row is of the phone that was slower.
#[test]
fn a_row_of_the_slower_phone_takes_no_talk_back() {
    let row = told(
        &Asterisk,
        "",
        FORM,
        "event=cdr&linkedid=1795853912.0&uniqueid=1795853912.0&channel=PJSIP%2Ftrunk-00000000&dstchannel=PJSIP%2F102-00000002&src=%2B79161234567&dst=group&lastapp=Dial&start=2026-11-28%2011%3A18%3A32&answer=&end=2026-11-28%2011%3A18%3A34&billsec=0&disposition=NO%20ANSWER&talk=3&dialstatus=ANSWER",
    );
    let alone = judged(&whole(std::slice::from_ref(&row)));
    assert_eq!((alone.status, alone.user), (Some(CallStatus::Answered), Some(2)));
    let posts = [
        post(0.0, "started", "PJSIP/trunk-00000000", IN, ""),
        post(2.015, "answered", "PJSIP/101-00000001", IN, ""),
        post(5.025, "left", "PJSIP/101-00000001", IN, "&answered=1&cause=16"),
        row,
        post(5.03, "ended", "PJSIP/trunk-00000000", IN, "&dialstatus=ANSWER"),
    ];
    let call = judged(&whole(&posts));
    assert_eq!((call.status, call.user), (Some(CallStatus::Answered), Some(1)));
    assert_eq!(call.talk_seconds, 3);
}

#[test]
fn a_call_in_that_nobody_answered_was_missed() {
    let posts = [
        post(0.0, "started", "PJSIP/trunk-00000000", IN, ""),
        post(0.1, "ringing", "PJSIP/101-00000001", IN, ""),
        post(20.1, "left", "PJSIP/101-00000001", IN, "&answered=&cause=0"),
        post(20.2, "ended", "PJSIP/trunk-00000000", IN, "&dialstatus=NOANSWER&dialled=101"),
    ];
    let call = judged(&whole(&posts));
    assert_eq!((call.status, call.user), (Some(CallStatus::Missed), Some(1)));
    assert_eq!((call.talk_seconds, call.number.as_deref()), (0, Some(CLIENT)));
    is_never_answered(&without_each(&posts));
}

/// Case 26. A phone that is not registered has no channel, and its user has missed a call all the same.
#[test]
fn a_call_to_a_phone_that_is_off_was_missed_by_its_user() {
    let posts = [
        post(0.0, "started", "PJSIP/trunk-00000003", IN, ""),
        post(0.004, "ended", "PJSIP/trunk-00000003", IN, "&dialstatus=CHANUNAVAIL&dialled=102"),
    ];
    let call = judged(&whole(&posts));
    assert_eq!((call.status, call.user), (Some(CallStatus::Missed), Some(2)));
    let row = told(
        &Asterisk,
        "",
        FORM,
        "event=cdr&linkedid=1795853918.5&uniqueid=1795853918.5&channel=PJSIP%2Ftrunk-00000003&dstchannel=&src=%2B79161234567&dst=102&lastapp=Hangup&start=2026-11-28%2011%3A18%3A38&answer=&end=2026-11-28%2011%3A18%3A38&billsec=0&disposition=FAILED&talk=&dialstatus=CHANUNAVAIL",
    );
    let call = judged(&whole(&[row]));
    assert_eq!((call.status, call.user), (Some(CallStatus::Missed), Some(2)));
}

/// Cases 6 to 9: the way of a call is that of the phones that are known, whatever its channels are called.
#[test]
fn a_call_out_is_as_it_ended_for_the_client() {
    let trunk = "PJSIP/trunk-00000005";
    let client = "&party=89161234567";
    for (cause, dialstatus, status) in [
        (17, "BUSY", CallStatus::Busy),
        (0, "CANCEL", CallStatus::Cancelled),
        // What Asterisk 16 says of the phone that rang, when whoever called hangs up.
        (127, "CANCEL", CallStatus::Cancelled),
        (19, "NOANSWER", CallStatus::Missed),
        (34, "CONGESTION", CallStatus::Failed),
    ] {
        let left = format!("{client}&answered=&cause={cause}");
        let over = format!("&dialstatus={dialstatus}&dialled=89161234567");
        let posts = [
            post(0.0, "started", "PJSIP/101-00000004", OUT, ""),
            post(0.1, "ringing", trunk, OUT, client),
            post(0.2, "left", trunk, OUT, &left),
            post(0.3, "ended", "PJSIP/101-00000004", OUT, &over),
        ];
        let call = judged(&whole(&posts));
        assert_eq!((call.direction, call.status), (Direction::Out, Some(status)), "{dialstatus}");
        assert_eq!((call.user, call.e164.as_deref()), (Some(1), Some(CLIENT)));
        is_never_answered(&without_each(&posts));
    }
    // The same of a click to call, where the employee's phone rings first.
    let posts = [
        post(0.0, "started", "PJSIP/101-0000000a", OUT, ""),
        post(0.1, "ringing", trunk, OUT, client),
        post(2.0, "answered", trunk, OUT, client),
        post(32.0, "left", trunk, OUT, &format!("{client}&answered=1&cause=16")),
        post(32.1, "ended", "PJSIP/101-0000000a", OUT, "&dialstatus=ANSWER"),
    ];
    let call = judged(&whole(&posts));
    assert_eq!((call.direction, call.status), (Direction::Out, Some(CallStatus::Answered)));
    assert_eq!((call.user, call.talk_seconds), (Some(1), 30));
    is_answered_or_open(&without_each(&posts));
}

/// Case 25: the queue answered, and nobody in it did, as events tell it and as a row does.
#[test]
fn who_hangs_up_in_the_queue_was_missed() {
    let posts = [
        post(0.0, "started", "PJSIP/trunk-00000003", IN, ""),
        post(0.5, "queue_join", "PJSIP/trunk-00000003", IN, "&party=sales"),
        post(5.0, "ringing", "PJSIP/101-00000004", IN, ""),
        post(42.0, "left", "PJSIP/101-00000004", IN, "&answered=&cause=16"),
        post(42.1, "ended", "PJSIP/trunk-00000003", IN, "&dialstatus=&dialled="),
    ];
    let call = judged(&whole(&posts));
    assert_eq!((call.status, call.user), (Some(CallStatus::Missed), Some(1)));
    assert_eq!(call.talk_seconds, 0);
    is_never_answered(&without_each(&posts));
    for row in [
        "dstchannel=&lastapp=Queue&billsec=40&disposition=ANSWERED",
        "dstchannel=PJSIP%2F102-00000005&lastapp=Queue&billsec=40&disposition=NO%20ANSWER",
        "dstchannel=&lastapp=VoiceMail&billsec=40&disposition=ANSWERED",
    ] {
        let body = format!(
            "event=cdr&linkedid=1.1&uniqueid=1.1&channel=PJSIP%2Ftrunk-00000003&src=%2B79161234567&dst=600&start=2026-11-28+12:00:00&answer=2026-11-28+12:00:01&end=2026-11-28+12:00:41&{row}"
        );
        let call = judged(&whole(&[told(&Asterisk, "", FORM, &body)]));
        assert_eq!((call.status, call.talk_seconds), (Some(CallStatus::Missed), 0), "{row}");
    }
}

/// Case 18: who answers in a queue has a channel of their own, and it is the same call.
#[test]
fn a_call_out_of_the_queue_is_one_call() {
    let posts = [
        post(0.0, "started", "PJSIP/trunk-00000000", IN, ""),
        post(0.5, "queue_join", "PJSIP/trunk-00000000", IN, "&party=sales"),
        post(2.5, "answered", "PJSIP/101-00000001", IN, ""),
        post(5.0, "left", "PJSIP/101-00000001", IN, "&party=&answered=1&cause=16"),
        post(5.1, "ended", "PJSIP/trunk-00000000", IN, "&dialstatus=&dialled="),
    ];
    let call = judged(&whole(&posts));
    assert_eq!((call.status, call.user), (Some(CallStatus::Answered), Some(1)));
    assert_eq!(call.talk_seconds, 2);
    is_answered_or_open(&without_each(&posts));
    // Left for a mailbox: a machine.
    let posts = [
        posts[0].clone(),
        posts[1].clone(),
        post(20.0, "queue_leave", "PJSIP/trunk-00000000", IN, "&party=sales&queuestatus=TIMEOUT"),
        post(21.0, "voicemail", "PJSIP/trunk-00000000", IN, "&party=600"),
        post(40.0, "ended", "PJSIP/trunk-00000000", IN, ""),
    ];
    let call = judged(&whole(&posts));
    assert_eq!((call.status, call.talk_seconds), (Some(CallStatus::Missed), 0));
}

/// Members of a queue behind `Local/` channels: the phone behind it tells of the same talk.
#[test]
fn a_local_channel_answers_and_does_not_count_twice() {
    let local = "Local/101@from-queue-00000001;1";
    let posts = [
        post(0.0, "started", "PJSIP/trunk-00000000", IN, ""),
        post(2.0, "answered", local, IN, ""),
        post(2.0, "answered", "PJSIP/101-00000001", IN, ""),
        post(12.0, "left", "PJSIP/101-00000001", IN, "&answered=1&cause=16"),
        post(12.0, "left", local, IN, "&answered=1&cause=16"),
        post(12.1, "ended", "PJSIP/trunk-00000000", IN, ""),
    ];
    let call = judged(&whole(&posts));
    assert_eq!((call.status, call.user), (Some(CallStatus::Answered), Some(1)));
    assert_eq!(call.talk_seconds, 10);
    is_answered_or_open(&without_each(&posts));
}

/// Case 22, as Asterisk 16 posted an attended transfer: the phone that passes on leaves while the others talk.
#[test]
fn a_call_that_was_passed_on_is_of_the_last_to_talk() {
    let posts = [
        post(0.0, "started", "PJSIP/trunk-00000000", IN, ""),
        post(2.0, "answered", "PJSIP/101-00000001", IN, ""),
        post(10.0, "answered", "PJSIP/102-00000002", IN, ""),
        post(11.0, "left", "PJSIP/101-00000001", IN, "&answered=1&cause=16"),
        post(18.0, "left", "PJSIP/102-00000002", IN, "&answered=1&cause=16"),
        post(18.1, "ended", "PJSIP/trunk-00000000", IN, "&dialstatus=ANSWER"),
    ];
    assert_eq!(judged(&whole(&posts[..4])).status, None);
    let call = judged(&whole(&posts));
    assert_eq!((call.status, call.user), (Some(CallStatus::Answered), Some(2)));
    assert_eq!((call.others.as_slice(), call.talk_seconds), (&[1][..], 9 + 8));
    is_answered_or_open(&without_each(&posts));
}

/// Case 20: a blind transfer that fails and comes back is one call, and its talk the sum of the bridges.
#[test]
fn a_transfer_that_failed_is_the_same_call() {
    let posts = [
        post(0.0, "started", "PJSIP/trunk-00000006", IN, ""),
        post(2.0, "answered", "PJSIP/101-00000007", IN, ""),
        post(4.0, "left", "PJSIP/101-00000007", IN, "&answered=1&cause=16"),
        post(4.1, "ringing", "PJSIP/102-00000009", IN, ""),
        post(14.1, "left", "PJSIP/102-00000009", IN, "&answered=&cause=16"),
        post(16.0, "answered", "PJSIP/101-0000000a", IN, ""),
        post(21.0, "left", "PJSIP/101-0000000a", IN, "&answered=1&cause=16"),
        post(21.1, "ended", "PJSIP/trunk-00000006", IN, "&dialstatus=ANSWER"),
    ];
    let call = judged(&whole(&posts));
    assert_eq!((call.status, call.user), (Some(CallStatus::Answered), Some(1)));
    assert_eq!((call.others.len(), call.talk_seconds), (0, 2 + 5));
}

/// Case 21: the id changes with a transfer, and both are told.
#[test]
fn what_has_another_id_after_a_transfer_says_which_it_had() {
    let told = told(
        &Asterisk,
        "",
        FORM,
        "event=ended&at=1795853912&linkedid=1795853912.0&transferred_from=1795853920.6&caller=101&called=102",
    );
    assert_eq!(told[0].root, "1795853912.0");
    assert_eq!(told[0].also, ["1795853920.6"]);
    // It has become part of a call that goes on.
    assert_eq!(told[0].call.over_at, None);
    assert!(post(0.0, "started", "PJSIP/101-00000001", OUT, "")[0].also.is_empty());
}

#[test]
fn a_caller_who_hides_is_nobody() {
    for caller in ["", "anonymous", "Restricted"] {
        let parties = format!("caller={caller}&called=%2B74951110000&direction=in");
        let posts = [
            post(0.0, "started", "PJSIP/trunk-00000000", &parties, ""),
            post(9.0, "ended", "PJSIP/trunk-00000000", &parties, "&dialstatus=CANCEL"),
        ];
        let call = judged(&whole(&posts));
        assert_eq!((call.number, call.status), (None, Some(CallStatus::Missed)), "{caller}");
    }
}

#[test]
fn a_recording_is_told_later() {
    let posts = [
        post(0.0, "started", "PJSIP/trunk-00000000", IN, ""),
        post(5.0, "ended", "PJSIP/trunk-00000000", IN, ""),
        post(60.0, "recording", "", "", "&recording=https%3A%2F%2Fpbx.example%2F1.wav"),
        post(60.0, "recording", "", "", "&recording=%2Fvar%2Fspool%2F1.wav"),
    ];
    let call = whole(&posts);
    assert_eq!(call.recordings.len(), 1);
    assert!(call.recordings.contains("https://pbx.example/1.wav"));
}

/// Times of rows have no zone: those of the tests are of Moscow. Case 32: NULs, and letters of many bytes.
#[test]
fn times_and_texts_are_read_as_they_are_meant() {
    let row = told(
        &Asterisk,
        "",
        FORM,
        "event=cdr&linkedid=1.1%00&uniqueid=1.2&src=%D0%98%D0%B2%D0%B0%D0%BD%00&dst=101&dstchannel=SIP/101-0a&start=2026-11-28+12:00:00&answer=1795856410.5&end=2026-11-28+12:00:40&billsec=30&disposition=ANSWERED",
    );
    let call = &row[0].call;
    assert_eq!(row[0].root, "1.1");
    assert_eq!(call.began_at, Some("2026-11-28T09:00:00Z".parse().unwrap()));
    assert_eq!(call.over_at, None);
    assert_eq!(call.parties.as_ref().unwrap().from.as_deref(), Some("Иван"));
    let leg = &call.legs["SIP/101-0a"];
    assert_eq!((leg.party.as_deref(), leg.talk_seconds), (Some("101"), Some(30)));
    assert_eq!(leg.bridged_at, Some("2026-11-28T09:00:10Z".parse().unwrap()));
    assert_eq!(epoch("1795853912.064").unwrap().timestamp_subsec_millis(), 64);
    assert_eq!(epoch("1795853912").unwrap().timestamp(), 1_795_853_912);
    for text in ["", ".", ".5", "-1", "1e3", "99999999999999999999"] {
        assert_eq!(epoch(text), None, "{text}");
    }
    for (channel, phone) in [
        ("PJSIP/101-00000012", Some("101")),
        ("PJSIP/my-trunk-0000000a", Some("my-trunk")),
        ("Local/101@from-queue-00000001;1", Some("101")),
        ("DAHDI/7-1", Some("7")),
        ("PJSIP/101", Some("101")),
        ("PJSIP/", None),
        ("101", None),
    ] {
        assert_eq!(party(channel).as_deref(), phone, "{channel}");
    }
}

#[test]
fn what_cannot_be_understood_says_why() {
    let read = |body: &str| {
        let kept = Kept {
            target: "",
            content_type: Some(FORM),
            body: body.as_bytes(),
            received_at: now(),
            zone: chrono_tz::Europe::Moscow,
        };
        Asterisk.read(&kept)
    };
    let why = |body: &str| read(body).unwrap_err().0;
    assert!(why("linkedid=1.1").contains("event"));
    assert!(why("event=started").contains("linkedid"));
    assert!(why(&format!("event=started&linkedid={}", "1".repeat(201))).contains("linkedid"));
    assert!(why("event=started&linkedid=1.1&at=noon").contains("at is neither"));
    assert!(why("event=cdr&linkedid=1.1&start=28.11.2026").contains("start is neither"));
    assert!(why("event=answered&linkedid=1.1").contains("channel"));
    assert_eq!(read("event=dtmf&linkedid=1.1"), Ok(Vec::new()));
    // Without a time it is now; a number that is too long is none.
    let told = read(&format!("event=started&linkedid=1.1&caller={}&called=1", "1".repeat(65)));
    let call = &told.unwrap()[0].call;
    assert_eq!(call.began_at, Some(now()));
    assert_eq!(call.parties.as_ref().unwrap().from, None);
}
