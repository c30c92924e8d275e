//! Pairs of clients that may be one, kept as clients change. Changes are looked at a little later, one workspace at
//! a time, each by one server; many at once by a look at the whole base.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::{
    RunQueryDsl,
    connection::SimpleConnection,
    sql_types::{Array, BigInt, Bool, Double, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use uuid::Uuid;
use voronka_domain::clients::duplicate::{Likeness, Reason};

use super::{
    Client,
    duplicates::{self, Pair},
};
use crate::{
    Error, Result, Statement, Store, Tenant, Unit, clients::contacts::Contact, core::unit::raw,
};

/// Pairs that are less likely are not kept.
pub const LEAST_KEPT: f64 = 0.3;
/// Pairs that are kept of a client that has just been compared: the likeliest.
const MOST_OF_ONE: usize = 20;
/// Changes that are looked at at a time, each by itself.
const AT_A_TIME: i64 = 50;
/// From so many on, if that is as large a part of the base, a look at the whole base is quicker.
const MANY: i64 = 200;
const PART: i64 = 50;
/// More are not counted.
const MOST_COUNTED: i64 = 1_000_000;
/// For so long nothing is to have changed before the whole base is looked at: an import is not followed step by step.
const QUIET: TimeDelta = TimeDelta::seconds(5);
/// Nor is it put off for longer than that by changes that go on.
const LONGEST: TimeDelta = TimeDelta::seconds(60);
/// Of the advisory locks: "VP".
const TAG: i32 = 22_096;
/// A look at the whole base takes long and sorts much; where Postgres has not counted the clients yet, it would plan
/// it as if there were none.
const UNHURRIED: &str =
    "SET LOCAL statement_timeout = '10min'; SET LOCAL work_mem = '64MB'; ANALYZE clients, contacts";

type Types = (SqlUuid, SqlUuid, Double, Jsonb);
type Row = (Uuid, Uuid, f64, serde_json::Value);

/// A place in the list of pairs: the score and the clients of the last one.
pub type Place = (f64, Uuid, Uuid);

/// The pairs of clients in use with a score of `least` at least, the likeliest first.
pub fn list(
    tenant: &mut Tenant<'_>,
    least: f64,
    after: Option<Place>,
    limit: i64,
) -> Result<Vec<Pair>> {
    // Each looked up by itself: a join might begin with all clients.
    let used = |client: &str| {
        format!(
            " AND (SELECT c.merged_into IS NULL AND NOT c.archived FROM clients c \
             WHERE c.workspace_id = p.workspace_id AND c.id = p.{client})"
        )
    };
    let selection = raw::<Types>("p.one, p.other, p.score, p.reasons");
    let mut statement = tenant
        .select(selection, "client_pairs p", "p")
        .sql(used("one"))
        .sql(used("other"))
        .sql(" AND p.score >= ")
        .bind(least);
    if let Some((score, one, other)) = after {
        statement = statement
            .sql(" AND p.score <= ")
            .bind(score)
            .sql(" AND (p.score < ")
            .bind(score)
            .sql(" OR (p.one, p.other) > (")
            .bind(one)
            .sql(", ")
            .bind(other)
            .sql("))");
    }
    let rows: Vec<Row> = statement
        .sql(" ORDER BY p.score DESC, p.one, p.other LIMIT ")
        .bind(limit)
        .load(tenant.conn)?;
    rows.into_iter().map(read).collect()
}

/// Changes that are still to be looked at.
pub fn pending(tenant: &mut Tenant<'_>) -> Result<i64> {
    Ok(waiting(tenant)?.changes)
}

/// How many changes wait, and when clients have changed themselves: the first of them, and the last.
struct Queue {
    changes: i64,
    first: Option<DateTime<Utc>>,
    last: Option<DateTime<Utc>>,
}

impl Queue {
    /// Many changes at once are over, or have gone on for long.
    fn is_settled(&self, now: DateTime<Utc>) -> bool {
        self.last.is_none_or(|last| last < now - QUIET)
            || self.first.is_some_and(|first| first < now - LONGEST)
    }
}

fn waiting(tenant: &mut Tenant<'_>) -> Result<Queue> {
    let statement = Statement::select(
        raw::<(BigInt, Nullable<Timestamptz>, Nullable<Timestamptz>)>(
            "count(*), min(changed_at) FILTER (WHERE spreads), max(changed_at) FILTER (WHERE spreads) \
         FROM (SELECT changed_at, spreads FROM client_changes WHERE workspace_id = ",
        ),
    );
    let (changes, first, last) = statement
        .bind(tenant.workspace_id)
        .sql(" LIMIT ")
        .bind(MOST_COUNTED)
        .sql(") AS waiting")
        .get_result(tenant.conn)?;
    Ok(Queue { changes, first, last })
}

/// Notes which of some clients, each with what it was before, are to be compared anew.
pub(super) fn changed(unit: &mut Unit<'_>, rows: &[(Option<&Client>, &Client)]) -> Result<()> {
    let as_before = |before: &Client, row: &Client| {
        let Client { name, kind, phones, emails, tax_id, merged_into, archived, .. } = row;
        (&before.name, &before.kind, &before.phones, &before.emails) == (name, kind, phones, emails)
            && (&before.tax_id, &before.merged_into, &before.archived)
                == (tax_id, merged_into, archived)
    };
    let mut notes = Notes::default();
    for (before, row) in rows.iter().filter(|(it, row)| it.is_none_or(|it| !as_before(it, row))) {
        let lost = before.map(|before| [&before.phones, &before.emails]);
        notes.add(row.id, lost.into_iter().flatten().flatten());
    }
    note(unit, notes)
}

/// The same of the clients whose contacts these are, or were.
pub(crate) fn contacts_changed(
    unit: &mut Unit<'_>,
    rows: &[(Option<&Contact>, &Contact)],
) -> Result<()> {
    let mut notes = Notes::default();
    for (before, row) in rows {
        let known = |contact: &Contact| !contact.phones.is_empty() || !contact.emails.is_empty();
        match before {
            None if known(row) => notes.add(row.client_id, []),
            Some(before)
                if (&before.client_id, &before.phones, &before.emails)
                    != (&row.client_id, &row.phones, &row.emails) =>
            {
                notes.add(before.client_id, before.phones.iter().chain(&before.emails));
                notes.add(row.client_id, []);
            }
            _ => {}
        }
    }
    note(unit, notes)
}

/// Clients that are to be compared anew, each with a phone or an email that it had before; or with none, as an
/// empty text.
#[derive(Default)]
struct Notes(BTreeSet<(Uuid, String)>);

impl Notes {
    fn add<'v>(&mut self, client: Uuid, had: impl IntoIterator<Item = &'v String>) {
        self.0.insert((client, String::new()));
        self.0.extend(had.into_iter().map(|value| (client, value.to_lowercase())));
    }
}

