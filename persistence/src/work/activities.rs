//! Activities. One that has happened for a deal is answered by the deal's process, in the same transaction:
//! the deal is held first, then the activity.

use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types::Uuid as SqlUuid};
use serde::Serialize;
use strum::VariantNames;
use uuid::Uuid;
use voronka_domain::{
    deals::automation::{Happened, Happening},
    kernel::trigger::Trigger,
    people::access::{Actor, Cause, Visibility, may_change},
    work::activity::{ActivityKind, CallFact, CallStatus, Course, CourseChange, Outcome},
};

use crate::{
    Caller, Error, Result, Tenant, Unit,
    clients::{self, contacts::Contact},
    core::{
        caller::person,
        enum_names::{from_name, to_name},
        list::{Field, FieldKind, Page, Query, Spec},
        noun::{Noun, noun, table::Row},
        rings,
        schema::activities,
        unit::raw,
        visibility::{Sight, activities_seen_by},
    },
    deals,
};

#[derive(Debug, Clone, PartialEq, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = activities, treat_none_as_null = true)]
pub struct Activity {
    pub id: Uuid,
    pub kind: String,
    pub direction: Option<String>,
    pub title: String,
    pub note: Option<String>,
    pub planned_at: Option<DateTime<Utc>>,
    /// None while it is planned.
    pub happened_at: Option<DateTime<Utc>>,
    pub cancelled: bool,
    pub goal: Option<String>,
    pub outcome: Option<String>,
    pub result: Option<String>,
    pub duration_seconds: Option<i32>,
    pub recording_url: Option<String>,
    pub client_id: Option<Uuid>,
    pub contact_id: Option<Uuid>,
    pub deal_id: Option<Uuid>,
    pub user_id: Option<Uuid>,
    #[serde(skip)]
    pub visit: Option<i32>,
    pub external_source: Option<String>,
    pub external_id: Option<String>,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// Of a call that an exchange told of.
    pub call_status: Option<String>,
}

noun!(activities, Activity, "activity");

pub const LIST: Spec = Spec {
    table: "activities",
    fields: &[
        Field::new("deal_id", "activities.deal_id", FieldKind::Uuid).nullable(),
        Field::new("client_id", "activities.client_id", FieldKind::Uuid).nullable(),
        Field::new(
            "call_status",
            "activities.call_status",
            FieldKind::Choice(CallStatus::VARIANTS),
        )
        .nullable(),
        Field::new("user_id", "activities.user_id", FieldKind::Uuid).nullable(),
        Field::new("kind", "activities.kind", FieldKind::Choice(ActivityKind::VARIANTS)),
        Field::new("direction", "activities.direction", FieldKind::Choice(&["in", "out"]))
            .nullable(),
        Field::new("outcome", "activities.outcome", FieldKind::Choice(Outcome::VARIANTS))
            .nullable(),
        Field::new("cancelled", "activities.cancelled", FieldKind::Bool),
        Field::new("external_source", "activities.external_source", FieldKind::Text).nullable(),
        Field::new("external_id", "activities.external_id", FieldKind::Text).nullable(),
        Field::new("planned_at", "activities.planned_at", FieldKind::Instant).nullable().sorted(),
        Field::new("happened_at", "activities.happened_at", FieldKind::Instant).nullable().sorted(),
        Field::new("updated_at", "activities.updated_at", FieldKind::Instant).sorted(),
    ],
    default_sort: "-updated_at",
    search: Some("activities.title"),
};

/// What can be said of an activity at any time: none keeps, `Some(None)` clears.
#[derive(Debug, Clone, Default)]
pub struct ActivityPatch {
    pub title: Option<String>,
    pub note: Option<Option<String>>,
    pub planned_at: Option<Option<DateTime<Utc>>>,
    pub happened_at: Option<DateTime<Utc>>,
    pub cancelled: Option<bool>,
    pub goal: Option<Option<String>>,
    pub outcome: Option<Outcome>,
    pub result: Option<Option<String>>,
    pub duration_seconds: Option<Option<i32>>,
    pub recording_url: Option<Option<String>>,
    /// How a call went, as an exchange told it.
    pub call_status: Option<String>,
}

/// An activity as somebody writes it down.
#[derive(Debug, Clone)]
pub struct NewActivity {
    pub kind: ActivityKind,
    /// `in` or `out`.
    pub direction: Option<String>,
    pub deal_id: Option<Uuid>,
    pub client_id: Option<Uuid>,
    pub contact_id: Option<Uuid>,
    /// The caller by default; an API key may leave it out.
    pub user_id: Option<Uuid>,
    /// The other system and the id there.
    pub external: Option<(String, String)>,
    pub says: ActivityPatch,
}

pub fn list(tenant: &mut Tenant<'_>, caller: &Caller, query: Query) -> Result<Page<Activity>> {
    let narrow = |list| activities_seen_by(list, caller.sight(), LIST.table);
    tenant.page(&LIST, query, Activity::as_select(), narrow, |row: &Activity| row.id)
}

