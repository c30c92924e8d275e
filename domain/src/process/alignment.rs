//! The stages of all versions of a deal type, as one of its versions has them. A stage is its key: the same
//! key in two versions is the same stage, wherever it stands.

use std::{collections::BTreeMap, sync::Arc};

use super::{Process, stage_number};

/// Stages of the new version by stages of the old one; a stage that is not named stays itself.
pub type Mapping = BTreeMap<String, String>;

/// A set of positions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Positions(u64);

impl Positions {
    fn bit(position: i16) -> u64 {
        u32::try_from(position).ok().and_then(|at| 1_u64.checked_shl(at)).unwrap_or(0)
    }

    pub fn has(self, position: i16) -> bool {
        self.0 & Self::bit(position) != 0
    }

    /// Those that are in both.
    pub fn both(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl FromIterator<i16> for Positions {
    fn from_iter<I: IntoIterator<Item = i16>>(positions: I) -> Self {
        Self(positions.into_iter().fold(0, |all, position| all | Self::bit(position)))
    }
}

/// A stage of the version that is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    pub key: String,
    pub name: String,
    pub position: i16,
}

/// Where a stage of any version is in the one that is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    key: String,
    position: i16,
    /// The version that is shown has no such key.
    folded: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alignment {
    pub stages: Vec<Shown>,
    /// By the numbers of stages.
    places: BTreeMap<i32, Place>,
    /// Of each version, by its number among those of stages: which stages that are shown it lacks.
    lacks: BTreeMap<i32, Positions>,
}

impl Alignment {
    /// `shown` among `versions`, the newest first. `mappings` are those of the migrations that were carried
    /// out, in their order: a key that `shown` lacks goes where the last that names it put it, and on by
    /// those after it, one after the other; else to the nearest earlier key of its own version that `shown` has; else to the first.
    pub fn of(shown: &Process, versions: &[Arc<Process>], mappings: &[Mapping]) -> Self {
        let stage = |stage: &crate::process::Stage| Shown {
            key: stage.key.clone(),
            name: stage.name.clone(),
            position: stage.position,
        };
        let mut alignment = Self {
            stages: shown.stages.iter().map(stage).collect(),
            places: BTreeMap::new(),
            lacks: BTreeMap::new(),
        };
        for version in versions {
            let lacking = shown.stages.iter().filter(|stage| version.by_key(&stage.key).is_none());
            let lacking = lacking.map(|stage| stage.position).collect();
            alignment.lacks.insert(stage_number(version.number, 0), lacking);
            let mut nearest = 1;
            for stage in &version.stages {
                let here = shown.by_key(&stage.key).map(|same| same.position);
                nearest = here.unwrap_or(nearest);
                let position = here.or_else(|| mapped(shown, &stage.key, mappings));
                let place = Place {
                    key: stage.key.clone(),
                    position: position.unwrap_or(nearest),
                    folded: here.is_none(),
                };
                alignment.places.insert(stage.number, place);
            }
        }
        alignment
    }

    /// Calls the stages as the newest of `versions` that has the key does; `versions` are the newest first.
    pub fn named_by(mut self, versions: &[Arc<Process>]) -> Self {
        for shown in &mut self.stages {
            let mut named = versions.iter().filter_map(|version| version.by_key(&shown.key));
            if let Some(stage) = named.next() {
                shown.name.clone_from(&stage.name);
            }
        }
        self
    }

    pub fn by_key(&self, key: &str) -> Option<&Shown> {
        self.stages.iter().find(|stage| stage.key == key)
    }

    pub fn at(&self, position: i16) -> Option<&Shown> {
        self.stages.iter().find(|stage| stage.position == position)
    }

    /// Position of a stage of any version; 0 where there is none.
    pub fn place(&self, number: i32) -> i16 {
        self.places.get(&number).map_or(0, |place| place.position)
    }

    /// Furthest position of these stages; 0 without any.
    pub fn furthest(&self, touched: &[i32]) -> i16 {
        touched.iter().map(|number| self.place(*number)).max().unwrap_or(0)
    }

