//! Deals: locked with what a decision needs, decided by the domain, recorded in one piece.

pub mod answer;
mod clock;
pub mod demands;
mod due;
mod external;
mod fact_loader;
mod follow;
mod lines;
pub(crate) mod listed;
pub mod merge_clients;
mod migrate;
mod one;
mod opening;
mod planned_tasks;
mod reassign;
mod record;
mod references;
mod resting;
mod rings;
mod row;
mod several;
pub(crate) mod stage_path;
pub mod task;
mod titles;
pub(crate) mod tracks;
mod visits;
pub(crate) mod work;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};
use strum::VariantNames;
use voronka_domain::clients::{Initiator, LeadTemperature};
use voronka_domain::deals::deal::Status;

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, RunQueryDsl, SelectableHelper,
    dsl::AsSelect,
    pg::Pg,
    sql_types::{Bool, Text, Uuid as SqlUuid},
};
use uuid::Uuid;
use voronka_domain::{
    Money,
    deals::{
        change_set::ChangeSet,
        deal::{Deal, DealPatch},
        transition::{self, Facts, Target, Transition},
    },
    people::access::Visibility,
    process::{Process, Rules},
    workspace::custom_field::Entity,
};

pub(crate) use answer::{LockedDeal, check_done, finish, lock_deal, react, sees};
pub use clock::AT_ONCE;
pub use due::{Due, Overdue, dues};
pub(crate) use external::lock_external;
pub use external::{Named, find_external, hold_named};
pub use fact_loader::FactLoader;
pub(crate) use fact_loader::{Scope, Subject};
pub(crate) use follow::{follow, hold_all_of};
pub use lines::{Line, lines};
pub(crate) use lines::{LineTypes, columns};
use listed::ListedDeal;
pub use migrate::{Migrated, migrate};
pub use opening::{Opening, open};
pub(crate) use reassign::reassign;
pub(crate) use record::{Recordable, record};
pub(crate) use references::source_pointer;
pub use references::{References, SourceName};
use references::{check_loss, check_references};
pub use resting::{Resting, Why};
pub use row::DealRow;
pub use several::waiting;
pub use visits::{DealVisit, visits};

use crate::{
    Caller, Error, Raw, Result, Statement, Store, Tenant, Unit,
    core::{
        lanes::{Lanes, Read, padded},
        list::{Field, FieldKind, Page, Query, Spec},
        noun::check_version,
        unit::{Extent, raw},
        visibility::deals_seen_by,
    },
    now,
    process::deal_types::rules,
    workspace::custom_fields,
};

pub const LIST: Spec = Spec {
    table: "deals",
    fields: &[
        Field::new("status", "deals.status", FieldKind::Choice(Status::VARIANTS)),
        Field::new("stage_id", "deals.stage_id", FieldKind::Uuid).nullable(),
        Field::new("stage_key", "", FieldKind::Key),
        Field::new("deal_type_id", "deals.deal_type_id", FieldKind::Uuid),
        Field::new("owner_id", "deals.owner_id", FieldKind::Uuid),
        Field::new("client_id", "deals.client_id", FieldKind::Uuid).nullable(),
        Field::new("source_id", "deals.source_id", FieldKind::Uuid).nullable(),
        Field::new("loss_reason_id", "deals.loss_reason_id", FieldKind::Uuid).nullable(),
        Field::new("competitor_id", "deals.competitor_id", FieldKind::Uuid).nullable(),
        Field::new(
            "lead_temperature",
            "deals.lead_temperature",
            FieldKind::Choice(LeadTemperature::VARIANTS),
        )
        .nullable(),
        Field::new("initiated_by", "deals.initiated_by", FieldKind::Choice(Initiator::VARIANTS))
            .nullable(),
        Field::new("external_source", "deals.external_source", FieldKind::Text).nullable(),
        Field::new("external_id", "deals.external_id", FieldKind::Text).nullable(),
        Field::new("title", "deals.title", FieldKind::Text).sorted(),
        Field::new("amount", "deals.base_amount", FieldKind::Decimal).sorted(),
        Field::new("expected_close_on", "deals.expected_close_on", FieldKind::Date)
            .nullable()
            .sorted(),
        Field::new("opened_at", "deals.opened_at", FieldKind::Instant).sorted(),
        Field::new("closed_at", "deals.closed_at", FieldKind::Instant).nullable().sorted(),
        Field::new("stage_entered_at", "deals.visit_entered_at", FieldKind::Instant)
            .sorted_with(&["overdue=true", "status=open"]),
        // Those that have been there for the longest time come first.
        Field::new("overdue", "", FieldKind::Asked).then_sorted("stage_entered_at"),
        Field::new("created_at", "deals.created_at", FieldKind::Instant)
            .sorted_by_making("deals.id"),
        Field::new("updated_at", "deals.updated_at", FieldKind::Instant).sorted(),
    ],
    default_sort: "-updated_at",
    search: Some("deals.title"),
};