fn note(unit: &mut Unit<'_>, Notes(notes): Notes) -> Result<()> {
    if notes.is_empty() {
        return Ok(());
    }
    let (clients, had): (Vec<Uuid>, Vec<String>) = notes.into_iter().unzip();
    Statement::command("INSERT INTO client_changes (workspace_id, client_id, had) SELECT ")
        .bind(unit.tenant.workspace_id)
        .sql(", client_id, nullif(had, '') FROM unnest(")
        .bind(clients)
        .sql(", ")
        .bind(had)
        .sql(") AS noted(client_id, had)")
        .execute(unit.tenant.conn)?;
    Ok(())
}

impl Store {
    /// The workspaces whose clients have changed since they were compared.
    pub fn workspaces_of_changed_clients(&self) -> Result<Vec<Uuid>> {
        let mut connection = self.connection()?;
        let found = Statement::select(raw::<SqlUuid>(
            "w.workspace_id FROM workspaces w WHERE EXISTS (SELECT FROM client_changes c \
             WHERE c.workspace_id = w.workspace_id)",
        ))
        .load(&mut *connection)
        .map_err(Error::from);
        connection.watch(found)
    }

    /// Looks at some changes, and answers how many: 0 when there are none but those that other servers are at.
    pub fn compare_clients(&self, workspace_id: Uuid, now: DateTime<Utc>) -> Result<i64> {
        let mut connection = self.connection()?;
        let done = connection.build_transaction().repeatable_read().run(|conn| {
            let mut tenant = Tenant { conn, workspace_id };
            if !alone(&mut tenant)? {
                return Ok(0);
            }
            let queue = waiting(&mut tenant)?;
            let many = queue.changes >= MANY && queue.is_settled(now);
            if many && queue.changes.saturating_mul(PART) > size(&mut tenant)? {
                compare_all(&mut tenant)?;
                return Ok(queue.changes);
            }
            compare_some(&mut tenant)
        });
        match connection.watch(done) {
            // Another server was at it until a moment ago.
            Err(Error::Collision) => Ok(0),
            done => done,
        }
    }
}

