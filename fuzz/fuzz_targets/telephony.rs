//! What an exchange posts is read or refused, and what was read is judged: the same, if it is told twice and backwards.
#![no_main]

use libfuzzer_sys::fuzz_target;
use chrono::DateTime;
use chrono_tz::Tz;
use voronka_api::telephony::{ADAPTERS, Kept};
use voronka_domain::{
    intake::call::{Call, Exchange},
    kernel::contact_point::{Country, phone},
};

fuzz_target!(|body: &[u8]| {
    let exchange = Exchange {
        extensions: [("101".to_owned(), Some(1_u8)), ("102".to_owned(), None)].into(),
        lines: ["+31201110000".to_owned()].into(),
        access_digit: Some('9'),
    };
    // What came with the body is at its beginning.
    let cut = body.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (target, body) = body.split_at(cut);
    let kept = Kept {
        target: std::str::from_utf8(target).unwrap_or_default(),
        content_type: None,
        body,
        received_at: DateTime::UNIX_EPOCH,
        zone: Tz::Europe__Amsterdam,
    };
    let read = |text: &str| phone(text, Country::parse("NL"));
    for adapter in ADAPTERS {
        let Ok(told) = adapter.read(&kept) else { continue };
        let fold = |calls: Vec<Call>| calls.into_iter().fold(Call::default(), Call::with);
        let calls: Vec<Call> = told.into_iter().map(|told| told.call).collect();
        let backwards = calls.iter().rev().chain(&calls).cloned().collect();
        let (call, again) = (fold(calls), fold(backwards));
        let judged = call.judged(&exchange, &read);
        // Beyond the limits it is the first that are kept.
        if call.legs.len() < 200 && call.recordings.len() < 20 {
            assert_eq!(call, again);
            assert_eq!(judged, again.judged(&exchange, &read));
        }
        assert!(judged.talk_seconds >= 0, "{judged:?}");
    }
});