/// A deal with the times of its row and its version of the process.
#[derive(Debug, Clone)]
pub struct Stored {
    pub deal: Deal,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// When the clock is to look at it.
    pub(crate) alarm_at: Option<DateTime<Utc>>,
    pub process: Arc<Process>,
}

impl Stored {
    pub(crate) fn subject(&self) -> Subject<'_> {
        Subject { process: &self.process, deal: Some(&self.deal) }
    }

    /// To be decided on.
    pub(crate) fn change_set(&self) -> ChangeSet {
        ChangeSet::found(self.deal.clone(), self.alarm_at)
    }
}

/// What a list of deals asks for that is no column of theirs.
#[derive(Debug, Default)]
struct Asked {
    /// The deals that are overdue, or the others.
    overdue: Option<(Overdue, bool)>,
    /// The stages of some keys, of any version.
    stages: Option<Vec<Uuid>>,
}

impl Asked {
    fn load(tenant: &mut Tenant<'_>, caller: &Caller, query: &Query) -> Result<Self> {
        let overdue = match query.asks("overdue") {
            Some(wanted) => Some((Overdue::load(tenant, &caller.calendar, now())?, wanted)),
            None => None,
        };
        let stages = match query.keys("stage_key") {
            Some(keys) => Some(
                tenant
                    .rows(raw::<SqlUuid>("stages.id"), "stages")
                    .sql(" AND stages.key = ANY(")
                    .bind(keys.to_vec())
                    .sql(")")
                    .load(tenant.conn)?,
            ),
            None => None,
        };
        Ok(Self { overdue, stages })
    }

    fn narrow<S>(&self, statement: Statement<S>, caller: &Caller) -> Statement<S> {
        let seen = deals_seen_by(statement, &caller.visibility);
        let seen = match &self.overdue {
            Some((overdue, wanted)) => overdue.narrow(seen, *wanted),
            None => seen,
        };
        match self.stages.as_deref() {
            // One stage has its deals in the order of the index.
            Some([stage]) => seen.sql(" AND deals.stage_id = ").bind(*stage),
            Some(stages) => seen.sql(" AND deals.stage_id = ANY(").bind(stages.to_vec()).sql(")"),
            None => seen,
        }
    }
}

impl Store {
    pub(crate) fn stored(&self, tenant: &mut Tenant<'_>, row: DealRow) -> Result<Stored> {
        let process = self.process(tenant, row.version_id)?;
        let (created_at, updated_at, alarm_at) = (row.created_at, row.updated_at, row.alarm_at);
        Ok(Stored { deal: row.into_deal(&process)?, created_at, updated_at, alarm_at, process })
    }

    pub fn deal(
        &self,
        tenant: &mut Tenant<'_>,
        visibility: &Visibility,
        id: Uuid,
    ) -> Result<Stored> {
        let rows = tenant.rows(DealRow::as_select(), "deals").sql(" AND deals.id = ").bind(id);
        let row = deals_seen_by(rows, visibility).get_result(tenant.conn).optional()?;
        self.stored(tenant, row.ok_or(Error::NotFound("deal"))?)
    }

