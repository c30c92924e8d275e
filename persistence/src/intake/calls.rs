//! Calls: what exchanges told of them, and the activities that they become.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::{
    prelude::*,
    sql_types::{BigInt, Uuid as SqlUuid},
};
use serde::Serialize;
use uuid::Uuid;
use voronka_domain::{
    intake::{
        call::{self, Direction, Judged, Told},
        candidate::{self, Candidate, Taken},
    },
    kernel::contact_point::{Country, phone},
    work::activity::ActivityKind,
};

use super::{call_backs, call_roots, candidates, inbox, integrations::Integration, recordings};
use crate::{
    Error, Noun, Result, Statement, Store, Tenant, Unit, clients,
    core::{
        enum_names::to_name,
        noun::{noun, table::Row},
        schema::calls,
        unit::{raw, to_json},
    },
    work::activities::{self, Activity, ActivityPatch, NewActivity},
};

/// A call as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = calls, treat_none_as_null = true)]
pub struct Call {
    pub id: Uuid,
    pub integration_id: Uuid,
    /// The exchange's id of the call.
    pub root: String,
    #[serde(skip)]
    pub told: serde_json::Value,
    pub direction: String,
    pub number: Option<String>,
    pub e164: Option<String>,
    pub status: Option<String>,
    pub talk_seconds: i64,
    pub user_id: Option<Uuid>,
    pub client_id: Option<Uuid>,
    pub contact_id: Option<Uuid>,
    pub deal_id: Option<Uuid>,
    pub candidates: serde_json::Value,
    pub activity_id: Option<Uuid>,
    pub began_at: Option<DateTime<Utc>>,
    /// Its end was never told.
    pub closed_by_clock: bool,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// Of a number that nobody had.
    pub inbox_id: Option<Uuid>,
}

noun!(calls, Call, "call");

/// What was told of a call, to whoever has heard of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// There was no such call.
    First,
    /// It is another call now.
    More,
    /// It is as it was.
    Again,
}

/// Takes in what was told of a call: it is the same whatever came before, and however often.
pub(crate) fn tell(
    unit: &mut Unit<'_>,
    integration: &Integration,
    Told { root, also, call }: Told,
) -> Result<Heard> {
    let mut told = call;
    let ids = call_roots::ids(root, also);
    let mut found = call_roots::of(unit, integration.id, &ids)?.into_iter();
    let mut before = found.next();
    if let Some(call) = &mut before {
        for other in found.filter(|other| other.activity_id.is_none()) {
            told = told.with(other.so_far()?);
            call_roots::give(unit, &other, call)?;
        }
    }
    let root = ids.first().cloned().unwrap_or_default();
    let (call_id, heard) = take_in(unit, integration, (root, before), told, false)?;
    // By its own id it is found without.
    if ids.len() > 1 {
        call_roots::note(unit, integration.id, &ids, call_id)?;
    }
    Ok(heard)
}

/// A call that nothing was told of for so long is over; its end was lost.
const LONGEST_SILENCE: TimeDelta = TimeDelta::hours(4);
const CLOSED_AT_ONCE: i64 = 200;
/// What an exchange tells is of the past, as far as its clock is right.
const CLOCKS_DIFFER: TimeDelta = TimeDelta::hours(24);
const EARLIEST: DateTime<Utc> = DateTime::UNIX_EPOCH;

impl Store {
    /// The workspaces with calls whose end does not come.
    pub fn workspaces_of_silent_calls(&self, now: DateTime<Utc>) -> Result<Vec<Uuid>> {
        let mut connection = self.connection()?;
        let silent = Statement::select(raw::<SqlUuid>(
            "w.workspace_id FROM workspaces w WHERE EXISTS (SELECT FROM calls c \
             WHERE c.workspace_id = w.workspace_id AND c.status IS NULL AND c.updated_at < ",
        ))
        .bind(now - LONGEST_SILENCE)
        .sql(")")
        .load(&mut *connection)
        .map_err(Error::from);
        connection.watch(silent)
    }

