//! Merging: a duplicate becomes part of another client, with all that it has.

use diesel::{
    prelude::*,
    sql_types::{BigInt, Bool},
};
use serde_json::json;
use uuid::Uuid;
use voronka_domain::clients::merge;
use voronka_domain::clients::merge::{Keep, Profile, merge as merged};
use voronka_domain::people::access::{Permission, Visibility};

use super::{follow, hold_all_of};
use crate::{
    Error, JsonText, Result, Statement, Tenant, Unit,
    clients::{Client, contacts::Contact, custom, not_merged},
    core::{
        enum_names::{from_name, to_name},
        events::{self, Event, NewEvent},
        noun::{Noun, check_version},
        schema::{clients, contacts},
        unit::{raw, to_json},
        visibility::deals_seen_by,
    },
};

/// Makes the duplicate a part of the client: its deals, its contacts and what it says of itself. Both have
/// their histories; whatever refers to the duplicate means the client from now on.
pub fn merge(
    unit: &mut Unit<'_>,
    id: Uuid,
    duplicate_id: Uuid,
    if_match: Option<crate::Seen>,
    keep: Keep,
) -> Result<Client> {
    merge::two(id, duplicate_id)?;
    one_at_a_time(unit)?;
    let (this, duplicate) = lock_both(unit, id, duplicate_id, if_match)?;
    require_all(unit, vec![id, duplicate_id])?;
    pass_on(unit, duplicate_id, id)?;
    let contacts = move_contacts(unit, duplicate_id, id)?;
    // Deals are held before what belongs to them, and decided on when everything else is as it will be.
    let followed = hold_all_of(unit, duplicate_id)?;
    move_work(unit, duplicate_id, id)?;
    let profile = merged(profile(&this)?, profile(&duplicate)?, keep);
    let mut row = with(this.clone(), profile);
    row.custom = custom::union(&this, &duplicate)?;
    row.owner_id = this.owner_id.or(duplicate.owner_id);
    row.version = this.version.saturating_add(1);
    row.updated_at = unit.now;
    diesel::update(
        clients::table
            .filter(clients::workspace_id.eq(unit.tenant.workspace_id))
            .filter(clients::id.eq(id)),
    )
    .set(&row)
    .execute(unit.tenant.conn)?;
    crate::clients::also(unit, &[(Some(&this), &row)])?;
    follow(unit, &followed, id)?;
    let deals = followed.len();
    unit.events.push(NewEvent {
        event_type: "client.merged",
        object_id: id,
        sequence: row.version,
        occurred_at: unit.now,
        actor: unit.actor,
        change: JsonText::of(
            &json!({ "type": "merged", "duplicate_id": duplicate_id, "deals": deals,
            "contacts": contacts, "previous": to_json(&this)?, "duplicate": to_json(&duplicate)? }),
        )?,
        object: JsonText::of(&row)?,
    });
    let part = Client { merged_into: Some(id), ..duplicate.clone() };
    Client::save(unit, &duplicate, part)?;
    Ok(row)
}

/// A merge changes deals: whoever merges sees all of both, and may write deals where there are any.
fn require_all(unit: &mut Unit<'_>, ids: Vec<Uuid>) -> Result<()> {
    let visibility = unit.caller.visibility.clone();
    if visibility == Visibility::All && unit.caller.may(Permission::DealsWrite) {
        return Ok(());
    }
    let of_both = |unit: &Unit<'_>| {
        let deals = unit.tenant.rows(raw::<BigInt>("count(*)"), "deals");
        deals.sql(" AND client_id = ANY(").bind(ids.clone()).sql(")")
    };
    let all: i64 = of_both(unit).get_result(unit.tenant.conn)?;
    let seen = deals_seen_by(of_both(unit), &visibility);
    let seen: i64 = seen.get_result(unit.tenant.conn)?;
    Ok(merge::may_merge(all, seen, unit.caller.may(Permission::DealsWrite))?)
}

/// Merges of a workspace follow each other, so that none waits for a client of another's.
fn one_at_a_time(unit: &mut Unit<'_>) -> Result<()> {
    Statement::select(raw::<Bool>("pg_advisory_xact_lock(hashtextextended("))
        .bind(format!("{}/merge", unit.tenant.workspace_id))
        .sql(", 21)) IS NOT NULL")
        .get_result::<bool>(unit.tenant.conn)?;
    Ok(())
}

