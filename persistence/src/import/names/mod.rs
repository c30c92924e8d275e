//! Names in an import's rows: of people, clients, sources, competitors and loss reasons; looked up for a
//! whole batch at once, remembered for the next ones, and created where the import may. The database says
//! which spellings are one name, as it is the database that keeps names apart.

mod wanted;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    time::{Duration, Instant},
};

use diesel::{
    RunQueryDsl,
    sql_types::{Bool, Nullable, Text, Uuid as SqlUuid},
};
use serde_json::Value as Json;
use uuid::Uuid;
use voronka_domain::{
    clients::ClientFacts,
    import::{ContactRow, CustomCells, DealRow, EventRow, Named, Rejection, UserRow},
};

use crate::{
    Result, Statement, Unit,
    clients::{self, Client},
    core::{noun::Noun, unit::raw},
    people::users::{self, User},
    workspace::catalogues::{self, Catalogue},
};

pub(crate) use wanted::Wanted;
use wanted::reason_of;

/// How long it may go unnoticed that somebody or something was put out of use.
const LIFE: Duration = Duration::from_secs(5);
/// Names that are remembered from one batch to the next.
const KEPT: usize = 50_000;
/// New names that a trial tells apart, so that it counts each once.
const COUNTED: usize = 1_000_000;

/// Names of one kind.
#[derive(Default)]
struct Book {
    /// As they are spelt in the file; none for a name that is not taken.
    ids: HashMap<String, Option<Uuid>>,
    /// Names that are to be made, by their id.
    new: HashMap<Uuid, New>,
    /// The same without regard to case.
    folds: HashMap<String, Uuid>,
}

#[derive(Clone)]
struct New {
    name: String,
    fold: String,
    /// A row that was taken has it.
    wanted: bool,
}

/// What an import knows of names.
pub struct Names {
    users: Book,
    clients: Book,
    sources: Book,
    competitors: Book,
    reasons: Book,
    departments: Book,
    since: Instant,
    /// Clients of the batch that are not in the database as far as one can see.
    unheld: Vec<Uuid>,
    /// Hashes of the names that a trial has made and undone.
    counted: HashSet<u64>,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            users: Book::default(),
            clients: Book::default(),
            sources: Book::default(),
            competitors: Book::default(),
            reasons: Book::default(),
            departments: Book::default(),
            since: Instant::now(),
            unheld: Vec::new(),
            counted: HashSet::new(),
        }
    }
}

/// Values of custom fields, and the users and clients among them.
#[derive(Debug, Default)]
pub(crate) struct CustomValues {
    pub values: BTreeMap<String, Json>,
    users: Vec<Uuid>,
    clients: Vec<Uuid>,
}

impl Names {
    /// What was made is not there after all: a transaction was undone.
    pub fn forget(&mut self) {
        let counted = std::mem::take(&mut self.counted);
        *self = Self { counted, ..Self::default() };
    }

    /// They are to be forgotten, and looked up anew.
    pub(crate) fn are_old(&self) -> bool {
        let Self { users, clients, sources, competitors, reasons, departments, .. } = self;
        let books = [users, clients, sources, competitors, reasons, departments];
        let kept: usize = books.iter().map(|book| book.ids.len()).sum();
        self.since.elapsed() > LIFE || kept > KEPT
    }

    pub(crate) fn refresh(&mut self) {
        if self.are_old() {
            self.forget();
        }
    }

    /// Clients of the batch that could not be held: whoever made them has not ended yet.
    pub(crate) fn unheld(&mut self) -> Vec<Uuid> {
        std::mem::take(&mut self.unheld)
    }

