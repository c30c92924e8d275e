//! The invariants of `invariants.sql`, and what breaks them.

use diesel::{PgConnection, RunQueryDsl, connection::SimpleConnection, dsl::sql, sql_types::Text};

use crate::unpacked::with_events;

const SQL: &str = include_str!("invariants.sql");

/// When an invariant holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// At any moment, of any database.
    Always,
    /// When everybody is done.
    AtRest,
}

/// What has to be, and what breaks it.
#[derive(Debug, Clone)]
pub struct Finding {
    pub invariant: &'static str,
    pub broken: Vec<String>,
}

/// The parts of the file, each under its heading.
fn parts() -> Vec<(&'static str, String)> {
    let heads = ["history: ", "rest: ", "prelude"];
    let mut parts: Vec<(&str, String)> = Vec::new();
    for line in SQL.lines() {
        let said = line.strip_prefix("-- ").unwrap_or_default();
        if heads.iter().any(|head| said.starts_with(head)) {
            parts.push((said, String::new()));
        } else if let Some((_, text)) = parts.last_mut() {
            text.push_str(line);
            text.push('\n');
        }
    }
    parts
}

/// Looks at the invariants that hold at any moment, or at all of them.
pub fn look(connection: &mut PgConnection, when: When) -> Vec<Finding> {
    with_events(connection, |connection| look_at(connection, when))
}

fn look_at(connection: &mut PgConnection, when: When) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (head, text) in parts() {
        let always = head.starts_with("history: ");
        if !always && when == When::Always {
            continue;
        }
        let Some((_, invariant)) = head.split_once(": ") else {
            connection.batch_execute(&text).unwrap_or_else(|error| panic!("{head}: {error}"));
            continue;
        };
        let broken = sql::<Text>(&text).load(connection);
        let broken = broken.unwrap_or_else(|error| panic!("{invariant}: {error}"));
        findings.push(Finding { invariant, broken });
    }
    findings
}

/// All that is broken, in words; nothing, where all is well.
pub fn told(findings: &[Finding]) -> Vec<String> {
    let broken = findings.iter().filter(|finding| !finding.broken.is_empty());
    let told = broken.map(|Finding { invariant, broken }| {
        format!("{}: {} times, as {:?}", invariant, broken.len(), &broken[..broken.len().min(5)])
    });
    told.collect()
}