/// Clients that the workspace has.
fn size(tenant: &mut Tenant<'_>) -> Result<i64> {
    Ok(tenant.rows(raw::<BigInt>("count(*)"), "clients").get_result(tenant.conn)?)
}

/// No other server is at the workspace until the transaction ends.
fn alone(tenant: &mut Tenant<'_>) -> Result<bool> {
    let statement = Statement::select(raw::<Bool>("pg_try_advisory_xact_lock("));
    let locked = statement
        .bind(TAG)
        .sql(", hashtext(")
        .bind(tenant.workspace_id.to_string())
        .sql("))")
        .get_result(tenant.conn)?;
    Ok(locked)
}

fn compare_all(tenant: &mut Tenant<'_>) -> Result<()> {
    tenant.conn.batch_execute(UNHURRIED)?;
    let pairs = duplicates::all(tenant, LEAST_KEPT)?;
    for table in ["client_pairs", "client_changes"] {
        Statement::command("DELETE FROM ")
            .sql(format!("{table} WHERE workspace_id = "))
            .bind(tenant.workspace_id)
            .execute(tenant.conn)?;
    }
    keep(tenant, &pairs)
}

fn compare_some(tenant: &mut Tenant<'_>) -> Result<i64> {
    // A client that has changed many times is compared once.
    let next = Statement::select(raw::<(SqlUuid, Bool, Array<Text>)>(
        "client_id, bool_or(spreads), coalesce(array_agg(had) FILTER (WHERE had IS NOT NULL), '{}') \
         FROM client_changes WHERE workspace_id = ",
    ));
    let clients: Vec<(Uuid, bool, Vec<String>)> = next
        .bind(tenant.workspace_id)
        .sql(" AND client_id IN (SELECT client_id FROM client_changes WHERE workspace_id = ")
        .bind(tenant.workspace_id)
        .sql(" ORDER BY position LIMIT ")
        .bind(AT_A_TIME)
        .sql(") GROUP BY 1 ORDER BY 1")
        .load(tenant.conn)?;
    let mut touched: BTreeSet<Uuid> = BTreeSet::new();
    for (client, spreads, had) in &clients {
        let after = match duplicates::likely(tenant, *client, LEAST_KEPT) {
            Ok(found) => found,
            // It is in use no more.
            Err(Error::NotFound(_)) => Vec::new(),
            Err(error) => return Err(error),
        };
        let after: Vec<Pair> = after
            .into_iter()
            .take(MOST_OF_ONE)
            .map(|(other, likeness)| pair(*client, other, likeness))
            .collect();
        if *spreads {
            touched.extend(duplicates::sharing(tenant, *client, had)?);
        }
        Statement::command("DELETE FROM client_pairs WHERE workspace_id = ")
            .bind(tenant.workspace_id)
            .sql(" AND (one = ")
            .bind(*client)
            .sql(" OR other = ")
            .bind(*client)
            .sql(")")
            .execute(tenant.conn)?;
        keep(tenant, &after)?;
    }
    let compared: BTreeSet<Uuid> = clients.into_iter().map(|(client, ..)| client).collect();
    let done = Statement::command("DELETE FROM client_changes WHERE workspace_id = ")
        .bind(tenant.workspace_id)
        .sql(" AND client_id = ANY(")
        .bind(compared.iter().copied().collect::<Vec<_>>())
        .sql(")")
        .execute(tenant.conn)?;
    touched.retain(|client| !compared.contains(client));
    Statement::command("INSERT INTO client_changes (workspace_id, client_id, spreads) SELECT ")
        .bind(tenant.workspace_id)
        .sql(", id, false FROM unnest(")
        .bind(touched.into_iter().collect::<Vec<_>>())
        .sql(
            ") AS id WHERE NOT EXISTS (SELECT FROM client_changes c WHERE c.client_id = id \
             AND c.workspace_id = ",
        )
        .bind(tenant.workspace_id)
        .sql(")")
        .execute(tenant.conn)?;
    Ok(i64::try_from(done).unwrap_or(i64::MAX))
}