    pub fn deals(
        &self,
        tenant: &mut Tenant<'_>,
        caller: &Caller,
        query: Query,
    ) -> Result<Page<Stored>> {
        let asked = Asked::load(tenant, caller, &query)?;
        let narrow = |list| asked.narrow(list, caller);
        let columns = ListedDeal::columns();
        let page = tenant.page(&LIST, query, columns, narrow, |row: &ListedDeal| row.id)?;
        let items = page
            .items
            .into_iter()
            .map(|row| self.stored(tenant, row.into()))
            .collect::<Result<Vec<_>>>()?;
        Ok(Page { items, next: page.next })
    }

    /// What a decision on a deal would depend on, without a lock.
    pub fn around(
        &self,
        tenant: &mut Tenant<'_>,
        caller: &Caller,
        stored: &Stored,
        now: DateTime<Utc>,
    ) -> Result<FactLoader> {
        let at = now.max(stored.deal.last_occurred_at);
        let scope = Scope { instants: Some(vec![at, now]), ..Scope::default() };
        FactLoader::load(tenant, caller.settings, &[stored.subject()], scope)
    }
}

/// The switches of some deal types.
fn rules_of_types(tenant: &mut Tenant<'_>, ids: Vec<Uuid>) -> Result<HashMap<Uuid, Rules>> {
    let selection = Raw::<(SqlUuid, RuleTypes)>::new(format!("deal_types.id, {RULES}"));
    let statement = tenant.rows(selection, "deal_types").sql(" AND id = ANY(").bind(ids);
    let rows: Vec<(Uuid, RuleRow)> = statement.sql(")").load(tenant.conn)?;
    rows.into_iter().map(|(id, row)| Ok((id, rules_of(row)?))).collect()
}

type RuleTypes = (Text, Bool, Bool, Bool, Bool);
type RuleRow = (String, bool, bool, bool, bool);
const RULES: &str = "deal_types.mode, deal_types.allow_skip, deal_types.allow_back, \
                     deal_types.require_primary_demand, \
                     deal_types.enabled AND NOT deal_types.archived";

fn rules_of((mode, skip, back, demand, enabled): RuleRow) -> Result<Rules> {
    rules(&mode, skip, back, demand, enabled)
}

/// A deal under lock, or as it was seen, with the rules of its type.
struct Locked {
    stored: Stored,
    rules: Rules,
    /// Somebody else moved it between our arrival and our turn.
    moved_meanwhile: bool,
}

/// While we waited for the lock, the subquery went on showing the deal as it was when we came.
const MOVES: &str = "deals.visit * 2 + (deals.status = 'open')::int <> \
                     (SELECT d.visit * 2 + (d.status = 'open')::int FROM deals d \
                      WHERE d.workspace_id = deals.workspace_id AND d.id = deals.id)";

fn lock(unit: &mut Unit<'_>, id: Uuid, if_match: Option<crate::Seen>) -> Result<Locked> {
    let visibility = unit.caller.visibility.clone();
    found(unit, id, if_match, &visibility, MOVES, " FOR UPDATE OF deals")
}

fn found(
    unit: &mut Unit<'_>,
    id: Uuid,
    if_match: Option<crate::Seen>,
    visibility: &Visibility,
    moved: &'static str,
    lock: &'static str,
) -> Result<Locked> {
    let one = deal_and_rules(unit, visibility, moved).sql(" AND deals.id = ").bind(id).sql(lock);
    let found = one.get_result(unit.tenant.conn).optional()?;
    locked(unit, found, if_match)
}

