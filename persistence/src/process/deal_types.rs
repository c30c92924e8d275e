//! Deal types and the published versions of their processes. A version never changes, so the cache
//! of versions needs no invalidation.

use std::sync::Arc;
use strum::VariantNames;

use chrono::{DateTime, Utc};
use diesel::{
    prelude::*,
    sql_types::{Jsonb, Timestamptz, Uuid as SqlUuid},
};
use rust_decimal::Decimal;
use serde::Serialize;
use uuid::Uuid;
use voronka_domain::{
    kernel::fault::Faults,
    process::{
        self, Mode, Process, Published, Rules, Stage, StageDraft,
        alignment::Mapping,
        condition::Schema,
        gate::Draft,
        rule::{Action, Rule, RuleDraft},
    },
    workspace::custom_field::Entity,
};

use crate::{
    Error, Result, Store, Tenant, Unit,
    core::{
        enum_names::from_name,
        list::{Field, FieldKind, Spec},
        noun::{Noun, listed, noun},
        schema::{deal_types, process_migrations, process_versions, stages},
        unit::{raw, to_json},
    },
};

#[derive(Debug, Clone, PartialEq, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = deal_types, treat_none_as_null = true)]
pub struct DealType {
    pub id: Uuid,
    pub name: String,
    pub mode: String,
    pub enabled: bool,
    pub allow_skip: bool,
    pub allow_back: bool,
    pub require_primary_demand: bool,
    pub current_version_id: Uuid,
    pub archived: bool,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

noun!(deal_types, DealType, "deal_type");

impl DealType {
    pub fn rules(&self) -> Result<Rules> {
        let enabled = self.enabled && !self.archived;
        let demand = self.require_primary_demand;
        rules(&self.mode, self.allow_skip, self.allow_back, demand, enabled)
    }
}

pub(crate) fn rules(
    mode: &str,
    allow_skip: bool,
    allow_back: bool,
    require_primary_demand: bool,
    enabled: bool,
) -> Result<Rules> {
    let mode = from_name::<Mode>(mode)
        .ok_or_else(|| Error::Internal("deal type has a bad mode".into()))?;
    Ok(Rules { mode, allow_skip, allow_back, require_primary_demand, enabled })
}

pub const LIST: Spec = Spec {
    table: "deal_types",
    fields: &[
        Field::new("name", "deal_types.name", FieldKind::Text).sorted(),
        Field::new("mode", "deal_types.mode", FieldKind::Choice(Mode::VARIANTS)),
        Field::new("enabled", "deal_types.enabled", FieldKind::Bool),
        Field::new("archived", "deal_types.archived", FieldKind::Bool),
        Field::new("created_at", "deal_types.created_at", FieldKind::Instant).sorted(),
        Field::new("updated_at", "deal_types.updated_at", FieldKind::Instant).sorted(),
    ],
    default_sort: "name",
    search: Some("deal_types.name"),
};

listed!(DealType);

#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable)]
#[diesel(table_name = process_versions)]
pub struct Version {
    pub workspace_id: Uuid,
    pub id: Uuid,
    pub deal_type_id: Uuid,
    pub number: i32,
    pub created_at: DateTime<Utc>,
    pub rules: serde_json::Value,
    pub withdrawn_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = stages)]
struct StageRow {
    workspace_id: Uuid,
    id: Uuid,
    version_id: Uuid,
    position: i16,
    key: String,
    name: String,
    goal: Option<String>,
    probability: Decimal,
    norm_days: Option<Decimal>,
    gate: serde_json::Value,
    tasks: serde_json::Value,
    performer: Option<serde_json::Value>,
    cost: Option<Decimal>,
}

/// The stages of a version to be, checked against the fields that there are.
pub fn draft(
    store: &Store,
    tenant: &mut Tenant<'_>,
    mode: Mode,
    stages: Vec<StageDraft>,
    rules: Vec<RuleDraft>,
) -> Result<Published> {
    let fields = store.load_custom_fields(tenant)?;
    let schema = Schema { over: Entity::Deal, custom: &fields };
    let published = process::publish(mode, stages, rules, &schema, Uuid::now_v7)?;
    check_loss_reasons(tenant, &published.rules)?;
    Ok(published)
}

