//! Places for heavy work (sheets, reports, previews): few, so that requests of the ordinary kind always
//! have connections and processors. Of those who wait, a workspace that has just had a place comes last.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::oneshot;
use uuid::Uuid;

use crate::http::Problem;

/// How long one waits for a place before one is told to come again.
const PATIENCE: Duration = Duration::from_secs(20);
const MOST_WAITING: usize = 256;
const MOST_WAITING_OF_ONE: usize = 32;
/// Workspaces of which it is known how lately they had a place.
const REMEMBERED: usize = 256;

#[derive(Clone)]
pub struct Heavy(Arc<Shared>);

struct Shared {
    places: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    busy: Vec<Uuid>,
    waiting: VecDeque<(Uuid, oneshot::Sender<Place>)>,
    /// Who had a place, the latest one last.
    recent: VecDeque<Uuid>,
}

/// A place: it is free again when this is dropped.
pub struct Place {
    shared: Arc<Shared>,
    workspace_id: Uuid,
}

impl Heavy {
    pub fn new(places: usize) -> Self {
        Self(Arc::new(Shared { places: places.max(1), state: Mutex::default() }))
    }

    /// A place for a workspace, as soon as it is its turn.
    pub async fn place(&self, workspace_id: Uuid) -> Result<Place, Problem> {
        let turn = {
            let mut state = self.0.state();
            state.waiting.retain(|(_, sender)| !sender.is_closed());
            if state.busy.len() < self.0.places && state.waiting.is_empty() {
                state.busy.push(workspace_id);
                return Ok(Place { shared: self.0.clone(), workspace_id });
            }
            let of_one = state.waiting.iter().filter(|(id, _)| *id == workspace_id).count();
            if of_one >= MOST_WAITING_OF_ONE || state.waiting.len() >= MOST_WAITING {
                return Err(busy());
            }
            let (sender, turn) = oneshot::channel();
            state.waiting.push_back((workspace_id, sender));
            turn
        };
        match tokio::time::timeout(PATIENCE, turn).await {
            Ok(Ok(place)) => Ok(place),
            _ => Err(busy()),
        }
    }
}

fn busy() -> Problem {
    Problem::of("too_many_heavy_requests").header("Retry-After", "5")
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn had(&mut self, workspace_id: Uuid) {
        if let Some(at) = self.busy.iter().position(|id| *id == workspace_id) {
            self.busy.swap_remove(at);
        }
        self.recent.retain(|id| *id != workspace_id);
        self.recent.push_back(workspace_id);
        if self.recent.len() > REMEMBERED {
            self.recent.pop_front();
        }
    }

    /// Whose turn it is: who has the fewest places, then who has been without one longest, then who came first.
    fn next(&mut self) -> Option<(Uuid, oneshot::Sender<Place>)> {
        let order = |(at, (id, _)): (usize, &(Uuid, _))| {
            let busy = self.busy.iter().filter(|one| *one == id).count();
            let lately = self.recent.iter().position(|one| one == id);
            (busy, lately, at)
        };
        let (_, _, at) = self.waiting.iter().enumerate().map(order).min()?;
        self.waiting.remove(at)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.had(self.workspace_id);
        // Who has gone away meanwhile is passed over; what cannot be handed on is not freed here once more.
        while let Some((workspace_id, sender)) = state.next() {
            if sender.is_closed() {
                continue;
            }
            state.busy.push(workspace_id);
            drop(state);
            let place = Self { shared: self.shared.clone(), workspace_id };
            // One that comes back is dropped, and so looks for the next one.
            drop(sender.send(place));
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, future::join_all};

    use super::*;

    fn workspace(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    #[actix_web::test]
    async fn a_workspace_that_has_just_had_a_place_waits_behind_the_others() {
        let heavy = Heavy::new(1);
        let order = Arc::new(Mutex::new(Vec::new()));
        let first = heavy.place(workspace(1)).await.unwrap_or_else(|_| panic!("free"));
        let mut waiting = Vec::new();
        for number in [1, 1, 1, 2, 3, 2] {
            let (heavy, order) = (heavy.clone(), order.clone());
            let mut wait = Box::pin(async move {
                let place = heavy.place(workspace(number)).await;
                order.lock().unwrap().push(number);
                drop(place);
            });
            assert!((&mut wait).now_or_never().is_none());
            waiting.push(wait);
        }
        // One that goes away takes no place along.
        drop(waiting.remove(1));
        drop(first);
        join_all(waiting).await;
        assert_eq!(*order.lock().unwrap(), [2, 3, 1, 2, 1]);
        assert!(heavy.place(workspace(9)).now_or_never().is_some());
    }

    /// Workspaces come and go as long as a server lives: of those that had a place long ago it knows nothing.
    #[actix_web::test]
    async fn of_many_workspaces_only_the_latest_are_remembered() {
        let heavy = Heavy::new(1);
        for number in 0..1_000 {
            drop(heavy.place(workspace(number)).await);
        }
        let state = heavy.0.state();
        assert_eq!((state.busy.len(), state.waiting.len()), (0, 0));
        let latest: Vec<_> = (1_000 - 256..1_000).map(workspace).collect();
        assert_eq!(Vec::from(state.recent.clone()), latest);
    }

    #[actix_web::test]
    async fn not_everybody_waits() {
        let heavy = Heavy::new(1);
        let place = heavy.place(workspace(1)).await;
        let waiting: Vec<_> = (0..MOST_WAITING_OF_ONE)
            .map(|_| {
                let mut wait = Box::pin(heavy.place(workspace(1)));
                assert!((&mut wait).now_or_never().is_none());
                wait
            })
            .collect();
        assert!(heavy.place(workspace(1)).now_or_never().is_some_and(|told| told.is_err()));
        drop((place, waiting));
    }
}
