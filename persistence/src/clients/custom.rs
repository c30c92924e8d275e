//! What conditions look at in clients, and the values of their custom fields.

use std::collections::{BTreeMap, HashMap};

use diesel::prelude::*;
use serde_json::Value as Json;
use uuid::Uuid;
use voronka_domain::{
    clients::ClientFacts,
    work::activity::ActivitySummary,
    workspace::custom_field::{Custom, Entity},
};

use super::Client;
use crate::{
    Error, Result, Tenant, Unit,
    core::{
        activity_summary,
        rings::{Ring, ring},
        unit::to_json,
    },
    workspace::custom_fields,
};

/// Values of custom fields after a change.
pub fn change_custom(
    unit: &mut Unit<'_>,
    current: &Json,
    patch: BTreeMap<String, Json>,
) -> Result<Json> {
    let current = read(current.clone())?;
    to_json(&custom_fields::change(unit, Entity::Client, &current, patch)?)
}

/// A client's values of custom fields.
pub(crate) fn custom_of(client: &Client) -> Result<Custom> {
    read(client.custom.clone())
}

fn read(json: Json) -> Result<Custom> {
    serde_json::from_value(json).map_err(|_| Error::Internal("client has bad custom fields".into()))
}

/// The values of two clients that become one: the duplicate's where this one has none.
pub(crate) fn union(this: &Client, duplicate: &Client) -> Result<Json> {
    to_json(&read(this.custom.clone())?.or(read(duplicate.custom.clone())?))
}

/// Keeps the index of values beside clients; a new one has none before it.
pub(super) fn index(unit: &mut Unit<'_>, rows: &[(Option<&Client>, &Client)]) -> Result<()> {
    // Gates may look at a deal's client.
    let known = rows.iter().filter(|(before, _)| before.is_some());
    let known: Vec<Uuid> = known.map(|(_, row)| row.id).collect();
    if !known.is_empty() {
        ring(&mut unit.tenant, unit.now, Ring::Clients(known))?;
    }
    let (mut fresh, mut changed) = (Vec::new(), Vec::new());
    for (before, row) in rows {
        let custom = custom_of(row)?;
        match before {
            None if custom.is_empty() => {}
            None => fresh.push((row.id, custom)),
            Some(before) if before.custom == row.custom => {}
            Some(_) => changed.push((row.id, custom)),
        }
    }
    for (values, fresh) in [(fresh, true), (changed, false)] {
        let values: Vec<_> = values.iter().map(|(id, custom)| (*id, custom)).collect();
        custom_fields::index(unit, Entity::Client, &values, fresh)?;
    }
    Ok(())
}

impl Client {
    /// What conditions look at.
    pub fn facts(self) -> Result<ClientFacts> {
        Ok(ClientFacts {
            id: self.id,
            name: self.name,
            kind: self.kind,
            client_type: self.client_type,
            class: self.class,
            region: self.region,
            tags: self.tags,
            consent: self.consent,
            phones: self.phones,
            emails: self.emails,
            tax_id: self.tax_id,
            external_source: self.external_source,
            external_id: self.external_id,
            archived: self.archived,
            created_at: self.created_at,
            custom: read(self.custom)?,
            activity_summary: ActivitySummary::default(),
        })
    }
}

/// What conditions look at in some clients; at the activities with them if need be.
pub fn facts(
    tenant: &mut Tenant<'_>,
    ids: Vec<Uuid>,
    with_activities: bool,
) -> Result<HashMap<Uuid, ClientFacts>> {
    let rows: Vec<Client> = tenant
        .rows(Client::as_select(), "clients")
        .sql(" AND id = ANY(")
        .bind(ids.clone())
        .sql(")")
        .load(tenant.conn)?;
    let mut activity_summary = match with_activities {
        true => activity_summary::load(tenant, Entity::Client, ids)?,
        false => HashMap::new(),
    };
    let facts = rows.into_iter().map(|row| {
        let activity_summary = activity_summary.remove(&row.id).unwrap_or_default();
        Ok((row.id, ClientFacts { activity_summary, ..row.facts()? }))
    });
    facts.collect()
}