    /// Finds the ids. What nobody has gets one for the case that it is made.
    pub(crate) fn resolve(
        &mut self,
        unit: &mut Unit<'_>,
        wanted: &Wanted<'_>,
        create: bool,
    ) -> Result<()> {
        // Somebody may be called by email in one row and by name in another.
        let people: &[Column] =
            &[("users", "email", "NOT active"), ("users", "name", "NOT active")];
        look_up(unit, &mut self.users, &wanted.users, people, create)?;
        let firms: &[Column] = &[("clients", "name", "archived AND merged_into IS NULL")];
        look_up(unit, &mut self.clients, &wanted.clients, firms, create)?;
        self.unheld = hold_clients(unit, &mut self.clients, &wanted.clients)?;
        for (book, wanted, table) in [
            (&mut self.sources, &wanted.sources, "sources"),
            (&mut self.competitors, &wanted.competitors, "competitors"),
            (&mut self.reasons, &wanted.reasons, "loss_reasons"),
        ] {
            look_up(unit, book, wanted, &[(table, "name", "archived")], create)?;
        }
        let departments: &[Column] = &[("departments", "name", "archived")];
        look_up(unit, &mut self.departments, &wanted.departments, departments, false)?;
        Ok(())
    }

    /// The clients that are wanted.
    pub(crate) fn clients(&self, wanted: &Wanted<'_>) -> Vec<Uuid> {
        let ids = wanted.clients.iter().filter_map(|name| self.clients.ids.get(*name));
        ids.copied().flatten().collect()
    }

    /// The users that are wanted.
    pub(crate) fn users(&self, wanted: &Wanted<'_>) -> Vec<Uuid> {
        let ids = wanted.users.iter().filter_map(|name| self.users.ids.get(*name));
        ids.copied().flatten().collect()
    }

    /// What conditions look at in the clients that are to be made.
    pub(crate) fn new_clients(
        &self,
        now: chrono::DateTime<chrono::Utc>,
    ) -> Result<Vec<(Uuid, ClientFacts)>> {
        let new = self.clients.new.iter();
        new.map(|(id, new)| Ok((*id, client(now, (*id, new.clone())).facts()?))).collect()
    }

    pub(crate) fn deal(&self, row: &DealRow) -> Result<(Named, CustomValues), Vec<Rejection>> {
        let mut faults = Vec::new();
        let mut find = |book, field, name| find(book, field, name, row.line, &mut faults);
        let named = Named {
            owner_id: find(&self.users, "owner", row.owner.as_deref()),
            client_id: find(&self.clients, "client", row.client.as_deref()),
            source_id: find(&self.sources, "source", row.source.as_deref()),
            competitor_id: find(&self.competitors, "competitor", row.competitor.as_deref()),
            loss_reason_id: find(&self.reasons, "loss_reason", reason_of(row.target.as_ref())),
            ..Named::default()
        };
        let custom = self.custom(&row.custom, row.line, &mut faults);
        if faults.is_empty() { Ok((named, custom)) } else { Err(faults) }
    }

    pub(crate) fn client(&self, row: &ContactRow) -> Result<Uuid, Vec<Rejection>> {
        let mut faults = Vec::new();
        find(&self.clients, "client", row.client.as_deref(), row.line, &mut faults).ok_or(faults)
    }

    pub(crate) fn department(&self, row: &UserRow) -> Result<Option<Uuid>, Vec<Rejection>> {
        let (mut faults, name) = (Vec::new(), row.department.as_deref());
        let id = find(&self.departments, "department", name, row.line, &mut faults);
        if faults.is_empty() { Ok(id) } else { Err(faults) }
    }

    /// Values of custom fields, with ids for the names among them; or the names that are not known.
    pub(crate) fn custom_values(
        &self,
        cells: &CustomCells,
        line: u64,
    ) -> Result<CustomValues, Vec<Rejection>> {
        let mut faults = Vec::new();
        let values = self.custom(cells, line, &mut faults);
        if faults.is_empty() { Ok(values) } else { Err(faults) }
    }

    /// Values of custom fields, with ids for the names among them.
    fn custom(&self, cells: &CustomCells, line: u64, faults: &mut Vec<Rejection>) -> CustomValues {
        let mut custom = CustomValues { values: cells.values.clone(), ..CustomValues::default() };
        for (book, names, ids) in [
            (&self.users, &cells.users, &mut custom.users),
            (&self.clients, &cells.clients, &mut custom.clients),
        ] {
            for (key, name) in names {
                if let Some(id) = find(book, &format!("custom.{key}"), Some(name), line, faults) {
                    custom.values.insert(key.clone(), id.to_string().into());
                    ids.push(id);
                }
            }
        }
        custom
    }

