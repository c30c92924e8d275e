//! Whose number it is that called, where several have it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// More than these are not looked at.
pub const MOST: i64 = 50;

/// A client, or somebody at one, who has the number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub client_id: Uuid,
    pub contact_id: Option<Uuid>,
    /// Who looks after the client.
    pub owner_id: Option<Uuid>,
    pub last_contact_at: Option<DateTime<Utc>>,
    /// The open deals, the one that was changed last first: deal and owner.
    pub open_deals: Vec<(Uuid, Uuid)>,
}

/// What spoke for the one that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Reason {
    /// Nobody else has the number.
    OnlyOne,
    /// Only this one has an open deal.
    OpenDeal,
    /// Whoever talked looks after this client, or has its deal.
    Owner,
    /// This one was talked with last.
    LastContact,
    /// Nothing tells them apart: the one that was made first.
    First,
}

/// Whose call it was, and the deal that it was about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    pub candidate: Candidate,
    pub deal_id: Option<Uuid>,
    pub reason: Reason,
    /// The others, in the order in which they would have been taken.
    pub others: Vec<Candidate>,
}

impl Candidate {
    fn is_of(&self, user: Option<Uuid>) -> bool {
        user.is_some()
            && (self.owner_id == user
                || self.open_deals.iter().any(|(_, owner)| Some(*owner) == user))
    }

    /// Of several open deals, that of whoever talked; else the one that was changed last.
    fn deal(&self, user: Option<Uuid>) -> Option<Uuid> {
        let own = self.open_deals.iter().find(|(_, owner)| Some(*owner) == user);
        own.or(self.open_deals.first()).map(|(deal, _)| *deal)
    }
}

/// An open deal first, then whoever looks after it, then the last contact.
pub fn taken(mut candidates: Vec<Candidate>, user: Option<Uuid>) -> Option<Taken> {
    type Weight = (bool, bool, Option<DateTime<Utc>>);
    let weight = |one: &Candidate| -> Weight {
        (!one.open_deals.is_empty(), one.is_of(user), one.last_contact_at)
    };
    let order = |one: &Candidate| (std::cmp::Reverse(weight(one)), one.client_id, one.contact_id);
    candidates.sort_by_key(order);
    // A client and its contact are one.
    let mut seen = std::collections::BTreeSet::new();
    candidates.retain(|one| seen.insert(one.client_id));
    let mut others = candidates.into_iter();
    let candidate = others.next()?;
    let others: Vec<Candidate> = others.collect();
    let reason = match others.first().map(weight) {
        None => Reason::OnlyOne,
        Some(next) => match (weight(&candidate), next) {
            (this, next) if this.0 != next.0 => Reason::OpenDeal,
            (this, next) if this.1 != next.1 => Reason::Owner,
            (this, next) if this.2 != next.2 => Reason::LastContact,
            _ => Reason::First,
        },
    };
    let deal_id = candidate.deal(user);
    Some(Taken { candidate, deal_id, reason, others })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(client: u128) -> Candidate {
        Candidate {
            client_id: Uuid::from_u128(client),
            contact_id: None,
            owner_id: None,
            last_contact_at: None,
            open_deals: Vec::new(),
        }
    }

    #[test]
    fn an_open_deal_goes_before_the_owner_and_the_owner_before_the_last_contact() {
        let user = Uuid::from_u128(100);
        let at = |seconds| DateTime::from_timestamp(seconds, 0);
        let plain = candidate(1);
        let recent = Candidate { last_contact_at: at(50), ..candidate(2) };
        let owned = Candidate { owner_id: Some(user), ..candidate(3) };
        let other = (Uuid::from_u128(11), Uuid::from_u128(101));
        let own = (Uuid::from_u128(12), user);
        let open = Candidate { open_deals: vec![other, own], ..candidate(4) };
        let all = vec![plain.clone(), recent.clone(), owned.clone(), open.clone()];
        let mut left = all.clone();
        for (expected, reason) in [
            (&open, Reason::OpenDeal),
            (&owned, Reason::Owner),
            (&recent, Reason::LastContact),
            (&plain, Reason::OnlyOne),
        ] {
            let taken = taken(left.clone(), Some(user)).unwrap();
            assert_eq!((&taken.candidate, taken.reason), (expected, reason));
            assert_eq!(taken.others.len() + 1, left.len(), "none is dropped");
            left.retain(|one| one != expected);
        }
        assert_eq!(taken(all.clone(), Some(user)).unwrap().deal_id, Some(own.0));
        assert_eq!(taken(all, None).unwrap().deal_id, Some(other.0));
        assert_eq!(taken(vec![candidate(7), candidate(6)], None).unwrap().reason, Reason::First);
        assert_eq!(taken(Vec::new(), None), None);
        let contact = Candidate { contact_id: Some(user), ..candidate(1) };
        let same = taken(vec![plain, contact], None).unwrap();
        assert_eq!((same.reason, same.others.len()), (Reason::OnlyOne, 0));
    }
}
