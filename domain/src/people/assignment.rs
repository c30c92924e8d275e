//! Who is to do a task, or to take a deal over.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::people::access::Role;

/// How somebody is chosen from those who could do it.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, strum::VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Assignment {
    /// Whoever has the deal, if they could; else whoever has the least to do.
    #[default]
    Keep,
    /// Whoever was last given a task the longest ago.
    RoundRobin,
    /// Whoever has the fewest open tasks.
    LeastLoaded,
}

/// The performer of a stage or a task: people of a role, of a position, or both. Without either it is
/// the deal's owner.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Performer {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// As it stands with the users, whatever the case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<String>,
    #[serde(default)]
    pub assign: Assignment,
}

/// A user in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub id: Uuid,
    pub role: Role,
    pub position: Option<String>,
    pub open_tasks: i64,
    pub last_assigned_at: Option<DateTime<Utc>>,
}

/// The people among whom is chosen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Staff {
    pub members: Vec<Member>,
}

/// Tasks that were given out in the same breath, by person.
pub type Given = BTreeMap<Uuid, i64>;

impl Performer {
    /// Whether it takes more than the deal's owner to choose.
    pub fn is_somebody_else(&self) -> bool {
        self.role.is_some() || self.position.is_some() || self.assign != Assignment::Keep
    }

    /// Whether the head of the deal's owner is meant.
    pub fn is_head(&self) -> bool {
        self.role == Some(Role::Head) && self.position.is_none()
    }

    /// Who it is to be: the owner, where nobody else could do it.
    pub fn choose(
        &self,
        owner_id: Uuid,
        head_id: Option<Uuid>,
        staff: &Staff,
        given: &Given,
    ) -> Uuid {
        if !self.is_somebody_else() {
            return owner_id;
        }
        let head = head_id.filter(|_| self.is_head());
        let could = staff.members.iter().filter(|member| self.fits(member));
        let could = could.filter(|member| head.is_none_or(|head| member.id == head));
        let given = |member: &Member| given.get(&member.id).copied().unwrap_or_default();
        let load = |member: &&Member| (member.open_tasks.saturating_add(given(member)), member.id);
        let turn = |member: &&Member| (given(member), member.last_assigned_at, member.id);
        let chosen = match self.assign {
            Assignment::Keep => {
                let same = could.clone().find(|member| member.id == owner_id);
                same.or_else(|| could.min_by_key(load))
            }
            Assignment::LeastLoaded => could.min_by_key(load),
            Assignment::RoundRobin => could.min_by_key(turn),
        };
        chosen.map_or(owner_id, |member| member.id)
    }

    fn fits(&self, member: &Member) -> bool {
        let position = |wanted: &String| {
            let has = member.position.as_ref();
            has.is_some_and(|has| has.trim().to_lowercase() == wanted.trim().to_lowercase())
        };
        self.role.is_none_or(|role| member.role == role)
            && self.position.as_ref().is_none_or(position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(id: u128, position: &str, open_tasks: i64, last: i64) -> Member {
        Member {
            id: Uuid::from_u128(id),
            role: Role::Seller,
            position: Some(position.to_owned()),
            open_tasks,
            last_assigned_at: (last > 0).then(|| DateTime::from_timestamp(last, 0).unwrap()),
        }
    }

    #[test]
    fn the_rule_says_who_is_chosen() {
        let members = vec![
            member(1, "Lawyer", 5, 10),
            member(2, "lawyer ", 2, 30),
            member(3, "Seller", 0, 0),
            member(4, "Lawyer", 2, 20),
        ];
        let staff = Staff { members };
        let lawyer = |assign| Performer { role: None, position: Some("lawyer".into()), assign };
        let mut given = Given::new();
        let chosen = |performer: Performer, owner: u128, given: &Given| {
            performer.choose(Uuid::from_u128(owner), None, &staff, given).as_u128()
        };
        assert_eq!(chosen(lawyer(Assignment::Keep), 1, &given), 1);
        assert_eq!(chosen(lawyer(Assignment::Keep), 3, &given), 2);
        assert_eq!(chosen(lawyer(Assignment::LeastLoaded), 1, &given), 2);
        assert_eq!(chosen(lawyer(Assignment::RoundRobin), 3, &given), 1);
        assert_eq!(chosen(Performer::default(), 9, &given), 9);
        let nobody = Performer { position: Some("Pilot".into()), ..Performer::default() };
        assert_eq!(chosen(nobody, 9, &given), 9);
        given.insert(Uuid::from_u128(1), 1);
        given.insert(Uuid::from_u128(2), 1);
        assert_eq!(chosen(lawyer(Assignment::LeastLoaded), 1, &given), 4);
        assert_eq!(chosen(lawyer(Assignment::RoundRobin), 1, &given), 4);
    }
}
