//! Carrying out an import: a batch of rows is one transaction with its own progress, so a crash
//! neither doubles nor loses a row.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use diesel::{
    RunQueryDsl,
    sql_types::{Bool, Nullable, Text, Uuid as SqlUuid},
};
use uuid::Uuid;
use voronka_domain::{
    Fault, Refusal,
    access::Actor,
    import::{
        DealRow, Defaults, EventRow, Named, Outcome, Plan, Rejection, Target, apply_deal,
        apply_event, arrange,
    },
    ledger::Ledger,
    process::{Process, Rules},
    transition::Facts,
};

use crate::{
    Answer, Error, Result, Statement, Store, Unit,
    catalogues::{self, Catalogue},
    clients, deal_types,
    deals::{self, Recordable},
    imports::{self, Import},
    unit::raw,
    users,
};

/// A row with the cells that it was read from.
pub struct Read<T> {
    pub row: T,
    pub cells: Vec<String>,
}

/// Rows that are taken or left together.
pub enum Batch {
    Deals(Vec<Read<DealRow>>),
    /// Whole cases, each in order of its rows.
    Cases(Vec<Vec<Read<EventRow>>>),
}

/// What a batch came to.
#[derive(Debug, Default)]
struct Tally {
    created: i64,
    updated: i64,
    unchanged: i64,
    notes: BTreeMap<&'static str, i64>,
    rejected: Vec<(Vec<Rejection>, Vec<String>)>,
}

impl Tally {
    fn count(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Created => self.created += 1,
            Outcome::Updated => self.updated += 1,
            Outcome::Unchanged => self.unchanged += 1,
        }
    }

    fn note(&mut self, code: &'static str) {
        *self.notes.entry(code).or_default() += 1;
    }

    fn refuse(
        &mut self,
        cells: Vec<String>,
        refusal: &Refusal,
        rejection: impl Fn(&Fault) -> Rejection,
    ) {
        let faults = refusal.faults();
        self.rejected.push((faults.iter().map(rejection).collect(), cells));
    }
}

/// The sentences of the notes, by code.
pub const NOTES: &[(&str, &str)] = &[
    ("without_client", "rows have no client"),
    ("without_amount", "rows have no amount: 0 is taken"),
    ("opened_at_import", "rows have no date: the deal is opened at the time of the import"),
    (
        "closed_at_import",
        "closed rows have no closing date: they are closed at the time of the import",
    ),
    ("overruled_outcome", "outcomes were overruled by a later one of the same case"),
    ("known_event", "events were not later than what the deal's history has already"),
    ("ignored_event", "events are of activities that the map ignores"),
    ("created_user", "users were created"),
    ("created_client", "clients were created"),
    ("created_source", "sources were created"),
    ("created_loss_reason", "loss reasons were created"),
    ("created_competitor", "competitors were created"),
];

impl Store {
    /// Takes a batch of an import in one transaction, and answers the import after it.
    pub fn import_batch(
        &self,
        workspace_id: Uuid,
        import: &Import,
        plan: &Plan,
        batch: Batch,
        unread: Vec<(Vec<Rejection>, Vec<String>)>,
    ) -> Result<Import> {
        let now = crate::now();
        let caller = self.import_caller(workspace_id, None, import)?;
        let mut after = None;
        let outcome = self.write(&caller, now, None, |unit| {
            let before = imports::lock(unit, import.id, None)?;
            before.check_at(import.rows_done)?;
            let mut tally = Tally { rejected: unread, ..Tally::default() };
            let mut run = Run::new(unit, plan, &before)?;
            match batch {
                Batch::Deals(rows) => run.deals(rows, &mut tally)?,
                Batch::Cases(cases) => run.cases(cases, &mut tally)?,
            }
            if plan.spec.dry_run {
                after = Some((before, tally));
                // Undoes everything that would have been done.
                return Err(Error::Internal(DRY.to_owned()));
            }
            after = Some((progress(unit, before, tally)?, Tally::default()));
            Ok(Answer::default())
        });
        match outcome {
            Ok(_) => {}
            Err(Error::Internal(text)) if text == DRY => {
                let (before, tally) = after.ok_or_else(|| Error::Internal(DRY.to_owned()))?;
                let mut saved = None;
                self.write(&caller, now, None, |unit| {
                    saved = Some(progress(unit, before, tally)?);
                    Ok(Answer::default())
                })?;
                return saved.ok_or_else(|| Error::Internal("import vanished".into()));
            }
            Err(error) => return Err(error),
        }
        after.map(|(import, _)| import).ok_or_else(|| Error::Internal("import vanished".into()))
    }