    /// Closes some of them where the last thing was told; answers how many.
    pub fn close_silent_calls(&self, workspace_id: Uuid, now: DateTime<Utc>) -> Result<usize> {
        let silent: Vec<(Uuid, Uuid)> = self.tenant(workspace_id, |tenant| {
            let rows = tenant
                .rows(raw::<(SqlUuid, SqlUuid)>("id, integration_id"), "calls")
                .sql(" AND status IS NULL AND updated_at < ")
                .bind(now - LONGEST_SILENCE)
                .sql(" ORDER BY updated_at LIMIT ")
                .bind(CLOSED_AT_ONCE);
            Ok(rows.load(tenant.conn)?)
        })?;
        for (id, integration_id) in &silent {
            let caller = self.integration_caller(workspace_id, *integration_id)?;
            self.write(&caller, now, None, |unit| {
                let integration = Integration::get(&mut unit.tenant, *integration_id)?;
                let before = Call::lock(unit, *id, None)?;
                if before.status.is_none() && before.updated_at < now - LONGEST_SILENCE {
                    let so_far = before.so_far()?;
                    let end = call::Call {
                        over_at: so_far.last_at,
                        closed: true,
                        ..call::Call::default()
                    };
                    let known = (before.root.clone(), Some(before));
                    take_in(unit, &integration, known, end, true)?;
                }
                Ok(crate::Answer::default())
            })?;
        }
        Ok(silent.len())
    }
}