/// The older client is the first one.
fn pair(client: Uuid, other: Uuid, likeness: Likeness) -> Pair {
    if client < other {
        return Pair { clients: (client, other), likeness };
    }
    let turned = |reason: Reason| Reason { value: reason.other, other: reason.value, ..reason };
    let reasons = likeness.reasons.into_iter().map(turned).collect();
    Pair { clients: (other, client), likeness: Likeness { reasons, ..likeness } }
}

fn read((one, other, score, reasons): Row) -> Result<Pair> {
    let reasons: Vec<Reason> = serde_json::from_value(reasons)
        .map_err(|error| Error::Internal(format!("reasons of a pair: {error}")))?;
    Ok(Pair { clients: (one, other), likeness: Likeness { score, reasons } })
}

fn keep(tenant: &mut Tenant<'_>, pairs: &[Pair]) -> Result<()> {
    for some in pairs.chunks(1_000) {
        let (mut ones, mut others) = (Vec::new(), Vec::new());
        let (mut scores, mut reasons) = (Vec::new(), Vec::new());
        for Pair { clients: (one, other), likeness } in some {
            ones.push(*one);
            others.push(*other);
            scores.push(likeness.score);
            reasons.push(crate::JsonText::of(&likeness.reasons)?);
        }
        Statement::command(
            "INSERT INTO client_pairs (workspace_id, one, other, score, reasons) SELECT ",
        )
        .bind(tenant.workspace_id)
        .sql(", one, other, score, reasons::jsonb FROM unnest(")
        .bind(ones)
        .sql(", ")
        .bind(others)
        .sql(", ")
        .bind(scores)
        .sql(", ")
        .bind(reasons)
        .sql(
            "::json[]) AS pair(one, other, score, reasons) ON CONFLICT (workspace_id, one, other) \
                 DO UPDATE SET score = excluded.score, reasons = excluded.reasons",
        )
        .execute(tenant.conn)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_at_the_whole_base_waits_for_quiet_and_not_for_ever() {
        let at = |seconds| DateTime::from_timestamp(seconds, 0);
        let now = at(1_000).unwrap_or_default();
        let settled =
            |first, last| Queue { changes: 1, first: at(first), last: at(last) }.is_settled(now);
        assert!(!settled(990, 999) && !settled(941, 996));
        assert!(settled(990, 994) && settled(939, 1_000));
        assert!(Queue { changes: 1, first: None, last: None }.is_settled(now));
    }
}