    /// Notes how many rows an import has, and that it runs.
    pub fn begin_import(&self, workspace_id: Uuid, id: Uuid, rows: i64) -> Result<Import> {
        let import = self.tenant(workspace_id, |tenant| imports::get(tenant, id))?;
        let caller = self.import_caller(workspace_id, None, &import)?;
        let mut begun = None;
        let now = crate::now();
        self.write(&caller, now, None, |unit| {
            let before = imports::lock(unit, id, None)?;
            before.check_unfinished()?;
            let after = Import {
                state: "running".to_owned(),
                rows_total: Some(rows),
                started_at: before.started_at.or(Some(now)),
                ..before.clone()
            };
            begun = Some(imports::save(unit, &before, after)?);
            Ok(Answer::default())
        })?;
        begun.ok_or_else(|| Error::Internal("import vanished".into()))
    }
}

const DRY: &str = "dry run";

/// Adds a batch to the import's figures.
fn progress(unit: &mut Unit<'_>, before: Import, tally: Tally) -> Result<Import> {
    let Tally { created, updated, unchanged, notes, rejected } = tally;
    let mut lines: Vec<u64> =
        rejected.iter().filter_map(|(faults, _)| faults.first().map(|fault| fault.line)).collect();
    lines.sort_unstable();
    lines.dedup();
    let refused = i64::try_from(lines.len()).unwrap_or(i64::MAX);
    imports::reject(&mut unit.tenant, before.id, rejected)?;
    let done = created + updated + unchanged + refused;
    let after = Import {
        rows_done: before.rows_done + done,
        created: before.created + created,
        updated: before.updated + updated,
        unchanged: before.unchanged + unchanged,
        rejected: before.rejected + refused,
        notes: add_notes(&before.notes, &notes),
        ..before.clone()
    };
    // The feed tells of an import's beginning and end, and not of every batch.
    let events = unit.events.len();
    let after = imports::save(unit, &before, after)?;
    unit.events.truncate(events);
    Ok(after)
}

fn add_notes(before: &serde_json::Value, more: &BTreeMap<&'static str, i64>) -> serde_json::Value {
    let counted = |code: &str| {
        let notes = before.as_array().into_iter().flatten();
        let mut same = notes.filter(|note| note["code"] == code);
        same.next().and_then(|note| note["count"].as_i64()).unwrap_or(0)
    };
    let notes = NOTES.iter().filter_map(|(code, sentence)| {
        let count = counted(code) + more.get(code).copied().unwrap_or(0);
        (count > 0).then(|| {
            serde_json::json!({ "code": code, "count": count, "detail": format!("{count} {sentence}.") })
        })
    });
    notes.collect()
}

/// A batch in progress.
struct Run<'r, 'c> {
    unit: &'r mut Unit<'c>,
    plan: &'r Plan,
    import_id: Uuid,
    user_id: Option<Uuid>,
    process: Arc<Process>,
    rules: Rules,
}

