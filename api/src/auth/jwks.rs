//! The published keys of an external issuer. They are fetched anew now and then, so that a key that is
//! withdrawn stops being trusted, and for an unknown one; not more often than once a minute, by one at a time.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use std::{
    fs::File,
    io::{BufReader, Read},
    sync::{Mutex, PoisonError, RwLock},
    time::{Duration, Instant},
};

use jsonwebtoken::{
    DecodingKey, Header,
    jwk::{AlgorithmParameters, Jwk, JwkSet, KeyAlgorithm, KeyOperations, PublicKeyUse},
};

/// Keys that are older are fetched anew.
const FRESH: Duration = Duration::from_secs(300);
/// While the issuer does not answer, keys are trusted for so long.
const LONGEST: Duration = Duration::from_secs(3_600);
/// From one fetch to the next, whatever tokens ask for.
const APART: Duration = Duration::from_secs(60);

pub struct Keys {
    location: String,
    /// The keys, and when they came.
    kept: RwLock<Option<(JwkSet, Instant)>>,
    /// The last fetch; who fetches holds it, and who waits for it finds what has been brought.
    tried: Mutex<Option<Instant>>,
}

impl Keys {
    /// At a URL or in a file.
    pub fn at(location: String) -> Self {
        Self { location, kept: RwLock::default(), tried: Mutex::default() }
    }

    /// The key that has signed a token with this header, if it is the issuer's. May fetch: it blocks.
    pub fn of(&self, header: &Header) -> Option<DecodingKey> {
        self.find(header, Instant::now(), || fetch(&self.location))
    }

    fn find(
        &self,
        header: &Header,
        now: Instant,
        fetch: impl FnOnce() -> Result<JwkSet, String>,
    ) -> Option<DecodingKey> {
        let known = self.known(header, now, LONGEST);
        if self.known(header, now, FRESH).is_some() {
            return known;
        }
        // A key that will do for a while waits for nobody.
        let tried = match known.is_some() {
            true => self.tried.try_lock().ok(),
            false => Some(self.tried.lock().unwrap_or_else(PoisonError::into_inner)),
        };
        let Some(mut tried) = tried else { return known };
        let due = tried.is_none_or(|last| now.saturating_duration_since(last) >= APART);
        if due && self.known(header, now, FRESH).is_none() {
            *tried = Some(now);
            match fetch() {
                Ok(keys) => {
                    let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
                    *kept = Some((keys, now));
                }
                Err(error) => tracing::warn!(error, "the issuer's keys cannot be had"),
            }
        }
        self.known(header, now, LONGEST)
    }

    /// The key among those that are not older than this.
    fn known(&self, header: &Header, now: Instant, oldest: Duration) -> Option<DecodingKey> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        let (keys, came) = kept.as_ref()?;
        if now.saturating_duration_since(*came) > oldest {
            return None;
        }
        let named = |jwk: &&Jwk| match &header.kid {
            Some(kid) => jwk.common.key_id.as_ref() == Some(kid),
            None => keys.keys.len() == 1,
        };
        let signs = |jwk: &&Jwk| signs(jwk, KeyAlgorithm::from(header.alg));
        let jwk = keys.keys.iter().filter(named).find(signs)?;
        DecodingKey::from_jwk(jwk).ok()
    }
}

/// RSA keys that are shorter are not trusted (RFC 7518, 3.3).
const SHORTEST_RSA: usize = 2_048;

/// Of a modulus in base64url, without the zeros before it.
fn modulus_bits(n: &str) -> usize {
    let bytes = URL_SAFE_NO_PAD.decode(n.trim_end_matches('=')).unwrap_or_default();
    let mut rest = bytes.iter().skip_while(|byte| **byte == 0);
    let first = rest.next().map_or(0, |byte| 8 - byte.leading_zeros());
    usize::try_from(first).unwrap_or(0).saturating_add(rest.count().saturating_mul(8))
}

/// The key is for signatures by the algorithm, or does not say what it is for.
fn signs(jwk: &Jwk, algorithm: KeyAlgorithm) -> bool {
    let common = &jwk.common;
    let long = match &jwk.algorithm {
        AlgorithmParameters::RSA(key) => modulus_bits(&key.n) >= SHORTEST_RSA,
        _ => true,
    };
    long && common.public_key_use.as_ref().is_none_or(|what| *what == PublicKeyUse::Signature)
        && common.key_operations.as_ref().is_none_or(|all| all.contains(&KeyOperations::Verify))
        && common.key_algorithm.is_none_or(|own| own == algorithm)
}

/// Longer than the keys of any issuer.
const MOST_BYTES: u64 = 1 << 20;

