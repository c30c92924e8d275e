//! How often a caller may ask, and how often a login may be tried.

use std::{net::IpAddr, num::NonZeroU32, time::Duration};

use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::StateInformationMiddleware,
    state::keyed::DefaultKeyedStateStore,
};
use uuid::Uuid;

use crate::http::Problem;

type Limiter<K> =
    RateLimiter<K, DefaultKeyedStateStore<K>, DefaultClock, StateInformationMiddleware>;

/// Logins for one email: ten at once, then one every half minute.
const LOGINS_AT_ONCE: u32 = 10;
const LOGIN_SECONDS: u64 = 30;
/// Logins from one address, over all emails: an office may share an address.
const LOGINS_AT_ONCE_FROM_ADDRESS: u32 = 100;

pub struct Limits {
    callers: Limiter<Uuid>,
    per_minute: u32,
    emails: DefaultKeyedRateLimiter<String>,
    addresses: DefaultKeyedRateLimiter<IpAddr>,
    clock: DefaultClock,
}

/// What a caller has left.
pub struct Allowance {
    pub policy: String,
    pub state: String,
}

fn at_once(count: u32, seconds: u64) -> Quota {
    let burst = NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
    Quota::with_period(Duration::from_secs(seconds))
        .unwrap_or_else(|| Quota::per_minute(burst))
        .allow_burst(burst)
}

impl Limits {
    pub fn new(per_minute: u32) -> Self {
        let per_minute = per_minute.max(1);
        let quota = Quota::per_minute(NonZeroU32::new(per_minute).unwrap_or(NonZeroU32::MIN));
        Self {
            callers: RateLimiter::keyed(quota).with_middleware(),
            per_minute,
            emails: RateLimiter::keyed(at_once(LOGINS_AT_ONCE, LOGIN_SECONDS)),
            addresses: RateLimiter::keyed(at_once(LOGINS_AT_ONCE_FROM_ADDRESS, 1)),
            clock: DefaultClock::default(),
        }
    }

    fn headers(&self, remaining: u32, seconds: u64) -> Allowance {
        Allowance {
            policy: format!("\"default\";q={};w=60", self.per_minute),
            state: format!("\"default\";r={remaining};t={seconds}"),
        }
    }

    /// One request of a caller.
    pub fn admit(&self, caller: Uuid) -> Result<Allowance, Problem> {
        match self.callers.check_key(&caller) {
            Ok(snapshot) => Ok(self.headers(snapshot.remaining_burst_capacity(), 60)),
            Err(not_until) => {
                let wait = seconds(not_until.wait_time_from(self.clock.now()));
                let Allowance { policy, state } = self.headers(0, wait);
                Err(Problem::of("rate_limited")
                    .header("Retry-After", wait.to_string())
                    .header("RateLimit-Policy", policy)
                    .header("RateLimit", state))
            }
        }
    }

    /// One try of a login.
    pub fn admit_login(&self, email: &str, address: Option<IpAddr>) -> Result<(), Problem> {
        let email = self.emails.check_key(&email.to_lowercase()).err();
        let address = address.and_then(|address| self.addresses.check_key(&address).err());
        match email.or(address) {
            None => Ok(()),
            Some(not_until) => {
                let wait = seconds(not_until.wait_time_from(self.clock.now()));
                Err(Problem::of("too_many_login_attempts").header("Retry-After", wait.to_string()))
            }
        }
    }

    /// Forgets those who have long been silent.
    pub fn tidy(&self) {
        self.callers.retain_recent();
        self.emails.retain_recent();
        self.addresses.retain_recent();
    }
}

fn seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(1)
}
