//! The inbox: whoever called and is no client yet.

use chrono::{DateTime, Utc};
use diesel::{
    prelude::*,
    sql_types::{Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use serde::Serialize;
use strum::VariantNames;
use uuid::Uuid;
use voronka_domain::{
    clients::Initiator,
    intake::{call::Direction, inbox::InboxStatus},
    kernel::contact_point::MOST as MOST_PHONES,
    people::access::{Permission, Visibility},
};

use super::{
    call_backs,
    calls::{self, Call},
    candidates,
    integrations::Integration,
};
use crate::{
    Caller, Error, Noun, Result, Tenant, Unit,
    clients::{self, Client},
    core::{
        enum_names::{from_name, to_name},
        list::{Field, FieldKind, Page, Query, Spec},
        noun::{noun, table::Row},
        schema::inbox_entries,
        statement::Statement,
        unit::raw,
    },
    deals::{self, Opening, References},
};

#[derive(Debug, Clone, PartialEq, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = inbox_entries, treat_none_as_null = true)]
pub struct Entry {
    pub id: Uuid,
    pub integration_id: Uuid,
    pub direction: String,
    /// None of a caller who hides.
    pub number: Option<String>,
    pub status: String,
    pub user_id: Option<Uuid>,
    pub client_id: Option<Uuid>,
    pub deal_id: Option<Uuid>,
    pub reason: Option<String>,
    pub calls: i32,
    pub last_status: Option<String>,
    pub last_activity_id: Option<Uuid>,
    pub first_at: DateTime<Utc>,
    pub last_at: DateTime<Utc>,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

noun!(inbox_entries, Entry, "inbox");

pub const LIST: Spec = Spec {
    table: "inbox_entries",
    fields: &[
        Field::new("status", "inbox_entries.status", FieldKind::Choice(InboxStatus::VARIANTS)),
        Field::new("direction", "inbox_entries.direction", FieldKind::Choice(&["in", "out"])),
        Field::new("user_id", "inbox_entries.user_id", FieldKind::Uuid).nullable(),
        Field::new("integration_id", "inbox_entries.integration_id", FieldKind::Uuid),
        Field::new("number", "inbox_entries.number", FieldKind::Text).nullable(),
        Field::new("last_at", "inbox_entries.last_at", FieldKind::Instant).sorted(),
        Field::new("created_at", "inbox_entries.created_at", FieldKind::Instant)
            .sorted_by_making("inbox_entries.id"),
    ],
    default_sort: "-last_at",
    search: None,
};

/// Calls of an entry that follow it to its client; others stay as they are.
const MOST_CALLS: i64 = 200;

/// What is assigned to somebody whom the caller sees, or to nobody.
fn seen_by<S>(statement: Statement<S>, visibility: &Visibility) -> Statement<S> {
    let (user_id, departments) = match visibility {
        Visibility::All => return statement,
        Visibility::Own { user_id } => (*user_id, Vec::new()),
        Visibility::Departments { user_id, departments } => (*user_id, departments.clone()),
    };
    statement
        .sql(" AND (inbox_entries.user_id IS NULL OR inbox_entries.user_id = ")
        .bind(user_id)
        .sql(
            " OR inbox_entries.user_id IN (SELECT u.id FROM users u \
             WHERE u.workspace_id = inbox_entries.workspace_id AND u.department_id = ANY(",
        )
        .bind(departments)
        .sql(")))")
}

pub fn list(tenant: &mut Tenant<'_>, caller: &Caller, query: Query) -> Result<Page<Entry>> {
    let narrow = |list| seen_by(list, &caller.visibility);
    tenant.page(&LIST, query, Entry::as_select(), narrow, |row: &Entry| row.id)
}

pub fn read(tenant: &mut Tenant<'_>, caller: &Caller, id: Uuid) -> Result<Entry> {
    let rows = tenant.rows(Entry::as_select(), "inbox_entries").sql(" AND inbox_entries.id = ");
    let rows = seen_by(rows.bind(id), &caller.visibility);
    rows.get_result(tenant.conn).optional()?.ok_or(Error::NotFound("inbox entry"))
}

impl Entry {
    fn status(&self) -> Result<InboxStatus> {
        let status = from_name(&self.status);
        status.ok_or_else(|| Error::Internal("an entry has a bad status".to_owned()))
    }
}

/// Where somebody takes an entry.
#[derive(Debug, Clone, PartialEq)]
pub enum Settled {
    Open,
    Assigned { user_id: Uuid },
    Linked { client_id: Uuid, deal_id: Option<Uuid> },
    Converted { client_id: Uuid, deal_id: Option<Uuid> },
    Junk { reason: String },
}

/// An entry that is about to go somewhere; held, so that it goes there once.
#[derive(Debug, Clone)]
pub struct Held(Entry);

impl Held {
    pub fn entry(&self) -> &Entry {
        &self.0
    }

    /// A deal that is opened with it was begun by its first call.
    pub fn begins(&self, unit: &mut Unit<'_>, opening: Opening) -> Result<Opening> {
        let first: Option<Option<Uuid>> = unit
            .tenant
            .rows(raw::<Nullable<SqlUuid>>("activity_id"), "calls")
            .sql(" AND inbox_id = ")
            .bind(self.0.id)
            .sql(" ORDER BY id LIMIT 1")
            .get_result(unit.tenant.conn)
            .optional()?;
        Ok(Opening {
            initiated_by: Some(initiator(&self.0.direction)),
            from_activity_id: first.flatten(),
            ..opening
        })
    }
}

/// Holds an entry for a move, if it may go there. What it is to become is made after.
pub fn hold(
    unit: &mut Unit<'_>,
    id: Uuid,
    if_match: Option<crate::Seen>,
    to: InboxStatus,
) -> Result<Held> {
    read(&mut unit.tenant, unit.caller, id)?;
    let before = Entry::lock(unit, id, if_match)?;
    // Whoever it was given to meanwhile may be out of sight.
    read(&mut unit.tenant, unit.caller, id)?;
    before.status()?.become_next(to)?;
    Ok(Held(before))
}

/// What a move changes takes the right to change it.
pub fn require(caller: &Caller, permission: Permission) -> Result<()> {
    if caller.may(permission) {
        return Ok(());
    }
    let detail = format!("It needs {}.", permission.scope());
    Err(voronka_domain::Refusal::conflict("forbidden", "", detail).into())
}

pub fn settle(unit: &mut Unit<'_>, held: Held, to: Settled) -> Result<Entry> {
    let before = held.0;
    let mut row = before.clone();
    row.reason = None;
    let status = match to {
        Settled::Open => {
            row.user_id = None;
            InboxStatus::Open
        }
        Settled::Assigned { user_id } => {
            check_user(unit, user_id)?;
            row.user_id = Some(user_id);
            InboxStatus::Assigned
        }
        Settled::Linked { client_id, deal_id } => {
            let client_id = known_by(unit, client_id, before.number.as_deref())?;
            if let Some(id) = deal_id {
                of_client(unit, id, client_id)?;
            }
            (row.client_id, row.deal_id) = (Some(client_id), deal_id);
            InboxStatus::Linked
        }
        Settled::Converted { client_id, deal_id } => {
            (row.client_id, row.deal_id) = (Some(client_id), deal_id);
            InboxStatus::Converted
        }
        Settled::Junk { reason } => {
            row.reason = Some(reason);
            InboxStatus::Junk
        }
    };
    row.status = to_name(&status);
    if let Some(client_id) = row.client_id {
        calls::belong(unit, row.id, (client_id, row.deal_id), MOST_CALLS)?;
        call_backs::belong(unit, row.number.as_deref(), client_id)?;
    }
    Entry::save(unit, &before, row)
}

/// The client, who has the number from now on.
fn known_by(unit: &mut Unit<'_>, client_id: Uuid, number: Option<&str>) -> Result<Uuid> {
    let client_id = clients::meant(unit, "/client_id", client_id)?;
    let before = Client::lock(unit, client_id, None)?;
    let is_phone = |number: &&str| number.starts_with('+');
    if let Some(number) = number.filter(is_phone) {
        // One of the client's people may have it.
        let known = candidates::of_number(&mut unit.tenant, number)?;
        let has_it = known.iter().any(|one| one.client_id == client_id);
        if !has_it && before.phones.len() < MOST_PHONES {
            let mut row = before.clone();
            row.phones.push(number.to_owned());
            Client::save(unit, &before, row)?;
        }
    }
    Ok(client_id)
}

/// The deal is one that the caller sees, and of no other client.
fn of_client(unit: &mut Unit<'_>, id: Uuid, client_id: Uuid) -> Result<()> {
    let visibility = unit.caller.visibility.clone();
    let held = deals::lock_deal(unit, id, &visibility)
        .map_err(|error| error.or_unknown("/deal_id", "deal"))?;
    match held.deal().client_id {
        Some(other) if other != client_id => {
            let detail = "The deal is of another client.";
            Err(Error::invalid("/deal_id", "not_allowed", detail))
        }
        _ => Ok(()),
    }
}

fn check_user(unit: &mut Unit<'_>, id: Uuid) -> Result<()> {
    let users = unit
        .tenant
        .rows(crate::core::unit::raw::<diesel::sql_types::Uuid>("users.id"), "users")
        .sql(" AND active AND id = ")
        .bind(id);
    let found: Option<Uuid> = users.get_result(unit.tenant.conn).optional()?;
    found.map(drop).ok_or_else(|| Error::unknown_reference("/user_id", "user"))
}

/// A call of a number that nobody has: of the entry that waits for the number, or of a new one. Answers the entry.
pub(crate) fn receive(unit: &mut Unit<'_>, integration: &Integration, row: &Call) -> Result<Uuid> {
    let began_at = row.began_at.unwrap_or(unit.now);
    let number = row.e164.clone().or_else(|| row.number.clone());
    if let Some(before) = waiting(unit, row.inbox_id, number.as_deref())? {
        let mut entry = before.clone();
        if row.inbox_id.is_none() {
            entry.calls = entry.calls.saturating_add(1);
        }
        entry.first_at = entry.first_at.min(began_at);
        let last = last_of_others(unit, before.id, row.id)?.filter(|(at, ..)| *at > began_at);
        (entry.last_at, entry.last_status, entry.last_activity_id) =
            last.unwrap_or_else(|| (began_at, row.status.clone(), row.activity_id));
        return Ok(Entry::save(unit, &before, entry)?.id);
    }
    if let Some(settled) = row.inbox_id {
        return Ok(settled);
    }
    let entry = Entry {
        id: Uuid::now_v7(),
        integration_id: integration.id,
        direction: row.direction.clone(),
        number,
        status: to_name(&InboxStatus::Open),
        user_id: None,
        client_id: None,
        deal_id: None,
        reason: None,
        calls: 1,
        last_status: row.status.clone(),
        last_activity_id: row.activity_id,
        first_at: began_at,
        last_at: began_at,
        version: 1,
        created_at: unit.now,
        updated_at: unit.now,
    };
    Row::insert_rows(&mut unit.tenant, std::slice::from_ref(&entry))?;
    unit.happened("inbox.received", entry.id, entry.version, &entry)?;
    Ok(entry.id)
}

/// Opens a deal of an unknown number by itself, where the integration says so. What a switch or a gate refuses stays in
/// the inbox, with the reason.
pub(crate) fn open_deal(
    unit: &mut Unit<'_>,
    integration: &Integration,
    row: &Call,
) -> Result<Option<(Uuid, Uuid)>> {
    let Some(deal_type_id) = integration.deal_type_id else { return Ok(None) };
    let (Some(entry_id), Some(e164)) = (row.inbox_id, row.e164.clone()) else { return Ok(None) };
    if row.direction != to_name(&Direction::In) {
        return Ok(None);
    }
    let before = Entry::lock(unit, entry_id, None)?;
    if before.status()? != InboxStatus::Open {
        return Ok(None);
    }
    if row.user_id.is_none() {
        let why =
            "Nobody of the company's phones rang or talked: it is not known whose the deal is.";
        let entry = Entry { reason: Some(why.to_owned()), ..before.clone() };
        Entry::save(unit, &before, entry)?;
        return Ok(None);
    }
    let opened = unit.attempt(|unit| {
        let mut client = Client::new(e164.clone(), unit.now);
        "person".clone_into(&mut client.kind);
        client.phones = vec![e164.clone()];
        client.owner_id = row.user_id;
        Client::insert(unit, &client)?;
        let opening = Opening {
            title: format!("Call from {e164}"),
            deal_type_id,
            references: References {
                client_id: Some(client.id),
                owner_id: row.user_id,
                source: None,
            },
            amount: None,
            lead_temperature: None,
            expected_close_on: None,
            external_id: None,
            initiated_by: Some(initiator(&row.direction)),
            from_activity_id: row.activity_id,
            custom: std::collections::BTreeMap::new(),
            opened_at: None,
            stage_key: None,
            demand: Vec::new(),
        };
        let deal = deals::open(unit, opening)?.deal.id;
        Ok::<_, Error>((client.id, deal))
    });
    match opened {
        Ok((client_id, deal_id)) => {
            let to = Settled::Converted { client_id, deal_id: Some(deal_id) };
            settle(unit, Held(before), to)?;
            Ok(Some((client_id, deal_id)))
        }
        Err(error @ (Error::Refused(_) | Error::Conflict { .. })) => {
            let mut entry = before.clone();
            let faults = error.faults().into_iter().map(|fault| fault.detail);
            entry.reason = Some(faults.collect::<Vec<_>>().join(" "));
            Entry::save(unit, &before, entry)?;
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

type Last = (DateTime<Utc>, Option<String>, Option<Uuid>);

/// The last call of an entry, but for one: when it began, how it went, and its activity.
fn last_of_others(unit: &mut Unit<'_>, entry_id: Uuid, but_for: Uuid) -> Result<Option<Last>> {
    let rows = unit
        .tenant
        .rows(
            raw::<(Timestamptz, Nullable<Text>, Nullable<SqlUuid>)>(
                "began_at, status, activity_id",
            ),
            "calls",
        )
        .sql(" AND began_at IS NOT NULL AND inbox_id = ")
        .bind(entry_id)
        .sql(" AND id <> ")
        .bind(but_for)
        .sql(" ORDER BY began_at DESC, id DESC LIMIT 1");
    Ok(rows.get_result(unit.tenant.conn).optional()?)
}

/// Who began, by the way that a call went.
fn initiator(direction: &str) -> Initiator {
    if direction == "out" { Initiator::Us } else { Initiator::Client }
}

/// Waits for whoever is seeing to the number at this moment: it may be a client's after.
pub(crate) fn wait_for(unit: &mut Unit<'_>, number: &str) -> Result<()> {
    waiting(unit, None, Some(number)).map(drop)
}

/// The number has become a client's meanwhile: what waits for it is that client's.
pub(crate) fn found_out(unit: &mut Unit<'_>, row: &Call) -> Result<()> {
    let Some(client_id) = row.client_id else { return Ok(()) };
    let number = row.e164.as_deref();
    if number.is_none() {
        return Ok(());
    }
    let Some(before) = waiting(unit, None, number)? else { return Ok(()) };
    let to = Settled::Linked { client_id, deal_id: row.deal_id };
    settle(unit, Held(before), to)?;
    Ok(())
}

/// The entry of a call, or that which waits for its number; held.
fn waiting(unit: &mut Unit<'_>, id: Option<Uuid>, number: Option<&str>) -> Result<Option<Entry>> {
    let rows = unit
        .tenant
        .rows(Entry::as_select(), "inbox_entries")
        .sql(" AND status IN ('open', 'assigned') AND ");
    let rows = match (id, number) {
        (Some(id), _) => rows.sql("id = ").bind(id),
        (None, Some(number)) => rows.sql("number = ").bind(number),
        (None, None) => return Ok(None),
    };
    Ok(rows.sql(" FOR UPDATE").get_result(unit.tenant.conn).optional()?)
}