    /// The ids of an event's names, and of who did it. Who does the first event of a case leads the deal,
    /// unless somebody else is named as its owner.
    pub(crate) fn event(
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
            ..Named::default()
        };
        if faults.is_empty() { Ok((named, user_id)) } else { Err(faults) }
    }

    /// A row with these names was taken.
    pub(crate) fn took(&mut self, named: &Named, user_id: Option<Uuid>) {
        for (book, ids) in [
            (&mut self.users, [named.owner_id, user_id]),
            (&mut self.clients, [named.client_id, None]),
            (&mut self.sources, [named.source_id, None]),
            (&mut self.competitors, [named.competitor_id, None]),
            (&mut self.reasons, [named.loss_reason_id, None]),
        ] {
            want(book, ids.into_iter().flatten());
        }
    }

    /// A row with this client was taken.
    pub(crate) fn took_client(&mut self, id: Uuid) {
        want(&mut self.clients, [id].into_iter());
    }

    /// A row with these values was taken.
    pub(crate) fn took_custom(&mut self, custom: &CustomValues) {
        want(&mut self.users, custom.users.iter().copied());
        want(&mut self.clients, custom.clients.iter().copied());
    }

    /// Makes what the rows that were taken need; `made` hears of each.
    pub(crate) fn make(
        &mut self,
        unit: &mut Unit<'_>,
        dry_run: bool,
        mut made: impl FnMut(&'static str),
    ) -> Result<()> {
        let counted = &mut self.counted;
        let mut note = |code: &'static str, names: &[(Uuid, New)]| {
            for (_, new) in names {
                // A trial undoes every batch, and meets a new name anew in each.
                let hash = hash(code, &new.fold);
                if !(dry_run && counted.contains(&hash)) {
                    made(code);
                }
                if dry_run && counted.len() < COUNTED {
                    counted.insert(hash);
                }
            }
        };
        let people = to_make(&mut self.users);
        note("created_user", &people);
        User::insert_all(unit, people.into_iter().map(|new| user(unit.now, new)).collect())?;
        let firms = to_make(&mut self.clients);
        note("created_client", &firms);
        Client::insert_all(unit, firms.into_iter().map(|new| client(unit.now, new)).collect())?;
        for (book, catalogue, code) in [
            (&mut self.sources, Catalogue::Sources, "created_source"),
            (&mut self.competitors, Catalogue::Competitors, "created_competitor"),
            (&mut self.reasons, Catalogue::LossReasons, "created_loss_reason"),
        ] {
            let names = to_make(book);
            note(code, &names);
            let names = names.into_iter().map(|(id, new)| (id, new.name));
            catalogues::create_all(unit, catalogue, names.collect())?;
        }
        Ok(())
    }
}

fn want(book: &mut Book, ids: impl Iterator<Item = Uuid>) {
    for id in ids {
        if let Some(new) = book.new.get_mut(&id) {
            new.wanted = true;
        }
    }
}

fn hash(code: &str, fold: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (code, fold).hash(&mut hasher);
    hasher.finish()
}

/// The names to make now, in their order.
fn to_make(book: &mut Book) -> Vec<(Uuid, New)> {
    let mut names: Vec<_> = book.new.extract_if(|_, new| new.wanted).collect();
    names.sort_by(|a, b| a.1.name.cmp(&b.1.name));
    names
}

fn find(
    book: &Book,
    field: &str,
    name: Option<&str>,
    line: u64,
    faults: &mut Vec<Rejection>,
) -> Option<Uuid> {
    let name = name?;
    let id = book.ids.get(name).copied().flatten();
    if id.is_none() {
        let reason = format!("\"{name}\" is not known, not in use, or not unique.");
        faults.push(Rejection::new(line, field, "unknown_reference", reason));
    }
    id
}

