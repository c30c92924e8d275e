//! Clients that may be one: found in sets by what they have in common, and scored by the domain.

use std::collections::{BTreeMap, HashMap};

use diesel::{
    prelude::*,
    sql_types::{Array, BigInt, Nullable, Text, Uuid as SqlUuid},
};
use uuid::Uuid;
use voronka_domain::clients::{
    ClientKind,
    duplicate::{Identity, Likeness, likeness, near},
    name::Name,
};

use super::Client;
use crate::{
    Error, Result, Statement, Tenant,
    core::{enum_names::from_name, noun::Noun, unit::raw},
};

/// Most clients that are compared with one.
const MOST_CANDIDATES: i64 = 500;
/// Most similar names that are looked at for one.
const MOST_NAMES: i64 = 100;
/// What more clients than this have in common tells none of them apart.
const MOST_IN_COMMON: i64 = 50;
/// Most pairs that are scored for a whole base: those with the most in common.
const MOST_PAIRS: i64 = 20_000;

/// A client that may be the same.
#[derive(Debug, Clone)]
pub struct Duplicate {
    pub client: Client,
    pub likeness: Likeness,
}

/// Two clients of the base that may be one.
#[derive(Debug, Clone)]
pub struct Pair {
    pub clients: (Uuid, Uuid),
    pub likeness: Likeness,
}

/// Clients in use that may be the given one, the likeliest first.
pub fn of(tenant: &mut Tenant<'_>, id: Uuid, least: f64) -> Result<Vec<Duplicate>> {
    let client = Client::get(tenant, id)?;
    let id = client.merged_into.unwrap_or(id);
    let identity = identities(tenant, vec![id])?.remove(&id);
    let identity = identity.ok_or(Error::NotFound("client"))?;
    alike(tenant, &identity, Some(id), least)
}

/// Clients in use that a new one may be.
pub fn of_new(tenant: &mut Tenant<'_>, row: &Client, least: f64) -> Result<Vec<Duplicate>> {
    let identity = identity((
        row.kind.clone(),
        row.name.clone(),
        row.phones.clone(),
        row.emails.clone(),
        row.tax_id.clone(),
    ))?;
    alike(tenant, &identity, None, least)
}

/// Clients in use that may be the given one, which is in use, and how likely; the likeliest first.
pub(super) fn likely(
    tenant: &mut Tenant<'_>,
    id: Uuid,
    least: f64,
) -> Result<Vec<(Uuid, Likeness)>> {
    let used = tenant
        .rows(raw::<SqlUuid>("id"), "clients")
        .sql(" AND merged_into IS NULL AND NOT archived AND id = ")
        .bind(id);
    let used: Option<Uuid> = used.get_result(tenant.conn).optional()?;
    used.ok_or(Error::NotFound("client"))?;
    let identity = identities(tenant, vec![id])?.remove(&id).ok_or(Error::NotFound("client"))?;
    scored(tenant, &identity, Some(id), least)
}

fn alike(
    tenant: &mut Tenant<'_>,
    identity: &Identity,
    id: Option<Uuid>,
    least: f64,
) -> Result<Vec<Duplicate>> {
    let found = scored(tenant, identity, id, least)?;
    let mut rows = rows(tenant, found.iter().map(|(id, _)| *id).collect())?;
    let with_row = |(id, likeness)| Some(Duplicate { client: rows.remove(&id)?, likeness });
    Ok(found.into_iter().filter_map(with_row).collect())
}

fn scored(
    tenant: &mut Tenant<'_>,
    identity: &Identity,
    id: Option<Uuid>,
    least: f64,
) -> Result<Vec<(Uuid, Likeness)>> {
    let candidates = candidates(tenant, identity, id)?;
    let holders = holders(tenant, identity)?;
    // Who is not in the base yet holds what it has, too.
    let new = u32::from(id.is_none());
    let count = |value: &str| {
        let held = holders.get(value).or_else(|| holders.get(&value.to_lowercase()));
        held.copied().unwrap_or(0).saturating_add(new)
    };
    let others = identities(tenant, candidates)?;
    let mut found: Vec<(Uuid, Likeness)> = others
        .iter()
        .map(|(other_id, other)| (*other_id, likeness(identity, other, count)))
        .filter(|(_, likeness)| likeness.score >= least)
        .collect();
    found.sort_by(|(one, a), (other, b)| b.score.total_cmp(&a.score).then(one.cmp(other)));
    Ok(found)
}

