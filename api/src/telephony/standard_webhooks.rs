//! Signatures by Standard Webhooks, symmetric: `v1` is HMAC-SHA256 over `id.timestamp.body`
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, Mac};
use rand::RngCore;
use sha2::Sha256;

use super::{LONGEST_ID, Posted, Refused};

const PREFIX: &str = "whsec_";
/// How far the sender's clock may be off. A repetition is signed anew, so that it need not be longer.
const TOLERANCE: TimeDelta = TimeDelta::minutes(5);
/// Signatures that are looked at: a sender who rotates secrets sends two.
const MOST_SIGNATURES: usize = 8;

/// A new secret.
pub fn secret() -> String {
    let mut bytes = [0_u8; 32];
    rand::rng().fill_bytes(&mut bytes);
    format!("{PREFIX}{}", STANDARD.encode(bytes))
}

fn mac(secret: &str, id: &str, timestamp: &str, body: &[u8]) -> Option<Hmac<Sha256>> {
    let key = STANDARD.decode(secret.strip_prefix(PREFIX).unwrap_or(secret)).ok()?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
        mac.update(part);
    }
    Some(mac)
}

/// The header `webhook-signature` of a message.
pub fn signature(secret: &str, id: &str, timestamp: &str, body: &[u8]) -> Option<String> {
    let mac = mac(secret, id, timestamp, body)?;
    Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

/// Answers the message's id.
pub fn verify(
    posted: &Posted<'_>,
    secrets: &[&str],
    now: DateTime<Utc>,
) -> Result<String, Refused> {
    let header = |name| posted.header(name).ok_or(Refused::Missing(name));
    let id = header("webhook-id")?;
    let timestamp = header("webhook-timestamp")?;
    let signatures = header("webhook-signature")?;
    if id.is_empty() || id.len() > LONGEST_ID {
        return Err(Refused::Missing("webhook-id"));
    }
    let signed = |signature: &str| {
        let Some(signature) = signature.strip_prefix("v1,") else { return false };
        let Ok(signature) = STANDARD.decode(signature) else { return false };
        let macs = secrets.iter().filter_map(|secret| mac(secret, id, timestamp, posted.body));
        // Compared in constant time, by each secret.
        macs.fold(false, |found, mac| found | mac.verify_slice(&signature).is_ok())
    };
    if !signatures.split(' ').take(MOST_SIGNATURES).any(signed) {
        return Err(Refused::Signature);
    }
    let sent_at = timestamp.parse().ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    let sent_at = sent_at.ok_or(Refused::Stale)?;
    if (now - sent_at).abs() > TOLERANCE {
        return Err(Refused::Stale);
    }
    Ok(id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    // Of the specification's own libraries, computed anew by `standardwebhooks` of PyPI.
    const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    const ID: &str = "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk";
    const BODY: &[u8] = br#"{"email":"test@example.com","username":"test_user"}"#;
    const SIGNATURE: &str = "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=";
    const SENT: i64 = 1_649_367_553;

    fn verified(
        headers: [(&str, &str); 3],
        body: &[u8],
        secrets: &[&str],
        later: i64,
    ) -> Result<String, Refused> {
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let now = DateTime::from_timestamp(SENT + later, 0).unwrap();
        let posted = Posted { rest: "", query: "", url: None, headers: &headers, body };
        verify(&posted, secrets, now)
    }

    fn headers<'h>(id: &'h str, at: &'h str, signature: &'h str) -> [(&'h str, &'h str); 3] {
        [("webhook-id", id), ("webhook-timestamp", at), ("webhook-signature", signature)]
    }

    #[test]
    fn the_published_vector_passes() {
        let sent = SENT.to_string();
        assert_eq!(signature(SECRET, ID, &sent, BODY).as_deref(), Some(SIGNATURE));
        let whole = headers(ID, &sent, SIGNATURE);
        assert_eq!(verified(whole, BODY, &[SECRET], 0), Ok(ID.to_owned()));
        // Two secrets while they are rotated, and two signatures.
        let other = secret();
        assert_eq!(verified(whole, BODY, &[&other, SECRET], 299), Ok(ID.to_owned()));
        let both = format!("v1,AAAA v1a,xx {SIGNATURE}");
        assert_eq!(verified(headers(ID, &sent, &both), BODY, &[SECRET], 0), Ok(ID.to_owned()));
        assert_eq!(verified(whole, BODY, &[&other], 0), Err(Refused::Signature));
        assert_eq!(verified(whole, BODY, &[], 0), Err(Refused::Signature));
    }

    #[test]
    fn each_tampered_byte_fails() {
        let sent = SENT.to_string();
        for place in 0..BODY.len() {
            let mut body = BODY.to_vec();
            body[place] ^= 1;
            let whole = headers(ID, &sent, SIGNATURE);
            assert_eq!(verified(whole, &body, &[SECRET], 0), Err(Refused::Signature), "{place}");
        }
        for (text, which) in [(ID, 0), (sent.as_str(), 1), (SIGNATURE, 2)] {
            // The last character of a signature has bits that mean nothing.
            for place in 0..text.len() - usize::from(which == 2) {
                let mut bytes = text.as_bytes().to_vec();
                bytes[place] ^= 1;
                let Ok(tampered) = String::from_utf8(bytes) else { continue };
                let mut parts = [ID, &sent, SIGNATURE];
                parts[which] = &tampered;
                let whole = headers(parts[0], parts[1], parts[2]);
                assert_eq!(
                    verified(whole, BODY, &[SECRET], 0),
                    Err(Refused::Signature),
                    "{tampered}"
                );
            }
        }
    }

    #[test]
    fn what_was_sent_long_ago_is_refused() {
        let sent = SENT.to_string();
        let whole = headers(ID, &sent, SIGNATURE);
        for (later, fine) in [(300, true), (301, false), (-300, true), (-301, false)] {
            assert_eq!(verified(whole, BODY, &[SECRET], later).is_ok(), fine, "{later}");
        }
        let endless = "9".repeat(30);
        let signed = signature(SECRET, ID, &endless, BODY).unwrap();
        assert_eq!(
            verified(headers(ID, &endless, &signed), BODY, &[SECRET], 0),
            Err(Refused::Stale)
        );
    }
}