/// The loss reasons that rules name are in use.
fn check_loss_reasons(tenant: &mut Tenant<'_>, rules: &[Rule]) -> Result<()> {
    let mut named = Vec::new();
    for (index, rule) in rules.iter().enumerate() {
        for (number, action) in rule.then.iter().enumerate() {
            if let Action::Lose { loss_reason_id, .. } = action {
                let pointer = format!("/rules/{index}/then/{number}/loss_reason_id");
                named.push((pointer, *loss_reason_id));
            }
        }
    }
    if named.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = named.iter().map(|(_, id)| *id).collect();
    let known: Vec<Uuid> = tenant
        .rows(raw::<SqlUuid>("loss_reasons.id"), "loss_reasons")
        .sql(" AND NOT archived AND id = ANY(")
        .bind(ids)
        .sql(")")
        .load(tenant.conn)?;
    let mut faults = Faults::default();
    for (pointer, _) in named.into_iter().filter(|(_, id)| !known.contains(id)) {
        faults.add(pointer, "unknown_reference", "There is no such loss reason in use.");
    }
    Ok(faults.into_result()?)
}

/// Publishes a version. The caller, who holds the deal type, makes it the current one by saving that.
pub fn publish(
    unit: &mut Unit<'_>,
    deal_type_id: Uuid,
    version_id: Uuid,
    process: &Published,
) -> Result<Version> {
    let mut faults = Faults::default();
    for (pointer, permission) in process.needs() {
        if !unit.caller.may(permission) {
            let detail = format!("This needs {}, too.", permission.scope());
            faults.add(pointer, "not_allowed", detail);
        }
    }
    faults.into_result()?;
    let workspace_id = unit.tenant.workspace_id;
    // A withdrawn version keeps its number.
    let last = versions(&mut unit.tenant, deal_type_id)?.first().map_or(0, |last| last.number);
    let version = Version {
        workspace_id,
        id: version_id,
        deal_type_id,
        number: last.saturating_add(1),
        created_at: unit.now,
        rules: to_json(&process.rules)?,
        withdrawn_at: None,
    };
    diesel::insert_into(process_versions::table).values(&version).execute(unit.tenant.conn)?;
    let rows = process
        .stages
        .iter()
        .map(|stage| {
            Ok(StageRow {
                workspace_id,
                id: stage.id,
                version_id,
                position: stage.position,
                key: stage.key.clone(),
                name: stage.name.clone(),
                goal: stage.goal.clone(),
                probability: stage.probability,
                norm_days: stage.norm_days,
                gate: to_json(&stage.gate)?,
                tasks: to_json(&stage.tasks)?,
                performer: stage.performer.as_ref().map(to_json).transpose()?,
                cost: stage.cost,
            })
        })
        .collect::<Result<Vec<_>>>()?;
    diesel::insert_into(stages::table).values(rows).execute(unit.tenant.conn)?;
    Ok(version)
}

/// The published versions of a deal type, the newest first.
pub fn versions(tenant: &mut Tenant<'_>, deal_type_id: Uuid) -> Result<Vec<Version>> {
    let versions = tenant
        .rows(Version::as_select(), "process_versions")
        .sql(" AND deal_type_id = ")
        .bind(deal_type_id)
        .sql(" ORDER BY number DESC")
        .load(tenant.conn)?;
    Ok(versions)
}

/// Withdraws a version that was published by mistake; one that is withdrawn already stays so. New deals then
/// start on the last that is left. The caller holds the deal type.
pub fn withdraw(unit: &mut Unit<'_>, before: DealType, version_id: Uuid) -> Result<DealType> {
    let versions = versions(&mut unit.tenant, before.id)?;
    let version = versions.iter().find(|version| version.id == version_id);
    let version = version.ok_or(Error::NotFound("process version"))?;
    if version.withdrawn_at.is_some() {
        return Ok(before);
    }
    let left = versions.iter().filter(|one| one.withdrawn_at.is_none()).map(|one| one.id);
    let next = process::without(version_id, before.current_version_id, left)?;
    let version = Version { withdrawn_at: Some(unit.now), ..version.clone() };
    diesel::update(
        process_versions::table
            .filter(process_versions::workspace_id.eq(unit.tenant.workspace_id))
            .filter(process_versions::id.eq(version_id)),
    )
    .set(process_versions::withdrawn_at.eq(version.withdrawn_at))
    .execute(unit.tenant.conn)?;
    unit.happened("process_version.withdrawn", version_id, version.number, &version)?;
    let row = DealType { current_version_id: next, ..before.clone() };
    DealType::save(unit, &before, row)
}