/// Whoever is about to refer to either of the two has done so, or waits until we are done.
fn lock_both(
    unit: &mut Unit<'_>,
    id: Uuid,
    duplicate_id: Uuid,
    if_match: Option<crate::Seen>,
) -> Result<(Client, Client)> {
    let mut rows: Vec<Client> = unit
        .tenant
        .rows(Client::as_select(), "clients")
        .sql(" AND id = ANY(")
        .bind(vec![id, duplicate_id])
        .sql(") ORDER BY id FOR UPDATE")
        .load(unit.tenant.conn)?;
    let mut take = |id| rows.iter().position(|row| row.id == id).map(|at| rows.swap_remove(at));
    let this = take(id).ok_or(Error::NotFound("client"))?;
    let duplicate =
        take(duplicate_id).ok_or_else(|| Error::unknown_reference("/duplicate_id", "client"))?;
    not_merged(&this, "")?;
    not_merged(&duplicate, "/duplicate_id")?;
    check_version(if_match, this.version)?;
    Ok((this, duplicate))
}

/// What had become part of the duplicate is part of the survivor: no reference is more than one step away.
fn pass_on(unit: &mut Unit<'_>, duplicate_id: Uuid, id: Uuid) -> Result<()> {
    let parts: Vec<Client> = unit
        .tenant
        .rows(Client::as_select(), "clients")
        .sql(" AND merged_into = ")
        .bind(duplicate_id)
        .sql(" ORDER BY id FOR UPDATE")
        .load(unit.tenant.conn)?;
    if parts.is_empty() {
        return Ok(());
    }
    let parts: Vec<Client> = diesel::update(
        clients::table
            .filter(clients::workspace_id.eq(unit.tenant.workspace_id))
            .filter(clients::merged_into.eq(duplicate_id)),
    )
    .set((
        clients::merged_into.eq(id),
        clients::version.eq(clients::version + 1),
        clients::updated_at.eq(unit.now),
    ))
    .returning(Client::as_returning())
    .get_results(unit.tenant.conn)?;
    for part in &parts {
        unit.happened("client.updated", part.id, part.version, part)?;
    }
    Ok(())
}

fn move_contacts(unit: &mut Unit<'_>, from: Uuid, to: Uuid) -> Result<usize> {
    let moved: Vec<Contact> = diesel::update(
        contacts::table
            .filter(contacts::workspace_id.eq(unit.tenant.workspace_id))
            .filter(contacts::client_id.eq(from)),
    )
    .set((
        contacts::client_id.eq(to),
        contacts::version.eq(contacts::version + 1),
        contacts::updated_at.eq(unit.now),
    ))
    .returning(Contact::as_returning())
    .get_results(unit.tenant.conn)?;
    for contact in &moved {
        unit.happened("contact.updated", contact.id, contact.version, contact)?;
    }
    Ok(moved.len())
}

/// Tasks and activities name the client for their lists only, and files come along with it: nothing of them happens.
fn move_work(unit: &mut Unit<'_>, from: Uuid, to: Uuid) -> Result<()> {
    for (sql, of) in [
        ("UPDATE tasks SET client_id = ", " WHERE client_id = "),
        ("UPDATE activities SET client_id = ", " WHERE client_id = "),
        ("UPDATE files SET object_id = ", " WHERE object_kind = 'client' AND object_id = "),
    ] {
        Statement::command(sql)
            .bind(to)
            .sql(", updated_at = ")
            .bind(unit.now)
            .sql(of)
            .bind(from)
            .sql(" AND workspace_id = ")
            .bind(unit.tenant.workspace_id)
            .execute(unit.tenant.conn)?;
    }
    Ok(())
}

fn profile(row: &Client) -> Result<Profile> {
    let broken = |what: &str| Error::Internal(format!("client has a bad {what}"));
    Ok(Profile {
        name: row.name.clone(),
        kind: from_name(&row.kind).ok_or_else(|| broken("kind"))?,
        client_type: from_name(&row.client_type).ok_or_else(|| broken("type"))?,
        class: row.class.clone(),
        region: row.region.clone(),
        consent: row.consent,
        tax_id: row.tax_id.clone(),
        tags: row.tags.clone(),
        phones: row.phones.clone(),
        emails: row.emails.clone(),
        archived: row.archived,
    })
}

fn with(mut row: Client, profile: Profile) -> Client {
    row.rename(profile.name);
    Client {
        kind: to_name(&profile.kind),
        client_type: to_name(&profile.client_type),
        class: profile.class,
        region: profile.region,
        consent: profile.consent,
        tax_id: profile.tax_id,
        tags: profile.tags,
        phones: profile.phones,
        emails: profile.emails,
        archived: profile.archived,
        ..row
    }
}

/// What happened to a client and to all that have become part of it, in the order of recording.
pub fn history(
    tenant: &mut Tenant<'_>,
    client: &Client,
    after: i64,
    limit: i64,
) -> Result<Vec<Event>> {
    let survivor = client.merged_into.unwrap_or(client.id);
    let ids: Vec<Uuid> = tenant
        .rows(raw::<diesel::sql_types::Uuid>("id"), "clients")
        .sql(" AND merged_into = ")
        .bind(survivor)
        .load(tenant.conn)?;
    events::of_all(tenant, ids.into_iter().chain([survivor]).collect(), after, limit)
}
