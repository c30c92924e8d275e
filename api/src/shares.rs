//! What a workspace may have of the connections at once: never all, so that others always have some, however long
//! its requests wait for each other or for what they look at.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use crate::http::Problem;

/// As long as one waits for a connection of the pool.
const PATIENCE: Duration = Duration::from_secs(5);
/// Workspaces whose shares are kept without anybody in them.
const KEPT: usize = 1_000;

const CONNECTIONS: &str =
    "All connections that a workspace may use at once are in use. Send it again.";

#[derive(Clone)]
pub struct Shares {
    most: usize,
    /// What is told when none becomes free.
    busy: &'static str,
    of: Arc<Mutex<HashMap<Uuid, Arc<Semaphore>>>>,
}

impl Shares {
    /// Of so many connections, three quarters are the most that one workspace has.
    pub fn of(connections: u32) -> Self {
        let connections = usize::try_from(connections).unwrap_or(usize::MAX);
        let most = (connections / 4).saturating_mul(3).max(1);
        Self::of_any(most, CONNECTIONS)
    }

    /// Of so many connections, a quarter: for what may look at much.
    pub fn of_searches(connections: u32) -> Self {
        let connections = usize::try_from(connections).unwrap_or(usize::MAX);
        Self::of_any((connections / 4).max(1), CONNECTIONS)
    }

    /// Of anything else that a workspace has so many of at once.
    pub fn of_any(most: usize, busy: &'static str) -> Self {
        Self { most, busy, of: Arc::default() }
    }

    /// One of the workspace's connections, as soon as one is free.
    pub async fn one(&self, workspace_id: Uuid) -> Result<OwnedSemaphorePermit, Problem> {
        let share = self.share(workspace_id);
        let busy = || Problem::new("rate_limited", self.busy).header("Retry-After", "1");
        match share.clone().try_acquire_owned() {
            Ok(one) => Ok(one),
            Err(_) => match tokio::time::timeout(PATIENCE, share.acquire_owned()).await {
                Ok(Ok(one)) => Ok(one),
                _ => Err(busy()),
            },
        }
    }

    fn share(&self, workspace_id: Uuid) -> Arc<Semaphore> {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        if of.len() >= KEPT && !of.contains_key(&workspace_id) {
            // Who has or waits for one holds it, too.
            of.retain(|_, share| Arc::strong_count(share) > 1);
        }
        of.entry(workspace_id).or_insert_with(|| Arc::new(Semaphore::new(self.most))).clone()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[actix_web::test]
    async fn a_workspace_never_has_all() {
        let (shares, one, other) = (Shares::of(16), Uuid::from_u128(1), Uuid::from_u128(2));
        let mut held = Vec::new();
        for _ in 0..12 {
            held.push(shares.one(one).now_or_never().and_then(Result::ok).unwrap());
        }
        assert!(shares.one(one).now_or_never().is_none());
        assert!(shares.one(other).now_or_never().is_some());
        held.pop();
        assert!(shares.one(one).now_or_never().is_some());
    }

    #[actix_web::test]
    async fn shares_are_not_kept_for_ever() {
        let shares = Shares::of(4);
        let held = shares.one(Uuid::from_u128(0)).await;
        for number in 1..3_000 {
            assert!(shares.one(Uuid::from_u128(number)).await.is_ok());
        }
        let of = shares.of.lock().unwrap();
        assert!(of.len() <= KEPT && of.contains_key(&Uuid::from_u128(0)));
        drop((of, held));
    }
}
