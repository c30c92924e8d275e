//! Recording: the deal's row, its visits and its events, in as few statements as there are tables.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use diesel::{prelude::*, upsert::excluded};
use rust_decimal::Decimal;
use uuid::Uuid;
use voronka_domain::{
    deals::{
        change_set::ChangeSet,
        deal::Deal,
        effect::Effect,
        stage_path as domain_stage_path,
        visit::{Left, VisitSegment},
    },
    people::access::Actor,
    process::Process,
    workspace::custom_field::Entity,
};

use super::{
    one::{Changed, One},
    planned_tasks,
    row::{DealRow, object},
    several, stage_path,
    titles::{self, TitleRow},
};
use crate::{
    Error, JsonText, Result, Statement, Unit,
    core::{
        enum_names::to_name,
        events::NewEvent,
        noun::excluded_columns,
        schema::{deals, stage_visits},
        unit::Extent,
    },
    workspace::custom_fields,
};

/// Deals that are put into words at a time: an event's object is much larger than the deal in memory.
const DEALS_AT_A_TIME: usize = 500;
/// From here on COPY is faster than INSERT.
const MANY: usize = 10;

#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = stage_visits, treat_none_as_default_value = false)]
pub(super) struct VisitRow {
    pub workspace_id: Uuid,
    pub deal_id: Uuid,
    pub sequence: i32,
    pub visit: i32,
    pub deal_type_id: Uuid,
    pub version_id: Uuid,
    pub stage_id: Option<Uuid>,
    pub position: i16,
    pub entered_at: DateTime<Utc>,
    pub left_at: Option<DateTime<Utc>>,
    pub ended_by: Option<String>,
    pub direction: Option<String>,
    pub visit_entered_at: DateTime<Utc>,
    pub visit_held_seconds: i64,
    pub held: bool,
    pub owner_id: Uuid,
    pub base_amount: Decimal,
    pub probability: Option<Decimal>,
    pub cause: JsonText,
    pub stage_number: Option<i32>,
}

/// A deal with what has happened to it, and by whom.
#[derive(Debug, Clone)]
pub(crate) struct Recordable {
    pub change_set: ChangeSet,
    pub process: Arc<Process>,
    /// Who did it, event by event.
    actors: Vec<Actor>,
}

impl Recordable {
    /// A deal to which one actor did everything.
    pub fn by(actor: Actor, change_set: ChangeSet, process: Arc<Process>) -> Self {
        Self::then(None, actor, change_set, process)
    }

    /// The deal after more has happened to it: what is new was done by the actor.
    pub fn then(
        before: Option<Self>,
        actor: Actor,
        change_set: ChangeSet,
        process: Arc<Process>,
    ) -> Self {
        let mut actors = before.map(|before| before.actors).unwrap_or_default();
        let new = change_set.events.iter().skip(actors.len());
        let new: Vec<_> = new.map(|event| event.actor.unwrap_or(actor)).collect();
        actors.extend(new);
        Self { change_set, process, actors }
    }

    /// What follows for the deal's tasks.
    fn effects(&self) -> Vec<(Uuid, Effect)> {
        let deal_id = self.change_set.deal.id;
        self.change_set.effects.iter().map(|effect| (deal_id, effect.clone())).collect()
    }

    /// The deal's id, if it has been closed.
    fn closes(&self) -> Option<Uuid> {
        let ChangeSet { deal, left, entered, .. } = &self.change_set;
        (!deal.is_open() && (left.is_some() || !entered.is_empty())).then_some(deal.id)
    }

    /// Values of custom fields are other ones now.
    fn changes_custom(&self) -> bool {
        let ChangeSet { deal, before, .. } = &self.change_set;
        before.as_ref().map_or(!deal.custom.is_empty(), |before| before.custom != deal.custom)
    }

    /// It has got a title, or another one.
    fn is_titled(&self) -> bool {
        let ChangeSet { deal, before, .. } = &self.change_set;
        before.as_ref().is_none_or(|before| before.details.title != deal.details.title)
    }

    /// The visits that have begun.
    fn visits(&self, workspace_id: Uuid) -> Result<Vec<VisitRow>> {
        let ChangeSet { deal, events, entered, .. } = &self.change_set;
        let row = |segment: &VisitSegment| {
            let mut began = events.iter().zip(&self.actors);
            let by = began.find(|(event, _)| event.sequence == segment.sequence);
            let cause = JsonText::of(&by.map(|(_, actor)| actor))?;
            Ok(visit_row(workspace_id, deal, segment.clone(), &self.process, cause))
        };
        entered.iter().map(row).collect()
    }
}