fn fetch(location: &str) -> Result<JwkSet, String> {
    let source: Box<dyn Read> =
        if location.starts_with("http://") || location.starts_with("https://") {
            let answer = reqwest::blocking::Client::builder()
                .timeout(Duration::from_secs(5))
                .build()
                .and_then(|client| client.get(location).send())
                .and_then(reqwest::blocking::Response::error_for_status)
                .map_err(|error| error.to_string())?;
            Box::new(answer)
        } else {
            Box::new(File::open(location).map_err(|error| error.to_string())?)
        };
    // What is longer ends in the middle, and is no JSON.
    serde_json::from_reader(BufReader::new(source.take(MOST_BYTES)))
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use jsonwebtoken::Algorithm;
    use serde_json::{Value, json};

    use super::*;

    fn key(more: Value) -> Value {
        let mut key = json!({ "kty": "OKP", "crv": "Ed25519", "kid": "a",
            "x": "LVs4r1RhyicLfhLZeJAjqQdQ0cQ7yHoeh3fxYIwlFSY" });
        for (name, value) in more.as_object().unwrap() {
            key[name] = value.clone();
        }
        key
    }

    fn set(keys: &[Value]) -> JwkSet {
        serde_json::from_value(json!({ "keys": keys })).unwrap()
    }

    fn header(kid: &str) -> Header {
        Header { kid: Some(kid.to_owned()), ..Header::new(Algorithm::EdDSA) }
    }

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn a_key_that_is_withdrawn_is_trusted_for_minutes_and_no_more() {
        let (keys, start) = (Keys::at(String::new()), Instant::now());
        let both = || Ok(set(&[key(json!({})), key(json!({ "kid": "b" }))]));
        let one = || Ok(set(&[key(json!({}))]));
        assert!(keys.find(&header("b"), start, both).is_some());
        let never = || -> Result<JwkSet, String> { panic!("nothing is to be fetched") };
        assert!(keys.find(&header("b"), after(start, 299), never).is_some());
        assert!(keys.find(&header("b"), after(start, 301), one).is_none());
        assert!(keys.find(&header("a"), after(start, 302), never).is_some());
    }

    #[test]
    fn while_the_issuer_is_away_its_keys_last_an_hour() {
        let (keys, start) = (Keys::at(String::new()), Instant::now());
        let asked = Cell::new(0);
        let away = || {
            asked.set(asked.get() + 1);
            Err("away".to_owned())
        };
        assert!(keys.find(&header("a"), start, || Ok(set(&[key(json!({}))]))).is_some());
        for (seconds, fetches) in [(301, 1), (302, 1), (360, 1), (361, 2), (3_600, 3)] {
            assert!(keys.find(&header("a"), after(start, seconds), away).is_some(), "{seconds}");
            assert_eq!(asked.get(), fetches, "{seconds}");
        }
        assert!(keys.find(&header("a"), after(start, 3_601), away).is_none());
        assert!(
            keys.find(&header("a"), after(start, 3_700), || Ok(set(&[key(json!({}))]))).is_some()
        );
    }

    #[test]
    fn unknown_keys_cause_one_fetch_a_minute_however_many_wait() {
        let (keys, start) = (Keys::at(String::new()), Instant::now());
        let asked = std::sync::atomic::AtomicUsize::new(0);
        let begin = std::sync::Barrier::new(20);
        let ask = |number: usize, now| {
            keys.find(&header(&format!("made-up-{number}")), now, || {
                asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                Ok(set(&[key(json!({}))]))
            })
        };
        std::thread::scope(|scope| {
            for number in 0..20 {
                let (ask, begin) = (&ask, &begin);
                scope.spawn(move || {
                    begin.wait();
                    assert!(ask(number, start).is_none());
                });
            }
        });
        assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 1);
        assert!(ask(1, after(start, 59)).is_none() && ask(1, after(start, 60)).is_none());
        assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 2);
    }

    #[test]
    fn a_short_key_of_rsa_is_not_trusted() {
        let of = |bits: usize| {
            // Zeros before it make it no longer.
            let mut bytes = vec![0; 150];
            bytes.push(0xff >> (bits.next_multiple_of(8) - bits));
            bytes.resize(150 + bits.div_ceil(8), 0x55);
            let n = URL_SAFE_NO_PAD.encode(bytes);
            let key = json!({ "kty": "RSA", "kid": "a", "e": "AQAB", "n": n });
            let key: Jwk = serde_json::from_value(key).unwrap();
            signs(&key, KeyAlgorithm::RS256)
        };
        assert_eq!([1_024, 2_040, 2_043, 2_047].map(of), [false; 4]);
        assert_eq!([2_048, 2_049, 3_072].map(of), [true; 3]);
    }

    #[test]
    fn a_key_for_something_else_signs_nothing() {
        for (more, taken) in [
            (json!({}), true),
            (json!({ "use": "sig" }), true),
            (json!({ "use": "enc" }), false),
            (json!({ "use": "other" }), false),
            (json!({ "key_ops": ["verify"] }), true),
            (json!({ "key_ops": ["encrypt", "wrapKey"] }), false),
            (json!({ "key_ops": [] }), false),
            (json!({ "alg": "EdDSA" }), true),
            (json!({ "alg": "RS256" }), false),
            (json!({ "alg": "RSA-OAEP" }), false),
            (json!({ "alg": "of its own" }), false),
        ] {
            let keys = Keys::at(String::new());
            let fetch = || Ok(set(&[key(more.clone())]));
            assert_eq!(keys.find(&header("a"), Instant::now(), fetch).is_some(), taken, "{more}");
        }
        // Of two by one name, the one that signs.
        let keys = Keys::at(String::new());
        let fetch = || Ok(set(&[key(json!({ "use": "enc" })), key(json!({ "use": "sig" }))]));
        assert!(keys.find(&header("a"), Instant::now(), fetch).is_some());
    }
}
