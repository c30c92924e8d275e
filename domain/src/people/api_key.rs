//! Keys of programs: what somebody may give a key, and for how long.

use chrono::{DateTime, Datelike, Utc};

use super::access::Permission;
use crate::kernel::fault::{Faults, Refusal};

/// A key does no more than its maker, and does not outlive the key that makes it (`until`).
pub fn may_make(
    scopes: &[String],
    maker_may: impl Fn(Permission) -> bool,
    expires_at: Option<DateTime<Utc>>,
    (now, until): (DateTime<Utc>, Option<DateTime<Utc>>),
) -> Result<(), Refusal> {
    let mut faults = Faults::default();
    if scopes.is_empty() {
        faults.add("/scopes", "required", "A key needs at least one scope.");
    }
    let known: Vec<_> = Permission::ALL.iter().map(|permission| permission.scope()).collect();
    if scopes.len() > known.len() {
        faults.add("/scopes", "too_many", format!("There are {} scopes.", known.len()));
    }
    for (index, scope) in scopes.iter().enumerate().take(known.len()) {
        let at = format!("/scopes/{index}");
        match Permission::parse(scope) {
            Some(permission) if maker_may(permission) => {}
            Some(_) => {
                faults.add(at, "scope_not_held", "A key cannot do what its maker cannot do.");
            }
            None => faults.add(at, "unknown_scope", format!("One of {}.", known.join(", "))),
        }
    }
    if let Some(at) = expires_at {
        let mut refuse = |code, detail: &str| faults.add("/expires_at", code, detail);
        if at <= now {
            refuse("in_the_past", "Must be in the future.");
        }
        if until.is_some_and(|until| at > until) {
            refuse("out_of_range", "At most when the key ends that makes it.");
        }
        if at.year() > 9999 {
            refuse("out_of_range", "At most the year 9999; null for never.");
        }
    }
    faults.into_result()
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn a_key_does_no_more_than_its_maker_and_no_longer() {
        let now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let later = |days| now + TimeDelta::days(days);
        let told = |scopes: &[&str], expires_at, until| {
            let scopes: Vec<_> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
            let may = |permission| permission == Permission::DealsRead;
            match may_make(&scopes, may, expires_at, (now, until)) {
                Ok(()) => Vec::new(),
                Err(Refusal::Invalid(faults)) => {
                    faults.into_iter().map(|fault| (fault.pointer, fault.code)).collect()
                }
                Err(other) => panic!("{other:?}"),
            }
        };
        let at = |pointer: &str, code| vec![(pointer.to_owned(), code)];
        assert_eq!(told(&["deals:read"], None, Some(later(1))), []);
        assert_eq!(told(&["deals:read"], Some(later(1)), Some(later(1))), []);
        assert_eq!(told(&[], None, None), at("/scopes", "required"));
        assert_eq!(
            told(&["deals:read", "deals:write"], None, None),
            at("/scopes/1", "scope_not_held")
        );
        assert_eq!(told(&["deals:sell"], None, None), at("/scopes/0", "unknown_scope"));
        assert_eq!(told(&["deals:read"], Some(now), None), at("/expires_at", "in_the_past"));
        let longer = told(&["deals:read"], Some(later(2)), Some(later(1)));
        assert_eq!(longer, at("/expires_at", "out_of_range"));
        let for_ever = told(&["deals:read"], Some(later(3_000_000)), None);
        assert_eq!(for_ever, at("/expires_at", "out_of_range"));
        let many = vec!["deals:read"; Permission::ALL.len() + 1];
        assert_eq!(told(&many, None, None), at("/scopes", "too_many"));
    }
}
