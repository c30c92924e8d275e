//! How often a caller may ask.

use std::{num::NonZeroU32, time::Duration};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::StateInformationMiddleware,
    state::keyed::DefaultKeyedStateStore,
};
use uuid::Uuid;

use crate::http::Problem;

type Limiter<K> =
    RateLimiter<K, DefaultKeyedStateStore<K>, DefaultClock, StateInformationMiddleware>;

pub struct Limits {
    callers: Limiter<Uuid>,
    per_minute: u32,
    clock: DefaultClock,
}

/// What a caller has left.
pub struct Allowance {
    pub policy: String,
    pub state: String,
}

impl Limits {
    pub fn new(per_minute: u32) -> Self {
        let per_minute = per_minute.max(1);
        let quota = Quota::per_minute(NonZeroU32::new(per_minute).unwrap_or(NonZeroU32::MIN));
        Self {
            callers: RateLimiter::keyed(quota).with_middleware(),
            per_minute,
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

    /// Forgets those who have long been silent.
    pub fn tidy(&self) {
        self.callers.retain_recent();
    }
}

fn seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(1)
}