impl Call {
    /// How many an exchange has told of.
    pub fn count_of(tenant: &mut Tenant<'_>, integration_id: Uuid) -> Result<u64> {
        let rows = tenant
            .rows(raw::<BigInt>("count(*)"), "calls")
            .sql(" AND integration_id = ")
            .bind(integration_id);
        let count: i64 = rows.get_result(tenant.conn)?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    pub(super) fn so_far(&self) -> Result<call::Call> {
        let told = serde_json::from_value(self.told.clone());
        told.map_err(|error| Error::Internal(error.to_string()))
    }
}

fn take_in(
    unit: &mut Unit<'_>,
    integration: &Integration,
    (root, before): (String, Option<Call>),
    told: call::Call,
    by_clock: bool,
) -> Result<(Uuid, Heard)> {
    let known = EARLIEST..=unit.now + CLOCKS_DIFFER;
    if told.times().any(|at| !known.contains(&at)) {
        return Err(Error::invalid(
            "/at",
            "out_of_range",
            "It is of a time that has not come yet, or of before 1970.",
        ));
    }
    let so_far = before.as_ref().map(Call::so_far).transpose()?.unwrap_or_default();
    let whole = so_far.clone().with(told);
    if let Some(same) = before.as_ref().filter(|_| whole == so_far) {
        return Ok((same.id, Heard::Again));
    }
    let country = integration.read_by(unit.caller.settings.country);
    let judged = whole.judged(&integration.exchange(), &|text| phone(text, country));
    let fresh = before.is_none();
    let before = before.unwrap_or_else(|| blank(integration, root, unit.now));
    let mut row = before.clone();
    row.told = to_json(&whole)?;
    row.began_at = whole.began();
    row.direction = to_name(&judged.direction);
    row.number.clone_from(&judged.number);
    row.e164.clone_from(&judged.e164);
    row.talk_seconds = judged.talk_seconds;
    row.closed_by_clock = by_clock;
    row.user_id = judged.user;
    // A call that goes on after its end was told is what it was until it ends again.
    row.status = judged.status.as_ref().map(to_name).or(row.status);
    if let Some(number) = row.e164.as_deref().filter(|_| row.client_id.is_none()) {
        inbox::wait_for(unit, number)?;
    }
    identify(unit, &before, &mut row)?;
    if row.status.is_some() && judged.direction != Direction::Internal {
        // The activity has the first one.
        let known = so_far.recordings.first().filter(|_| row.activity_id.is_some());
        let recording = whole.recordings.first().filter(|url| known != Some(url));
        row.activity_id = Some(write_down(unit, integration, (&before, &row), &judged, recording)?);
        if row.client_id.is_none() {
            row.inbox_id = Some(inbox::receive(unit, integration, &row)?);
        }
    }
    if fresh {
        Call::insert_rows(&mut unit.tenant, std::slice::from_ref(&row))?;
    } else {
        row.set_version(before.version.saturating_add(1), unit.now);
        row.update_row(&mut unit.tenant)?;
    }
    let (id, heard) = (row.id, heard(&before, &row, fresh));
    if row.status != before.status {
        unit.happened("call.finished", row.id, row.version, &row)?;
        follow(unit, integration, (&before, row), &judged)?;
    } else if row.status.is_some() && before.user_id.is_none() && row.user_id.is_some() {
        // Whose it was has become known after how it went.
        inbox::open_deal(unit, integration, &row)?;
    } else if fresh {
        unit.happened("call.ringing", row.id, row.version, &row)?;
    }
    Ok((id, heard))
}

/// Whether another call has come of it for those who look at it.
fn heard(before: &Call, row: &Call, fresh: bool) -> Heard {
    let looked_at = |call: &Call| Call {
        told: serde_json::Value::Null,
        version: 0,
        updated_at: before.updated_at,
        ..call.clone()
    };
    match fresh {
        true => Heard::First,
        false if looked_at(before) == looked_at(row) => Heard::Again,
        false => Heard::More,
    }
}

/// What follows of a call that has been judged: for who has called, and for what waits in the inbox.
fn follow(
    unit: &mut Unit<'_>,
    integration: &Integration,
    (before, mut row): (&Call, Call),
    judged: &Judged<Uuid>,
) -> Result<()> {
    if judged.direction == Direction::Internal {
        return Ok(());
    }
    if row.client_id.is_some() {
        inbox::found_out(unit, &row)?;
    } else if let Some((client_id, deal_id)) = inbox::open_deal(unit, integration, &row)? {
        (row.client_id, row.deal_id) = (Some(client_id), Some(deal_id));
    }
    call_backs::follow(unit, integration, (before, &row), judged)
}

/// The calls of an entry of the inbox are of a client from now on, and of a deal.
pub(crate) fn belong(
    unit: &mut Unit<'_>,
    entry_id: Uuid,
    (client_id, deal_id): (Uuid, Option<Uuid>),
    most: i64,
) -> Result<()> {
    let calls: Vec<Call> = unit
        .tenant
        .rows(Call::as_select(), "calls")
        .sql(" AND inbox_id = ")
        .bind(entry_id)
        .sql(" ORDER BY id DESC LIMIT ")
        .bind(most)
        .load(unit.tenant.conn)?;
    for call in calls {
        if let Some(id) = call.activity_id {
            let anew = |mut activity: Activity| {
                activity.client_id = activity.client_id.or(Some(client_id));
                activity.deal_id = activity.deal_id.or(deal_id);
                activity
            };
            activities::tell_anew(unit, id, deal_id, anew, ActivityPatch::default())?;
        }
        let mut row = call.clone();
        (row.client_id, row.deal_id) = (Some(client_id), deal_id);
        row.set_version(call.version.saturating_add(1), unit.now);
        row.update_row(&mut unit.tenant)?;
    }
    Ok(())
}

/// Whose number it is. Once a call is an activity, only another number or another talker is looked up anew: who has
/// the number tomorrow was not called today.
fn identify(unit: &mut Unit<'_>, before: &Call, row: &mut Call) -> Result<()> {
    let Some(e164) = row.e164.clone() else { return Ok(()) };
    let late = before.activity_id.is_some() && before.created_at < unit.now - LONGEST_SILENCE;
    let same = before.e164 == row.e164 && (before.user_id == row.user_id || late);
    if same && (before.activity_id.is_some() || before.client_id.is_some()) {
        return Ok(());
    }
    let found = candidates::of_number(&mut unit.tenant, &e164)?;
    let Some(taken) = candidate::taken(found, row.user_id) else { return Ok(()) };
    row.client_id = Some(taken.candidate.client_id);
    row.contact_id = taken.candidate.contact_id;
    row.deal_id = taken.deal_id;
    row.candidates = listed(&taken);
    Ok(())
}

fn listed(taken: &Taken) -> serde_json::Value {
    let one = |candidate: &Candidate, reason: Option<String>| {
        serde_json::json!({
            "client_id": candidate.client_id,
            "contact_id": candidate.contact_id,
            "open_deal_ids": candidate.open_deals.iter().map(|(deal, _)| deal).collect::<Vec<_>>(),
            "reason": reason,
        })
    };
    let first = one(&taken.candidate, Some(to_name(&taken.reason)));
    std::iter::once(first).chain(taken.others.iter().map(|other| one(other, None))).collect()
}

fn blank(integration: &Integration, root: String, now: DateTime<Utc>) -> Call {
    Call {
        id: Uuid::now_v7(),
        integration_id: integration.id,
        root,
        told: serde_json::json!({}),
        direction: to_name(&Direction::In),
        number: None,
        e164: None,
        status: None,
        talk_seconds: 0,
        user_id: None,
        client_id: None,
        contact_id: None,
        deal_id: None,
        candidates: serde_json::json!([]),
        activity_id: None,
        began_at: None,
        closed_by_clock: false,
        version: 1,
        created_at: now,
        updated_at: now,
        inbox_id: None,
    }
}

/// The activity that a call becomes when it is over, and stays when more is told of it.
fn write_down(
    unit: &mut Unit<'_>,
    integration: &Integration,
    (before, row): (&Call, &Call),
    judged: &Judged<Uuid>,
    recording: Option<&String>,
) -> Result<Uuid> {
    let says = ActivityPatch {
        title: Some(title(row)),
        duration_seconds: Some(i32::try_from(judged.talk_seconds).ok()),
        recording_url: recording.map(|url| Some(url.clone())),
        call_status: row.status.clone(),
        happened_at: row.began_at.map(|at| at.min(unit.now)),
        ..ActivityPatch::default()
    };
    let whose = |call: &Call| (call.client_id, call.contact_id, call.deal_id);
    if let Some(id) = row.activity_id {
        // What has not changed of the call is not said again: somebody may have said it better, or merged the client.
        let says = ActivityPatch {
            title: says.title.filter(|title| *title != self::title(before)),
            duration_seconds: says
                .duration_seconds
                .filter(|_| row.talk_seconds != before.talk_seconds),
            ..says
        };
        let moved = whose(row) != whose(before);
        let client_id = if moved { in_use(unit, row.client_id)? } else { None };
        let anew = |mut activity: Activity| {
            activity.direction = Some(row.direction.clone());
            activity.user_id = row.user_id.or(activity.user_id);
            if moved {
                (activity.client_id, activity.contact_id) = (client_id, row.contact_id);
                activity.deal_id = row.deal_id;
            }
            activity
        };
        let deal_id =
            if moved { row.deal_id } else { Activity::get(&mut unit.tenant, id)?.deal_id };
        let activity = activities::tell_anew(unit, id, deal_id, anew, says)?;
        if recording.is_some() {
            recordings::told(unit, integration, &activity)?;
        }
        return Ok(id);
    }
    let client_id = in_use(unit, row.client_id)?;
    let new = NewActivity {
        kind: ActivityKind::Call,
        direction: Some(row.direction.clone()),
        deal_id: row.deal_id,
        client_id,
        contact_id: row.contact_id.filter(|_| client_id.is_some()),
        user_id: row.user_id,
        external: Some((format!("integration:{}", row.integration_id), row.root.clone())),
        says,
    };
    let activity = activities::create(unit, new)?;
    recordings::told(unit, integration, &activity)?;
    Ok(activity.id)
}

/// The client, or what it has become part of; none that was archived meanwhile.
fn in_use(unit: &mut Unit<'_>, client_id: Option<Uuid>) -> Result<Option<Uuid>> {
    match client_id.map(|id| clients::meant(unit, "/client_id", id)).transpose() {
        Err(Error::Refused(_)) => Ok(None),
        meant => meant,
    }
}

fn title(row: &Call) -> String {
    let number = row.e164.as_deref().or(row.number.as_deref()).unwrap_or("a hidden number");
    match (row.direction.as_str(), row.status.as_deref()) {
        ("in", Some("missed")) => format!("Missed call from {number}"),
        ("in", _) => format!("Call from {number}"),
        _ => format!("Call to {number}"),
    }
}

/// What would become of a call; nothing is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Tried {
    pub judged: Judged<Uuid>,
    pub client_id: Option<Uuid>,
    pub contact_id: Option<Uuid>,
    pub deal_id: Option<Uuid>,
    pub candidates: serde_json::Value,
}

pub fn tried(
    tenant: &mut Tenant<'_>,
    integration: &Integration,
    country: Option<Country>,
    call: &call::Call,
) -> Result<Tried> {
    let country = integration.read_by(country);
    let judged = call.judged(&integration.exchange(), &|text| phone(text, country));
    let found = match &judged.e164 {
        Some(e164) => candidates::of_number(tenant, e164)?,
        None => Vec::new(),
    };
    let taken = candidate::taken(found, judged.user);
    let candidates = taken.as_ref().map_or_else(|| serde_json::json!([]), listed);
    Ok(Tried {
        judged,
        client_id: taken.as_ref().map(|taken| taken.candidate.client_id),
        contact_id: taken.as_ref().and_then(|taken| taken.candidate.contact_id),
        deal_id: taken.as_ref().and_then(|taken| taken.deal_id),
        candidates,
    })
}