pub fn read(tenant: &mut Tenant<'_>, caller: &Caller, id: Uuid) -> Result<Activity> {
    let rows =
        tenant.rows(Activity::as_select(), "activities").sql(" AND activities.id = ").bind(id);
    let row =
        activities_seen_by(rows, caller.sight(), LIST.table).get_result(tenant.conn).optional()?;
    row.ok_or(Error::NotFound("activity"))
}

/// An activity is changed by whoever has it, and by those who look after that person or its deal. Others look on,
/// though they may see it.
fn require_part(unit: &mut Unit<'_>, activity: &Activity) -> Result<()> {
    let has_part = activity.user_id.is_some() && activity.user_id == person(unit.actor);
    let sight = Sight::of_people(&unit.caller.looks_after);
    let rows = unit
        .tenant
        .rows(raw::<SqlUuid>("activities.id"), "activities")
        .sql(" AND activities.id = ")
        .bind(activity.id);
    let looks_after: Option<Uuid> =
        activities_seen_by(rows, sight, LIST.table).get_result(unit.tenant.conn).optional()?;
    Ok(may_change(has_part, looks_after.is_some())?)
}

/// Writes an activity down: one that is planned, or else one that has happened.
pub fn create(unit: &mut Unit<'_>, new: NewActivity) -> Result<Activity> {
    let named = client_of(unit, &new)?;
    let visibility = unit.caller.visibility.clone();
    let held = match new.deal_id {
        Some(id) => Some(
            deals::lock_deal(unit, id, &visibility)
                .map_err(|error| error.or_unknown("/deal_id", "deal"))?,
        ),
        None => None,
    };
    let client_id = named.or_else(|| held.as_ref().and_then(|held| held.deal().client_id));
    // An exchange tells of people who have left, too.
    if let Some(id) = new.user_id.filter(|_| !matches!(unit.actor, Actor::Integration { .. })) {
        check_user(unit, id)?;
    }
    let (external_source, external_id) = new.external.unzip();
    let blank = Activity {
        id: Uuid::now_v7(),
        kind: to_name(&new.kind),
        direction: new.direction,
        title: String::new(),
        note: None,
        planned_at: None,
        happened_at: None,
        cancelled: false,
        goal: None,
        outcome: None,
        result: None,
        duration_seconds: None,
        recording_url: None,
        client_id,
        contact_id: new.contact_id,
        deal_id: new.deal_id,
        user_id: new.user_id.or(person(unit.actor)),
        visit: None,
        external_source,
        external_id,
        version: 1,
        created_at: unit.now,
        updated_at: unit.now,
        call_status: None,
    };
    let course = Course::begun(new.says.course(), unit.now)?;
    let visit = held.as_ref().map(|held| held.deal().visit.number);
    let mut row = said(&blank, new.says, course)?;
    if course.is_news(Course::default()) {
        row.visit = visit;
    }
    Activity::insert(unit, &row)?;
    react(unit, held, &blank, &row)?;
    Ok(row)
}

/// The client that is named, itself or by its contact; held, and before the deal.
fn client_of(unit: &mut Unit<'_>, new: &NewActivity) -> Result<Option<Uuid>> {
    let contact = match new.contact_id {
        Some(id) => Some(
            Contact::get(&mut unit.tenant, id)
                .map_err(|error| error.or_unknown("/contact_id", "contact"))?,
        ),
        None => None,
    };
    if let Some(id) = new.client_id {
        return clients::meant(unit, "/client_id", id).map(Some);
    }
    let Some(contact) = contact else { return Ok(None) };
    let meant = clients::all_meant(unit, vec![contact.client_id])?;
    Ok(meant.into_values().next())
}

/// Changes what is said of an activity; a planned one happens so.
pub fn change(
    unit: &mut Unit<'_>,
    id: Uuid,
    if_match: Option<crate::Seen>,
    patch: ActivityPatch,
) -> Result<Activity> {
    let seen = read(&mut unit.tenant, unit.caller, id)?;
    // Whoever has the activity says how it went, whoever has the deal.
    let held = match seen.deal_id {
        Some(deal_id) => Some(deals::lock_deal(unit, deal_id, &Visibility::All)?),
        None => None,
    };
    // Whose it is never changes but by what an exchange tells, and the owner of its deal is held.
    require_part(unit, &seen)?;
    let before = Activity::lock(unit, id, if_match)?;
    changed(unit, held, before.clone(), before, patch)
}

/// Holds an activity, and its deal before it, for somebody who may change it.
pub(crate) fn hold(unit: &mut Unit<'_>, id: Uuid) -> Result<()> {
    let seen = read(&mut unit.tenant, unit.caller, id)?;
    if let Some(deal_id) = seen.deal_id {
        deals::lock_deal(unit, deal_id, &Visibility::All)?;
    }
    require_part(unit, &seen)?;
    Activity::lock(unit, id, None).map(|_| ())
}

