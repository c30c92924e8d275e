//! Tracks of deals from before there were any: worked out from their visits, in pieces, while servers serve.

use diesel::{
    Connection, PgConnection, RunQueryDsl,
    sql_types::{BigInt, Uuid as SqlUuid},
};
use uuid::Uuid;
use voronka_domain::process::NUMBERS_A_VERSION;

use super::stage_path::stage_path;
use crate::{Error, Raw, Result, Statement, Store, Tenant, core::unit::raw};

/// Deals that are worked out at a time, and held meanwhile.
const AT_A_TIME: i64 = 500;

impl Store {
    /// The workspaces that have deals without tracks.
    pub fn workspaces_without_tracks(&self) -> Result<Vec<Uuid>> {
        let mut connection = self.connection()?;
        let found = Statement::select(raw::<SqlUuid>(
            "w.workspace_id FROM workspaces w WHERE EXISTS (SELECT FROM deals d \
             WHERE d.touched IS NULL AND d.workspace_id = w.workspace_id)",
        ))
        .load(&mut *connection)
        .map_err(Error::from);
        connection.watch(found)
    }

    /// Works out the tracks of some deals, and answers how many: 0 when there are none but those that other
    /// servers are at.
    pub fn work_out_tracks(&self, workspace_id: Uuid) -> Result<usize> {
        let mut connection = self.connection()?;
        let done = connection.transaction(|conn| {
            let tenant = Tenant { conn, workspace_id };
            let held: Vec<Uuid> = tenant
                .rows(raw::<SqlUuid>("id"), "deals")
                .sql(" AND touched IS NULL ORDER BY id LIMIT ")
                .bind(AT_A_TIME)
                .sql(" FOR UPDATE SKIP LOCKED")
                .load(tenant.conn)?;
            let found = held.len();
            if found > 0 {
                work_out(tenant.conn, workspace_id, held)?;
            }
            Ok(found)
        });
        connection.watch(done)
    }
}

/// Works out what is not kept yet of some deals of a workspace, which are held.
pub(super) fn work_out(conn: &mut PgConnection, workspace_id: Uuid, ids: Vec<Uuid>) -> Result<()> {
    let number = format!("p.number * {NUMBERS_A_VERSION} + v.position");
    let of_deals = |statement: Statement<Raw<()>>| {
        statement
            .sql(" JOIN process_versions p ON p.workspace_id = v.workspace_id AND p.id = v.version_id WHERE v.workspace_id = ")
            .bind(workspace_id)
            .sql(" AND v.deal_id = ANY(")
            .bind(ids.clone())
            .sql(") AND v.stage_id IS NOT NULL")
    };
    // The stage of a visit is the one in which it began.
    let visits = Statement::command("UPDATE stage_visits SET stage_number = begun.number FROM (").sql(
        format!("SELECT DISTINCT ON (v.deal_id, v.visit) v.deal_id, v.visit, {number} AS number FROM stage_visits v"),
    );
    of_deals(visits)
        .sql(
            " ORDER BY v.deal_id, v.visit, v.sequence) AS begun WHERE stage_visits.workspace_id = ",
        )
        .bind(workspace_id)
        .sql(
            " AND stage_visits.deal_id = begun.deal_id AND stage_visits.visit = begun.visit \
             AND stage_visits.stage_number IS DISTINCT FROM begun.number",
        )
        .execute(conn)?;
    // What was mapped before that was kept is in the history of the deals that it moved.
    let mapped = Statement::command(
        "INSERT INTO process_migrations (workspace_id, deal_type_id, migrated_at, version_id, mapping) \
         SELECT e.workspace_id, d.deal_type_id, e.recorded_at, (min(e.change ->> 'version_id'))::uuid, \
         jsonb_object_agg(e.change #>> '{from,stage_key}', e.change #>> '{to,stage_key}') \
         FROM deals d JOIN events e ON e.workspace_id = d.workspace_id AND e.object_id = d.id \
         AND e.event_type = 'deal.migrated' \
         AND e.change #>> '{from,stage_key}' <> e.change #>> '{to,stage_key}' \
         WHERE EXISTS (SELECT FROM stage_visits v WHERE v.workspace_id = d.workspace_id AND v.deal_id = d.id \
         AND v.version_id <> d.version_id) AND d.workspace_id = ",
    );
    mapped
        .bind(workspace_id)
        .sql(" AND d.id = ANY(")
        .bind(ids.clone())
        .sql(
            ") GROUP BY e.workspace_id, d.deal_type_id, e.recorded_at ORDER BY 1, 2, 3 \
             ON CONFLICT (workspace_id, deal_type_id, migrated_at) \
             DO UPDATE SET mapping = process_migrations.mapping || excluded.mapping",
        )
        .execute(conn)?;
    let deals = Statement::command(
        "UPDATE deals SET touched = coalesce(been.touched, '{}'), \
         visit_stage = (SELECT v.stage_number FROM stage_visits v WHERE v.workspace_id = deals.workspace_id \
         AND v.deal_id = deals.id AND v.visit = deals.visit LIMIT 1), \
         stage_path = CASE WHEN deals.status <> 'open' THEN ",
    );
    let deals = deals.sql(stage_path()).sql(" END FROM unnest(").bind(ids.clone()).sql(
        ") AS wanted(id) LEFT JOIN (SELECT v.deal_id, \
         (SELECT array_agg(DISTINCT number ORDER BY number) FROM unnest(array_agg(v.stage_number) \
         || array_agg(p.number * ",
    );
    let deals =
        deals.sql(format!("{NUMBERS_A_VERSION})) AS number) AS touched FROM stage_visits v"));
    of_deals(deals)
        .sql(
            " GROUP BY v.deal_id) AS been ON been.deal_id = wanted.id \
             WHERE deals.id = wanted.id AND deals.workspace_id = ",
        )
        .bind(workspace_id)
        .execute(conn)?;
    Ok(())
}

/// Whether all tracks of the workspace are there, or how far they are.
pub(crate) fn check(tenant: &mut Tenant<'_>) -> Result<()> {
    let id = tenant.workspace_id;
    let left = "(SELECT count(*) FROM deals WHERE touched IS NULL AND workspace_id = ";
    let (left, total): (i64, i64) = Statement::select(raw::<(BigInt, BigInt)>(left))
        .bind(id)
        .sql("), (SELECT count(*) FROM deals WHERE workspace_id = ")
        .bind(id)
        .sql(") WHERE ")
        .sql("EXISTS (SELECT FROM deals WHERE touched IS NULL AND workspace_id = ")
        .bind(id)
        .sql(")")
        .get_result(tenant.conn)
        .or_else(|error| match error {
            diesel::result::Error::NotFound => Ok((0, 0)),
            error => Err(Error::from(error)),
        })?;
    let done = total.saturating_sub(left);
    if left == 0 { Ok(()) } else { Err(Error::BeingWorkedOut { done, total }) }
}
