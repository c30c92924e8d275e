//! Loading the demo company: people and catalogues by commands, deals and their history by two imports.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use serde_json::json;
use uuid::Uuid;
use voronka_domain::people::access::Role;
use voronka_persistence::{
    Answer, Caller, Error, Listed, Noun, Store, Unit,
    clients::{self, Client},
    core::{
        enum_names::{from_name, to_name},
        jobs::Holder,
    },
    import::imports::{self, Import},
    now,
    people::{
        departments::Department,
        users::{self, User},
    },
    process::deal_types::DealType,
    workspace::{
        catalogues::{self, Catalogue},
        workspaces,
    },
};

use super::{
    calls,
    generator::{self, Company, LOST_PREFIX, WON},
    led,
};
use crate::{
    Failure,
    auth::password::{self, Turn},
    founding::new_workspace,
    v1::process::deal_types::{NewDealType, create_type},
    workers::{Wake, imports::Imports, run_one},
};

/// Known to everybody: the demo company has no secrets, and the server listens on the machine itself.
const PASSWORD: &str = "voronka-demo";
const ADMIN: &str = "admin@demo.example";
const EXTERNAL_SOURCE: &str = "demo";

/// What was loaded, or was there already.
pub struct Loaded {
    fresh: bool,
    company: &'static str,
    counts: String,
    deal_type_id: Uuid,
    directory: PathBuf,
    period: (String, String),
}

impl Loaded {
    /// What the operator of a first start is told.
    pub fn describe(&self, base: &str) -> String {
        let (from, to) = &self.period;
        let what = if self.fresh { "was loaded" } else { "is there" };
        format!(
            "\nThe demo company, {}, {what}: {}.\nIts files are in {}.\n\
             Log in as {ADMIN} with the password {PASSWORD} (the sellers have it too).\n\n\
             Draw its closed funnel:\n\n  \
             TOKEN=$(curl -s {base}/v1/auth/token -H 'Content-Type: application/json' \\\n    \
             -d '{{\"email\":\"{ADMIN}\",\"password\":\"{PASSWORD}\"}}' | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')\n  \
             curl -s -H \"Authorization: Bearer $TOKEN\" -o funnel.svg \\\n    \
             '{base}/v1/reports/funnel/closed?deal_type_id={}&from={from}&to={to}&format=svg'\n",
            self.company,
            self.counts,
            self.directory.display(),
            self.deal_type_id,
        )
    }
}

fn company() -> Company {
    generator::generate(generator::SEED, generator::default_until())
}

/// Writes the company's CSV files into the data directory.
pub fn write_files(data_dir: &Path) -> Result<PathBuf, Failure> {
    write(&company(), data_dir)
}

fn write(company: &Company, data_dir: &Path) -> Result<PathBuf, Failure> {
    let directory = data_dir.join("demo");
    std::fs::create_dir_all(&directory)?;
    std::fs::write(directory.join("clients.csv"), &company.clients_csv)?;
    std::fs::write(directory.join("deals.csv"), &company.deals_csv)?;
    std::fs::write(directory.join("stage_events.csv"), &company.stage_events_csv)?;
    Ok(std::path::absolute(directory)?)
}

/// Loads the company unless it is there. A load that was cut off goes on where it stopped.
pub fn load(store: &Store, data_dir: &Path) -> Result<Loaded, Failure> {
    let company = company();
    let directory = write(&company, data_dir)?;
    let there = users::by_email(store, ADMIN)?.first().map(|one| one.workspace_id);
    let workspace_id = match there {
        Some(workspace_id) => workspace_id,
        None => make(store, &company)?,
    };
    // The worker of a server that runs on this database may be faster; then it has done it.
    let holder = Holder::new(store.clone());
    while run_one((store, None), &holder, &Wake::default(), &[&Imports])? {}
    let led = led::play(store, workspace_id)?;
    let calls = calls::play(store, workspace_id)?;
    let deal_type_id = deal_type(store, workspace_id)?;
    let summary = generator::summary(&company);
    let counts = format!(
        "{} employees in {} departments, {} deals ({} won, {} lost, {} open), {} {} won, {led} deals that a process \
         leads, and {calls} calls",
        company.users.len(),
        company.departments.len(),
        summary.deals,
        summary.won,
        summary.lost,
        summary.open,
        summary.won_amount,
        company.currency,
    );
    let until = generator::default_until();
    let year_before = until.checked_sub_months(chrono::Months::new(12));
    let from = year_before.and_then(|day| day.succ_opt()).unwrap_or(until);
    Ok(Loaded {
        fresh: there.is_none(),
        company: company.name,
        counts,
        deal_type_id,
        directory,
        period: (from.to_string(), until.to_string()),
    })
}

