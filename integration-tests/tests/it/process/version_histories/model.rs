//! Figures from events, keys and versions alone, by the definitions of docs/funnels.md.

use std::collections::{BTreeMap, BTreeSet};

use chrono::DateTime;
use serde_json::{Value, json};
use voronka_integration_tests::{TestServer, sql, unpacked::with_events};

use super::play::{Play, instant};

pub struct Version {
    pub id: String,
    number: i64,
    published_at: i64,
    withdrawn: bool,
    stages: Vec<(String, String)>,
}

impl Version {
    /// 1 for the first stage.
    fn at(&self, key: &str) -> Option<usize> {
        self.stages.iter().position(|(other, _)| other == key).map(|index| index + 1)
    }
}

struct Visit {
    key: String,
    /// Index of the version that the deal was on when it began.
    version: usize,
    from: i64,
    to: Option<i64>,
    back: bool,
}

struct Deal {
    status: &'static str,
    cents: i64,
    opened_at: i64,
    closed_at: Option<i64>,
    visits: Vec<Visit>,
    /// From when on it was on which.
    versions: Vec<(i64, usize)>,
    holds: Vec<(i64, Option<i64>)>,
}

impl Deal {
    fn on_hold(&self, at: i64) -> bool {
        self.holds.iter().any(|(from, to)| *from <= at && to.is_none_or(|to| at < to))
    }

    /// Microseconds without time on hold.
    fn active(&self, from: i64, to: i64) -> i64 {
        let held = |(begin, end): &(i64, Option<i64>)| {
            (end.unwrap_or(to).min(to) - from.max(*begin)).max(0)
        };
        to - from - self.holds.iter().map(held).sum::<i64>()
    }

    fn end(&mut self, at: i64) {
        if let Some(visit) = self.visits.last_mut() {
            visit.to.get_or_insert(at);
        }
    }

    fn leave(&mut self, status: &'static str, at: i64) {
        self.end(at);
        (self.status, self.closed_at) = (status, Some(at));
        if let Some((_, to @ None)) = self.holds.last_mut() {
            *to = Some(at);
        }
    }

    fn enter(&mut self, stage: &Value, version: usize, at: i64, back: bool) {
        self.end(at);
        let key = stage["stage_key"].as_str().unwrap().to_owned();
        self.visits.push(Visit { key, version, from: at, to: None, back });
    }
}

pub struct Model {
    /// The oldest first.
    pub versions: Vec<Version>,
    migrations: Vec<(i64, Value)>,
    deals: Vec<Deal>,
}

fn micros(at: &Value) -> i64 {
    DateTime::parse_from_rfc3339(at.as_str().unwrap()).unwrap().timestamp_micros()
}

/// The versions by which an answer is given: the one that is shown, and until when migrations count.
struct View<'a> {
    model: &'a Model,
    shown: &'a Version,
    why: &'static str,
    end: i64,
}

