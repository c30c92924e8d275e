//! Clients: organisations and persons.

pub mod contacts;
pub(crate) mod custom;
pub mod duplicates;
mod facets;
pub mod pairs;

use std::collections::BTreeMap;
use strum::VariantNames;
use voronka_domain::clients::ClientKind;
use voronka_domain::clients::ClientType;

use chrono::{DateTime, Utc};
use diesel::{
    prelude::*,
    sql_types::{BigInt, Nullable, Uuid as SqlUuid},
};
use serde::Serialize;
use uuid::Uuid;
use voronka_domain::clients::{change::ClientChange, merge, name};

pub(crate) use custom::custom_of;
pub use custom::{change_custom, facts};
pub use facets::{Facet, facets};

use crate::{
    Error, Result, Statement, Store, Tenant, Unit,
    core::{
        enum_names::to_name,
        list::{Field, FieldKind, Page, Query, Spec},
        noun::{Noun, ROWS_A_STATEMENT, check_version, noun, overwritten, set},
        schema::clients,
        unit::raw,
    },
    people::users::User,
};

#[derive(Debug, Clone, PartialEq, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = clients, treat_none_as_null = true)]
pub struct Client {
    pub id: Uuid,
    pub name: String,
    pub kind: String,
    pub client_type: String,
    pub class: Option<String>,
    pub region: Option<String>,
    pub tags: Vec<String>,
    pub consent: Option<bool>,
    pub phones: Vec<String>,
    pub emails: Vec<String>,
    pub tax_id: Option<String>,
    pub external_source: Option<String>,
    pub external_id: Option<String>,
    pub archived: bool,
    pub merged_into: Option<Uuid>,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    #[serde(skip)]
    /// Follows the name: see [`Client::rename`].
    pub name_key: Option<String>,
    /// Values of custom fields, by key.
    pub custom: serde_json::Value,
    /// Who looks after it.
    pub owner_id: Option<Uuid>,
}

impl Client {
    /// A new organisation of which no more is known than its name.
    pub fn new(name: String, now: DateTime<Utc>) -> Self {
        Self {
            id: Uuid::now_v7(),
            name_key: Some(name::key(&name)),
            name,
            kind: "organisation".to_owned(),
            client_type: "new".to_owned(),
            class: None,
            region: None,
            tags: Vec::new(),
            consent: None,
            phones: Vec::new(),
            emails: Vec::new(),
            tax_id: None,
            external_source: None,
            external_id: None,
            archived: false,
            merged_into: None,
            version: 1,
            created_at: now,
            updated_at: now,
            custom: serde_json::json!({}),
            owner_id: None,
        }
    }

    pub fn rename(&mut self, name: String) {
        self.name_key = Some(name::key(&name));
        self.name = name;
    }

    /// Takes what has been checked.
    pub fn change(&mut self, change: ClientChange) {
        let ClientChange { name, kind, client_type, class, region, tags, consent, .. } = change;
        let ClientChange { phones, emails, tax_id, external_id, owner_id, archived, .. } = change;
        if let Some(name) = name {
            self.rename(name);
        }
        set(&mut self.kind, kind.as_ref().map(to_name));
        set(&mut self.client_type, client_type.as_ref().map(to_name));
        set(&mut self.class, class);
        set(&mut self.region, region);
        set(&mut self.tags, tags);
        set(&mut self.consent, consent);
        set(&mut self.phones, phones);
        set(&mut self.emails, emails);
        set(&mut self.tax_id, tax_id);
        if let Some(external_id) = external_id {
            (self.external_source, self.external_id) =
                external_id.map(|external| (external.source, external.id)).unzip();
        }
        set(&mut self.owner_id, owner_id);
        set(&mut self.archived, archived);
    }
}

/// What follows from clients that are written, each with what it was before.
pub(crate) fn also(unit: &mut Unit<'_>, rows: &[(Option<&Client>, &Client)]) -> Result<()> {
    custom::index(unit, rows)?;
    pairs::changed(unit, rows)
}

noun!(clients, Client, "client", also);
overwritten!(
    clients,
    Client,
    [
        name,
        kind,
        client_type,
        class,
        region,
        tags,
        consent,
        phones,
        emails,
        tax_id,
        external_source,
        external_id,
        archived,
        merged_into,
        version,
        updated_at,
        name_key,
        custom,
        owner_id,
    ]
);

