//! Deals, tasks and clients alike: where they are, who has them, and how they change hands.

use diesel::{
    RunQueryDsl,
    sql_types::{Bool, Nullable, Numeric, Text, Uuid as SqlUuid},
};
use rust_decimal::Decimal;
use uuid::Uuid;
use voronka_domain::work::hand_over::{HandedOver, Outcome, Thing};

use crate::{Raw, Result, Statement, Unit, clients, core::enum_names::to_name, deals, work::tasks};

/// Where things of a kind are.
#[derive(Debug)]
pub(super) struct Place {
    pub what: HandedOver,
    /// As it stands with the items.
    kind: &'static str,
    table: &'static str,
    /// Who has it.
    holder: &'static str,
    open: &'static str,
    amount: &'static str,
    name: &'static str,
    /// Which are shown first.
    order: &'static str,
    lock: &'static str,
}

/// In the order in which they are held, that of all commands: clients, deals, tasks.
pub(super) static PLACES: [Place; 3] = [
    Place {
        what: HandedOver::Clients,
        kind: "client",
        table: "clients",
        holder: "clients.owner_id",
        open: "NOT clients.archived AND clients.merged_into IS NULL",
        amount: "0::numeric",
        name: "clients.name",
        order: "clients.name",
        lock: " FOR NO KEY UPDATE OF clients",
    },
    Place {
        what: HandedOver::Deals,
        kind: "deal",
        table: "deals",
        holder: "deals.owner_id",
        open: "deals.status = 'open'",
        amount: "deals.base_amount",
        name: "deals.title",
        order: "deals.base_amount DESC",
        lock: " FOR UPDATE OF deals",
    },
    Place {
        what: HandedOver::Tasks,
        kind: "task",
        table: "tasks",
        holder: "tasks.responsible_id",
        open: "tasks.status IN ('new', 'in_progress', 'deferred')",
        amount: "0::numeric",
        name: "tasks.title",
        order: "tasks.due_at",
        lock: " FOR NO KEY UPDATE OF tasks",
    },
];

type ThingTypes = (SqlUuid, Nullable<SqlUuid>, Bool, Numeric);
type ThingRow = (Uuid, Option<Uuid>, bool, Decimal);

/// The id and the name of a thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    pub id: Uuid,
    pub name: String,
}

impl Place {
    fn selection(&self) -> Raw<ThingTypes> {
        let Self { table, holder, open, amount, .. } = self;
        Raw::new(format!("{table}.id, {holder}, {open}, {amount}"))
    }

    fn load(
        &self,
        unit: &mut Unit<'_>,
        from: Statement<Raw<ThingTypes>>,
        hold: bool,
    ) -> Result<Vec<Thing>> {
        let rows: Vec<ThingRow> = from
            .sql(format!(" ORDER BY {}.id{}", self.table, if hold { self.lock } else { "" }))
            .load(unit.tenant.conn)?;
        let thing = |(id, holder_id, open, amount)| Thing { id, holder_id, open, amount };
        Ok(rows.into_iter().map(thing).collect())
    }

    /// What somebody has that is open; held until the transaction ends, if it is to change hands.
    pub fn of(&self, unit: &mut Unit<'_>, holder_id: Uuid, hold: bool) -> Result<Vec<Thing>> {
        let from = unit
            .tenant
            .rows(self.selection(), self.table)
            .sql(format!(" AND {} AND {} = ", self.open, self.holder))
            .bind(holder_id);
        self.load(unit, from, hold)
    }

    /// What went over, as it is now.
    pub fn gone(&self, unit: &mut Unit<'_>, hand_over_id: Uuid, hold: bool) -> Result<Vec<Thing>> {
        let table = self.table;
        let items = format!(
            "hand_over_items JOIN {table} ON {table}.workspace_id = hand_over_items.workspace_id \
             AND {table}.id = hand_over_items.object_id"
        );
        let from = unit
            .tenant
            .select(self.selection(), &items, "hand_over_items")
            .sql(" AND hand_over_items.hand_over_id = ")
            .bind(hand_over_id)
            .sql(format!(" AND hand_over_items.kind = '{}'", self.kind));
        self.load(unit, from, hold)
    }

    /// The first of what somebody has.
    pub fn first(&self, unit: &mut Unit<'_>, holder_id: Uuid, most: i64) -> Result<Vec<Named>> {
        let Self { table, holder, open, name, order, .. } = self;
        let selection = Raw::<(SqlUuid, Text)>::new(format!("{table}.id, {name}"));
        let rows: Vec<(Uuid, String)> = unit
            .tenant
            .rows(selection, table)
            .sql(format!(" AND {open} AND {holder} = "))
            .bind(holder_id)
            .sql(format!(" ORDER BY {order}, {table}.id LIMIT "))
            .bind(most)
            .load(unit.tenant.conn)?;
        Ok(rows.into_iter().map(|(id, name)| Named { id, name }).collect())
    }

    /// Notes what goes over.
    pub fn note(&self, unit: &mut Unit<'_>, hand_over_id: Uuid, ids: Vec<Uuid>) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        Statement::command(
            "INSERT INTO hand_over_items (workspace_id, hand_over_id, kind, object_id) SELECT ",
        )
        .bind(unit.tenant.workspace_id)
        .sql(", ")
        .bind(hand_over_id)
        .sql(format!(", '{}', id FROM unnest(", self.kind))
        .bind(ids)
        .sql(") AS id")
        .execute(unit.tenant.conn)?;
        Ok(())
    }

    /// Notes what has become of what went over.
    pub fn settle(
        &self,
        unit: &mut Unit<'_>,
        hand_over_id: Uuid,
        became: &[(Uuid, Outcome)],
    ) -> Result<()> {
        if became.is_empty() {
            return Ok(());
        }
        let (ids, outcomes): (Vec<Uuid>, Vec<String>) =
            became.iter().map(|(id, outcome)| (*id, to_name(outcome))).unzip();
        Statement::command("UPDATE hand_over_items SET outcome = became.outcome FROM unnest(")
            .bind(ids)
            .sql(", ")
            .bind(outcomes)
            .sql(") AS became(id, outcome) WHERE hand_over_items.object_id = became.id AND hand_over_items.workspace_id = ")
            .bind(unit.tenant.workspace_id)
            .sql(" AND hand_over_items.hand_over_id = ")
            .bind(hand_over_id)
            .sql(format!(" AND hand_over_items.kind = '{}'", self.kind))
            .execute(unit.tenant.conn)?;
        Ok(())
    }
}

/// Things of a kind that change hands.
pub(super) type Share = (&'static Place, Vec<Uuid>);

/// Gives things that are held from one person to another. Deals come last: their processes may end tasks and
/// make new ones.
pub(super) fn hand(unit: &mut Unit<'_>, shares: &[Share], to_id: Uuid) -> Result<()> {
    for (place, ids) in shares {
        match place.what {
            HandedOver::Clients => clients::reassign(unit, ids, to_id)?,
            HandedOver::Tasks => tasks::reassign(unit, ids, to_id)?,
            HandedOver::Deals => {}
        }
    }
    for (_, ids) in shares.iter().filter(|(place, _)| place.what == HandedOver::Deals) {
        deals::reassign(unit, ids, to_id)?;
    }
    Ok(())
}