impl Model {
    pub async fn load(server: &TestServer, play: &Play) -> Self {
        let path = format!("/v1/deal-types/{}/versions", play.deal_type);
        let listed = play.api.get(&path).await.expect(200).json;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let version = |one: &Value| Version {
            id: text(&one["id"]),
            number: one["number"].as_i64().unwrap(),
            published_at: micros(&one["published_at"]),
            withdrawn: one["withdrawn_at"].is_string(),
            stages: one["stages"]
                .as_array()
                .unwrap()
                .iter()
                .map(|s| (text(&s["key"]), text(&s["name"])))
                .collect(),
        };
        let mut versions: Vec<_> =
            listed["items"].as_array().unwrap().iter().map(version).collect();
        versions.sort_by_key(|version| version.number);
        let query = format!(
            "SELECT coalesce(json_agg(json_build_array(object_id, change, \
             (extract(epoch FROM occurred_at) * 1000000)::bigint) ORDER BY object_id, sequence), '[]')::text \
             FROM events WHERE event_type LIKE 'deal.%' AND workspace_id = '{}' AND object_id IN \
             (SELECT id FROM deals WHERE deal_type_id = '{}')",
            play.api.workspace_id, play.deal_type
        );
        let events =
            with_events(&mut server.connection(), |connection| sql::json(connection, &query));
        let mut deals: BTreeMap<String, Deal> = BTreeMap::new();
        for event in events.as_array().unwrap() {
            let (id, change, at) = (text(&event[0]), &event[1], event[2].as_i64().unwrap());
            let of = |id: &Value| {
                versions.iter().position(|version| Some(version.id.as_str()) == id.as_str())
            };
            let back = change["direction"] == "back";
            if change["type"] == "opened" {
                let version = of(&change["version_id"]).unwrap();
                let amount: f64 = text(&change["details"]["base_amount"]).parse().unwrap();
                let mut deal = Deal {
                    status: "open",
                    cents: (amount * 100.0).round() as i64,
                    opened_at: at,
                    closed_at: None,
                    visits: Vec::new(),
                    versions: vec![(at, version)],
                    holds: Vec::new(),
                };
                deal.enter(&change["stage"], version, at, false);
                deals.insert(id, deal);
                continue;
            }
            let deal = deals.get_mut(&id).unwrap();
            let version = deal.versions.last().unwrap().1;
            match change["type"].as_str().unwrap() {
                "stage_changed" => deal.enter(&change["to"], version, at, back),
                "won" => deal.leave("won", at),
                "lost" => deal.leave("lost", at),
                "reopened" => {
                    (deal.status, deal.closed_at) = ("open", None);
                    deal.enter(&change["stage"], version, at, back);
                }
                "held" => deal.holds.push((at, None)),
                "resumed" => deal.holds.last_mut().unwrap().1 = Some(at),
                "migrated" => {
                    let version = of(&change["version_id"]).unwrap();
                    deal.versions.push((at, version));
                    if !change["direction"].is_null() {
                        deal.enter(&change["to"], version, at, back);
                    }
                }
                other => panic!("{other} is not known"),
            }
        }
        Self { versions, migrations: play.migrations.clone(), deals: deals.into_values().collect() }
    }