/// Records what has happened to some deals. Where a deal was not locked, somebody else may have been faster:
/// then nothing happens but [`Error::Overtaken`].
pub(crate) fn record(unit: &mut Unit<'_>, mut deals: Vec<Recordable>) -> Result<()> {
    // A rule may plan tasks of a deal that stays as it is.
    let (unchanged, changed): (Vec<_>, Vec<_>) =
        deals.into_iter().partition(|deal| deal.change_set.is_unchanged());
    deals = changed;
    let planned: Vec<_> = unchanged.iter().flat_map(Recordable::effects).collect();
    if !planned.is_empty() {
        return unit.transaction(|unit| {
            record(unit, deals)?;
            planned_tasks::plan_and_cancel(unit, planned)
        });
    }
    if deals.len() == 1
        && unit.events.len() < MANY
        && let Some(deal) = deals.pop()
    {
        let closed: Vec<_> = deal.closes().into_iter().collect();
        if closed.is_empty() && !deal.changes_custom() && deal.change_set.effects.is_empty() {
            return one(unit, deal);
        }
        return unit.transaction(|unit| {
            let effects = deal.effects();
            // The row comes first: whoever was faster is noticed there.
            one(unit, deal.clone())?;
            index_custom_fields(unit, &[deal])?;
            planned_tasks::plan_and_cancel(unit, effects)?;
            stage_path::keep(unit, closed)
        });
    }
    unit.transaction(|unit| {
        let mut deals = deals.into_iter().peekable();
        while deals.peek().is_some() {
            many(unit, deals.by_ref().take(DEALS_AT_A_TIME).collect())?;
            if deals.peek().is_some() {
                unit.flush()?;
            }
        }
        Ok(())
    })
}

fn one(unit: &mut Unit<'_>, deal: Recordable) -> Result<()> {
    note(unit, &deal.change_set, &deal.actors)?;
    let (workspace_id, now) = (unit.tenant.workspace_id, unit.now);
    let events = std::mem::take(&mut unit.events).into_iter();
    let events = events.map(|event| event.row(workspace_id, now)).collect::<Result<Vec<_>>>()?;
    let visits = deal.visits(workspace_id)?;
    let titled = deal.is_titled();
    let ChangeSet { deal, before, left, alarm, rung, .. } = deal.change_set;
    let changed = match &before {
        Some(before) => Changed {
            details: before.details != deal.details,
            progress: !before.stands_as(&deal),
            stop: !before.stops_as(&deal),
            alarm: rung != alarm,
        },
        None => {
            Changed { details: true, progress: true, stop: !deal.goes_on(), alarm: alarm.is_some() }
        }
    };
    let one = One {
        row: DealRow::of(workspace_id, deal, alarm, now),
        seen: before.map(|before| before.sequence),
        changed,
        titled,
        left: left.map(|(sequence, left)| (sequence, left.at, to_name(&left.end))),
        visits,
        events,
        waits: true,
    };
    match unit.extent {
        Extent::Statement => several::record(unit, one),
        Extent::Transaction => several::alone(unit.tenant.conn, one),
    }
}

fn many(unit: &mut Unit<'_>, deals: Vec<Recordable>) -> Result<()> {
    let (now, workspace_id) = (unit.now, unit.tenant.workspace_id);
    let (mut fresh, mut changed) = (Vec::new(), Vec::new());
    let (mut visits, mut ended, mut effects) = (Vec::new(), Vec::new(), Vec::new());
    let (mut titles, mut renamed) = (Vec::new(), Vec::new());
    let there = deals.iter().filter(|deal| deal.change_set.before.is_some());
    let closed = there.filter_map(Recordable::closes).collect();
    index_custom_fields(unit, &deals)?;
    for deal in deals {
        note(unit, &deal.change_set, &deal.actors)?;
        visits.extend(deal.visits(workspace_id)?);
        effects.extend(deal.effects());
        if deal.is_titled() {
            let Deal { id, details, .. } = &deal.change_set.deal;
            let row = TitleRow { workspace_id, deal_id: *id, title: details.title.clone() };
            if deal.change_set.before.is_some() { renamed.push(row) } else { titles.push(row) }
        }
        let ChangeSet { deal, before, left, alarm, entered, .. } = deal.change_set;
        let stage_path =
            (before.is_none() && !deal.is_open()).then(|| domain_stage_path::of(&entered));
        ended.extend(left.map(|(sequence, left)| (deal.id, sequence, left)));
        let row = DealRow { stage_path, ..DealRow::of(workspace_id, deal, alarm, now) };
        if before.is_some() { changed.push(row) } else { fresh.push(row) }
    }
    leave(unit, ended)?;
    update(unit, changed)?;
    insert(unit, fresh, visits)?;
    titles::keep(unit, titles, &renamed)?;
    planned_tasks::plan_and_cancel(unit, effects)?;
    stage_path::keep(unit, closed)
}

/// Notes the events of a deal, each with the deal as it was right after it.
pub(super) fn note(unit: &mut Unit<'_>, change_set: &ChangeSet, actors: &[Actor]) -> Result<()> {
    let base = unit.caller.settings.currency;
    for ((event, deal), actor) in change_set.steps().zip(actors) {
        unit.events.push(NewEvent {
            event_type: event.change.event_type(),
            object_id: deal.id,
            sequence: event.sequence,
            occurred_at: event.occurred_at,
            actor: *actor,
            change: JsonText::of(&event.change)?,
            object: object(&deal, base)?,
        });
    }
    Ok(())
}