impl<'r, 'c> Run<'r, 'c> {
    fn new(unit: &'r mut Unit<'c>, plan: &'r Plan, import: &Import) -> Result<Self> {
        let deal_type = deal_types::get(&mut unit.tenant, plan.spec.deal_type_id)?;
        let process = unit.process(deal_type.current_version_id)?;
        let rules = deal_type.rules()?;
        let user_id = unit.caller.user_id();
        Ok(Self { unit, plan, import_id: import.id, user_id, process, rules })
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            process: &self.process,
            rules: self.rules,
            settings: self.unit.caller.settings,
            now: self.unit.now,
            may_override: false,
        }
    }

    fn defaults(&self) -> Defaults {
        Defaults {
            id: Uuid::now_v7(),
            owner_id: self.user_id,
            external_source: self.plan.spec.external_source.clone(),
        }
    }

    fn actor(&self, user_id: Option<Uuid>, line: u64) -> Actor {
        Actor::Import { id: self.import_id, user_id: user_id.or(self.user_id), line }
    }

    fn deals(&mut self, rows: Vec<Read<DealRow>>, tally: &mut Tally) -> Result<()> {
        let mut names = Names::default();
        for Read { row, .. } in &rows {
            names.wants(&row.owner, &row.client, &row.source, &row.competitor);
            names.wants_reason(row.target.as_ref());
        }
        names.resolve(self.unit, self.plan.spec.create_missing, tally)?;
        let mut known = self.known(rows.iter().map(|read| read.row.external_id.clone()))?;
        for Read { row, cells } in rows {
            let named = match names.of_deal(&row) {
                Ok(named) => named,
                Err(faults) => {
                    tally.rejected.push((faults, cells));
                    continue;
                }
            };
            let place = known.get(&row.external_id).cloned();
            let ledger = place.as_ref().map(|place| place.ledger.clone());
            let process =
                place.as_ref().map_or_else(|| self.process.clone(), |place| place.process.clone());
            let facts = Facts { process: &process, ..self.facts() };
            match apply_deal(&row, &named, ledger, self.defaults(), &facts) {
                Err(refusal) => tally.refuse(cells, &refusal, |fault| row.rejection(fault)),
                Ok((ledger, outcome)) => {
                    tally.count(outcome);
                    if outcome == Outcome::Created {
                        note_gaps(&row, tally);
                    }
                    let actor = self.actor(None, row.line);
                    let place = Recordable::then(place, actor, ledger, process.clone());
                    known.insert(row.external_id, place);
                }
            }
        }
        deals::record(self.unit, known.into_values().collect())
    }

    fn cases(&mut self, cases: Vec<Vec<Read<EventRow>>>, tally: &mut Tally) -> Result<()> {
        let mut names = Names::default();
        for Read { row, .. } in cases.iter().flatten() {
            names.wants(&row.user, &row.client, &row.source, &row.competitor);
            names.wants(&row.owner, &None, &None, &None);
            names.wants_reason(Some(&row.target));
        }
        names.resolve(self.unit, self.plan.spec.create_missing, tally)?;
        let ids = cases.iter().filter_map(|case| case.first());
        let mut known = self.known(ids.map(|read| read.row.case_id.clone()))?;
        for case in cases {
            let Some(case_id) = case.first().map(|read| read.row.case_id.clone()) else { continue };
            let place = known.remove(&case_id);
            if let Some(place) = self.case(case, place, &names, tally) {
                known.insert(case_id, place);
            }
        }
        deals::record(self.unit, known.into_values().collect())
    }

    /// One case: its events in order, each taken or refused by itself.
    fn case(
        &self,
        case: Vec<Read<EventRow>>,
        mut place: Option<Recordable>,
        names: &Names,
        tally: &mut Tally,
    ) -> Option<Recordable> {
        let history = place.as_ref().map(|place| place.ledger.deal.last_occurred_at);
        let (mut rows, mut cells) = (Vec::new(), HashMap::new());
        for read in case {
            cells.insert(read.row.line, read.cells);
            rows.push(read.row);
        }
        let overruled = arrange(&mut rows);
        for row in rows {
            let cells = cells.remove(&row.line).unwrap_or_default();
            let passed_over = if row.target == Target::Ignore {
                Some("ignored_event")
            } else if overruled.contains(&row.line) {
                Some("overruled_outcome")
            } else if history.is_some_and(|history| row.occurred_at <= history) {
                Some("known_event")
            } else {
                None
            };
            if let Some(note) = passed_over {
                tally.note(note);
                tally.count(Outcome::Unchanged);
                continue;
            }
            let (named, user_id) = match names.of_event(&row, place.is_none()) {
                Ok(found) => found,
                Err(faults) => {
                    tally.rejected.push((faults, cells));
                    continue;
                }
            };
            let process =
                place.as_ref().map_or_else(|| self.process.clone(), |place| place.process.clone());
            let facts = Facts { process: &process, ..self.facts() };
            let ledger = place.as_ref().map(|place| place.ledger.clone());
            let actor = self.actor(user_id, row.line);
            match apply_event(&row, &named, ledger, self.defaults(), &facts) {
                Err(refusal) => tally.refuse(cells, &refusal, |fault| row.rejection(fault)),
                Ok((None, outcome)) => tally.count(outcome),
                Ok((Some(ledger), outcome)) => {
                    tally.count(outcome);
                    place = Some(Recordable::then(place.take(), actor, ledger, process.clone()));
                }
            }
        }
        place
    }

    /// Deals that exist already, by their external id, locked.
    fn known(&mut self, ids: impl Iterator<Item = String>) -> Result<HashMap<String, Recordable>> {
        let source = &self.plan.spec.external_source;
        let stored = deals::lock_external(self.unit, source, ids.collect())?;
        let actor = self.actor(None, 0);
        let known = stored.into_iter().filter_map(|stored| {
            let id = stored.deal.external_id.as_ref()?.id.clone();
            let ledger = Ledger::stored(stored.deal);
            Some((id, Recordable::by(actor, ledger, stored.process)))
        });
        Ok(known.collect())
    }
}