/// Something has changed that is read with an activity: it is its next version.
pub(crate) fn touch(unit: &mut Unit<'_>, id: Uuid) -> Result<()> {
    let mut row = Activity::lock(unit, id, None)?;
    row.set_version(row.version.saturating_add(1), unit.now);
    row.update_row(&mut unit.tenant)?;
    unit.happened(Activity::UPDATED, row.id, row.version, &row)
}

/// What an exchange has told anew of a call: how it went, who talked, and whose it was.
pub(crate) fn tell_anew(
    unit: &mut Unit<'_>,
    id: Uuid,
    deal_id: Option<Uuid>,
    anew: impl FnOnce(Activity) -> Activity,
    patch: ActivityPatch,
) -> Result<Activity> {
    let held = match deal_id {
        Some(deal_id) => Some(deals::lock_deal(unit, deal_id, &Visibility::All)?),
        None => None,
    };
    let before = Activity::lock(unit, id, None)?;
    changed(unit, held, before.clone(), anew(before), patch)
}

fn changed(
    unit: &mut Unit<'_>,
    held: Option<deals::LockedDeal>,
    before: Activity,
    told: Activity,
    patch: ActivityPatch,
) -> Result<Activity> {
    let visit = held.as_ref().map(|held| held.deal().visit.number);
    let course = before.course()?.changed(patch.course(), unit.now)?;
    let mut row = said(&told, patch, course)?;
    if row.tells_more_than(&before)? {
        row.visit = visit;
    }
    let row = Activity::save(unit, &before, row)?;
    react(unit, held, &before, &row)?;
    Ok(row)
}

/// The activity with what is said of it, and how it goes.
fn said(before: &Activity, patch: ActivityPatch, course: Course) -> Result<Activity> {
    let mut row = before.clone();
    row.title = patch.title.map_or(row.title, |title| title.trim().to_owned());
    row.note = patch.note.unwrap_or(row.note);
    row.goal = patch.goal.unwrap_or(row.goal);
    row.result = patch.result.unwrap_or(row.result);
    row.duration_seconds = patch.duration_seconds.unwrap_or(row.duration_seconds);
    row.recording_url = patch.recording_url.unwrap_or(row.recording_url);
    row.call_status = patch.call_status.or(row.call_status);
    row.planned_at = course.planned_at;
    row.happened_at = course.happened_at;
    row.cancelled = course.cancelled;
    row.outcome = course.outcome.map(|outcome| to_name(&outcome));
    Ok(row)
}

impl ActivityPatch {
    fn course(&self) -> CourseChange {
        let Self { planned_at, happened_at, cancelled, outcome, .. } = *self;
        CourseChange { planned_at, happened_at, cancelled, outcome }
    }
}

impl Activity {
    /// It counts for the deal's present visit: it has happened, or it has become known how it went, or whose it was.
    fn tells_more_than(&self, before: &Self) -> Result<bool> {
        let same = self.deal_id == before.deal_id && self.call_status == before.call_status;
        let course = self.course()?;
        Ok(course.is_news(before.course()?) || course.happened_at.is_some() && !same)
    }

    /// How it went, of a call that an exchange told of.
    fn call(&self) -> Result<Option<CallFact>> {
        let Some(word) = self.call_status.as_deref() else { return Ok(None) };
        let talk_seconds = i64::from(self.duration_seconds.unwrap_or(0));
        let status = from_name(word).ok_or_else(bad)?;
        Ok(Some(CallFact { status, talk_seconds }))
    }

    fn course(&self) -> Result<Course> {
        let outcome = self.outcome.as_deref().map(|word| from_name(word).ok_or_else(bad));
        let Self { planned_at, happened_at, cancelled, .. } = *self;
        Ok(Course { planned_at, happened_at, cancelled, outcome: outcome.transpose()? })
    }
}

fn bad() -> Error {
    Error::Internal("activity has a bad kind or outcome".into())
}

fn react(
    unit: &mut Unit<'_>,
    held: Option<deals::LockedDeal>,
    before: &Activity,
    row: &Activity,
) -> Result<()> {
    if row == before {
        return Ok(());
    }
    if let Some(id) = row.client_id {
        rings::ring(&mut unit.tenant, unit.now, rings::Ring::Clients(vec![id]))?;
    }
    let Some(held) = held else { return Ok(()) };
    if !row.tells_more_than(before)? {
        return held.look_again(unit);
    }
    let course = row.course()?;
    let kind = from_name(&row.kind).ok_or_else(bad)?;
    let outcome = course.outcome;
    let cause = Cause { on: Trigger::ActivityRecorded, object_id: row.id, sequence: row.version };
    let call = row.call()?;
    deals::react(
        unit,
        held,
        Happening { cause, what: Happened::Activity { kind, outcome, call } },
    )?;
    Ok(())
}

fn check_user(unit: &mut Unit<'_>, id: Uuid) -> Result<()> {
    let found: Option<Uuid> = unit
        .tenant
        .rows(raw::<SqlUuid>("users.id"), "users")
        .sql(" AND active AND id = ")
        .bind(id)
        .get_result(unit.tenant.conn)
        .optional()?;
    found.map(|_| ()).ok_or_else(|| Error::unknown_reference("/user_id", "user"))
}
