use proptest::prelude::*;

use super::{
    audio::{Audio, may_be, of},
    *,
};

/// The head of a WAV file, by the description of the format, with so many bytes of sound behind it.
fn wave(before: &[u8], length: u32, sound: usize) -> Vec<u8> {
    let mut file =
        b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0"
            .to_vec();
    file.extend(before);
    file.extend(b"data");
    file.extend(length.to_le_bytes());
    file.extend(std::iter::repeat_n(7, sound));
    file
}

#[test]
fn a_file_is_what_its_bytes_say() {
    for (head, expected) in [
        (wave(b"", 800, 800).as_slice(), Audio::Wave),
        (b"ID3\x04\0\0\0\0\0\x23TSSE", Audio::Mpeg),
        (&[0xff, 0xfb, 0x90, 0x64, 0], Audio::Mpeg),
        (&[0xff, 0xf3, 0x48, 0xc4, 0], Audio::Mpeg),
        (&[0xff, 0xf1, 0x50, 0x80, 0], Audio::Aac),
        (b"OggS\0\x02", Audio::Ogg),
        (b"fLaC\0\0\0\x22", Audio::Flac),
        (b"\0\0\0\x18ftypM4A ", Audio::Mp4),
        (b"\0\0\0\x18ftypmp42", Audio::Mp4),
        (b"#!AMR\n\x3c", Audio::Amr),
        (b"#!AMR-WB\n\x3c", Audio::AmrWide),
    ] {
        assert_eq!(of(head, true), Ok(expected), "{head:?}");
        assert_eq!(Audio::of_media_type(expected.media_type()), Some(expected));
    }
    for head in [
        b"<!doctype html><html>".as_slice(),
        b"{\"error\":\"not found\"}",
        b"RIFF\x24\0\0\0AVI LIST",
        b"\x89PNG\r\n",
        b"PK\x03\x04",
        // UTF-16, and frames of no version, layer, bit rate or sample rate that there is.
        &[0xff, 0xfe, b'<', 0],
        &[0xff, 0xeb, 0x90, 0x64],
        &[0xff, 0xfb, 0xf0, 0x64],
        &[0xff, 0xfb, 0x9c, 0x64],
        &[0xff],
    ] {
        assert_eq!(of(head, true), Err(NotAudio::Unknown), "{head:?}");
    }
}

#[test]
fn a_head_without_sound_is_no_recording() {
    assert_eq!(of(b"", true), Err(NotAudio::Empty));
    let silent = wave(b"", 0, 0);
    assert_eq!(silent.len(), 44);
    assert_eq!(of(&silent, true), Err(NotAudio::Silent));
    // Other chunks are no sound, odd ones among them; nor is a file that breaks off before it.
    assert_eq!(of(&wave(b"LIST\x03\0\0\0abc\0", 0, 0), true), Err(NotAudio::Silent));
    assert_eq!(of(&wave(b"LIST\xff\xff\xff\xff", 0, 0), true), Err(NotAudio::Silent));
    assert_eq!(of(&silent[..20], true), Err(NotAudio::Silent));
    assert_eq!(of(b"#!AMR\n", true), Err(NotAudio::Silent));
    // What goes on, and what somebody wrote while they talked, without a length.
    assert_eq!(of(&silent, false), Ok(Audio::Wave));
    assert_eq!(of(&wave(b"LIST\x03\0\0\0abc\0", 0, 2), true), Ok(Audio::Wave));
}

#[test]
fn what_says_that_it_is_a_page_is_none() {
    for fine in [
        None,
        Some("audio/x-wav"),
        Some("Audio/MPEG"),
        Some("audio/wav; codecs=1"),
        Some("video/mp4"),
        Some("application/ogg"),
        Some("application/octet-stream"),
        Some(""),
    ] {
        assert_eq!(may_be(fine), Ok(()), "{fine:?}");
    }
    for other in ["text/html; charset=utf-8", "application/json", "image/png", "video/webm"] {
        assert_eq!(may_be(Some(other)), Err(NotAudio::SaysSo), "{other}");
    }
}

#[test]
fn what_is_not_there_yet_is_tried_for_a_day_and_a_half() {
    let pauses = |failure: &Failure| -> Vec<i64> {
        (1..)
            .map_while(|attempts| failure.pause(attempts, None))
            .map(|one| one.num_seconds())
            .collect()
    };
    let passing = [5, 15, 60, 300, 1_800, 7_200, 43_200, 86_400];
    for status in [400, 401, 403, 404, 429, 500, 503] {
        assert_eq!(pauses(&Failure::Status(status)), passing, "{status}");
    }
    for failure in [
        Failure::Unreachable,
        Failure::TookTooLong,
        Failure::BrokeOff,
        Failure::NoAudio(NotAudio::SaysSo),
        Failure::NoRoom,
        Failure::Ours,
    ] {
        assert_eq!(pauses(&failure), passing, "{failure}");
    }
    for failure in [
        Failure::Status(410),
        Failure::Refused,
        Failure::BadLink,
        Failure::TooLarge(1),
        Failure::TooManyRedirects,
    ] {
        assert_eq!(pauses(&failure), [0_i64; 0], "{failure}");
    }
}

proptest! {
    #[test]
    fn a_host_may_ask_for_more_patience_and_not_for_less(
        attempts in -3..20_i32, asked in proptest::option::of(-1_000_000..10_000_000_i64),
    ) {
        let failure = Failure::Status(503);
        let plain = failure.pause(attempts, None);
        let pause = failure.pause(attempts, asked.map(TimeDelta::seconds));
        prop_assert_eq!(plain.is_some(), pause.is_some());
        if let (Some(plain), Some(pause)) = (plain, pause) {
            prop_assert!(plain <= pause && pause <= TimeDelta::hours(24));
            if let Some(asked) = asked.map(TimeDelta::seconds) {
                prop_assert!(pause == plain || pause == asked || pause == TimeDelta::hours(24));
                prop_assert!(pause >= asked.min(TimeDelta::hours(24)));
            }
            let later = failure.pause(attempts.saturating_add(1), None);
            prop_assert!(later.is_none_or(|later| later >= plain));
        }
    }

    #[test]
    fn whatever_the_bytes_they_are_looked_at(head in proptest::collection::vec(any::<u8>(), 0..200), whole: bool) {
        let mut riff = b"RIFF0000WAVE".to_vec();
        riff.extend(&head);
        let _ = (of(&head, whole), of(&riff, whole));
    }
}

#[test]
fn what_is_shown_follows_the_link() {
    let (a, b) = ("https://pbx.example/a.wav", "https://pbx.example/b.wav");
    let kept = Some((a, RecordingState::Kept));
    assert_eq!(heard(Some(a), kept), Some(Heard::Kept));
    assert_eq!(heard(Some(b), kept), Some(Heard::Link));
    assert_eq!(heard(None, kept), Some(Heard::Gone));
    assert_eq!(heard(Some(a), None), Some(Heard::Link));
    assert_eq!(heard(None, None), None);
}

#[test]
fn recordings_are_kept_for_days() {
    let now: DateTime<Utc> = "2026-11-28T12:00:00Z".parse().unwrap();
    assert_eq!(kept_since(now, 180), "2026-06-01T12:00:00Z".parse::<DateTime<Utc>>().unwrap());
    assert_eq!(kept_since(now, 1), "2026-11-27T12:00:00Z".parse::<DateTime<Utc>>().unwrap());
    assert!(kept_since(now, i32::MAX) <= now && kept_since(DateTime::<Utc>::MIN_UTC, 1) <= now);
}
