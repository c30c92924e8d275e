//! Names in an import's rows: of people, clients, sources, competitors and loss reasons; looked up for a
//! whole batch at once, and created where the import may. The database says which spellings are one
//! name, as it is the database that keeps names apart.

use std::collections::BTreeMap;

use diesel::{
    RunQueryDsl,
    sql_types::{Bool, Nullable, Text, Uuid as SqlUuid},
};
use uuid::Uuid;
use voronka_domain::import::{DealRow, EventRow, Named, Rejection, Target};

use crate::{
    Result, Statement, Unit,
    catalogues::{self, Catalogue},
    clients,
    unit::raw,
    users,
};

/// Names of one kind, as they are spelt in the file.
type Book = BTreeMap<String, Entry>;

#[derive(Debug, Default)]
struct Entry {
    id: Option<Uuid>,
    /// The name without regard to case.
    fold: String,
    /// Somebody out of use has the name, or several have: it is not taken, and not made again.
    barred: bool,
}

#[derive(Default)]
pub(crate) struct Names {
    users: Book,
    clients: Book,
    sources: Book,
    competitors: Book,
    reasons: Book,
}

impl Names {
    pub fn of_deals<'r>(rows: impl Iterator<Item = &'r DealRow>) -> Self {
        let mut names = Self::default();
        for row in rows {
            want(&mut names.users, row.owner.as_deref());
            want(&mut names.clients, row.client.as_deref());
            want(&mut names.sources, row.source.as_deref());
            want(&mut names.competitors, row.competitor.as_deref());
            want(&mut names.reasons, reason_of(row.target.as_ref()));
        }
        names
    }

    pub fn of_events<'r>(rows: impl Iterator<Item = &'r EventRow>) -> Self {
        let mut names = Self::default();
        for row in rows {
            want(&mut names.users, row.user.as_deref());
            want(&mut names.users, row.owner.as_deref());
            want(&mut names.clients, row.client.as_deref());
            want(&mut names.sources, row.source.as_deref());
            want(&mut names.competitors, row.competitor.as_deref());
            want(&mut names.reasons, reason_of(Some(&row.target)));
        }
        names
    }

    /// Finds the ids, and makes what is missing if `create`; `made` hears of each.
    pub fn resolve(
        &mut self,
        unit: &mut Unit<'_>,
        create: bool,
        mut made: impl FnMut(&'static str),
    ) -> Result<()> {
        // Somebody may be called by email in one row and by name in another.
        look_up(unit, &mut self.users, "users", "email", "NOT active")?;
        look_up(unit, &mut self.users, "users", "name", "NOT active")?;
        look_up(unit, &mut self.clients, "clients", "name", "archived AND merged_into IS NULL")?;
        hold_clients(unit, &mut self.clients)?;
        look_up(unit, &mut self.sources, "sources", "name", "archived")?;
        look_up(unit, &mut self.competitors, "competitors", "name", "archived")?;
        look_up(unit, &mut self.reasons, "loss_reasons", "name", "archived")?;
        if !create {
            return Ok(());
        }
        fill(&mut self.users, |name| {
            made("created_user");
            create_user(unit, name)
        })?;
        fill(&mut self.clients, |name| {
            made("created_client");
            create_client(unit, name)
        })?;
        for (book, catalogue, note) in [
            (&mut self.sources, Catalogue::Sources, "created_source"),
            (&mut self.competitors, Catalogue::Competitors, "created_competitor"),
            (&mut self.reasons, Catalogue::LossReasons, "created_loss_reason"),
        ] {
            fill(book, |name| {
                made(note);
                Ok(catalogues::create(unit, catalogue, name.to_owned())?.id)
            })?;
        }
        Ok(())
    }

    pub fn deal(&self, row: &DealRow) -> Result<Named, Vec<Rejection>> {
        let mut faults = Vec::new();
        let mut find = |book, field, name| find(book, field, name, row.line, &mut faults);
        let named = Named {
            owner_id: find(&self.users, "owner", row.owner.as_deref()),
            client_id: find(&self.clients, "client", row.client.as_deref()),
            source_id: find(&self.sources, "source", row.source.as_deref()),
            competitor_id: find(&self.competitors, "competitor", row.competitor.as_deref()),
            loss_reason_id: find(&self.reasons, "loss_reason", reason_of(row.target.as_ref())),
        };
        if faults.is_empty() { Ok(named) } else { Err(faults) }
    }

    /// The ids of an event's names, and of who did it. Who does the first event of a case leads the deal,
    /// unless somebody else is named as its owner.
    pub fn event(
        &self,
        row: &EventRow,
        first: bool,
    ) -> Result<(Named, Option<Uuid>), Vec<Rejection>> {
        let mut faults = Vec::new();
        let mut find = |book, field, name| find(book, field, name, row.line, &mut faults);
        let user_id = find(&self.users, "user", row.user.as_deref());
        let owner_id = find(&self.users, "owner", row.owner.as_deref());
        let named = Named {
            owner_id: owner_id.or(user_id.filter(|_| first)),
            client_id: find(&self.clients, "client", row.client.as_deref()),
            source_id: find(&self.sources, "source", row.source.as_deref()),
            competitor_id: find(&self.competitors, "competitor", row.competitor.as_deref()),
            loss_reason_id: find(&self.reasons, "loss_reason", reason_of(Some(&row.target))),
        };
        if faults.is_empty() { Ok((named, user_id)) } else { Err(faults) }
    }
}