fn deal_type(store: &Store, workspace_id: Uuid) -> Result<Uuid, Error> {
    let query = voronka_persistence::process::deal_types::LIST
        .parse(&[("sort".to_owned(), "created_at".to_owned())])
        .map_err(|_| Error::Internal("list of deal types".into()))?;
    let page = store.tenant(workspace_id, |tenant| DealType::list(tenant, query))?;
    page.items.first().map(|row| row.id).ok_or(Error::NotFound("deal type"))
}

/// The company in one transaction: either all of it is there, its imports queued, or nothing is.
fn make(store: &Store, company: &Company) -> Result<Uuid, Failure> {
    let workspace = new_workspace(company.name, company.currency, company.time_zone)?;
    let workspace_id = workspace.workspace_id;
    let operator = store.operator(&workspace)?;
    // One hash for all: thirty-six are some seconds of work, and the password is no secret.
    let hash = password::hash(PASSWORD, &Turn::alone())?;
    store.write(&operator, now(), None, |unit| {
        workspaces::create(unit, &workspace)?;
        people(unit, company, &hash)?;
        for (catalogue, names) in [
            (Catalogue::Sources, &company.sources),
            (Catalogue::Competitors, &company.competitors),
            (Catalogue::LossReasons, &company.loss_reasons),
        ] {
            for name in names {
                catalogues::create(unit, catalogue, name.clone())?;
            }
        }
        buyers(unit, company)?;
        let sale = deal_types(unit, company)?;
        queue(unit, &operator, "deals.csv", &company.deals_csv, deals_spec(sale))?;
        let spec = events_spec(sale, company);
        queue(unit, &operator, "stage_events.csv", &company.stage_events_csv, spec)?;
        Ok(Answer::default())
    })?;
    Ok(workspace_id)
}

