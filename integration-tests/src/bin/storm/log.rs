//! What the clients were told.

use std::{collections::BTreeMap, fmt::Write};

use serde_json::Value;
use voronka_integration_tests::{Api, Reply, operations::Request};

/// A write with a key, and what was answered to it first.
pub struct Sent {
    pub key: String,
    pub request: Request,
    pub answer: Option<Value>,
}

impl Sent {
    pub async fn send(&mut self, api: &Api) -> Option<Reply> {
        let headers = [("idempotency-key", self.key.as_str())];
        let reply = self.request.send(api, &headers).await;
        if let Some(reply) = reply.as_ref().filter(|reply| reply.status < 300) {
            self.answer.get_or_insert_with(|| reply.json.clone());
        }
        reply
    }
}

/// A thing as somebody was told that it is now.
#[derive(Debug, Clone)]
pub struct Acknowledged {
    pub id: String,
    pub version: i64,
    /// Of a deal.
    pub title: Option<String>,
}

#[derive(Default)]
pub struct Log {
    /// By operation, status and code; no status where there was no answer.
    answers: BTreeMap<(String, u64, String), usize>,
    unprepared: usize,
    pub acknowledged: Vec<Acknowledged>,
    pub sent: Vec<Sent>,
}

impl Log {
    pub fn add(&mut self, other: Self) {
        for (what, number) in other.answers {
            *self.answers.entry(what).or_default() += number;
        }
        self.unprepared += other.unprepared;
        self.acknowledged.extend(other.acknowledged);
        self.sent.extend(other.sent);
    }

    pub fn note(&mut self, operation: &str, reply: Option<&Reply>) {
        let mut note = |status: u64, code: &str| {
            let what = (operation.to_owned(), status, code.to_owned());
            *self.answers.entry(what).or_default() += 1;
        };
        let Some(reply) = reply else { return note(0, "") };
        note(reply.status.into(), reply.code());
        for item in items(reply) {
            let code = item["problem"]["code"].as_str().unwrap_or_default();
            if let Some(status @ 300..) = item["status"].as_u64() {
                note(status, &format!("{code}, in a batch"));
            }
        }
    }

    /// What could not even be made ready: the deal is closed, or a server away.
    pub fn unprepared(&mut self) {
        self.unprepared += 1;
    }

    pub fn acknowledge(&mut self, reply: Option<&Reply>) {
        let Some(reply) = reply.filter(|reply| reply.status < 300) else { return };
        let bodies = items(reply).iter().map(|item| &item["body"]).chain([&reply.json]);
        let acknowledged = bodies.filter_map(|body| {
            let title = body["stage_key"].is_string().then(|| body["title"].as_str());
            Some(Acknowledged {
                id: body["id"].as_str()?.to_owned(),
                version: body["version"].as_i64()?,
                title: title.flatten().map(str::to_owned),
            })
        });
        let acknowledged: Vec<_> = acknowledged.collect();
        self.acknowledged.extend(acknowledged);
    }

    /// Answers that nobody should get.
    pub fn failures(&self) -> Vec<String> {
        let failed =
            self.answers.iter().filter(|((_, status, _), _)| *status >= 500 && *status != 503);
        failed
            .map(|((operation, status, code), number)| {
                format!("{number} of {operation}: {status} {code}")
            })
            .collect()
    }

    pub fn table(&self) -> String {
        let mut rows: BTreeMap<&str, [usize; 5]> = BTreeMap::new();
        let mut passing: BTreeMap<(&str, u64, &str), usize> = BTreeMap::new();
        for ((operation, status, code), number) in &self.answers {
            if *status >= 500 {
                passing.insert((operation, *status, code), *number);
            }
            if !code.ends_with("in a batch") {
                let column = match status {
                    0 => 4,
                    503 => 2,
                    500.. => 3,
                    300.. => 1,
                    _ => 0,
                };
                rows.entry(operation).or_default()[column] += number;
            }
        }
        let mut table = String::new();
        let head = ["done", "refused", "503", "other 5xx", "no answer"];
        let mut row = |name: &str, cells: [String; 5]| {
            let cells: String = cells.iter().map(|cell| format!("{cell:>11}")).collect();
            let _ = writeln!(table, "{name:<24}{cells}");
        };
        row("", head.map(str::to_owned));
        let mut total = [0; 5];
        for (operation, numbers) in rows {
            (0..5).for_each(|column| total[column] += numbers[column]);
            row(operation, numbers.map(|number| number.to_string()));
        }
        row("all", total.map(|number| number.to_string()));
        for ((operation, status, code), number) in passing {
            let _ = writeln!(table, "{number:>6} times {status} {code} of {operation}");
        }
        let _ = writeln!(
            table,
            "{} could not be made ready; {} writes were acknowledged, {} had a key",
            self.unprepared,
            self.acknowledged.len(),
            self.sent.len()
        );
        table
    }
}

fn items(reply: &Reply) -> &[Value] {
    let items = reply.json["items"].as_array().filter(|_| reply.status == 207);
    items.map(Vec::as_slice).unwrap_or_default()
}