/// Table, column, and what says that a row of it is out of use.
type Column = (&'static str, &'static str, &'static str);
/// A name as it is spelt and without regard to case, and who has it: whether they are out of use.
type Found = (String, String, (Option<Uuid>, Option<bool>));

#[derive(Default)]
struct Match {
    id: Option<Uuid>,
    fold: String,
    /// Somebody out of use has the name, or several have: it is not taken, and not made again.
    barred: bool,
}

/// Fills in the ids of names that the book does not know, by one column after the other.
fn look_up(
    unit: &mut Unit<'_>,
    book: &mut Book,
    wanted: &BTreeSet<&str>,
    columns: &[Column],
    create: bool,
) -> Result<()> {
    let unknown = wanted.iter().filter(|name| !book.ids.contains_key(**name));
    let mut unknown: HashMap<String, Match> =
        unknown.map(|name| ((*name).to_owned(), Match::default())).collect();
    for column in columns {
        find_rows(unit, &mut unknown, *column)?;
    }
    let mut unknown: Vec<_> = unknown.into_iter().collect();
    unknown.sort_by(|a, b| a.0.cmp(&b.0));
    for (name, found) in unknown {
        let mut id = found.id;
        if id.is_none() && !found.barred && create {
            let new = book.folds.entry(found.fold.clone()).or_insert_with(|| {
                let id = Uuid::now_v7();
                let new = New { name: name.clone(), fold: found.fold, wanted: false };
                book.new.insert(id, new);
                id
            });
            id = Some(*new);
        }
        book.ids.insert(name, id);
    }
    Ok(())
}

fn find_rows(
    unit: &mut Unit<'_>,
    unknown: &mut HashMap<String, Match>,
    (table, column, out_of_use): Column,
) -> Result<()> {
    let open = unknown.iter().filter(|(_, found)| found.id.is_none());
    let names: Vec<String> = open.map(|(name, _)| name.clone()).collect();
    if names.is_empty() {
        return Ok(());
    }
    // A client that has become part of another one is that one.
    let id = if table == "clients" { "coalesce(merged_into, id)" } else { "id" };
    let selection = raw::<(Text, Text, (Nullable<SqlUuid>, Nullable<Bool>))>(
        "wanted.name, lower(wanted.name), found.id, found.out_of_use FROM unnest(",
    );
    let rows: Vec<Found> = Statement::select(selection)
        .bind(names)
        .sql(format!(
            ") AS wanted(name) LEFT JOIN LATERAL (SELECT DISTINCT {id} AS id, {out_of_use} AS out_of_use \
             FROM {table} WHERE lower({table}.{column}) = lower(wanted.name) AND workspace_id = "
        ))
        .bind(unit.tenant.workspace_id)
        .sql(" ORDER BY id LIMIT 2) AS found ON true")
        .load(unit.tenant.conn)?;
    for (name, fold, (id, out_of_use)) in rows {
        let Some(entry) = unknown.get_mut(&name) else { continue };
        // A second one of the same name, or one that is out of use.
        entry.barred |= out_of_use == Some(true) || id.is_some() && entry.id.is_some();
        entry.fold = fold;
        entry.id = id.or(entry.id).filter(|_| !entry.barred);
    }
    Ok(())
}

/// Keeps the clients from becoming part of others until the batch is done; those that just have are these.
/// Answers those that are not there to be kept.
fn hold_clients(
    unit: &mut Unit<'_>,
    book: &mut Book,
    wanted: &BTreeSet<&str>,
) -> Result<Vec<Uuid>> {
    let ids = wanted.iter().filter_map(|name| book.ids.get(*name).copied().flatten());
    let ids: BTreeSet<Uuid> = ids.filter(|id| !book.new.contains_key(id)).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let meant = clients::all_meant(unit, ids.iter().copied().collect())?;
    if meant.iter().any(|(id, meant)| id != meant) {
        for id in book.ids.values_mut().flatten() {
            *id = meant.get(id).copied().unwrap_or(*id);
        }
    }
    Ok(ids.into_iter().filter(|id| !meant.contains_key(id)).collect())
}

fn user(now: chrono::DateTime<chrono::Utc>, (id, new): (Uuid, New)) -> users::User {
    users::User {
        id,
        email: new.name.contains('@').then(|| new.name.clone()),
        name: new.name,
        role: "seller".to_owned(),
        position: None,
        department_id: None,
        active: true,
        password_hash: None,
        version: 1,
        created_at: now,
        updated_at: now,
    }
}

fn client(now: chrono::DateTime<chrono::Utc>, (id, new): (Uuid, New)) -> clients::Client {
    clients::Client { id, ..clients::Client::new(new.name, now) }
}
