//! Rings: what gates and the clock look at beside a deal, its client above all, changes without the deal being
//! held. The change rings in its own transaction, and waits for no deal. The clock hears every ring twice: at
//! once, and when all who may have decided without having seen the change have ended. So no deal is forgotten,
//! whoever was faster.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use diesel::{
    RunQueryDsl,
    sql_types::{BigInt, Nullable, Text, Uuid as SqlUuid},
};
use uuid::Uuid;
use voronka_domain::process::Process;

use crate::{Answer, Caller, Error, Raw, Result, Statement, Store, Tenant, Unit, core::unit::raw};

/// Rings that are heard at a time.
const RINGS: i64 = 1_000;
/// Deals that are marked in one transaction.
const DEALS: i64 = 5_000;

type RungTypes = (BigInt, Nullable<SqlUuid>, Nullable<Text>);
type Rung = (i64, Option<Uuid>, Option<String>);

/// Not heard yet, or to be heard again by now.
const DUE: &str =
    "(again_after IS NULL OR again_after <= pg_snapshot_xmin(pg_current_snapshot())::text::bigint)";

impl Store {
    /// The workspaces in which something has rung by `now`.
    pub(super) fn rung(&self, now: DateTime<Utc>) -> Result<Vec<Uuid>> {
        let mut connection = self.connection()?;
        let rung =
            Statement::select(raw::<SqlUuid>("DISTINCT workspace_id FROM rings WHERE rung_at <= "))
                .bind(now)
                .sql(format!(" AND {DUE}"))
                .load(&mut *connection)
                .map_err(Error::from);
        connection.watch(rung)
    }

    /// Marks the deals of a workspace for which something has rung, so that the clock looks at them. A deal that
    /// somebody holds is marked another time, and so is what another server is hearing.
    pub(super) fn hear(&self, caller: &Caller, now: DateTime<Utc>) -> Result<()> {
        loop {
            let mut more = false;
            self.write(caller, now, None, |unit| {
                more = hear(unit, now)?;
                Ok(Answer::default())
            })?;
            if !more {
                return Ok(());
            }
        }
    }
}

/// The versions by which processes lead deals.
const LEADING: &str = "process_versions JOIN deal_types t ON t.workspace_id = process_versions.workspace_id \
    AND t.id = process_versions.deal_type_id AND t.mode = 'automatic'";

/// Hears some rings; answers whether there is more to do at once.
fn hear(unit: &mut Unit<'_>, now: DateTime<Utc>) -> Result<bool> {
    let tenant = &mut unit.tenant;
    let rung: Vec<Rung> = tenant
        .rows(raw::<RungTypes>("id, client_id, currency"), "rings")
        .sql(" AND rung_at <= ")
        .bind(now)
        .sql(format!(" AND {DUE} ORDER BY id LIMIT "))
        .bind(RINGS)
        .sql(" FOR UPDATE SKIP LOCKED")
        .load(tenant.conn)?;
    if rung.is_empty() {
        return Ok(false);
    }
    let clients: BTreeSet<Uuid> = rung.iter().filter_map(|(_, client, _)| *client).collect();
    let currencies: BTreeSet<String> = rung.iter().filter_map(|(.., code)| code.clone()).collect();
    let calendar = rung.iter().any(|(_, client, code)| client.is_none() && code.is_none());
    let mut marked = Marked::default();
    if !clients.is_empty() {
        let ids: Vec<Uuid> = clients.into_iter().collect();
        let looking = leading(unit, Process::looks_at_client)?;
        let of = |deals: Deals| {
            led(deals, looking).sql(" AND deals.client_id = ANY(").bind(ids).sql(")")
        };
        marked.mark(&mut unit.tenant, now, "deals.client_id::text", of)?;
    }
    if !currencies.is_empty() {
        let codes: Vec<String> = currencies.into_iter().collect();
        let all = leading(unit, |_| true)?;
        let of =
            |deals: Deals| led(deals, all).sql(" AND deals.currency = ANY(").bind(codes).sql(")");
        marked.mark(&mut unit.tenant, now, "deals.currency::text", of)?;
    }
    if calendar {
        marked.mark(&mut unit.tenant, now, "''", |deals| {
            deals.sql(" AND deals.alarm_at IS NOT NULL")
        })?;
    }
    if marked.more {
        return Ok(true);
    }
    let heard = |(id, client, code): &Rung| {
        let of = client.map(|id| id.to_string()).or(code.clone()).unwrap_or_default();
        (!marked.held_by_others.contains(&of)).then_some(*id)
    };
    let heard: Vec<i64> = rung.iter().filter_map(heard).collect();
    let full = i64::try_from(heard.len()).is_ok_and(|heard| heard == RINGS);
    settle(&mut unit.tenant, heard)?;
    Ok(full)
}

