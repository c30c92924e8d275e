//! Where work is done that waits for the database, and when it ends.

use actix_web::web;
use tokio::runtime::Handle;
use uuid::Uuid;
use voronka_persistence::{Error, Waiting};

use super::problem::Problem;
use crate::{shares::Shares, state::App};

/// Runs something that waits for the database where waiting blocks nobody. It is carried out to its end, whether
/// the caller waits for it or not.
pub async fn block<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Problem> {
    let span = tracing::Span::current();
    match web::block(move || span.in_scope(work)).await {
        Ok(result) => result.map_err(Problem::from),
        Err(_) => Err(Problem::of("unavailable")),
    }
}

/// The same of what only reads, on a connection of the workspace's: it ends when the caller goes away.
pub async fn reading<T: Send + 'static>(
    shares: &Shares,
    workspace_id: Uuid,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Problem> {
    let share = shares.one(workspace_id).await?;
    let waiting = Waiting::default();
    let mut present = Present(Some(waiting.clone()));
    let done = block(move || {
        let _share = share;
        waiting.during(work)
    })
    .await;
    present.0 = None;
    done
}

/// The same of heavy reading, which waits for a place. Who goes away gives it up.
pub async fn heavily<T: Send + 'static>(
    app: &App,
    workspace_id: Uuid,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Problem> {
    let place = app.heavy.place(workspace_id).await?;
    reading(&app.shares, workspace_id, move || {
        let _place = place;
        work()
    })
    .await
}

/// Dropped before the work is done, the caller has hung up.
struct Present(Option<Waiting>);

impl Drop for Present {
    fn drop(&mut self) {
        if let (Some(waiting), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn_blocking(move || waiting.end());
        }
    }
}
