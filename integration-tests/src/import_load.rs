//! Deals of a seed as a CSV file, with the totals that they have by the generator's own count.

use std::io::{self, Write};

use diesel::{PgConnection, QueryableByName, RunQueryDsl, sql_query};
use serde_json::{Value, json};

pub const STAGES: &[&str] = &["lead", "offer", "contract"];
const OWNERS: u64 = 200;
const SOURCES: u64 = 12;
const REASONS: u64 = 7;
/// Deals of a client, on average.
const DEALS_A_CLIENT: u64 = 20;

/// Steele, Lea and Flood's SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

/// What a file of deals comes to.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, QueryableByName)]
pub struct Totals {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    pub deals: i64,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    pub won: i64,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    pub lost: i64,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    pub cents: i64,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    pub won_cents: i64,
    /// An opening each, a move for the open ones that are further on, an end for the closed ones.
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    pub events: i64,
    /// A visit each, and one more after each move.
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    pub visits: i64,
}

/// Writes so many deals, and counts them.
pub fn write(file: &mut impl Write, deals: u64, seed: u64) -> io::Result<Totals> {
    let mut random = Random(seed);
    let mut totals = Totals::default();
    let clients = (deals / DEALS_A_CLIENT).max(1);
    writeln!(file, "no,title,client,owner,amount,source,opened,stage,entered,closed,reason")?;
    for number in 1..=deals {
        let (client, owner) = (random.below(clients), random.below(OWNERS));
        let cents = random.below(100_000_000) as i64;
        let source = random.below(SOURCES);
        let opened = format!("{}-{:02}-{:02}", 2020 + random.below(5), 1 + random.below(12), 1);
        let stage = STAGES[random.below(3) as usize];
        totals.deals += 1;
        totals.cents += cents;
        totals.events += 1;
        totals.visits += 1;
        let (stage, entered, closed, reason) = match random.below(10) {
            0..4 => {
                totals.won += 1;
                totals.won_cents += cents;
                totals.events += 1;
                ("won", "", "2025-03-15", String::new())
            }
            4..7 => {
                totals.lost += 1;
                totals.events += 1;
                ("lost", "", "2025-03-16", format!("Reason {}", random.below(REASONS)))
            }
            _ => {
                if stage != STAGES[0] {
                    totals.events += 1;
                    totals.visits += 1;
                }
                (stage, "2025-02-01", "", String::new())
            }
        };
        writeln!(
            file,
            "D{number:08},Supply of goods no. {number},Client {client} Ltd,seller{owner}@example.com,\
             {}.{:02},Source {source},{opened},{stage},{entered},{closed},{reason}",
            cents / 100,
            cents % 100
        )?;
    }
    Ok(totals)
}

/// The spec that such a file is imported with.
pub fn spec(deal_type: &str) -> Value {
    let columns = [
        ("external_id", "no"),
        ("title", "title"),
        ("client", "client"),
        ("owner", "owner"),
        ("amount", "amount"),
        ("source", "source"),
        ("opened_at", "opened"),
        ("stage", "stage"),
        ("stage_entered_at", "entered"),
        ("closed_at", "closed"),
        ("loss_reason", "reason"),
    ];
    let mapping = columns.map(|(field, column)| (field.to_owned(), json!({ "column": column })));
    let mapping: serde_json::Map<_, _> = mapping.into_iter().collect();
    json!({ "kind": "deals", "deal_type_id": deal_type, "external_source": "load",
        "create_missing": true, "mapping": mapping })
}

/// The totals of what is in the database.
pub fn totals(connection: &mut PgConnection) -> Totals {
    sql_query(
        "SELECT count(*) AS deals, count(*) FILTER (WHERE status = 'won') AS won, \
         count(*) FILTER (WHERE status = 'lost') AS lost, \
         coalesce(sum(amount * 100), 0)::bigint AS cents, \
         coalesce(sum(amount * 100) FILTER (WHERE status = 'won'), 0)::bigint AS won_cents, \
         (SELECT count(*) FROM events WHERE event_type LIKE 'deal.%') AS events, \
         (SELECT count(*) FROM stage_visits) AS visits FROM deals",
    )
    .get_result(connection)
    .expect("the totals")
}