fn people(unit: &mut Unit<'_>, company: &Company, hash: &str) -> Result<(), Error> {
    let mut ids: HashMap<&str, Uuid> = HashMap::new();
    let now = unit.now;
    for department in &company.departments {
        let row = Department {
            id: Uuid::now_v7(),
            name: department.name.to_owned(),
            parent_id: department.parent.and_then(|parent| ids.get(parent).copied()),
            head_id: None,
            archived: false,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        Department::insert(unit, &row)?;
        ids.insert(department.key, row.id);
    }
    for person in &company.users {
        let department_id = person.department.and_then(|key| ids.get(key).copied());
        let role: Role = from_name(person.role)
            .ok_or_else(|| Error::Internal("role of the demo company".into()))?;
        let row = User {
            id: Uuid::now_v7(),
            name: person.name.clone(),
            email: Some(person.email.clone()),
            role: to_name(&role),
            position: Some(person.position.to_owned()),
            department_id,
            active: true,
            password_hash: Some(hash.to_owned()),
            version: 1,
            created_at: now,
            updated_at: now,
        };
        User::insert(unit, &row)?;
        if let Some(department_id) = department_id.filter(|_| role == Role::Head) {
            let before = Department::lock(unit, department_id, None)?;
            Department::save(
                unit,
                &before,
                Department { head_id: Some(row.id), ..before.clone() },
            )?;
        }
    }
    Ok(())
}

fn buyers(unit: &mut Unit<'_>, company: &Company) -> Result<(), Error> {
    let broken = |error: csv::Error| Error::Internal(format!("clients of the demo: {error}"));
    let mut reader = csv::Reader::from_reader(company.clients_csv.as_bytes());
    for record in reader.deserialize::<[String; 5]>() {
        let [name, kind, client_type, class, region] = record.map_err(broken)?;
        let row = clients::Client {
            kind,
            client_type,
            class: Some(class).filter(|text| !text.is_empty()),
            region: Some(region).filter(|text| !text.is_empty()),
            ..clients::Client::new(name, unit.now)
        };
        Client::insert(unit, &row)?;
    }
    Ok(())
}

/// The id of the first, the sale.
fn deal_types(unit: &mut Unit<'_>, company: &Company) -> Result<Uuid, Error> {
    let mut first = None;
    for deal_type in &company.deal_types {
        let number = |text: &str| text.parse::<f64>().unwrap_or_default();
        let stages = deal_type.stages.iter().map(|stage| {
            let gate = stage.gate.iter().map(|field| json!({ "kind": "field", "field": field }));
            json!({
                "key": stage.key, "name": stage.name, "goal": stage.goal,
                "probability": number(stage.probability), "norm_days": stage.norm_days,
                "gate": gate.collect::<Vec<_>>(),
            })
        });
        let body = json!({
            "name": deal_type.name, "mode": deal_type.mode, "allow_skip": deal_type.allow_skip,
            "allow_back": deal_type.allow_back, "stages": stages.collect::<Vec<_>>(),
        });
        let new: NewDealType = serde_json::from_value(body)
            .map_err(|error| Error::Internal(format!("deal type of the demo: {error}")))?;
        let created = create_type(unit, new)?;
        first.get_or_insert(created.id);
    }
    first.ok_or_else(|| Error::Internal("the demo has no deal type".into()))
}

fn deals_spec(deal_type_id: Uuid) -> serde_json::Value {
    json!({
        "kind": "deals", "deal_type_id": deal_type_id, "external_source": EXTERNAL_SOURCE,
        "mapping": {
            "external_id": {"column": "deal_no"}, "title": {"column": "title"},
            "client": {"column": "client"}, "owner": {"column": "owner"},
            "source": {"column": "source"}, "lead_temperature": {"column": "temperature"},
            "amount": {"column": "amount"}, "opened_at": {"column": "opened"},
            "expected_close_on": {"column": "expected_close"},
        },
    })
}

fn events_spec(deal_type_id: Uuid, company: &Company) -> serde_json::Value {
    let stages = company.deal_types.iter().take(1).flat_map(|deal_type| &deal_type.stages);
    let mut map: serde_json::Map<_, _> =
        stages.map(|stage| (stage.name.to_owned(), json!({ "stage": stage.key }))).collect();
    map.insert(WON.to_owned(), json!({ "won": true }));
    for reason in &company.loss_reasons {
        map.insert(format!("{LOST_PREFIX}{reason}"), json!({ "lost": reason }));
    }
    json!({
        "kind": "stage_events", "deal_type_id": deal_type_id, "external_source": EXTERNAL_SOURCE,
        "mapping": {
            "case_id": {"column": "deal_no"}, "activity": {"column": "activity"},
            "occurred_at": {"column": "happened"}, "user": {"column": "user"},
            "note": {"column": "note"}, "competitor": {"column": "competitor"},
        },
        "stage_map": map,
    })
}

fn queue(
    unit: &mut Unit<'_>,
    operator: &Caller,
    name: &str,
    text: &str,
    spec: serde_json::Value,
) -> Result<(), Error> {
    let header = text.lines().next().unwrap_or_default().split(',');
    let header = header.map(str::to_owned).collect();
    let file = (Some(name.to_owned()), text.len());
    // The worker takes the oldest first: the deals come before their events.
    let row = Import::queued(spec, header, file, operator.actor, now());
    let pieces = text.as_bytes().chunks(1 << 20).map(|piece| Ok(piece.to_vec()));
    imports::queue(unit, &row, pieces)
}
