//! The demo company: a year of a believable business, made from a seed.
//!
//! The same seed and day give the same company byte for byte on every machine:
//! all chance comes from a generator of our own, in integer arithmetic, and no
//! clock, file or floating-point number takes part.
//!
//! The deals come as CSV files, as a company that moves in from another system
//! would bring them, and are loaded through the imports.

use chrono::NaiveDate;

use super::calendar::Calendar;
use super::clients::{self, People};
use super::deals;
use super::outline;
use super::random::Rng;
use super::table::Table;

pub use super::table::{Summary, summary};

/// The seed of the company that is loaded by default.
pub const SEED: u64 = 2026;

/// The activity that wins a deal.
pub const WON: &str = "Won";

/// The beginning of an activity that loses a deal; the reason follows.
pub const LOST_PREFIX: &str = "Lost: ";

/// A company, its catalogues and a year of its deals.
#[derive(Debug, Clone)]
pub struct Company {
    pub name: &'static str,
    /// The currency of all amounts (ISO 4217).
    pub currency: &'static str,
    /// The time zone of all times in the files (IANA).
    pub time_zone: &'static str,
    /// A department comes after its parent.
    pub departments: Vec<Department>,
    pub users: Vec<User>,
    /// The first is the type of all deals in the files.
    pub deal_types: Vec<DealType>,
    pub sources: Vec<String>,
    pub loss_reasons: Vec<String>,
    pub competitors: Vec<String>,
    /// `name,kind,type,class,region`, where kind is `organisation` or `person`
    /// and type is `new` or `current`.
    pub clients_csv: String,
    /// `deal_no,title,client,owner,source,temperature,amount,opened,expected_close,product`:
    /// client is a client's name or empty, owner a seller's e-mail address,
    /// temperature `cold`, `warm` or `hot`, opened local time. A deal opens in
    /// the first stage.
    pub deals_csv: String,
    /// `deal_no,activity,happened,user,note,competitor`, in the order of time:
    /// activity is the name of the stage entered, [`WON`], or [`LOST_PREFIX`]
    /// and a loss reason; happened is local time; user is a seller's e-mail
    /// address. Opening a deal is no event.
    pub stage_events_csv: String,
}

/// A department.
#[derive(Debug, Clone)]
pub struct Department {
    pub key: &'static str,
    pub name: &'static str,
    /// The key of the department above it.
    pub parent: Option<&'static str>,
}

/// An employee.
#[derive(Debug, Clone)]
pub struct User {
    pub name: String,
    pub email: String,
    /// `admin`, `head`, `seller` or `analyst`.
    pub role: &'static str,
    pub position: &'static str,
    /// The key of the department.
    pub department: Option<&'static str>,
}

/// A deal type.
#[derive(Debug, Clone)]
pub struct DealType {
    pub key: &'static str,
    pub name: &'static str,
    /// `manual` or `untracked`.
    pub mode: &'static str,
    pub allow_skip: bool,
    pub allow_back: bool,
    /// In order; empty when untracked.
    pub stages: Vec<Stage>,
}

/// A stage of a deal type.
#[derive(Debug, Clone)]
pub struct Stage {
    pub key: &'static str,
    pub name: &'static str,
    pub goal: &'static str,
    /// The probability of winning, as a decimal number from 0 to 1.
    pub probability: &'static str,
    /// The usual duration, in working days.
    pub norm_days: u32,
    /// The fields of the deal that must be filled to leave the stage.
    pub gate: Vec<&'static str>,
}

/// The last day of the default company's year.
pub fn default_until() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 10, 31).unwrap_or_default()
}

/// Makes the company of a seed, with the year that ends at the day `until`.
pub fn generate(seed: u64, until: NaiveDate) -> Company {
    let mut people = People::new(&mut Rng::stream(seed, 1));
    let users = clients::users(&mut people);
    let clients = clients::clients(&mut Rng::stream(seed, 2), &mut people);
    let calendar = Calendar::year_until(until);
    let (deals_csv, stage_events_csv) = deals::files(seed, &calendar, &users, &clients);

    let mut clients_csv = Table::new(&["name", "kind", "type", "class", "region"]);
    for client in &clients {
        clients_csv.row(&[
            &client.name,
            if client.is_person { "person" } else { "organisation" },
            if client.is_current { "current" } else { "new" },
            client.class,
            outline::OFFICES[client.office].region,
        ]);
    }

    Company {
        name: outline::COMPANY_NAME,
        currency: "EUR",
        time_zone: "Europe/Amsterdam",
        departments: outline::departments(),
        users,
        deal_types: outline::deal_types(),
        sources: outline::SOURCES.map(String::from).to_vec(),
        loss_reasons: outline::LOSS_REASONS.iter().map(|reason| reason.name.to_owned()).collect(),
        competitors: outline::COMPETITORS.map(String::from).to_vec(),
        clients_csv: clients_csv.finish(),
        deals_csv,
        stage_events_csv,
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
