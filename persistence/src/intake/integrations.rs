//! Integrations: exchanges that post their events.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use diesel::prelude::*;
use moka::sync::Cache;
use serde::Serialize;
use uuid::Uuid;
use voronka_domain::{
    intake::{
        call::Exchange,
        integration::{CALL_BACK_MINUTES, IntegrationChange},
        recording::Recordings,
    },
    kernel::{contact_point::Country, fault::Faults},
    people::access::{Actor, Visibility},
};

use crate::{
    Caller, Error, Noun, Result, Store, Tenant, Unit,
    core::{
        caller::Grant,
        enum_names::{from_name, to_name},
        list::{Field, FieldKind, Spec},
        noun::{listed, noun, set},
        schema::integrations,
        unit::raw,
    },
    process::deal_types::DealType,
    workspace::workspaces,
};

#[derive(Debug, Clone, PartialEq, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = integrations, treat_none_as_null = true)]
pub struct Integration {
    pub id: Uuid,
    pub kind: String,
    pub adapter: String,
    pub name: String,
    pub enabled: bool,
    #[serde(skip)]
    pub secret: String,
    #[serde(skip)]
    pub previous_secret: Option<String>,
    pub previous_until: Option<DateTime<Utc>>,
    pub country: Option<String>,
    pub access_digit: Option<String>,
    pub lines: Vec<String>,
    /// Ids of users by extension.
    pub extensions: serde_json::Value,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub external_url: Option<String>,
    pub time_zone: Option<String>,
    pub deal_type_id: Option<Uuid>,
    pub call_back_minutes: Option<i32>,
    /// What becomes of recordings, in a word.
    pub recordings: String,
}

noun!(integrations, Integration, "integration");

pub const LIST: Spec = Spec {
    table: "integrations",
    fields: &[
        Field::new("name", "integrations.name", FieldKind::Text).sorted(),
        Field::new("enabled", "integrations.enabled", FieldKind::Bool),
        Field::new("created_at", "integrations.created_at", FieldKind::Instant).sorted(),
        Field::new("updated_at", "integrations.updated_at", FieldKind::Instant).sorted(),
    ],
    default_sort: "-created_at",
    search: Some("integrations.name"),
};

listed!(Integration);

impl Integration {
    pub fn new(adapter: &str, secret: String, now: DateTime<Utc>) -> Self {
        Self {
            id: Uuid::now_v7(),
            kind: "telephony".to_owned(),
            adapter: adapter.to_owned(),
            name: String::new(),
            enabled: true,
            secret,
            previous_secret: None,
            previous_until: None,
            country: None,
            access_digit: None,
            lines: Vec::new(),
            extensions: serde_json::json!({}),
            version: 1,
            created_at: now,
            updated_at: now,
            external_url: None,
            time_zone: None,
            deal_type_id: None,
            call_back_minutes: Some(CALL_BACK_MINUTES),
            recordings: to_name(&Recordings::default()),
        }
    }

    /// Takes what is given, unless something is wrong with it.
    pub fn take(&mut self, unit: &mut Unit<'_>, change: IntegrationChange) -> Result<()> {
        let mut faults = Faults::default();
        let country = self.read_by(unit.caller.settings.country);
        let change = change.read(&mut faults, country);
        faults.into_result()?;
        let IntegrationChange { external_url, time_zone, extensions, lines, .. } = change;
        if let Some(id) = change.deal_type_id.flatten() {
            DealType::get(&mut unit.tenant, id)
                .map_err(|error| error.or_unknown("/deal_type_id", "deal type"))?;
        }
        set(&mut self.deal_type_id, change.deal_type_id);
        set(&mut self.call_back_minutes, change.call_back_minutes);
        set(&mut self.recordings, change.recordings.map(|what| to_name(&what)));
        set(&mut self.name, change.name);
        set(&mut self.enabled, change.enabled);
        set(&mut self.country, change.country);
        set(&mut self.access_digit, change.access_digit);
        set(&mut self.external_url, external_url);
        set(&mut self.time_zone, time_zone.map(|zone| zone.map(|zone| zone.name().to_owned())));
        set(&mut self.lines, lines);
        if let Some(extensions) = extensions {
            check_users(&mut unit.tenant, &extensions)?;
            self.extensions = crate::core::unit::to_json(&extensions)?;
        }
        Ok(())
    }

    /// Another secret from now on; the one before is taken until then.
    pub fn rotate(&mut self, secret: String, until: DateTime<Utc>) {
        self.previous_secret = Some(std::mem::replace(&mut self.secret, secret));
        self.previous_until = Some(until);
    }

