//! Passwords: argon2id, in PHC form. A hash takes 19 MiB and a processor: a few are made at a time.

use std::sync::LazyLock;

use argon2::{Argon2, PasswordHasher, PasswordVerifier, password_hash::phc::PasswordHash};
use uuid::Uuid;
use voronka_persistence::{Error, people::users::Account};

use crate::{
    heavy::{Heavy, Place},
    http::{Problem, work::block},
};

/// Hashes at a time.
const AT_A_TIME: usize = 2;

/// Whoever makes a hash has a turn.
pub struct Turn {
    _place: Option<Place>,
}

impl Turn {
    /// That of a command, which nobody else waits for.
    pub fn alone() -> Self {
        Self { _place: None }
    }
}

/// Who hashes, and who waits for it: whoever has just had a turn comes after the others.
pub struct Turns(Heavy);

impl Default for Turns {
    fn default() -> Self {
        Self(Heavy::new(AT_A_TIME))
    }
}

impl Turns {
    /// A turn of a workspace, or of an address from which nobody has logged in yet.
    pub async fn turn(&self, whose: Uuid) -> Result<Turn, Problem> {
        let busy = |_| {
            let detail = "Too many passwords are being checked at once. Send it again.";
            Problem::new("unavailable", detail).header("Retry-After", "5")
        };
        let place = self.0.place(whose).await.map_err(busy)?;
        Ok(Turn { _place: Some(place) })
    }

    /// The hash of a password, if there is one, in its turn.
    pub async fn hash_of(
        &self,
        whose: Uuid,
        password: Option<String>,
    ) -> Result<Option<String>, Problem> {
        let Some(password) = password else { return Ok(None) };
        let turn = self.turn(whose).await?;
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
    LazyLock::new(|| hash(&Uuid::new_v4().to_string(), &Turn::alone()).unwrap_or_default());

/// The accounts that the password opens. Where there is none to compare with, a decoy is compared: time does
/// not tell which emails exist. Only who has an email in several workspaces, and names none, has more compared.
pub fn opened(
    mut accounts: Vec<Account>,
    workspace_id: Option<Uuid>,
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

    use voronka_persistence::{now, people::users::User};

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
    async fn a_few_hash_at_a_time_and_nobody_comes_before_all_others() {
        let (turns, one, other) = (Turns::default(), Uuid::from_u128(1), Uuid::from_u128(2));
        let mut working: Vec<_> = vec![turns.turn(one).await.ok(), turns.turn(one).await.ok()];
        assert!(working.iter().all(Option::is_some));
        let mut context = Context::from_waker(Waker::noop());
        let mut waiting = Vec::new();
        let refused = loop {
            let mut turn = Box::pin(turns.turn(one));
            match turn.as_mut().poll(&mut context) {
                Poll::Pending => waiting.push(turn),
                Poll::Ready(told) => break told.err().unwrap(),
            }
        };
        assert_eq!(refused.code(), "unavailable");
        let mut theirs = pin!(turns.turn(other));
        assert!(theirs.as_mut().poll(&mut context).is_pending());
        working.pop();
        assert!(matches!(theirs.as_mut().poll(&mut context), Poll::Ready(Ok(_))));
    }
}
