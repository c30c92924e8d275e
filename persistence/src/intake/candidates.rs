//! Who has a number.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::{
    RunQueryDsl,
    sql_types::{Nullable, Timestamptz, Uuid as SqlUuid},
};
use uuid::Uuid;
use voronka_domain::intake::candidate::{Candidate, MOST};

use crate::{Result, Statement, Tenant, core::unit::raw};

type Types = (SqlUuid, Nullable<SqlUuid>, Nullable<SqlUuid>, Nullable<Timestamptz>);
type Row = (Uuid, Option<Uuid>, Option<Uuid>, Option<DateTime<Utc>>);

/// All whose number it is, by itself or by a contact.
pub fn of_number(tenant: &mut Tenant<'_>, e164: &str) -> Result<Vec<Candidate>> {
    let workspace_id = tenant.workspace_id;
    let rows: Vec<Row> = Statement::select(raw::<Types>(
        "found.client_id, found.contact_id, c.owner_id, (SELECT a.happened_at FROM activities a \
         WHERE a.workspace_id = c.workspace_id AND a.client_id = c.id AND a.happened_at IS NOT NULL \
         ORDER BY a.happened_at DESC LIMIT 1) FROM (SELECT id AS client_id, NULL::uuid AS contact_id \
         FROM clients WHERE workspace_id = ",
    ))
    .bind(workspace_id)
    .sql(" AND phones @> ARRAY[")
    .bind(e164)
    .sql("] UNION ALL SELECT client_id, id FROM contacts WHERE NOT archived AND workspace_id = ")
    .bind(workspace_id)
    .sql(" AND phones @> ARRAY[")
    .bind(e164)
    .sql(
        "]) AS found JOIN clients c ON c.id = found.client_id AND c.merged_into IS NULL AND NOT c.archived \
         AND c.workspace_id = ",
    )
    .bind(workspace_id)
    .sql(" ORDER BY 1, 2 NULLS FIRST LIMIT ")
    .bind(MOST)
    .load(tenant.conn)?;
    let clients: Vec<Uuid> = rows.iter().map(|row| row.0).collect();
    let mut open: HashMap<Uuid, Vec<(Uuid, Uuid)>> = HashMap::new();
    let deals: Vec<(Uuid, Uuid, Uuid)> = tenant
        .rows(raw::<(SqlUuid, SqlUuid, SqlUuid)>("client_id, id, owner_id"), "deals")
        .sql(" AND status = 'open' AND client_id = ANY(")
        .bind(clients)
        .sql(") ORDER BY updated_at DESC, id LIMIT ")
        .bind(MOST)
        .load(tenant.conn)?;
    for (client, deal, owner) in deals {
        open.entry(client).or_default().push((deal, owner));
    }
    let candidate = |(client_id, contact_id, owner_id, last_contact_at)| Candidate {
        client_id,
        contact_id,
        owner_id,
        last_contact_at,
        open_deals: open.get(&client_id).cloned().unwrap_or_default(),
    };
    Ok(rows.into_iter().map(candidate).collect())
}
