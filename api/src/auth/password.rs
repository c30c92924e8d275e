//! Passwords: argon2id, in PHC form. A hash takes 19 MiB and a processor: a few are made at a time.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use argon2::{Argon2, PasswordHasher, PasswordVerifier, password_hash::phc::PasswordHash};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use voronka_persistence::{Error, users::Account};

use crate::http::{Problem, work::block};

/// Hashes at a time, how many may wait for their turn, and how long.
const AT_A_TIME: usize = 2;
const WAITING: usize = 200;
const PATIENCE: Duration = Duration::from_secs(10);

/// Whoever makes a hash has a turn.
pub struct Turn {
    _place: Option<OwnedSemaphorePermit>,
}

impl Turn {
    /// That of a command, which nobody else waits for.
    pub fn alone() -> Self {
        Self { _place: None }
    }
}

/// Who hashes, and who waits for it.
pub struct Turns {
    places: Arc<Semaphore>,
    waiting: Semaphore,
}

impl Default for Turns {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(AT_A_TIME)), waiting: Semaphore::new(WAITING) }
    }
}

impl Turns {
    pub async fn turn(&self) -> Result<Turn, Problem> {
        let busy = || {
            let detail = "Too many passwords are being checked at once. Send it again.";
            Problem::new("unavailable", detail).header("Retry-After", "5")
        };
        let _waiting = self.waiting.try_acquire().map_err(|_| busy())?;
        let place = tokio::time::timeout(PATIENCE, self.places.clone().acquire_owned()).await;
        let place = place.map_err(|_| busy())?.map_err(|_| busy())?;
        Ok(Turn { _place: Some(place) })
    }

    /// The hash of a password, if there is one, in its turn.
    pub async fn hash_of(&self, password: Option<String>) -> Result<Option<String>, Problem> {
        let Some(password) = password else { return Ok(None) };
        let turn = self.turn().await?;
        block(move || hash(&password, &turn)).await.map(Some)
    }
}

pub fn hash(password: &str, _: &Turn) -> Result<String, Error> {
    Argon2::default()
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|error| Error::Internal(format!("password hash: {error}")))
}

pub fn verify(password: &str, hash: &str, _: &Turn) -> bool {
    PasswordHash::new(hash)
        .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

/// Of no password that anybody knows.
static DECOY: LazyLock<String> =
    LazyLock::new(|| hash(&uuid::Uuid::new_v4().to_string(), &Turn::alone()).unwrap_or_default());

/// The accounts that the password opens. Where there is none to compare with, a decoy is compared: time does
/// not tell which emails exist. Only who has an email in several workspaces, and names none, has more compared.
pub fn opened(
    mut accounts: Vec<Account>,
    workspace_id: Option<uuid::Uuid>,
    mut fits: impl FnMut(&str) -> bool,
) -> Vec<Account> {
    accounts.retain(|one| workspace_id.is_none_or(|wanted| wanted == one.workspace_id));
    accounts.retain(|one| one.user.password_hash.is_some());
    if accounts.is_empty() {
        fits(&DECOY);
    }
    accounts.retain(|one| one.user.password_hash.as_ref().is_some_and(|hash| fits(hash)));
    accounts
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        task::{Context, Poll, Waker},
    };

    use uuid::Uuid;
    use voronka_persistence::{now, users::User};

    use super::*;

    fn account(hash: Option<&str>) -> Account {
        let user = User {
            id: Uuid::now_v7(),
            name: "A".to_owned(),
            email: Some("a@example.com".to_owned()),
            role: "seller".to_owned(),
            position: None,
            department_id: None,
            active: true,
            password_hash: hash.map(str::to_owned),
            version: 1,
            created_at: now(),
            updated_at: now(),
        };
        Account { workspace_id: Uuid::now_v7(), token_version: 0, user }
    }

    #[test]
    fn one_hash_is_made_whatever_is_known() {
        let known = account(Some("theirs"));
        let theirs = Some(known.workspace_id);
        for (what, accounts, workspace_id, opens) in [
            ("an unknown email", vec![], None, 0),
            ("an unknown email somewhere", vec![], theirs, 0),
            ("somebody", vec![known.clone()], None, 1),
            ("somebody there", vec![known.clone()], theirs, 1),
            ("somebody elsewhere", vec![known.clone()], Some(Uuid::now_v7()), 0),
            ("nobody with a password", vec![account(None)], None, 0),
            ("one of two", vec![known.clone(), account(Some("other"))], theirs, 1),
            ("the only one with a password", vec![account(None), known.clone()], None, 1),
        ] {
            let mut made = 0;
            let mut fits = |_: &str| {
                made += 1;
                true
            };
            assert_eq!(opened(accounts, workspace_id, &mut fits).len(), opens, "{what}");
            assert_eq!(made, 1, "{what}");
        }
    }

    #[test]
    fn a_decoy_takes_as_long_as_a_password() {
        let real = hash("a password", &Turn::alone()).unwrap();
        let cost = |hash: &str| {
            let hash = PasswordHash::new(hash).unwrap();
            (hash.algorithm.to_string(), hash.params.to_string())
        };
        assert_eq!(cost(&DECOY), cost(&real));
    }

    #[actix_web::test]
    async fn a_few_hash_at_a_time_and_not_too_many_wait() {
        let turns = Turns::default();
        let mut working: Vec<_> = vec![turns.turn().await.ok(), turns.turn().await.ok()];
        assert!(working.iter().all(Option::is_some));
        let mut context = Context::from_waker(Waker::noop());
        let mut third = pin!(turns.turn());
        assert!(third.as_mut().poll(&mut context).is_pending());
        {
            let mut others: Vec<_> = (1..WAITING).map(|_| Box::pin(turns.turn())).collect();
            assert!(others.iter_mut().all(|one| one.as_mut().poll(&mut context).is_pending()));
            let refused = turns.turn().await.err().unwrap();
            assert_eq!(refused.code(), "unavailable");
        }
        working.pop();
        assert!(matches!(third.as_mut().poll(&mut context), Poll::Ready(Ok(_))));
    }
}