    /// The secrets that are taken at a moment.
    pub fn secrets(&self, now: DateTime<Utc>) -> Vec<&str> {
        let before = self.previous_secret.as_deref();
        let before = before.filter(|_| self.previous_until.is_some_and(|until| now < until));
        std::iter::once(self.secret.as_str()).chain(before).collect()
    }

    /// Whether recordings are fetched, and kept.
    pub fn fetches(&self) -> bool {
        from_name(&self.recordings) == Some(Recordings::Fetch)
    }

    /// Of times that say none.
    pub fn zone(&self, workspace: Tz) -> Tz {
        self.time_zone.as_deref().and_then(|zone| zone.parse().ok()).unwrap_or(workspace)
    }

    /// Whose numbers are read that have no country.
    pub fn read_by(&self, workspace: Option<Country>) -> Option<Country> {
        self.country.as_deref().and_then(Country::parse).or(workspace)
    }

    /// The phones and lines, as calls are judged by them.
    pub fn exchange(&self) -> Exchange<Uuid> {
        let extensions: BTreeMap<String, Option<Uuid>> =
            serde_json::from_value(self.extensions.clone()).unwrap_or_default();
        Exchange {
            extensions,
            lines: self.lines.iter().cloned().collect(),
            access_digit: self.access_digit.as_deref().and_then(|digit| digit.chars().next()),
        }
    }
}

/// All of them are there, active or not: calls of people who have left are theirs all the same.
fn check_users(tenant: &mut Tenant<'_>, extensions: &BTreeMap<String, Option<Uuid>>) -> Result<()> {
    let ids: Vec<Uuid> = extensions.values().flatten().copied().collect();
    let known: Vec<Uuid> = tenant
        .rows(raw::<diesel::sql_types::Uuid>("users.id"), "users")
        .sql(" AND id = ANY(")
        .bind(ids)
        .sql(")")
        .load(tenant.conn)?;
    let unknown = extensions.iter().find(|(_, id)| id.is_some_and(|id| !known.contains(&id)));
    match unknown {
        Some((extension, _)) => {
            let extension = voronka_domain::kernel::fault::escaped(extension);
            Err(Error::unknown_reference(&format!("/extensions/{extension}"), "user"))
        }
        None => Ok(()),
    }
}

/// Who posts to what, for a moment: also that there is nothing.
struct PostedTo(Cache<Uuid, Option<Arc<(Uuid, Integration)>>>);

const POSTED_TO_LIFE: Duration = Duration::from_secs(5);

impl Default for PostedTo {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(10_000).time_to_live(POSTED_TO_LIFE).build())
    }
}

impl Store {
    /// The integration that somebody posts to, who names nothing else; with its workspace.
    pub fn integration_posted_to(&self, id: Uuid) -> Result<Option<Arc<(Uuid, Integration)>>> {
        if let Some(known) = self.known_integration(id) {
            return Ok(known);
        }
        let found = self.find_integration(id)?.map(Arc::new);
        self.kept::<PostedTo>().0.insert(id, found.clone());
        Ok(found)
    }

    /// The same, if it was looked up a moment ago: without the database.
    pub fn known_integration(&self, id: Uuid) -> Option<Option<Arc<(Uuid, Integration)>>> {
        self.kept::<PostedTo>().0.get(&id)
    }

    /// After a change of one.
    pub fn forget_integrations(&self) {
        self.kept::<PostedTo>().0.invalidate_all();
    }

    fn find_integration(&self, id: Uuid) -> Result<Option<(Uuid, Integration)>> {
        let mut connection = self.connection()?;
        let found = integrations::table
            .filter(integrations::id.eq(id))
            .select((integrations::workspace_id, Integration::as_select()))
            .get_result(&mut *connection)
            .optional()
            .map_err(Error::from);
        connection.watch(found)
    }

    /// Who acts for an integration: it sees everything, and overrides nothing.
    pub(crate) fn integration_caller(&self, workspace_id: Uuid, id: Uuid) -> Result<Caller> {
        let (settings, calendar) = self.tenant(workspace_id, |tenant| {
            let workspace = workspaces::get(tenant)?;
            Ok((workspace.settings()?, self.calendar(tenant, &workspace)?))
        })?;
        Ok(Caller {
            workspace_id,
            id,
            actor: Actor::Integration { id },
            grant: Grant::Scopes(Vec::new()),
            visibility: Visibility::All,
            looks_after: Visibility::All,
            settings,
            calendar,
            token_version: 0,
            ends_at: None,
        })
    }
}
