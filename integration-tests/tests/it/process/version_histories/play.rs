//! What happens at random. Days pass by putting all that is there back by some.

use chrono::{DateTime, Duration, Utc};
use diesel::connection::SimpleConnection;
use serde_json::{Value, json};
use voronka_integration_tests::{Api, TestServer};

pub const DAY: i64 = 86_400_000_000;
const KEYS: &[char] = &['a', 'b', 'c', 'd', 'e', 'f', 'g'];

/// All times of a workspace's history; nothing else knows what day it was.
const PUT_BACK: &[(&str, &[&str])] = &[
    (
        "deals",
        &[
            "opened_at",
            "closed_at",
            "visit_entered_at",
            "segment_entered_at",
            "last_occurred_at",
            "hold_since",
        ],
    ),
    ("stage_visits", &["entered_at", "left_at", "visit_entered_at"]),
    ("events", &["occurred_at", "recorded_at"]),
    ("process_versions", &["created_at", "withdrawn_at"]),
    ("process_migrations", &["migrated_at"]),
];

pub struct Play {
    pub api: Api,
    pub deal_type: String,
    state: u64,
    /// Keys of the current version, in order.
    current: Vec<char>,
    /// Every key that ever was.
    ever: Vec<char>,
    deals: Vec<String>,
    reason: String,
    /// Microseconds between what happened, as they are now.
    pub instants: Vec<i64>,
    /// When deals were migrated, and the mapping.
    pub migrations: Vec<(i64, Value)>,
    /// Days that have passed.
    pub passed: i64,
    number: usize,
}

fn micros() -> i64 {
    Utc::now().timestamp_micros()
}

pub fn instant(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap()
}

impl Play {
    pub async fn begin(_: &TestServer, api: &Api, seed: u64) -> Self {
        let deal_type = api.deal_type(&["a", "b", "c", "d"]).await;
        let (current, ever) = (KEYS[..4].to_vec(), KEYS[..4].to_vec());
        let reason = api.loss_reason(&format!("Price {seed}")).await;
        let state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let (deals, migrations, instants) = (Vec::new(), Vec::new(), vec![micros()]);
        let (api, passed, number) = (api.clone(), 0, 0);
        Self {
            api,
            deal_type,
            state,
            current,
            ever,
            deals,
            reason,
            instants,
            migrations,
            passed,
            number,
        }
    }

    /// The next of a row of numbers that depend on the seed alone, below `most`.
    pub fn some(&mut self, most: i64) -> i64 {
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(self.state >> 33).unwrap() % most
    }

    pub fn some_index(&mut self, length: usize) -> usize {
        usize::try_from(self.some(i64::try_from(length).unwrap())).unwrap()
    }

