//! Two clients that are one: what the survivor is like.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{ClientKind, ClientType};
use crate::Refusal;

/// Two clients become one, and no client becomes part of itself.
pub fn two(id: Uuid, duplicate_id: Uuid) -> Result<(), Refusal> {
    if id == duplicate_id {
        let detail = "A client cannot become part of itself.";
        return Err(Refusal::invalid("/duplicate_id", "same_client", detail));
    }
    Ok(())
}

/// A merge changes deals, so many of both: it needs somebody who sees all of them and may write deals. The refusal
/// tells nothing of how many there are.
pub fn may_merge(deals: i64, seen: i64, may_write_deals: bool) -> Result<(), Refusal> {
    if deals == 0 || seen == deals && may_write_deals {
        return Ok(());
    }
    let detail = "Clients are merged by somebody who sees all deals of both and may write them.";
    Err(Refusal::conflict("forbidden", "/duplicate_id", detail))
}

/// What has become part of another client is not changed any more.
pub fn stands(merged_into: Option<Uuid>, pointer: &'static str) -> Result<(), Refusal> {
    match merged_into {
        Some(survivor) => {
            let detail = format!("The client has become part of {survivor}.");
            Err(Refusal::conflict("client_merged", pointer, detail))
        }
        None => Ok(()),
    }
}

/// Whose value of a field the survivor has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Whose {
    /// That of the client that stays.
    This,
    Duplicate,
}

/// What somebody has decided; none for a field that goes by the rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keep {
    pub name: Option<Whose>,
    pub kind: Option<Whose>,
    pub client_type: Option<Whose>,
    pub class: Option<Whose>,
    pub region: Option<Whose>,
    pub consent: Option<Whose>,
    pub tax_id: Option<Whose>,
}

/// What a client is, apart from its id and its history.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    pub name: String,
    pub kind: ClientKind,
    pub client_type: ClientType,
    pub class: Option<String>,
    pub region: Option<String>,
    pub consent: Option<bool>,
    pub tax_id: Option<String>,
    pub tags: Vec<String>,
    pub phones: Vec<String>,
    pub emails: Vec<String>,
    pub archived: bool,
}

/// The survivor. Where nothing is decided it has its own value, or the duplicate's where it has none; it has
/// bought before if either has; it does not agree to be contacted if either does not; it is in use if either
/// is. Of lists it has everything.
pub fn merge(this: Profile, duplicate: Profile, keep: Keep) -> Profile {
    let bought = [this.client_type, duplicate.client_type].contains(&ClientType::Current);
    let client_type = if bought { ClientType::Current } else { ClientType::New };
    let refused = [this.consent, duplicate.consent].contains(&Some(false));
    let consent = if refused { Some(false) } else { this.consent.or(duplicate.consent) };
    Profile {
        client_type: decided(keep.client_type, this.client_type, duplicate.client_type)
            .unwrap_or(client_type),
        consent: decided(keep.consent, this.consent, duplicate.consent).unwrap_or(consent),
        name: choose(keep.name, this.name, duplicate.name),
        kind: choose(keep.kind, this.kind, duplicate.kind),
        class: fill(keep.class, this.class, duplicate.class),
        region: fill(keep.region, this.region, duplicate.region),
        tax_id: fill(keep.tax_id, this.tax_id, duplicate.tax_id),
        tags: union(this.tags, duplicate.tags),
        phones: union(this.phones, duplicate.phones),
        emails: union(this.emails, duplicate.emails),
        archived: this.archived && duplicate.archived,
    }
}

fn decided<T>(keep: Option<Whose>, this: T, duplicate: T) -> Option<T> {
    keep.map(|whose| if whose == Whose::This { this } else { duplicate })
}

fn choose<T>(keep: Option<Whose>, this: T, duplicate: T) -> T {
    if keep == Some(Whose::Duplicate) { duplicate } else { this }
}

fn fill<T>(keep: Option<Whose>, this: Option<T>, duplicate: Option<T>) -> Option<T> {
    match keep {
        None => this.or(duplicate),
        Some(Whose::This) => this,
        Some(Whose::Duplicate) => duplicate,
    }
}

fn union(mut this: Vec<String>, duplicate: Vec<String>) -> Vec<String> {
    for value in duplicate {
        if !this.contains(&value) {
            this.push(value);
        }
    }
    this
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(name: &str) -> Profile {
        Profile {
            name: name.to_owned(),
            kind: ClientKind::Organisation,
            client_type: ClientType::New,
            class: None,
            region: Some(format!("{name}'s")),
            consent: None,
            tax_id: None,
            tags: vec!["both".into(), name.into()],
            phones: Vec::new(),
            emails: Vec::new(),
            archived: false,
        }
    }

    #[test]
    fn nothing_is_lost_that_is_not_decided_against() {
        let this = Profile { consent: Some(true), archived: true, ..profile("a") };
        let duplicate = Profile {
            client_type: ClientType::Current,
            class: Some("A".into()),
            consent: Some(false),
            kind: ClientKind::Person,
            ..profile("b")
        };
        let merged = merge(this.clone(), duplicate.clone(), Keep::default());
        let expected = Profile {
            client_type: ClientType::Current,
            class: Some("A".into()),
            consent: Some(false),
            tags: vec!["both".into(), "a".into(), "b".into()],
            archived: false,
            ..this.clone()
        };
        assert_eq!(merged, expected);
        let theirs = Some(Whose::Duplicate);
        let keep = Keep { name: theirs, region: theirs, kind: theirs, ..Keep::default() };
        let merged = merge(this.clone(), duplicate.clone(), keep);
        assert_eq!((merged.name, merged.region), ("b".into(), Some("b's".into())));
        assert_eq!(merged.kind, ClientKind::Person);
        let ours = Some(Whose::This);
        let keep = Keep { class: ours, consent: ours, client_type: ours, ..Keep::default() };
        let merged = merge(this, duplicate, keep);
        assert_eq!((merged.class, merged.consent), (None, Some(true)));
        assert_eq!(merged.client_type, ClientType::New);
    }
}