/// The deal as it is seen, read with those that others look at in the same moment.
fn seen(unit: &mut Unit<'_>, id: Uuid, if_match: Option<crate::Seen>) -> Result<Locked> {
    type Looks = Lanes<(Uuid, Visibility), Uuid, Read<Option<FoundRow>>>;
    let key = (unit.tenant.workspace_id, unit.caller.visibility.clone());
    let looks = unit.store.kept::<Looks>();
    let found = looks.read(&key, id, |ids| {
        let all = deal_and_rules(unit, &key.1, "false").sql(" AND deals.id = ANY(");
        let rows: Vec<FoundRow> = all.bind(padded(ids.to_vec())).sql(")").load(unit.tenant.conn)?;
        let rows: HashMap<Uuid, FoundRow> = rows.into_iter().map(|row| (row.0.id, row)).collect();
        Ok(ids.iter().map(|id| rows.get(id).cloned()).collect())
    })?;
    match found {
        Some(found) => locked(unit, found, if_match),
        None => self::found(unit, id, if_match, &key.1, "false", ""),
    }
}

type FoundTypes = (AsSelect<DealRow, Pg>, (Raw<RuleTypes>, Raw<Bool>));
type FoundRow = (DealRow, (RuleRow, bool));

/// Deals that can be seen, with the switches of their types.
fn deal_and_rules(
    unit: &Unit<'_>,
    visibility: &Visibility,
    moved: &'static str,
) -> Statement<FoundTypes> {
    let selection = (DealRow::as_select(), (raw::<RuleTypes>(RULES), raw::<Bool>(moved)));
    let from = "deals JOIN deal_types ON deal_types.workspace_id = deals.workspace_id \
                AND deal_types.id = deals.deal_type_id";
    deals_seen_by(unit.tenant.select(selection, from, "deals"), visibility)
}

fn locked(
    unit: &mut Unit<'_>,
    found: Option<FoundRow>,
    if_match: Option<crate::Seen>,
) -> Result<Locked> {
    let (row, (rules, moved_meanwhile)) = found.ok_or(Error::NotFound("deal"))?;
    check_version(if_match, row.sequence)?;
    let rules = rules_of(rules)?;
    let stored = unit.store.stored(&mut unit.tenant, row)?;
    Ok(Locked { stored, rules, moved_meanwhile })
}