    /// The stages that are shown and that none of the versions had which were touched.
    pub fn lacking(&self, touched: &[i32]) -> Positions {
        let lacks = touched.iter().filter_map(|version| self.lacks.get(version)).copied();
        lacks.reduce(Positions::both).unwrap_or_default()
    }

    /// Numbers of the stages that are at such positions.
    pub fn numbers(&self, is: impl Fn(i16) -> bool) -> Vec<i32> {
        let there = self.places.iter().filter(|(_, place)| is(place.position));
        there.map(|(number, _)| *number).collect()
    }

    /// The versions that have the key of a position, by their numbers among those of stages.
    pub fn versions_with(&self, position: i16) -> Vec<i32> {
        let having = self.lacks.iter().filter(|(_, lacks)| !lacks.has(position));
        having.map(|(version, _)| *version).collect()
    }

    /// Each stage by its number, with its position and the key that is shown there.
    pub fn places(&self) -> impl Iterator<Item = (i32, i16, &str)> {
        self.places.iter().map(|(number, place)| {
            let key = self.at(place.position).map_or("", |stage| stage.key.as_str());
            (*number, place.position, key)
        })
    }

    /// The stages whose key is not shown.
    pub fn folded(&self) -> Vec<i32> {
        let folded = self.places.iter().filter(|(_, place)| place.folded);
        folded.map(|(number, _)| *number).collect()
    }

    /// Of deals by the folded stages that they are counted for: how many there are of each key, and where.
    pub fn folds(&self, deals: impl IntoIterator<Item = (Vec<i32>, i64)>) -> Vec<Fold> {
        let mut counted: BTreeMap<(i16, &str), i64> = BTreeMap::new();
        for (numbers, count) in deals {
            let places = numbers.iter().filter_map(|number| self.places.get(number));
            let folded = places.filter(|place| place.folded);
            let mut keys: Vec<_> =
                folded.map(|place| (place.position, place.key.as_str())).collect();
            keys.sort_unstable();
            keys.dedup();
            for key in keys {
                let sum = counted.entry(key).or_default();
                *sum = sum.saturating_add(count);
            }
        }
        let fold = |((position, key), deals): ((i16, &str), i64)| Fold {
            stage_key: key.to_owned(),
            into: self.at(position).map(|stage| stage.key.clone()).unwrap_or_default(),
            deals,
        };
        counted.into_iter().map(fold).collect()
    }
}

/// A key that the version lacks which is shown, and the deals that are counted elsewhere for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fold {
    pub stage_key: String,
    /// Key of the stage where they are counted.
    pub into: String,
    pub deals: i64,
}