/// Some clients by their ids.
pub fn rows(tenant: &mut Tenant<'_>, ids: Vec<Uuid>) -> Result<HashMap<Uuid, Client>> {
    let rows: Vec<Client> = tenant
        .rows(Client::as_select(), "clients")
        .sql(" AND id = ANY(")
        .bind(ids)
        .sql(")")
        .load(tenant.conn)?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

type IdentityTypes = (Text, Text, Array<Text>, Array<Text>, Nullable<Text>);
type IdentityRow = (String, String, Vec<String>, Vec<String>, Option<String>);

fn identity((kind, name, phones, emails, tax_id): IdentityRow) -> Result<Identity> {
    let kind: Option<ClientKind> = from_name(&kind);
    let kind = kind.ok_or_else(|| Error::Internal("client has a bad kind".into()))?;
    Ok(Identity { kind, key: Name::new(&name), name, phones, emails, tax_id })
}

/// What the clients are recognised by, with what their contacts have.
fn identities(tenant: &mut Tenant<'_>, ids: Vec<Uuid>) -> Result<BTreeMap<Uuid, Identity>> {
    let selection = raw::<(SqlUuid, IdentityTypes)>(
        "clients.id, clients.kind, clients.name, \
         clients.phones || ARRAY(SELECT DISTINCT phone FROM contacts k, unnest(k.phones) AS phone \
         WHERE k.workspace_id = clients.workspace_id AND k.client_id = clients.id), \
         clients.emails || ARRAY(SELECT DISTINCT email FROM contacts k, unnest(k.emails) AS email \
         WHERE k.workspace_id = clients.workspace_id AND k.client_id = clients.id), \
         clients.tax_id",
    );
    let rows: Vec<(Uuid, IdentityRow)> = tenant
        .rows(selection, "clients")
        .sql(" AND id = ANY(")
        .bind(ids)
        .sql(")")
        .load(tenant.conn)?;
    rows.into_iter().map(|(id, row)| Ok((id, identity(row)?))).collect()
}

/// Clients with a phone, an email or a taxpayer number of the identity's, or one next to it, or with a
/// similar name. Each part has its index.
fn candidates(tenant: &mut Tenant<'_>, of: &Identity, id: Option<Uuid>) -> Result<Vec<Uuid>> {
    let key = of.key.key();
    let phones: Vec<String> = of.phones.iter().flat_map(|phone| near(phone, false)).collect();
    let emails: Vec<String> = of.emails.iter().map(|email| email.to_lowercase()).collect();
    let tax_ids: Vec<String> = of.tax_id.iter().flat_map(|tax_id| near(tax_id, true)).collect();
    let workspace_id = tenant.workspace_id;
    let mut statement = tenant
        .rows(raw::<SqlUuid>("id"), "clients")
        .sql(" AND merged_into IS NULL AND NOT archived AND id <> ")
        .bind(id.unwrap_or_default())
        // Found once, whatever Postgres knows of how many there are.
        .sql(" AND id = ANY(ARRAY(SELECT id FROM clients WHERE tax_id = ANY(")
        .bind(tax_ids)
        .sql(") AND workspace_id = ")
        .bind(workspace_id);
    for (column, values) in [("phones", phones), (EMAILS, emails)] {
        for (owner, table) in [("id", "clients"), ("client_id", "contacts")] {
            statement = statement
                .sql(format!(" UNION SELECT {owner} FROM {table} WHERE {column} && "))
                .bind(values.clone())
                .sql(" AND workspace_id = ")
                .bind(workspace_id);
        }
    }
    let found = statement
        .sql(" UNION (SELECT id FROM clients WHERE name_key % ")
        .bind(key.as_str())
        .sql(" AND workspace_id = ")
        .bind(workspace_id)
        .sql(" AND merged_into IS NULL AND NOT archived ORDER BY similarity(name_key, ")
        .bind(key.as_str())
        .sql(") DESC, id LIMIT ")
        .bind(MOST_NAMES)
        .sql("))) ORDER BY id LIMIT ")
        .bind(MOST_CANDIDATES)
        // How it is found depends on how many clients there are: it is planned anew each time.
        .unkept()
        .load(tenant.conn)?;
    Ok(found)
}

/// As they are indexed.
const EMAILS: &str = "lower_all(emails)";

/// How many clients have each phone and email of the identity's, whatever the email's case.
fn holders(tenant: &mut Tenant<'_>, of: &Identity) -> Result<HashMap<String, u32>> {
    let emails = of.emails.iter().map(|email| email.to_lowercase());
    let values: Vec<String> = of.phones.iter().cloned().chain(emails).collect();
    let workspace_id = tenant.workspace_id;
    let held = Statement::with("WITH held AS MATERIALIZED (", raw::<(Text, BigInt)>(""));
    let rows: Vec<(String, i64)> = held_by(held, values, workspace_id)
        .sql(
            ") SELECT value, count(DISTINCT held.id) FROM held JOIN clients c ON c.id = held.id \
             AND c.merged_into IS NULL AND NOT c.archived AND c.workspace_id = ",
        )
        .bind(workspace_id)
        .sql(" GROUP BY value")
        .unkept()
        .load(tenant.conn)?;
    Ok(rows.into_iter().map(|(value, count)| (value, saturated(count))).collect())
}

/// The other clients with a phone or an email that the client has, or had until now. The more of them have it, the
/// less it says of any two: when one begins or ceases to, it is said anew of the others, of whom there are two at
/// least. What too many have is no reason for anything.
pub(super) fn sharing(tenant: &mut Tenant<'_>, client: Uuid, had: &[String]) -> Result<Vec<Uuid>> {
    let identity = identities(tenant, vec![client])?.remove(&client);
    let (phones, emails) = identity.map(|it| (it.phones, it.emails)).unwrap_or_default();
    let emails = emails.iter().map(|email| email.to_lowercase());
    let values: Vec<String> = phones.into_iter().chain(emails).chain(had.iter().cloned()).collect();
    if values.is_empty() {
        return Ok(Vec::new());
    }
    let shared = Statement::select(raw::<SqlUuid>(
        "DISTINCT unnest(ids) FROM (SELECT array_agg(DISTINCT id) AS ids FROM (",
    ));
    let found = held_by(shared, values, tenant.workspace_id)
        .sql(") AS held WHERE id <> ")
        .bind(client)
        .sql(" GROUP BY value HAVING count(DISTINCT id) BETWEEN 2 AND ")
        .bind(MOST_IN_COMMON)
        .sql(") AS shared")
        .unkept()
        .load(tenant.conn)?;
    Ok(found)
}

/// Selects which of these phones and emails each client has, itself or by a contact.
fn held_by<S>(statement: Statement<S>, values: Vec<String>, workspace_id: Uuid) -> Statement<S> {
    let mut statement = statement
        .sql("SELECT value, id FROM (SELECT NULL::text AS value, NULL::uuid AS id WHERE false");
    for column in ["phones", EMAILS] {
        for (owner, table) in [("id", "clients"), ("client_id", "contacts")] {
            statement = statement
                .sql(format!(
                    " UNION ALL SELECT unnest({column}), {owner} FROM {table} WHERE {column} && "
                ))
                .bind(values.clone())
                .sql(" AND workspace_id = ")
                .bind(workspace_id);
        }
    }
    statement.sql(") AS of_any WHERE value = ANY(").bind(values).sql(")")
}

fn saturated(count: i64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// The clients in use with what each is recognised by: its `kind` (p, e, t, n, w) and value.
const TRAITS: &str = "WITH base AS MATERIALIZED (SELECT id, name_key, tax_id, phones, emails FROM clients \
    WHERE merged_into IS NULL AND NOT archived AND workspace_id = ";
const TRAITS_OF_CONTACTS: &str = "), reached AS MATERIALIZED (\
    SELECT id, 'p' || phone AS trait FROM base, unnest(phones) AS phone \
    UNION SELECT id, 'e' || lower(email) FROM base, unnest(emails) AS email \
    UNION SELECT client_id, 'p' || phone FROM contacts, unnest(phones) AS phone, base \
        WHERE base.id = client_id AND workspace_id = ";
const TRAITS_OF_CONTACTS_BY_EMAIL: &str = " \
    UNION SELECT client_id, 'e' || lower(email) FROM contacts, unnest(emails) AS email, base \
        WHERE base.id = client_id AND workspace_id = ";
/// Two texts of which one is the other mistyped at one place have a text in common that lacks one letter of
/// each (or is one of them): so mistyped words and numbers are found by equality.
const PAIRS: &str = "), words AS MATERIALIZED (SELECT DISTINCT id, word FROM base, \
        unnest(string_to_array(name_key, ' ')) AS word WHERE length(word) >= 4), \
    traits AS (SELECT id, trait FROM reached \
    UNION SELECT id, 't' || left(tax_id, at - 1) || substr(tax_id, at + 1) \
        FROM base, generate_series(CASE WHEN length(tax_id) < 8 THEN length(tax_id) ELSE 0 END + 1, length(tax_id)) AS at \
    UNION SELECT id, 't' || tax_id FROM base WHERE tax_id IS NOT NULL \
    UNION SELECT id, 'n' || name_key FROM base WHERE name_key <> '' \
    UNION SELECT id, 'w' || word FROM words \
    UNION SELECT id, 'w' || left(word, at - 1) || substr(word, at + 1) \
        FROM words, generate_series(1, length(word)) AS at WHERE length(word) >= 5), \
    blocks AS (SELECT left(trait, 1) IN ('n', 'w') AS named, array_agg(id) AS ids FROM traits \
        GROUP BY trait HAVING count(*) BETWEEN 2 AND ";
const BEST_PAIRS: &str = "), pairs AS (SELECT one, other, bool_and(named) AS named, count(*) AS common \
        FROM blocks, unnest(ids) AS one, unnest(ids) AS other WHERE one < other GROUP BY one, other) \
    SELECT one, other FROM pairs JOIN base a ON a.id = one JOIN base b ON b.id = other \
    WHERE NOT named OR similarity(a.name_key, b.name_key) >= 0.3 ORDER BY common DESC, one, other LIMIT ";

impl Tenant<'_> {
    fn traits<T>(&self, head: Statement<T>) -> Statement<T> {
        head.bind(self.workspace_id)
            .sql(TRAITS_OF_CONTACTS)
            .bind(self.workspace_id)
            .sql(TRAITS_OF_CONTACTS_BY_EMAIL)
            .bind(self.workspace_id)
    }
}

/// Every two clients in use that may be one, the likeliest first.
pub(super) fn all(tenant: &mut Tenant<'_>, least: f64) -> Result<Vec<Pair>> {
    let pairs: Vec<(Uuid, Uuid)> = tenant
        .traits(Statement::with(TRAITS, raw::<(SqlUuid, SqlUuid)>("")))
        .sql(PAIRS)
        .bind(MOST_IN_COMMON)
        .sql(BEST_PAIRS)
        .bind(MOST_PAIRS)
        .load(tenant.conn)?;
    let held: Vec<(String, i64)> = tenant
        .traits(Statement::with(TRAITS, raw::<(Text, BigInt)>("")))
        .sql(
            ") SELECT substr(trait, 2), count(*) FROM reached \
             GROUP BY trait HAVING count(*) > 2",
        )
        .load(tenant.conn)?;
    let held: HashMap<String, u32> =
        held.into_iter().map(|(value, count)| (value, saturated(count))).collect();
    let mut ids: Vec<Uuid> = pairs.iter().flat_map(|(one, other)| [*one, *other]).collect();
    ids.sort_unstable();
    ids.dedup();
    let identities = identities(tenant, ids)?;
    let holders = |value: &str| {
        held.get(value).or_else(|| held.get(&value.to_lowercase())).copied().unwrap_or(2)
    };
    let scored = pairs.into_iter().filter_map(|clients| {
        let (one, other) = (identities.get(&clients.0)?, identities.get(&clients.1)?);
        Some(Pair { clients, likeness: likeness(one, other, holders) })
    });
    let mut found: Vec<Pair> = scored.filter(|pair| pair.likeness.score >= least).collect();
    found.sort_by(|one, other| {
        other.likeness.score.total_cmp(&one.likeness.score).then(one.clients.cmp(&other.clients))
    });
    Ok(found)
}