    fn view(&self, end: i64, given: Option<usize>) -> View<'_> {
        let left = || self.versions.iter().filter(|version| !version.withdrawn);
        let published = left().rfind(|version| version.published_at <= end);
        let (shown, why) = match (given, published) {
            (Some(index), _) => (&self.versions[index], "given"),
            (None, Some(version)) => (version, "published"),
            (None, None) => (left().next().unwrap(), "first"),
        };
        View { model: self, shown, why, end }
    }

    pub fn check_closed(&self, report: &Value, basis: &str, end: i64, given: Option<usize>) {
        let view = self.view(end, given);
        view.check_version(report);
        let time =
            |deal: &Deal| if basis == "closed" { deal.closed_at } else { Some(deal.opened_at) };
        let deals: Vec<_> =
            self.deals.iter().filter(|deal| time(deal).is_some_and(|at| at <= end)).collect();
        view.check_stages(&report["stages"], &view.closed(&deals));
        assert_eq!(report["totals"]["deals"], deals.len(), "{report}");
        view.check_folded(report, deals.iter().map(|deal| deal.visits.iter().collect()));
        let mut months: BTreeMap<String, Vec<&Deal>> = BTreeMap::new();
        for deal in &deals {
            let month = instant(time(deal).unwrap()).format("%Y-%m").to_string();
            months.entry(month).or_default().push(deal);
        }
        let groups = report["groups"].as_array().unwrap();
        assert_eq!(groups.len(), months.len());
        for (group, (month, deals)) in groups.iter().zip(&months) {
            assert_eq!(group["key"], json!(month));
            view.check_stages(&group["stages"], &view.closed(deals));
        }
    }

    pub fn check_open(&self, report: &Value, at: i64, given: Option<usize>) {
        let view = self.view(at, given);
        view.check_version(report);
        let there = |visit: &&Visit| visit.from <= at && visit.to.is_none_or(|to| to > at);
        let deals =
            self.deals.iter().filter_map(|deal| Some((deal, deal.visits.iter().find(there)?)));
        let deals: Vec<_> = deals.collect();
        let stages = (1..=view.shown.stages.len()).map(|place| {
            let here: Vec<_> =
                deals.iter().filter(|(_, visit)| view.place(visit).0 == place).collect();
            let ages = here.iter().map(|(deal, visit)| deal.active(visit.from, at));
            let weighted = here.iter().map(|(deal, visit)| {
                let on = deal.versions.iter().rfind(|(from, _)| *from <= at).unwrap().1;
                let of = &self.versions[on];
                let share = of.at(&visit.key).map(|own| own as f64 / (of.stages.len() + 1) as f64);
                deal.cents as f64 * (share.unwrap_or(0.0) * 10_000.0).round() / 1_000_000.0
            });
            json!({
                "deals": here.len(),
                "amount": money(here.iter().map(|(deal, _)| deal.cents).sum()),
                "weighted_amount": format!("{:.2}", weighted.sum::<f64>()),
                "held": here.iter().filter(|(deal, _)| deal.on_hold(at)).count(),
                "overdue": 0,
                "median_age_seconds": median(ages.collect()),
            })
        });
        view.check_stages(&report["stages"], &stages.collect::<Vec<_>>());
        view.check_folded(report, deals.iter().map(|(_, visit)| vec![*visit]));
    }

    pub fn check_losses(&self, report: &Value, by: &str, end: i64, given: Option<usize>) {
        let view = self.view(end, given);
        view.check_version(report);
        let mut groups: BTreeMap<usize, Vec<&Deal>> = BTreeMap::new();
        let lost = self.deals.iter().filter(|deal| deal.status == "lost");
        for deal in lost {
            let place = if by == "stage" { view.last(deal) } else { view.depth(deal) };
            groups.entry(place).or_default().push(deal);
        }
        let told = report["groups"].as_array().unwrap().iter();
        let told: Vec<_> = told
            .map(|group| {
                assert_eq!(group["deals"], group["reasons"][0]["deals"], "one reason only");
                (group["key"].clone(), group["deals"].clone(), group["amount"].clone())
            })
            .collect();
        let expected: Vec<_> = groups
            .iter()
            .map(|(place, deals)| {
                let amount = money(deals.iter().map(|deal| deal.cents).sum());
                (json!(view.shown.stages[place - 1].0), json!(deals.len()), json!(amount))
            })
            .collect();
        assert_eq!(told, expected, "{report}");
        let folds =
            groups.iter().flat_map(|(place, deals)| deals.iter().map(|deal| (*place, *deal)));
        let folds = folds.map(|(place, deal)| {
            let last = deal.visits.len() - 1;
            let visits = deal.visits.iter().enumerate();
            let counts = visits.filter(|(index, _)| by == "deepest_stage" || *index == last);
            counts.map(|(_, visit)| visit).filter(|visit| view.place(visit).0 == place).collect()
        });
        view.check_folded(report, folds);
    }

    pub fn check_durations(&self, report: &Value, end: i64, given: Option<usize>) {
        let view = self.view(end, given);
        view.check_version(report);
        let stages = (1..=view.shown.stages.len()).map(|place| {
            let visits = self
                .deals
                .iter()
                .flat_map(|deal| deal.visits.iter().map(move |visit| (deal, visit)));
            let here: Vec<_> = visits.filter(|(_, visit)| view.place(visit).0 == place).collect();
            let mut ended: Vec<_> = here
                .iter()
                .filter_map(|(deal, visit)| Some(deal.active(visit.from, visit.to?)))
                .collect();
            let mut stage = json!({ "visits": here.len(), "ended_visits": ended.len(),
                "open_visits": here.len() - ended.len() });
            if here.len() == ended.len() {
                ended.sort_unstable();
                let lower =
                    ended.get(ended.len().wrapping_sub(1) / 2).filter(|_| !ended.is_empty());
                stage["median_seconds"] = json!(lower.map(|length| *length as f64 / 1e6));
            }
            stage
        });
        view.check_stages(&report["stages"], &stages.collect::<Vec<_>>());
        view.check_folded(report, self.deals.iter().map(|deal| deal.visits.iter().collect()));
    }
}