/// The versions of processes that lead deals and look at something.
fn leading(unit: &mut Unit<'_>, looks: impl Fn(&Process) -> bool) -> Result<Vec<Uuid>> {
    let tenant = &mut unit.tenant;
    let statement =
        tenant.select(raw::<SqlUuid>("process_versions.id"), LEADING, "process_versions");
    let ids: Vec<Uuid> = statement.load(tenant.conn)?;
    let mut looking = Vec::new();
    for id in ids {
        if looks(&*unit.process(id)?) {
            looking.push(id);
        }
    }
    Ok(looking)
}

/// Open deals on some versions.
fn led(deals: Deals, versions: Vec<Uuid>) -> Deals {
    deals.sql(" AND deals.status = 'open' AND deals.version_id = ANY(").bind(versions).sql(")")
}

type Deals = Statement<Raw<(Text, BigInt, BigInt)>>;

/// What has come of marking deals.
#[derive(Default)]
struct Marked {
    /// There may be others.
    more: bool,
    /// Of which clients or currencies somebody holds a deal.
    held_by_others: BTreeSet<String>,
}

impl Marked {
    /// Has the clock look at deals as soon as it comes to them. Nobody is waited for.
    fn mark(
        &mut self,
        tenant: &mut Tenant<'_>,
        now: DateTime<Utc>,
        of: &'static str,
        narrow: impl FnOnce(Deals) -> Deals,
    ) -> Result<()> {
        let statement = Statement::with("WITH wanted AS (SELECT deals.id, ", Raw::new(""))
            .sql(format!("{of} AS of FROM deals WHERE deals.workspace_id = "))
            .bind(tenant.workspace_id);
        let rows: Vec<(String, i64, i64)> = narrow(statement)
            .sql(" AND (deals.alarm_at IS NULL OR deals.alarm_at > ")
            .bind(now)
            .sql(") ORDER BY deals.id LIMIT ")
            .bind(DEALS)
            .sql("), held AS (SELECT deals.id FROM deals WHERE deals.workspace_id = ")
            .bind(tenant.workspace_id)
            .sql(
                " AND deals.id IN (SELECT id FROM wanted) ORDER BY deals.id FOR UPDATE SKIP LOCKED), \
                 rung AS (UPDATE deals SET alarm_at = ",
            )
            .bind(now)
            .sql(" FROM held WHERE deals.id = held.id AND deals.workspace_id = ")
            .bind(tenant.workspace_id)
            .sql(
                ") SELECT wanted.of, count(*), count(held.id) \
                 FROM wanted LEFT JOIN held USING (id) GROUP BY 1",
            )
            .load(tenant.conn)?;
        let (mut wanted, mut held) = (0_i64, 0_i64);
        for (of, all, ours) in rows {
            wanted = wanted.saturating_add(all);
            held = held.saturating_add(ours);
            if ours < all {
                self.held_by_others.insert(of);
            }
        }
        self.more |= wanted == DEALS && held > 0;
        Ok(())
    }
}

/// Rings that were heard are heard once more, when whoever is at work now has ended; then they are over.
fn settle(tenant: &mut Tenant<'_>, heard: Vec<i64>) -> Result<()> {
    for sql in [
        "DELETE FROM rings WHERE again_after IS NOT NULL AND workspace_id = ",
        "UPDATE rings SET again_after = pg_snapshot_xmax(pg_current_snapshot())::text::bigint WHERE workspace_id = ",
    ] {
        Statement::command(sql)
            .bind(tenant.workspace_id)
            .sql(" AND id = ANY(")
            .bind(heard.clone())
            .sql(")")
            .execute(tenant.conn)?;
    }
    Ok(())
}