pub const LIST: Spec = Spec {
    table: "clients",
    fields: &[
        Field::new("name", "clients.name", FieldKind::Text).sorted(),
        Field::new("kind", "clients.kind", FieldKind::Choice(ClientKind::VARIANTS)),
        Field::new("type", "clients.client_type", FieldKind::Choice(ClientType::VARIANTS)),
        Field::new("class", "clients.class", FieldKind::Text).nullable(),
        Field::new("region", "clients.region", FieldKind::Text).nullable(),
        Field::new("owner_id", "clients.owner_id", FieldKind::Uuid).nullable(),
        Field::new("tag", "clients.tags", FieldKind::Tag),
        Field::new("phone", "clients.phones", FieldKind::Phone),
        Field::new("email", "lower_all(clients.emails)", FieldKind::Email),
        Field::new("tax_id", "clients.tax_id", FieldKind::Text).nullable(),
        Field::new("external_source", "clients.external_source", FieldKind::Text).nullable(),
        Field::new("external_id", "clients.external_id", FieldKind::Text).nullable(),
        Field::new("archived", "clients.archived", FieldKind::Bool),
        Field::new("merged", MERGED, FieldKind::Bool),
        Field::new("created_at", "clients.created_at", FieldKind::Instant)
            .sorted_by_making("clients.id"),
        Field::new("updated_at", "clients.updated_at", FieldKind::Instant).sorted(),
    ],
    default_sort: "-updated_at",
    search: Some("clients.name"),
};

const MERGED: &str = "(clients.merged_into IS NOT NULL)";

/// Without the clients that have become part of others, unless the query asks for them.
pub fn list(tenant: &mut Tenant<'_>, query: Query) -> Result<Page<Client>> {
    let asked = query.filters_by(MERGED);
    tenant.page(
        &LIST,
        query,
        Client::as_select(),
        |list| if asked { list } else { list.sql(" AND clients.merged_into IS NULL") },
        |row: &Client| row.id,
    )
}

/// For a change; of a client that has become part of another one, refused.
pub fn lock_unmerged(
    unit: &mut Unit<'_>,
    id: Uuid,
    if_match: Option<crate::Seen>,
) -> Result<Client> {
    let row = Client::find(&mut unit.tenant, id, " FOR NO KEY UPDATE")?;
    not_merged(&row, "")?;
    check_version(if_match, row.version)?;
    Ok(row)
}

/// For a change by the id in another system: nobody else creates such a client until the transaction ends.
/// The id of a client that has become part of another one means that one.
pub fn lock_external(
    unit: &mut Unit<'_>,
    source: &str,
    id: &str,
    if_match: Option<crate::Seen>,
) -> Result<Option<Client>> {
    lock_all(unit, Vec::new(), vec![(source.to_owned(), id.to_owned())])?;
    let meant: Option<Uuid> = unit
        .tenant
        .rows(raw::<SqlUuid>("coalesce(merged_into, id)"), "clients")
        .sql(" AND external_source = ")
        .bind(source)
        .sql(" AND external_id = ")
        .bind(id)
        .sql(" FOR KEY SHARE")
        .get_result(unit.tenant.conn)
        .optional()?;
    match (meant, if_match) {
        (Some(id), _) => lock_unmerged(unit, id, if_match).map(Some),
        (None, Some(_)) => Err(Error::VersionMismatch),
        (None, None) => Ok(None),
    }
}

/// Locks clients, and ids in other systems whether there are such clients or not, in one order.
pub fn lock_all(
    unit: &mut Unit<'_>,
    ids: Vec<Uuid>,
    external: Vec<(String, String)>,
) -> Result<()> {
    if !external.is_empty() {
        let workspace_id = unit.tenant.workspace_id;
        let mut names: Vec<String> = external
            .into_iter()
            .map(|(source, id)| format!("{workspace_id}/{}/{source}/{id}", source.len()))
            .collect();
        names.sort();
        names.dedup();
        Statement::select(raw::<BigInt>(
            "count(pg_advisory_xact_lock(hashtextextended(name, 22))) FROM unnest(",
        ))
        .bind(names)
        .sql(") AS name")
        .get_result::<i64>(unit.tenant.conn)?;
    }
    if !ids.is_empty() {
        let locked = unit.tenant.rows(raw::<SqlUuid>("id"), "clients").sql(" AND id = ANY(");
        let locked = locked.bind(ids).sql(") ORDER BY id FOR NO KEY UPDATE");
        locked.load::<Uuid>(unit.tenant.conn)?;
    }
    Ok(())
}

pub(crate) fn not_merged(row: &Client, pointer: &'static str) -> Result<()> {
    Ok(merge::stands(row.merged_into, pointer)?)
}

/// `SELECT` this for the client that a reference means: itself, or the one that it has become part of; nothing
/// if that is out of use. To be continued with the workspace and the id, and with [`KEEP_FROM_MERGING`].
pub(crate) const SURVIVOR: &str = "coalesce(c.merged_into, c.id) FROM clients c WHERE NOT coalesce(\
    (SELECT s.archived FROM clients s WHERE s.workspace_id = c.workspace_id AND s.id = c.merged_into), \
    c.archived) AND c.workspace_id = ";