/// Where the migrations put a key that `shown` lacks, if they led it to one that `shown` has.
fn mapped(shown: &Process, key: &str, mappings: &[Mapping]) -> Option<i16> {
    let last = mappings.iter().rposition(|mapping| mapping.contains_key(key))?;
    let mut key = key;
    for mapping in mappings.get(last..)? {
        let Some(to) = mapping.get(key) else { continue };
        if let Some(stage) = shown.by_key(to) {
            return Some(stage.position);
        }
        key = to;
    }
    None
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        process::{Mode, StageDraft, condition::Schema, publish},
        workspace::custom_field::Entity,
    };

    fn version(number: i32, keys: &str) -> Arc<Process> {
        let draft = |key: char| StageDraft {
            key: Some(key.to_string()),
            name: format!("{key} of {number}"),
            ..StageDraft::default()
        };
        let schema = Schema { over: Entity::Deal, custom: &[] };
        let drafts = keys.chars().map(draft).collect();
        let published = publish(Mode::Manual, drafts, vec![], &schema, Uuid::nil).unwrap();
        Arc::new(Process::of(Uuid::nil(), Uuid::nil(), number, published))
    }

    /// Places of the stages of each version, the oldest first, in the last one.
    fn places(versions: &[&str], mappings: &[&[(&str, &str)]]) -> Vec<Vec<i16>> {
        let versions: Vec<_> = (1..).zip(versions).map(|(n, keys)| version(n, keys)).collect();
        let pair = |(from, to): &(&str, &str)| ((*from).to_owned(), (*to).to_owned());
        let mappings: Vec<Mapping> =
            mappings.iter().map(|pairs| pairs.iter().map(pair).collect()).collect();
        let alignment = Alignment::of(versions.last().unwrap(), &versions, &mappings);
        let place = |stage: &crate::process::Stage| alignment.place(stage.number);
        versions.iter().map(|version| version.stages.iter().map(place).collect()).collect()
    }

    #[test]
    fn a_stage_is_where_its_key_is() {
        assert_eq!(places(&["abc", "nabc"], &[]), [vec![2, 3, 4], vec![1, 2, 3, 4]]);
        assert_eq!(places(&["abc", "acb"], &[]), [[1, 3, 2], [1, 2, 3]]);
        assert_eq!(places(&["abc", "ac", "abc"], &[])[1], [1, 3]);
    }

    #[test]
    fn a_key_that_is_gone_goes_where_it_was_put_or_to_the_nearest_before() {
        assert_eq!(places(&["abcd", "xacd"], &[])[0], [2, 2, 3, 4]);
        assert_eq!(places(&["abc", "xy"], &[])[0], [1, 1, 1]);
        // The nearest before is one of the visit's own version, wherever it stands now.
        assert_eq!(places(&["abcd", "cxa"], &[])[0], [3, 3, 1, 1]);
        assert_eq!(places(&["abcd", "acdx"], &[&[("b", "x")]])[0], [1, 4, 2, 3]);
        // The last that names it counts, and from there those after it.
        assert_eq!(places(&["ab", "axyz"], &[&[("b", "x")], &[("b", "z")]])[0], [1, 4]);
        assert_eq!(places(&["ab", "axyz"], &[&[("b", "q")], &[("q", "y")]])[0], [1, 3]);
        assert_eq!(places(&["ab", "axyz"], &[&[("q", "y")], &[("b", "q")]])[0], [1, 1]);
        assert_eq!(places(&["ab", "axyz"], &[&[("b", "q"), ("q", "b")]])[0], [1, 1]);
        // In the order of time: what was led to a stage that is shown stays there.
        let chain: &[&[(&str, &str)]] = &[&[("b", "q")], &[("q", "p")], &[("q", "s")]];
        assert_eq!(places(&["ab", "aq", "ap", "apqs", "aps"], chain)[..2], [[1, 2], [1, 3]]);
        // What is there is itself, whatever was mapped.
        assert_eq!(places(&["ab", "abx"], &[&[("b", "x")]])[0], [1, 2]);
    }

    #[test]
    fn names_are_those_of_the_newest_that_has_the_key() {
        let (old, new) = (version(1, "ab"), version(2, "bc"));
        let alignment = Alignment::of(&old, &[new.clone(), old.clone()], &[]);
        let names = |alignment: &Alignment| {
            alignment.stages.iter().map(|stage| stage.name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(names(&alignment), ["a of 1", "b of 1"]);
        assert_eq!(names(&alignment.named_by(&[new, old])), ["a of 1", "b of 2"]);
    }

    #[test]
    fn deals_lack_what_none_of_their_versions_had() {
        let versions = [version(2, "axb"), version(1, "ab")];
        let alignment = Alignment::of(&versions[0], &versions, &[]);
        let lacks = |touched: &[i32]| {
            assert_eq!((alignment.furthest(touched), alignment.place(102)), (3, 3));
            (1..=3).map(|at| alignment.lacking(touched).has(at)).collect::<Vec<_>>()
        };
        assert_eq!(lacks(&[100, 101, 102]), [false, true, false]);
        assert_eq!(lacks(&[100, 101, 102, 200]), [false; 3]);
        assert_eq!(alignment.versions_with(2), [200]);
    }

    #[test]
    fn folds_are_counted_once_a_deal() {
        let versions = [version(2, "ab"), version(1, "aqrb")];
        let alignment = Alignment::of(&versions[0], &versions, &[]);
        assert_eq!(alignment.folded(), [102, 103]);
        let folds = alignment.folds([(vec![101, 102, 103], 2), (vec![102], 3), (vec![201], 5)]);
        let told: Vec<_> =
            folds.iter().map(|fold| (&*fold.stage_key, &*fold.into, fold.deals)).collect();
        assert_eq!(told, [("q", "a", 5), ("r", "a", 2)]);
    }
}