/// Changes a deal under lock. Where no transaction has begun and the decision depends on nothing but the deal,
/// it is first tried without: what is recorded then is recorded only if the deal is still as it was seen. What
/// else a process looks at may change without the deal, so that the deal could not tell.
fn change(
    unit: &mut Unit<'_>,
    id: Uuid,
    if_match: Option<crate::Seen>,
    carry_out: impl Fn(&mut Unit<'_>, Locked) -> Result<Stored>,
) -> Result<Stored> {
    if unit.extent == Extent::Transaction {
        let locked = lock(unit, id, if_match)?;
        return carry_out(unit, locked);
    }
    let moves = |of: &Locked| (of.stored.deal.visit.number, of.stored.deal.is_open());
    let seen = seen(unit, id, if_match)?;
    let before = moves(&seen);
    if !seen.stored.process.looks_around() {
        match carry_out(unit, seen) {
            Err(Error::Overtaken) => {}
            done => return done,
        }
    }
    unit.transaction(|unit| {
        let mut locked = lock(unit, id, if_match)?;
        locked.moved_meanwhile |= moves(&locked) != before;
        carry_out(unit, locked)
    })
}

/// What a command is about, as far as it is to be known before.
#[derive(Debug, Clone, Copy, Default)]
struct About {
    amount: Option<Money>,
    /// The client that the deal may get.
    client_id: Option<Uuid>,
    occurred_at: Option<DateTime<Utc>>,
    /// Nothing is recorded.
    validate_only: bool,
    /// A head will look at what comes of it.
    reviewed: bool,
}

impl About {
    fn patch(patch: &DealPatch) -> Self {
        let client_id = patch.client_id.flatten();
        Self { amount: patch.amount, client_id, ..Self::default() }
    }
}

/// Carries out a command on a deal under lock and records it.
fn command(
    unit: &mut Unit<'_>,
    locked: Locked,
    about: About,
    decide: impl FnOnce(&mut ChangeSet, &Facts<'_>) -> Result<(), voronka_domain::Refusal>,
) -> Result<Stored> {
    let mut change_set = locked.stored.change_set();
    let Stored { deal, created_at, updated_at, process, .. } = locked.stored;
    // What follows happens now, whenever the command itself did.
    let now = unit.now.max(deal.last_occurred_at);
    let scope = Scope {
        clients: about.client_id.into_iter().collect(),
        currencies: about.amount.into_iter().map(|amount| amount.currency).collect(),
        instants: Some(vec![about.occurred_at.unwrap_or(now), now]),
        rules: HashMap::from([(deal.deal_type_id, locked.rules)]),
        reviewed: about.reviewed,
        ..Scope::default()
    };
    let subject = Subject { process: &process, deal: Some(&deal) };
    let around = FactLoader::load(&mut unit.tenant, unit.caller.settings, &[subject], scope)?;
    let facts = around.facts_of(unit.caller, unit.now, &deal, &process)?;
    decide(&mut change_set, &facts)?;
    let (deal, alarm_at) = (change_set.deal.clone(), change_set.alarm);
    let changed = !change_set.is_unchanged();
    if !about.validate_only {
        let actor = unit.actor;
        record(unit, vec![Recordable::by(actor, change_set, process.clone())])?;
    }
    let updated_at = if changed { unit.now } else { updated_at };
    Ok(Stored { deal, created_at, updated_at, alarm_at, process })
}

/// Moves a deal.
pub fn transition(
    unit: &mut Unit<'_>,
    id: Uuid,
    if_match: Option<crate::Seen>,
    to: Transition,
    validate_only: bool,
) -> Result<Stored> {
    let carry_out = |unit: &mut Unit<'_>, locked: Locked| {
        transition::may_follow(locked.moved_meanwhile)?;
        if let Target::Lost { loss_reason_id, competitor_id, .. } = &to.to {
            check_loss(unit, *loss_reason_id, *competitor_id)?;
        }
        let about = About {
            occurred_at: to.occurred_at,
            validate_only,
            reviewed: matches!(to.to, Target::Lost { .. }) && !validate_only,
            ..About::default()
        };
        let to = to.clone();
        command(unit, locked, about, |change_set, facts| {
            transition::transition(change_set, to, facts)
        })
    };
    if validate_only && unit.extent == Extent::Statement {
        // What records nothing holds nobody up.
        let seen = seen(unit, id, if_match)?;
        return carry_out(unit, seen);
    }
    change(unit, id, if_match, carry_out)
}

/// Changes a deal's fields. The references are those that the change names.
pub fn update(
    unit: &mut Unit<'_>,
    id: Uuid,
    if_match: Option<crate::Seen>,
    patch: DealPatch,
    references: References,
    custom: BTreeMap<String, serde_json::Value>,
) -> Result<Stored> {
    let client = references.client_id;
    let carry_out = |unit: &mut Unit<'_>| {
        // The client is held before the deal, as it is by a merge of clients: so neither waits for the other.
        let (client_id, source_id) = check_references(unit, &references)?;
        change(unit, id, if_match, |unit, locked| {
            let mut patch = patch.clone();
            patch.client_id = client_id.map(Some).or(patch.client_id);
            patch.source_id = source_id.map(Some).or(patch.source_id);
            if !custom.is_empty() {
                let current = &locked.stored.deal.custom;
                let custom = custom.clone();
                patch.custom = Some(custom_fields::change(unit, Entity::Deal, current, custom)?);
            }
            command(unit, locked, About::patch(&patch), |change_set, facts| {
                transition::update(change_set, patch, None, facts)
            })
        })
    };
    if client.is_some() { unit.transaction(carry_out) } else { carry_out(unit) }
}