    pub fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.some_index(of.len())].clone()
    }

    /// The last instant of a report that ends so many days before today.
    pub fn end_of(&self, days: Option<i64>) -> i64 {
        match days {
            None | Some(0) => micros(),
            Some(days) => micros().div_euclid(DAY) * DAY - (days - 1) * DAY - 1,
        }
    }

    fn days(&self, until: Option<i64>) -> String {
        let to = Utc::now() - Duration::days(until.unwrap_or(0));
        let from = to - Duration::days(2_000);
        format!("&from={}&to={}", from.format("%Y-%m-%d"), to.format("%Y-%m-%d"))
    }

    fn path(&self, report: &str, version: Option<&str>) -> String {
        let version = version.map(|id| format!("&version_id={id}")).unwrap_or_default();
        format!("/v1/reports/{report}?deal_type_id={}{version}", self.deal_type)
    }

    pub fn closed_path(&self, until: Option<i64>, basis: &str, version: Option<&str>) -> String {
        format!("{}{}&basis={basis}", self.path("funnel/closed", version), self.days(until))
    }

    pub fn open_path(&self, at: i64, version: Option<&str>) -> String {
        let at = instant(at).format("%Y-%m-%dT%H:%M:%S%.6fZ");
        format!("{}&as_of={at}", self.path("funnel/open", version))
    }

    pub fn losses_path(&self, by: &str, version: Option<&str>) -> String {
        format!("{}{}&group_by={by}", self.path("losses", version), self.days(None))
    }

    pub fn durations_path(&self, version: Option<&str>) -> String {
        format!("{}{}", self.path("stage-durations", version), self.days(None))
    }

    /// Does something, and says what. What is refused has not happened.
    pub async fn step(&mut self, server: &TestServer) -> &'static str {
        const ACTS: &[(&str, i64)] = &[
            ("open", 22),
            ("move", 30),
            ("won", 6),
            ("lost", 8),
            ("reopen", 3),
            ("hold", 5),
            ("resume", 5),
            ("publish", 8),
            ("migrate", 6),
            ("withdraw", 2),
            ("wait", 9),
        ];
        let mut at = self.some(ACTS.iter().map(|(_, weight)| weight).sum());
        let act = ACTS.iter().find(|(_, weight)| {
            at -= weight;
            at < 0
        });
        let act = act.unwrap().0;
        let deal = match self.deals.is_empty() {
            true => String::new(),
            false => self.pick(&self.deals.clone()),
        };
        match act {
            _ if act == "open" || self.deals.is_empty() => self.open().await,
            "move" => {
                let key = self.pick(&self.ever.clone());
                self.try_to(&deal, json!({ "to": "stage", "stage_key": key.to_string() })).await;
            }
            "won" | "resume" => self.try_to(&deal, json!({ "to": act })).await,
            "lost" => {
                let reason = self.reason.clone();
                self.try_to(&deal, json!({ "to": "lost", "loss_reason_id": reason })).await;
            }
            "reopen" => self.try_to(&deal, json!({ "to": "open" })).await,
            "hold" => self.try_to(&deal, json!({ "to": "hold", "reason": "Summer" })).await,
            "publish" => self.publish().await,
            "migrate" => self.migrate().await,
            "withdraw" => self.withdraw().await,
            _ => self.wait(server),
        }
        self.instants.push(micros());
        act
    }

    async fn try_to(&self, deal: &str, body: Value) {
        let reply = self.api.transition(deal, body).await;
        assert!(reply.status < 500, "{}", reply.text);
    }

    async fn open(&mut self) {
        let key =
            if self.some(3) == 0 { self.pick(&self.current.clone()) } else { self.current[0] };
        let amount = json!({ "amount": (self.some(90) + 10).to_string(), "currency": "EUR" });
        let body = json!({ "title": "A deal", "deal_type_id": self.deal_type, "amount": amount,
            "stage_key": key.to_string() });
        let id = self.api.post("/v1/deals", body).await.expect(201).id();
        self.deals.push(id);
    }

    /// Adds, removes, brings back, changes places or renames.
    async fn publish(&mut self) {
        let mut keys = self.current.clone();
        for _ in 0..=self.some(2) {
            let missing: Vec<char> =
                KEYS.iter().copied().filter(|key| !keys.contains(key)).collect();
            let at = self.some_index(keys.len());
            match self.some(4) {
                0 if !missing.is_empty() => {
                    let key = self.pick(&missing);
                    keys.insert(at, key);
                }
                1 if keys.len() > 2 => drop(keys.remove(at)),
                2 => {
                    let key = keys.remove(at);
                    let to = self.some_index(keys.len() + 1);
                    keys.insert(to, key);
                }
                _ => {}
            }
        }
        self.number += 1;
        let number = self.number;
        let stage =
            |key: &char| json!({ "key": key.to_string(), "name": format!("{key} {number}") });
        let body = json!({ "stages": keys.iter().map(stage).collect::<Vec<_>>() });
        let path = format!("/v1/deal-types/{}/versions", self.deal_type);
        self.api.post(&path, body).await.expect(201);
        self.ever.extend(
            keys.iter().filter(|key| !self.ever.contains(key)).copied().collect::<Vec<_>>(),
        );
        self.current = keys;
    }

    async fn migrate(&mut self) {
        let mut mapping = serde_json::Map::new();
        for key in self.ever.clone() {
            // Some of what is gone, and at times what is not.
            let most = if self.current.contains(&key) { 10 } else { 2 };
            if self.some(most) == 0 {
                let to = self.pick(&self.current.clone());
                mapping.insert(key.to_string(), json!(to.to_string()));
            }
        }
        let mapping = Value::Object(mapping);
        let path = format!("/v1/deal-types/{}/migrate", self.deal_type);
        self.api.post(&path, json!({ "mapping": mapping })).await.expect(200);
        self.migrations.push((micros(), mapping));
    }

    async fn withdraw(&mut self) {
        let path = format!("/v1/deal-types/{}", self.deal_type);
        let versions = self.api.get(&format!("{path}/versions")).await.expect(200).json;
        let version = self.pick(versions["items"].as_array().unwrap());
        let id = version["id"].as_str().unwrap();
        let reply = self.api.post(&format!("{path}/versions/{id}/withdraw"), Value::Null).await;
        assert!(matches!(reply.status, 200 | 409), "{}", reply.text);
        let deal_type = self.api.get(&path).await.expect(200).json;
        let stages = deal_type["stages"].as_array().unwrap().iter();
        self.current = stages.filter_map(|stage| stage["key"].as_str()?.chars().next()).collect();
    }

    /// Some days pass.
    fn wait(&mut self, server: &TestServer) {
        let days = self.some(12) + 1;
        for (table, columns) in PUT_BACK {
            let set = columns
                .iter()
                .map(|column| format!("{column} = {column} - interval '{days} days'"));
            let set = set.collect::<Vec<_>>().join(", ");
            let workspace = self.api.workspace_id;
            let sql = format!("UPDATE {table} SET {set} WHERE workspace_id = '{workspace}'");
            server.connection().batch_execute(&sql).unwrap();
        }
        self.passed += days;
        let back = |at: &mut i64| *at -= days * DAY;
        self.instants.iter_mut().for_each(back);
        self.migrations.iter_mut().for_each(|(at, _)| *at -= days * DAY);
    }
}