/// A merge that is on its way is waited for, and then its survivor is meant; one that comes later waits for us.
pub(crate) const KEEP_FROM_MERGING: &str = " FOR KEY SHARE OF c";

/// The client that a reference to `id` means, for as long as the transaction lasts.
pub fn meant(unit: &mut Unit<'_>, pointer: &str, id: Uuid) -> Result<Uuid> {
    Statement::select(raw::<SqlUuid>(SURVIVOR))
        .bind(unit.tenant.workspace_id)
        .sql(" AND c.id = ")
        .bind(id)
        .sql(KEEP_FROM_MERGING)
        .get_result(unit.tenant.conn)
        .optional()?
        .ok_or_else(|| Error::unknown_reference(pointer, "client"))
}

/// The same for many: those that are there, with what they mean.
pub(crate) fn all_meant(unit: &mut Unit<'_>, ids: Vec<Uuid>) -> Result<BTreeMap<Uuid, Uuid>> {
    let rows: Vec<(Uuid, Option<Uuid>)> = unit
        .tenant
        .rows(raw::<(SqlUuid, Nullable<SqlUuid>)>("id, merged_into"), "clients")
        .sql(" AND id = ANY(")
        .bind(ids)
        .sql(") ORDER BY id FOR KEY SHARE")
        .load(unit.tenant.conn)?;
    Ok(rows.into_iter().map(|(id, survivor)| (id, survivor.unwrap_or(id))).collect())
}

/// Whoever is to look after a client has to be a user in use.
pub fn check_owner(tenant: &mut Tenant<'_>, owner_id: Option<Uuid>) -> Result<()> {
    let Some(id) = owner_id else { return Ok(()) };
    match User::get(tenant, id) {
        Ok(user) if user.active => Ok(()),
        Ok(_) | Err(Error::NotFound(_)) => Err(Error::unknown_reference("/owner_id", "user")),
        Err(error) => Err(error),
    }
}

/// Gives clients that the unit holds to somebody else to look after.
pub(crate) fn reassign(unit: &mut Unit<'_>, ids: &[Uuid], to_id: Uuid) -> Result<()> {
    for ids in ids.chunks(ROWS_A_STATEMENT) {
        let given: Vec<Client> = diesel::update(
            clients::table
                .filter(clients::workspace_id.eq(unit.tenant.workspace_id))
                .filter(clients::id.eq_any(ids)),
        )
        .set((
            clients::owner_id.eq(to_id),
            clients::version.eq(clients::version + 1),
            clients::updated_at.eq(unit.now),
        ))
        .returning(Client::as_returning())
        .get_results(unit.tenant.conn)?;
        for client in &given {
            unit.happened("client.updated", client.id, client.version, client)?;
        }
        unit.flush()?;
    }
    Ok(())
}

/// The clients that some mean, themselves or others that they have become part of, without those out of use.
pub(crate) fn all_in_use(unit: &mut Unit<'_>, ids: Vec<Uuid>) -> Result<BTreeMap<Uuid, Uuid>> {
    let survivors = all_meant(unit, ids.clone())?;
    let meant = |id: &Uuid| survivors.get(id).copied().unwrap_or(*id);
    let in_use: Vec<Uuid> = unit
        .tenant
        .rows(raw::<SqlUuid>("id"), "clients")
        .sql(" AND NOT archived AND id = ANY(")
        .bind(ids.iter().map(meant).collect::<Vec<_>>())
        .sql(")")
        .load(unit.tenant.conn)?;
    let pairs = ids.iter().map(|id| (*id, meant(id)));
    Ok(pairs.filter(|(_, meant)| in_use.contains(meant)).collect())
}

impl Store {
    /// Computes the keys of names that came into the database without one.
    pub(crate) fn fill_name_keys(connection: &mut PgConnection) -> Result<()> {
        loop {
            let unkeyed: Vec<(Uuid, Uuid, String)> = clients::table
                .filter(clients::name_key.is_null())
                .select((clients::workspace_id, clients::id, clients::name))
                .limit(5_000)
                .load(connection)?;
            if unkeyed.is_empty() {
                return Ok(());
            }
            let keys: Vec<_> = unkeyed.iter().map(|(_, _, name)| name::key(name)).collect();
            let (workspaces, ids): (Vec<_>, Vec<_>) =
                unkeyed.into_iter().map(|(workspace_id, id, _)| (workspace_id, id)).unzip();
            Statement::command("UPDATE clients SET name_key = keyed.key FROM unnest(")
                .bind(workspaces)
                .sql(", ")
                .bind(ids)
                .sql(", ")
                .bind(keys)
                .sql(
                    ") AS keyed(workspace_id, id, key) \
                     WHERE clients.workspace_id = keyed.workspace_id AND clients.id = keyed.id",
                )
                .execute(connection)?;
        }
    }
}