/// The migrations of a deal type's deals that were carried out, in their order.
pub fn migrations(
    tenant: &mut Tenant<'_>,
    deal_type_id: Uuid,
) -> Result<Vec<(DateTime<Utc>, Mapping)>> {
    let rows: Vec<(DateTime<Utc>, serde_json::Value)> = tenant
        .rows(raw::<(Timestamptz, Jsonb)>("migrated_at, mapping"), "process_migrations")
        .sql(" AND deal_type_id = ")
        .bind(deal_type_id)
        .sql(" ORDER BY migrated_at")
        .load(tenant.conn)?;
    let read = |(at, mapping)| Ok((at, serde_json::from_value(mapping).map_err(bad)?));
    rows.into_iter().map(read).collect()
}

/// Keeps that deals are taken to the current version of their type, which the caller holds.
pub(crate) fn keep_migration(
    unit: &mut Unit<'_>,
    deal_type: &DealType,
    mapping: &Mapping,
) -> Result<()> {
    let table = process_migrations::table;
    diesel::insert_into(table)
        .values((
            process_migrations::workspace_id.eq(unit.tenant.workspace_id),
            process_migrations::deal_type_id.eq(deal_type.id),
            process_migrations::migrated_at.eq(unit.now),
            process_migrations::version_id.eq(deal_type.current_version_id),
            process_migrations::mapping.eq(to_json(mapping)?),
        ))
        .execute(unit.tenant.conn)?;
    Ok(())
}

impl Store {
    /// A published version with its stages.
    pub fn process(&self, tenant: &mut Tenant<'_>, version_id: Uuid) -> Result<Arc<Process>> {
        let key = (tenant.workspace_id, version_id);
        if let Some(process) = self.processes.get(&key) {
            return Ok(process);
        }
        let process = Arc::new(self.load_process(tenant, version_id)?);
        self.processes.insert(key, process.clone());
        Ok(process)
    }

    /// Every version of a deal type, the newest first.
    pub fn processes_of(
        &self,
        tenant: &mut Tenant<'_>,
        deal_type_id: Uuid,
    ) -> Result<Vec<Arc<Process>>> {
        let versions = versions(tenant, deal_type_id)?;
        versions.iter().map(|version| self.process(tenant, version.id)).collect()
    }
}

impl Store {
    fn load_process(&self, tenant: &mut Tenant<'_>, version_id: Uuid) -> Result<Process> {
        let version: Version = tenant
            .rows(Version::as_select(), "process_versions")
            .sql(" AND id = ")
            .bind(version_id)
            .get_result(tenant.conn)
            .optional()?
            .ok_or(Error::NotFound("process version"))?;
        let rows: Vec<StageRow> = tenant
            .rows(StageRow::as_select(), "stages")
            .sql(" AND version_id = ")
            .bind(version_id)
            .sql(" ORDER BY position")
            .load(tenant.conn)?;
        // Whatever fields the gates look at were there when the version was published, and fields stay.
        let fields = self.load_custom_fields(tenant)?;
        let schema = Schema { over: Entity::Deal, custom: &fields };
        let stages = rows.into_iter().map(|row| stage(row, &schema)).collect::<Result<Vec<_>>>()?;
        let published = Published { stages, rules: read_rules(version.rules, &schema)? };
        Ok(Process::of(version.id, version.deal_type_id, version.number, published))
    }
}

fn bad(what: impl ToString) -> Error {
    Error::Internal(format!("process version is bad: {}", what.to_string()))
}

fn sound(faults: Faults) -> Result<()> {
    faults.into_inner().first().map_or(Ok(()), |fault| Err(bad(&fault.detail)))
}

fn read_rules(rules: serde_json::Value, schema: &Schema<'_>) -> Result<Vec<Rule>> {
    let drafts: Vec<RuleDraft> = serde_json::from_value(rules).map_err(bad)?;
    let mut faults = Faults::default();
    let rules =
        drafts.into_iter().filter_map(|draft| draft.read("", schema, &mut faults)).collect();
    sound(faults)?;
    Ok(rules)
}

fn stage(row: StageRow, schema: &Schema<'_>) -> Result<Stage> {
    let drafts: Vec<Draft> = serde_json::from_value(row.gate).map_err(bad)?;
    let mut faults = Faults::default();
    let gate = drafts.into_iter().filter_map(|draft| draft.fit("", schema, &mut faults)).collect();
    sound(faults)?;
    Ok(Stage {
        id: row.id,
        number: 0,
        key: row.key,
        name: row.name,
        position: row.position,
        goal: row.goal,
        probability: row.probability.normalize(),
        norm_days: row.norm_days.map(|days| days.normalize()),
        gate,
        tasks: serde_json::from_value(row.tasks).map_err(bad)?,
        performer: row.performer.map(serde_json::from_value).transpose().map_err(bad)?,
        cost: row.cost.map(|cost| cost.normalize()),
    })
}
