//! What must hold of every deal, whatever happened: looked at in the database itself.

use std::collections::BTreeMap;

use diesel::{
    PgConnection, QueryableByName, RunQueryDsl, sql_query,
    sql_types::{BigInt, Integer, Json, Nullable, SmallInt, Text, Uuid as SqlUuid},
};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    invariants::{When, look, told},
    unpacked::with_events,
};

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

#[derive(QueryableByName)]
struct Happened {
    #[diesel(sql_type = SqlUuid)]
    object_id: Uuid,
    #[diesel(sql_type = Integer)]
    sequence: i32,
    #[diesel(sql_type = Text)]
    event_type: String,
    #[diesel(sql_type = Json)]
    change: Value,
}

#[derive(QueryableByName, Debug)]
struct Row {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    stage_id: Option<Uuid>,
    #[diesel(sql_type = SmallInt)]
    depth: i16,
    #[diesel(sql_type = Integer)]
    visit: i32,
    #[diesel(sql_type = Integer)]
    sequence: i32,
    #[diesel(sql_type = Text)]
    title: String,
    #[diesel(sql_type = SqlUuid)]
    owner_id: Uuid,
}

/// What a query counts; the query names it `number`.
pub fn count(connection: &mut PgConnection, sql: &str) -> i64 {
    let found: Number = sql_query(sql).get_result(connection).unwrap_or_else(|e| panic!("{e}"));
    found.number
}

/// Every deal's events are without gaps and doubles, each begins where the one before it ended, the
/// deal's row is what they add up to, and so are its visits. Answers how many deals there are.
pub fn check(connection: &mut PgConnection) -> usize {
    // Of one state: the clock may still be at work.
    let checked = connection
        .build_transaction()
        .repeatable_read()
        .run(|conn| Ok::<_, diesel::result::Error>(check_as_it_is(conn)));
    checked.expect("a snapshot")
}

fn check_as_it_is(connection: &mut PgConnection) -> usize {
    let events: Vec<Happened> = with_events(connection, |connection| {
        sql_query(
            "SELECT object_id, sequence, event_type, change FROM events \
             WHERE event_type LIKE 'deal.%' ORDER BY object_id, sequence",
        )
        .load(connection)
        .expect("events")
    });
    let mut histories: BTreeMap<Uuid, Vec<Happened>> = BTreeMap::new();
    for event in events {
        histories.entry(event.object_id).or_default().push(event);
    }
    let deals: Vec<Row> = sql_query(
        "SELECT id, status, stage_id, depth, visit, sequence, title, owner_id FROM deals",
    )
    .load(connection)
    .expect("deals");
    for deal in &deals {
        let history = histories.remove(&deal.id).unwrap_or_default();
        let sequences: Vec<_> = history.iter().map(|event| event.sequence).collect();
        assert_eq!(sequences, (1..=deal.sequence).collect::<Vec<_>>(), "{deal:?}");
        let folded = history.iter().fold(Folded::default(), Folded::then);
        let row = Folded {
            status: deal.status.clone(),
            stage_id: deal.stage_id.map(|id| id.to_string()),
            depth: i64::from(deal.depth),
            visits: deal.visit,
            title: deal.title.clone(),
            owner_id: deal.owner_id.to_string(),
        };
        assert_eq!(folded, row);
    }
    assert!(histories.is_empty(), "histories of deals that are not there: {:?}", histories.keys());
    assert_eq!(told(&look(connection, When::Always)), Vec::<String>::new());
    deals.len()
}

/// A deal as its events tell it.
#[derive(Debug, Default, PartialEq)]
struct Folded {
    status: String,
    stage_id: Option<String>,
    depth: i64,
    visits: i32,
    title: String,
    owner_id: String,
}

impl Folded {
    fn then(mut self, event: &Happened) -> Self {
        let change = &event.change;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        match event.event_type.as_str() {
            "deal.opened" => {
                assert_eq!(event.sequence, 1);
                self.status = "open".to_owned();
                self.enter(&change["stage"]);
                self.title = text(&change["details"]["title"]).expect("a title");
                self.owner_id = text(&change["details"]["owner_id"]).expect("an owner");
            }
            "deal.stage_changed" => {
                assert_eq!(self.status, "open", "{change}");
                assert_eq!(text(&change["from"]["stage_id"]), self.stage_id, "{change}");
                assert_ne!(change["from"], change["to"]);
                self.enter(&change["to"]);
            }
            "deal.won" | "deal.lost" => {
                assert_eq!(self.status, "open", "{change}");
                assert_eq!(text(&change["from"]["stage_id"]), self.stage_id, "{change}");
                self.status = event.event_type.trim_start_matches("deal.").to_owned();
            }
            "deal.reopened" => {
                assert_ne!(self.status, "open", "{change}");
                self.status = "open".to_owned();
                self.enter(&change["stage"]);
            }
            "deal.migrated" => {
                assert_eq!(self.status, "open", "{change}");
                assert_eq!(text(&change["from"]["stage_id"]), self.stage_id, "{change}");
                if change["direction"].is_null() {
                    self.stage_id = text(&change["to"]["stage_id"]);
                } else {
                    self.enter(&change["to"]);
                }
                self.depth = change["depth"].as_i64().expect("a depth");
            }
            "deal.owner_changed" => {
                assert_eq!(text(&change["previous"]).as_ref(), Some(&self.owner_id), "{change}");
                self.owner_id = text(&change["current"]).expect("an owner");
            }
            "deal.updated" => {
                assert_eq!(text(&change["previous"]["title"]).as_ref(), Some(&self.title));
                self.title = text(&change["current"]["title"]).expect("a title");
            }
            "deal.amount_changed" => assert_ne!(change["previous"], change["current"]),
            "deal.held" | "deal.resumed" | "deal.rule_fired" | "deal.rule_refused" => {}
            other => panic!("{other} is not known"),
        }
        self
    }

    fn enter(&mut self, stage: &Value) {
        self.visits += 1;
        self.stage_id = stage["stage_id"].as_str().map(str::to_owned);
        self.depth = self.depth.max(stage["position"].as_i64().unwrap_or(0));
    }
}