/// What a new deal's row leaves open.
fn note_gaps(row: &DealRow, tally: &mut Tally) {
    let closed = matches!(row.target, Some(Target::Won { .. } | Target::Lost { .. }));
    let undated =
        row.opened_at.is_none() && row.stage_entered_at.is_none() && row.closed_at.is_none();
    for (code, gap) in [
        ("without_client", row.client.is_none()),
        ("without_amount", row.amount.is_none()),
        ("opened_at_import", undated),
        ("closed_at_import", closed && row.closed_at.is_none()),
    ] {
        if gap {
            tally.note(code);
        }
    }
}

/// Names that rows use, and whose they are. None for a name that is unknown or is not unique.
#[derive(Default)]
struct Names {
    users: HashMap<String, Option<Uuid>>,
    clients: HashMap<String, Option<Uuid>>,
    sources: HashMap<String, Option<Uuid>>,
    competitors: HashMap<String, Option<Uuid>>,
    reasons: HashMap<String, Option<Uuid>>,
    /// The first spelling of each name, for those that are created.
    spelling: HashMap<String, String>,
}

impl Names {
    fn wants(
        &mut self,
        user: &Option<String>,
        client: &Option<String>,
        source: &Option<String>,
        competitor: &Option<String>,
    ) {
        let wanted = [
            (user, &mut self.users),
            (client, &mut self.clients),
            (source, &mut self.sources),
            (competitor, &mut self.competitors),
        ];
        for (name, names) in wanted {
            if let Some(name) = name {
                let folded = name.to_lowercase();
                self.spelling.entry(folded.clone()).or_insert_with(|| name.clone());
                names.entry(folded).or_insert(None);
            }
        }
    }

    fn wants_reason(&mut self, target: Option<&Target>) {
        if let Some(Target::Lost { reason: Some(reason), .. }) = target {
            let folded = reason.to_lowercase();
            self.spelling.entry(folded.clone()).or_insert_with(|| reason.clone());
            self.reasons.entry(folded).or_insert(None);
        }
    }

    fn resolve(&mut self, unit: &mut Unit<'_>, create: bool, tally: &mut Tally) -> Result<()> {
        let spelling = std::mem::take(&mut self.spelling);
        // Somebody may be called by email in one row and by name in another.
        let by_email = ("id, lower(email), NOT active, email", "lower(email) = ANY(wanted.names)");
        let by_name = ("id, lower(name), NOT active, email", BY_NAME);
        for (columns, condition) in [by_email, by_name] {
            look_up(unit, &mut self.users, "users", columns, condition)?;
        }
        look_up(unit, &mut self.clients, "clients", PLAIN, BY_NAME)?;
        look_up(unit, &mut self.sources, "sources", PLAIN, BY_NAME)?;
        look_up(unit, &mut self.competitors, "competitors", PLAIN, BY_NAME)?;
        look_up(unit, &mut self.reasons, "loss_reasons", PLAIN, BY_NAME)?;
        if !create {
            return Ok(());
        }
        for (name, id) in missing(&mut self.users) {
            tally.note("created_user");
            *id = Some(create_user(unit, spelling.get(name).unwrap_or(name))?);
        }
        for (name, id) in missing(&mut self.clients) {
            tally.note("created_client");
            *id = Some(create_client(unit, spelling.get(name).unwrap_or(name))?);
        }
        for (names, catalogue, note) in [
            (&mut self.sources, Catalogue::Sources, "created_source"),
            (&mut self.competitors, Catalogue::Competitors, "created_competitor"),
            (&mut self.reasons, Catalogue::LossReasons, "created_loss_reason"),
        ] {
            for (name, id) in missing(names) {
                tally.note(note);
                let name = spelling.get(name).unwrap_or(name).clone();
                *id = Some(catalogues::create(unit, catalogue, name)?.id);
            }
        }
        Ok(())
    }

    fn of_deal(&self, row: &DealRow) -> Result<Named, Vec<Rejection>> {
        let mut faults = Vec::new();
        let mut find = |names, field, name: &Option<String>| {
            find(names, field, name.as_deref(), row.line, &mut faults)
        };
        let named = Named {
            owner_id: find(&self.users, "owner", &row.owner),
            client_id: find(&self.clients, "client", &row.client),
            source_id: find(&self.sources, "source", &row.source),
            competitor_id: find(&self.competitors, "competitor", &row.competitor),
            loss_reason_id: find(&self.reasons, "loss_reason", &reason_of(row.target.as_ref())),
        };
        if faults.is_empty() { Ok(named) } else { Err(faults) }
    }