impl View<'_> {
    /// The place of a visit in the version that is shown, and whether its key is another.
    fn place(&self, visit: &Visit) -> (usize, bool) {
        if let Some(place) = self.shown.at(&visit.key) {
            return (place, false);
        }
        let before: Vec<_> =
            self.model.migrations.iter().filter(|(at, _)| *at <= self.end).collect();
        let last = before.iter().rposition(|(_, mapping)| mapping[&visit.key].is_string());
        let mut key = visit.key.clone();
        for (_, mapping) in last.map_or(&[][..], |last| &before[last..]) {
            if let Some(to) = mapping[&key].as_str() {
                key = to.to_owned();
                if let Some(place) = self.shown.at(&key) {
                    return (place, true);
                }
            }
        }
        let own = &self.model.versions[visit.version];
        let earlier = own.stages[..own.at(&visit.key).unwrap() - 1].iter().rev();
        (earlier.filter_map(|(key, _)| self.shown.at(key)).next().unwrap_or(1), true)
    }

    fn depth(&self, deal: &Deal) -> usize {
        deal.visits.iter().map(|visit| self.place(visit).0).max().unwrap()
    }

    fn last(&self, deal: &Deal) -> usize {
        self.place(deal.visits.last().unwrap()).0
    }

    fn closed(&self, deals: &[&Deal]) -> Vec<Value> {
        let stages = self.shown.stages.len();
        let all = |place: usize, is: &dyn Fn(&Deal) -> bool| {
            let reached = |deal: &&&Deal| deal.status == "won" || self.depth(deal) >= place;
            deals
                .iter()
                .filter(reached)
                .filter(|deal| is(deal))
                .map(|deal| deal.cents)
                .collect::<Vec<_>>()
        };
        let never = |key: &str| {
            let key = key.to_owned();
            move |deal: &Deal| {
                let mut versions =
                    deal.versions.iter().map(|(_, index)| &self.model.versions[*index]);
                versions.all(|version| version.at(&key).is_none())
            }
        };
        let blurred: Vec<bool> = (1..=stages + 1)
            .map(|place| {
                let Some((key, _)) = self.shown.stages.get(place - 1) else { return false };
                let reached = all(place, &|_| true).len();
                all(place, &never(key)).len() * 20 > reached
            })
            .collect();
        let first = all(1, &|_| true).len();
        let stage = |place: usize| {
            let at = |status: &str| -> Vec<i64> {
                let is = |deal: &&&Deal| deal.status == status && self.depth(deal) == place;
                deals.iter().filter(is).map(|deal| deal.cents).collect()
            };
            let visits: Vec<(usize, &Visit, &Deal)> = deals
                .iter()
                .enumerate()
                .flat_map(|(index, deal)| {
                    deal.visits.iter().map(move |visit| (index, visit, *deal))
                })
                .filter(|(_, visit, _)| self.place(visit).0 == place)
                .collect();
            let touched: BTreeSet<_> = visits.iter().map(|(index, ..)| index).collect();
            let ended: Vec<_> =
                visits.iter().filter_map(|(_, v, deal)| Some(deal.active(v.from, v.to?))).collect();
            let (reached, passed) = (all(place, &|_| true), all(place + 1, &|_| true));
            let passed = if place == stages {
                deals.iter().filter(|d| d.status == "won").map(|d| d.cents).collect()
            } else {
                passed
            };
            let from =
                deals.iter().filter(|deal| deal.status == "lost" && self.last(deal) == place);
            let share = |part: usize, whole: usize, known: bool| {
                (known && whole > 0).then(|| part as f64 / whole as f64)
            };
            json!({
                "reached": reached.len(), "reached_amount": money(reached.iter().sum()),
                "passed": passed.len(), "passed_amount": money(passed.iter().sum()),
                "lost": at("lost").len(), "lost_amount": money(at("lost").iter().sum()),
                "open": at("open").len(), "open_amount": money(at("open").iter().sum()),
                "lost_from": from.count(), "touched": touched.len(), "visits": visits.len(),
                "ended_visits": ended.len(), "open_visits": visits.len() - ended.len(),
                "back_moves": visits.iter().filter(|(_, visit, _)| visit.back).count(),
                "not_applicable": all(place, &never(&self.shown.stages[place - 1].0)).len(),
                "conversion_to_next":
                    share(passed.len(), reached.len(), !blurred[place - 1] && !blurred[place]),
                "conversion_from_first": share(reached.len(), first, !blurred[place - 1] && !blurred[0]),
                "median_seconds": median(ended),
            })
        };
        (1..=stages).map(stage).collect()
    }

    fn check_version(&self, report: &Value) {
        let told = (report["version"]["id"].as_str(), report["version"]["why"].as_str());
        assert_eq!(told, (Some(self.shown.id.as_str()), Some(self.why)), "{}", report["version"]);
    }

    fn name(&self, key: &str) -> &str {
        let newest = self.model.versions.iter().rev().filter(|version| !version.withdrawn);
        let named = newest.filter(|_| self.why != "given").chain([self.shown]);
        let mut names = named.flat_map(|version| &version.stages).filter(|(other, _)| other == key);
        &names.next().unwrap().1
    }

    fn check_stages(&self, told: &Value, expected: &[Value]) {
        let told = told.as_array().unwrap();
        assert_eq!(told.len(), expected.len());
        for ((stage, expected), (key, _)) in told.iter().zip(expected).zip(&self.shown.stages) {
            assert_eq!(
                (&stage["stage_key"], &stage["name"]),
                (&json!(key), &json!(self.name(key)))
            );
            for (figure, value) in expected.as_object().unwrap() {
                // Holds are kept in whole seconds; weighted amounts are rounded.
                let tolerance = if figure == "weighted_amount" {
                    0.011
                } else if figure.ends_with("seconds") {
                    9.0
                } else {
                    1e-6
                };
                let number =
                    |value: &Value| value.as_f64().or_else(|| value.as_str()?.parse().ok());
                let same = match (number(&stage[figure]), number(value)) {
                    (Some(told), Some(value)) => (told - value).abs() <= tolerance,
                    _ => stage[figure] == *value,
                };
                let of = (&self.shown.number, self.why, instant(self.end));
                assert!(same, "{figure} of {key} is {}, not {value}; of {of:?}", stage[figure]);
            }
        }
    }

    fn check_folded<'v>(&self, report: &Value, deals: impl Iterator<Item = Vec<&'v Visit>>) {
        let mut expected: BTreeMap<(usize, String), i64> = BTreeMap::new();
        for visits in deals {
            let places = visits.into_iter().map(|visit| (self.place(visit), visit.key.clone()));
            let folded: BTreeSet<_> = places
                .filter(|((_, folded), _)| *folded)
                .map(|((place, _), key)| (place, key))
                .collect();
            folded.into_iter().for_each(|fold| *expected.entry(fold).or_default() += 1);
        }
        let expected = expected.into_iter().map(|((place, key), deals)| {
            json!({ "stage_key": key, "into": self.shown.stages[place - 1].0, "deals": deals })
        });
        assert_eq!(report["folded"], Value::Array(expected.collect()));
    }
}

fn money(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

/// In seconds; of two in the middle, their mean.
fn median(mut lengths: Vec<i64>) -> Option<f64> {
    lengths.sort_unstable();
    let (low, high) =
        (lengths.get(lengths.len().wrapping_sub(1) / 2)?, lengths.get(lengths.len() / 2)?);
    Some((low + high) as f64 / 2e6)
}
