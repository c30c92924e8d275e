//! Openings of deals.

use std::collections::{BTreeMap, HashMap};
use voronka_domain::kernel::external_id::ExternalId;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::{
    OptionalExtension, RunQueryDsl,
    sql_types::{Bool, Nullable, Uuid as SqlUuid},
};
use uuid::Uuid;
use voronka_domain::deals::deal;
use voronka_domain::{
    Money,
    clients::{Initiator, LeadTemperature},
    deals::{deal::NewDeal, demand, transition},
    kernel::fault::Faults,
    workspace::custom_field::{Custom, Entity},
};

use super::{
    FactLoader, RULES, Recordable, RuleRow, RuleTypes, Scope, Stored, Subject, record,
    references::{References, check, source_is, source_pointer},
    rules_of,
};
use crate::{
    Error, Raw, Result, Statement, Unit, clients,
    core::{
        lanes::{Lanes, Read},
        unit::Extent,
    },
    deals::demands,
    workspace::custom_fields,
};

/// A deal as a request asks for it.
#[derive(Debug, Clone)]
pub struct Opening {
    pub title: String,
    pub deal_type_id: Uuid,
    pub references: References,
    pub amount: Option<Money>,
    pub lead_temperature: Option<LeadTemperature>,
    pub expected_close_on: Option<NaiveDate>,
    pub external_id: Option<ExternalId>,
    pub initiated_by: Option<Initiator>,
    /// The activity that it is opened from.
    pub from_activity_id: Option<Uuid>,
    /// Values of custom fields, not yet checked.
    pub custom: BTreeMap<String, serde_json::Value>,
    pub opened_at: Option<DateTime<Utc>>,
    pub stage_key: Option<String>,
    /// What the client first wanted, not yet checked.
    pub demand: Vec<demand::Line>,
}

type OpeningTypes = ((SqlUuid, RuleTypes), Nullable<Bool>, Nullable<SqlUuid>, Nullable<SqlUuid>);
type OpeningRow = ((Uuid, RuleRow), Option<bool>, Option<Uuid>, Option<Uuid>);

/// The rules and every reference, in one round trip.
fn look_up(unit: &mut Unit<'_>, opening: &Opening, owner_id: Uuid) -> Result<Option<OpeningRow>> {
    let client = opening.references.client_id;
    let selection = Raw::<OpeningTypes>::new(format!("deal_types.current_version_id, {RULES}"));
    let statement = Statement::select(selection)
        .sql(", (SELECT u.active FROM users u WHERE u.workspace_id = deal_types.workspace_id AND u.id = ")
        .bind(owner_id)
        .sql(format!("), (SELECT {} deal_types.workspace_id AND c.id = ", clients::SURVIVOR))
        .bind(client.unwrap_or_default())
        .sql(clients::KEEP_FROM_MERGING)
        .sql(
            "), (SELECT s.id FROM sources s \
             WHERE s.workspace_id = deal_types.workspace_id AND NOT s.archived AND ",
        );
    let statement = source_is(statement, opening.references.source.as_ref())
        .sql(") FROM deal_types WHERE deal_types.workspace_id = ")
        .bind(unit.tenant.workspace_id)
        .sql(" AND deal_types.id = ")
        .bind(opening.deal_type_id);
    Ok(statement.get_result(unit.tenant.conn).optional()?)
}

/// The same, once for all who open such deals at the same moment.
fn looked_up_together(
    unit: &mut Unit<'_>,
    opening: &Opening,
    owner_id: Uuid,
) -> Result<Option<OpeningRow>> {
    type LookUps = Lanes<(Uuid, Uuid, Uuid), (), Read<Option<OpeningRow>>>;
    if opening.references.source.is_some() {
        return look_up(unit, opening, owner_id);
    }
    let key = (unit.tenant.workspace_id, opening.deal_type_id, owner_id);
    let look_ups = unit.store.kept::<LookUps>();
    let found =
        look_ups.read(&key, (), |all| Ok(vec![look_up(unit, opening, owner_id)?; all.len()]))?;
    found.map_or_else(|| look_up(unit, opening, owner_id), Ok)
}

/// Opens a deal.
pub fn open(unit: &mut Unit<'_>, opening: Opening) -> Result<Stored> {
    // A client is held until the deal is there; a demand comes with it.
    let more = opening.references.client_id.is_some() || !opening.demand.is_empty();
    if unit.extent == Extent::Statement && more {
        return unit.transaction(|unit| open(unit, opening));
    }
    let owner_id = deal::owner(opening.references.owner_id, unit.caller.user_id())?;
    let client = opening.references.client_id;
    let found = match unit.extent {
        Extent::Statement => looked_up_together(unit, &opening, owner_id)?,
        Extent::Transaction => look_up(unit, &opening, owner_id)?,
    };
    let Some(((version_id, rules), owner, client_id, source_id)) = found else {
        return Err(Error::unknown_reference("/deal_type_id", "deal type"));
    };
    let mut faults = Faults::default();
    check(&mut faults, "/owner_id", "user", owner == Some(true));
    check(&mut faults, "/client_id", "client", client.is_none() || client_id.is_some());
    let source = opening.references.source.as_ref();
    check(&mut faults, source_pointer(source), "source", source.is_none() || source_id.is_some());
    faults.into_result()?;
    let process = unit.process(version_id)?;
    let none = Custom::default();
    let custom = custom_fields::change(unit, Entity::Deal, &none, opening.custom)?;
    let opened_at = opening.opened_at.unwrap_or(unit.now);
    let id = Uuid::now_v7();
    let demand = demands::of_new(unit, id, opening.demand)?;
    let scope = Scope {
        clients: client_id.into_iter().collect(),
        currencies: opening.amount.into_iter().map(|amount| amount.currency).collect(),
        owners: vec![owner_id],
        instants: Some(vec![opened_at, unit.now]),
        rules: HashMap::from([(opening.deal_type_id, rules_of(rules)?)]),
        ..Scope::default()
    };
    let subject = Subject { process: &process, deal: None };
    let around = FactLoader::load(&mut unit.tenant, unit.caller.settings, &[subject], scope)?;
    let around = around.with_demand(demand.as_ref().map(|demand| demand.head.created_at));
    let facts = around.facts(unit.caller, unit.now, (None, owner_id), &process)?;
    let new = NewDeal {
        id,
        title: opening.title,
        client_id,
        owner_id,
        amount: opening.amount,
        source_id,
        lead_temperature: opening.lead_temperature,
        expected_close_on: opening.expected_close_on,
        external_id: opening.external_id,
        initiated_by: opening.initiated_by,
        from_activity_id: opening.from_activity_id,
        custom,
        opened_at: opening.opened_at,
        stage_key: opening.stage_key,
        demand_id: demand.as_ref().map(|demand| demand.head.id),
    };
    let change_set = transition::open(new, &facts)?;
    let (deal, alarm_at) = (change_set.deal.clone(), change_set.alarm);
    let actor = unit.actor;
    record(unit, vec![Recordable::by(actor, change_set, process.clone())])?;
    if let Some(demand) = demand {
        demands::write(unit, &demand)?;
    }
    Ok(Stored { deal, created_at: unit.now, updated_at: unit.now, alarm_at, process })
}