    /// The ids of an event's names, and of who did it. Who does the first event of a case leads the deal,
    /// unless somebody else is named as its owner.
    fn of_event(
        &self,
        row: &EventRow,
        first: bool,
    ) -> Result<(Named, Option<Uuid>), Vec<Rejection>> {
        let mut faults = Vec::new();
        let mut find = |names, field, name: &Option<String>| {
            find(names, field, name.as_deref(), row.line, &mut faults)
        };
        let user_id = find(&self.users, "user", &row.user);
        let owner_id = find(&self.users, "owner", &row.owner);
        let named = Named {
            owner_id: owner_id.or(user_id.filter(|_| first)),
            client_id: find(&self.clients, "client", &row.client),
            source_id: find(&self.sources, "source", &row.source),
            competitor_id: find(&self.competitors, "competitor", &row.competitor),
            loss_reason_id: find(&self.reasons, "loss_reason", &reason_of(Some(&row.target))),
        };
        if faults.is_empty() { Ok((named, user_id)) } else { Err(faults) }
    }
}

fn reason_of(target: Option<&Target>) -> Option<String> {
    match target {
        Some(Target::Lost { reason, .. }) => reason.clone(),
        _ => None,
    }
}

fn find(
    names: &HashMap<String, Option<Uuid>>,
    field: &str,
    name: Option<&str>,
    line: u64,
    faults: &mut Vec<Rejection>,
) -> Option<Uuid> {
    let name = name?;
    let id = names.get(&name.to_lowercase()).copied().flatten();
    if id.is_none() {
        let reason = format!("\"{name}\" is not known, not in use, or not unique.");
        faults.push(Rejection::new(line, field, "unknown_reference", reason));
    }
    id
}

fn missing(
    names: &mut HashMap<String, Option<Uuid>>,
) -> impl Iterator<Item = (&String, &mut Option<Uuid>)> {
    // In order of the names, so that the same file gives the same ids in the same order.
    let mut missing: Vec<_> = names.iter_mut().filter(|(_, id)| id.is_none()).collect();
    missing.sort_by(|a, b| a.0.cmp(b.0));
    missing.into_iter()
}

const PLAIN: &str = "id, lower(name), archived, NULL::text";
const BY_NAME: &str = "lower(name) = ANY(wanted.names)";

type NameTypes = (SqlUuid, Text, Bool, Nullable<Text>);

/// Fills in the ids of names. Of several with one name none is taken, nor is one out of use.
fn look_up(
    unit: &mut Unit<'_>,
    names: &mut HashMap<String, Option<Uuid>>,
    table: &'static str,
    columns: &'static str,
    condition: &'static str,
) -> Result<()> {
    let unknown = names.iter().filter(|(_, id)| id.is_none());
    let wanted: Vec<String> = unknown.map(|(name, _)| name.clone()).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let rows: Vec<(Uuid, String, bool, Option<String>)> =
        Statement::select(raw::<NameTypes>(columns))
            .sql(format!(" FROM {table}, (SELECT "))
            .bind(wanted)
            .sql(format!(
                "::text[] AS names) AS wanted WHERE {condition} AND {table}.workspace_id = "
            ))
            .bind(unit.tenant.workspace_id)
            .sql(" ORDER BY id")
            .load(unit.tenant.conn)?;
    let mut found: HashMap<String, Vec<(Uuid, bool)>> = HashMap::new();
    for (id, name, out_of_use, _) in rows {
        found.entry(name).or_default().push((id, out_of_use));
    }
    for (name, ids) in found {
        match ids.as_slice() {
            [(id, false)] => {
                names.insert(name, Some(*id));
            }
            // Taken out of the wishes, so that it is not created again.
            _ => {
                names.remove(&name);
            }
        }
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
    let id = Uuid::now_v7();
    let client = clients::Client {
        id,
        name: name.to_owned(),
        kind: "organisation".to_owned(),
        client_type: "new".to_owned(),
        class: None,
        region: None,
        tags: Vec::new(),
        consent: None,
        archived: false,
        version: 1,
        created_at: unit.now,
        updated_at: unit.now,
    };
    clients::insert(unit, &client)?;
    Ok(id)
}