fn want(book: &mut Book, name: Option<&str>) {
    if let Some(name) = name.filter(|name| !book.contains_key(*name)) {
        book.insert(name.to_owned(), Entry::default());
    }
}

fn reason_of(target: Option<&Target>) -> Option<&str> {
    match target {
        Some(Target::Lost { reason, .. }) => reason.as_deref(),
        _ => None,
    }
}

fn find(
    book: &Book,
    field: &str,
    name: Option<&str>,
    line: u64,
    faults: &mut Vec<Rejection>,
) -> Option<Uuid> {
    let name = name?;
    let id = book.get(name).and_then(|entry| entry.id);
    if id.is_none() {
        let reason = format!("\"{name}\" is not known, not in use, or not unique.");
        faults.push(Rejection::new(line, field, "unknown_reference", reason));
    }
    id
}

/// A name as it is spelt and without regard to case, and who has it: whether they are out of use.
type Found = (String, String, (Option<Uuid>, Option<bool>));

/// Fills in the ids of names that have none yet.
fn look_up(
    unit: &mut Unit<'_>,
    book: &mut Book,
    table: &'static str,
    column: &'static str,
    out_of_use: &'static str,
) -> Result<()> {
    let unknown = book.iter().filter(|(_, entry)| entry.id.is_none());
    let wanted: Vec<String> = unknown.map(|(name, _)| name.clone()).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    // A client that has become part of another one is that one.
    let id = if table == "clients" { "coalesce(merged_into, id)" } else { "id" };
    let selection = raw::<(Text, Text, (Nullable<SqlUuid>, Nullable<Bool>))>(
        "wanted.name, lower(wanted.name), found.id, found.out_of_use FROM unnest(",
    );
    let rows: Vec<Found> = Statement::select(selection)
        .bind(wanted)
        .sql(format!(
            ") AS wanted(name) LEFT JOIN LATERAL (SELECT DISTINCT {id} AS id, {out_of_use} AS out_of_use \
             FROM {table} WHERE lower({table}.{column}) = lower(wanted.name) AND workspace_id = "
        ))
        .bind(unit.tenant.workspace_id)
        .sql(" ORDER BY id LIMIT 2) AS found ON true ORDER BY wanted.name")
        .load(unit.tenant.conn)?;
    for (name, fold, (id, out_of_use)) in rows {
        let Some(entry) = book.get_mut(&name) else { continue };
        // A second one of the same name, or one that is out of use.
        entry.barred |= out_of_use == Some(true) || id.is_some() && entry.id.is_some();
        entry.fold = fold;
        entry.id = id.or(entry.id).filter(|_| !entry.barred);
    }
    Ok(())
}

/// Keeps the clients from becoming part of others until the batch is done; those that just have are these.
fn hold_clients(unit: &mut Unit<'_>, book: &mut Book) -> Result<()> {
    let ids: Vec<Uuid> = book.values().filter_map(|entry| entry.id).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let survivors = clients::all_meant(unit, ids)?;
    for id in book.values_mut().filter_map(|entry| entry.id.as_mut()) {
        *id = survivors.get(id).copied().unwrap_or(*id);
    }
    Ok(())
}

/// Makes what is missing, once for all spellings of a name, in order of the names.
fn fill(book: &mut Book, mut create: impl FnMut(&str) -> Result<Uuid>) -> Result<()> {
    let mut made: BTreeMap<String, Uuid> = BTreeMap::new();
    for (name, entry) in book.iter_mut().filter(|(_, entry)| entry.id.is_none() && !entry.barred) {
        let id = match made.get(&entry.fold) {
            Some(id) => *id,
            None => create(name)?,
        };
        made.insert(entry.fold.clone(), id);
        entry.id = Some(id);
    }
    Ok(())
}

fn create_user(unit: &mut Unit<'_>, name: &str) -> Result<Uuid> {
    let id = Uuid::now_v7();
    let user = users::User {
        id,
        name: name.to_owned(),
        email: name.contains('@').then(|| name.to_owned()),
        role: "seller".to_owned(),
        position: None,
        department_id: None,
        active: true,
        password_hash: None,
        version: 1,
        created_at: unit.now,
        updated_at: unit.now,
    };
    users::insert(unit, &user)?;
    Ok(id)
}

fn create_client(unit: &mut Unit<'_>, name: &str) -> Result<Uuid> {
    let client = clients::Client::new(name.to_owned(), unit.now);
    clients::insert(unit, &client)?;
    Ok(client.id)
}