/// Keeps the index of custom fields' values beside the deals.
fn index_custom_fields(unit: &mut Unit<'_>, deals: &[Recordable]) -> Result<()> {
    let (mut fresh, mut changed) = (Vec::new(), Vec::new());
    for deal in deals.iter().filter(|deal| deal.changes_custom()) {
        let ChangeSet { deal, before, .. } = &deal.change_set;
        let values = (deal.id, &deal.custom);
        if before.is_some() { changed.push(values) } else { fresh.push(values) }
    }
    custom_fields::index(unit, Entity::Deal, &fresh, true)?;
    custom_fields::index(unit, Entity::Deal, &changed, false)
}

fn insert(unit: &mut Unit<'_>, fresh: Vec<DealRow>, visits: Vec<VisitRow>) -> Result<()> {
    let conn = &mut *unit.tenant.conn;
    if fresh.len() < MANY {
        // A statement for a single row stays prepared.
        for row in &fresh {
            diesel::insert_into(deals::table).values(row).execute(conn)?;
        }
    } else {
        diesel::copy_from(deals::table).from_insertable(fresh).execute(conn)?;
    }
    if visits.len() < MANY {
        for row in &visits {
            diesel::insert_into(stage_visits::table).values(row).execute(conn)?;
        }
    } else {
        diesel::copy_from(stage_visits::table).from_insertable(visits).execute(conn)?;
    }
    Ok(())
}

fn visit_row(
    workspace_id: Uuid,
    deal: &Deal,
    segment: VisitSegment,
    process: &Process,
    cause: JsonText,
) -> VisitRow {
    let position = segment.stage.as_ref().map_or(0, |stage| stage.position);
    VisitRow {
        workspace_id,
        deal_id: deal.id,
        sequence: segment.sequence,
        visit: segment.visit,
        deal_type_id: deal.deal_type_id,
        version_id: deal.version_id,
        stage_id: segment.stage.map(|stage| stage.stage_id),
        position,
        entered_at: segment.entered_at,
        left_at: segment.left.map(|left| left.at),
        ended_by: segment.left.map(|left| to_name(&left.end)),
        direction: segment.direction.as_ref().map(to_name),
        visit_entered_at: segment.visit_entered_at,
        visit_held_seconds: segment.visit_held_seconds,
        held: segment.held,
        owner_id: segment.owner_id,
        base_amount: segment.base_amount,
        probability: process.at(position).map(|stage| stage.probability),
        cause,
        stage_number: segment.stage_number,
    }
}

/// Ends segments of visits, by deal and sequence.
fn leave(unit: &mut Unit<'_>, ended: Vec<(Uuid, i32, Left)>) -> Result<()> {
    if ended.is_empty() {
        return Ok(());
    }
    let of = |left: &Left| (left.at, to_name(&left.end));
    let (ids, sequences): (Vec<Uuid>, Vec<i32>) =
        ended.iter().map(|(id, sequence, _)| (*id, *sequence)).unzip();
    let (times, ends): (Vec<DateTime<Utc>>, Vec<String>) =
        ended.iter().map(|(_, _, left)| of(left)).unzip();
    Statement::command(
        "UPDATE stage_visits SET left_at = ended.at, ended_by = ended.by FROM unnest(",
    )
    .bind(ids)
    .sql(", ")
    .bind(sequences)
    .sql(", ")
    .bind(times)
    .sql(", ")
    .bind(ends)
    .sql(") AS ended(deal_id, sequence, at, by) WHERE stage_visits.workspace_id = ")
    .bind(unit.tenant.workspace_id)
    .sql(" AND stage_visits.deal_id = ended.deal_id AND stage_visits.sequence = ended.sequence")
    .execute(unit.tenant.conn)?;
    Ok(())
}

/// Writes the rows over those that are there. These are locked; one that has come further all the same was
/// changed by somebody else.
fn update(unit: &mut Unit<'_>, rows: Vec<DealRow>) -> Result<()> {
    use diesel::query_dsl::methods::FilterDsl;
    if rows.is_empty() {
        return Ok(());
    }
    let updated = diesel::insert_into(deals::table)
        .values(&rows)
        .on_conflict((deals::workspace_id, deals::id))
        .do_update()
        .set(excluded_columns!(
            deals,
            DealRow,
            [workspace_id, id, created_at, stage_path],
            [
                deal_type_id,
                version_id,
                title,
                client_id,
                owner_id,
                amount,
                currency,
                base_amount,
                source_id,
                lead_temperature,
                expected_close_on,
                external_source,
                external_id,
                status,
                stage_id,
                position,
                depth,
                hold_reason,
                hold_resume_on,
                hold_since,
                loss_reason_id,
                loss_note,
                competitor_id,
                opened_at,
                closed_at,
                visit,
                visit_entered_at,
                visit_held_seconds,
                segment,
                segment_entered_at,
                reopened,
                sequence,
                last_occurred_at,
                updated_at,
                custom,
                overrides,
                fired,
                alarm_at,
                touched,
                visit_stage,
                initiated_by,
                from_activity_id,
            ]
        ))
        .filter(deals::sequence.lt(excluded(deals::sequence)))
        .execute(unit.tenant.conn)?;
    if updated == rows.len() { Ok(()) } else { Err(Error::Overtaken) }
}
