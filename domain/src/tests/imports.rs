//! Imports: whatever stands in a file, its rows are read or rejected with a reason.

use std::collections::BTreeMap;

use proptest::{
    collection::{btree_map, vec},
    option,
    prelude::*,
    sample::select,
};
use uuid::Uuid;

use super::world::process;
use crate::{
    import::{DealRow, EventRow, ImportKind, Mapped, Plan, Row, Spec, StageTarget, Target},
    kernel::money::Currency,
    process::Process,
    workspace::settings::{DealVisibility, Settings},
};

const DEAL_FIELDS: [&str; 16] = [
    "external_id",
    "title",
    "client",
    "owner",
    "amount",
    "currency",
    "source",
    "lead_temperature",
    "expected_close_on",
    "opened_at",
    "stage",
    "stage_entered_at",
    "closed_at",
    "loss_reason",
    "note",
    "competitor",
];
const EVENT_FIELDS: [&str; 13] = [
    "case_id",
    "activity",
    "occurred_at",
    "user",
    "owner",
    "amount",
    "currency",
    "title",
    "client",
    "source",
    "loss_reason",
    "note",
    "competitor",
];
const ACTIVITIES: [&str; 7] = ["won", "Lost", "s1", "STAGE 2", "A_SUBMITTED", "a/b~c", "W"];

fn fields(kind: ImportKind) -> &'static [&'static str] {
    match kind {
        ImportKind::Deals => &DEAL_FIELDS,
        ImportKind::StageEvents => &EVENT_FIELDS,
        kind => unreachable!("{kind:?}"),
    }
}

fn odd() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => select(vec!["", " ", "a\0b", "\u{feff}", "İ", "3/1/2017", "-1", "W"])
            .prop_map(str::to_owned),
        1 => Just("x".repeat(201)),
        1 => Just("x".repeat(4_001)),
        2 => "\\PC{0,12}",
    ]
}

/// What may well stand in the column of a field.
fn usual(field: &str) -> BoxedStrategy<String> {
    let words: Vec<&str> = match field {
        "stage" | "activity" => ACTIVITIES.to_vec(),
        "amount" => vec!["12.50", "0", ""],
        "currency" => vec!["EUR", "USD", ""],
        "lead_temperature" => vec!["Warm", "cold", " hot "],
        "expected_close_on" => vec!["2017-03-01", ""],
        "opened_at" | "stage_entered_at" | "closed_at" | "occurred_at" => {
            vec!["2017-03-01T10:00:00Z", "2017-03-01", "2017-03-01 10:00"]
        }
        "external_id" | "case_id" => vec!["1", " 2 "],
        "note" => return prop_oneof!["[a-z ]{0,3}", Just("x".repeat(4_000))].boxed(),
        _ => vec!["a", " b ", "Договор", ""],
    };
    prop_oneof![60 => select(words).prop_map(str::to_owned), 1 => odd()].boxed()
}

fn stage_target() -> impl Strategy<Value = StageTarget> {
    let stage = || select(vec!["s1", "s2"]).prop_map(str::to_owned);
    let (won, lost, ignore) = (true, Some("Price".to_owned()), true);
    let none = StageTarget::default;
    prop_oneof![
        4 => stage().prop_map(move |stage| StageTarget { stage: Some(stage), ..none() }),
        3 => option::of(stage()).prop_map(move |stage| StageTarget { stage, won, ..none() }),
        4 => option::of(stage())
            .prop_map(move |stage| StageTarget { stage, lost: lost.clone(), ..none() }),
        1 => Just(StageTarget { ignore, ..none() }),
    ]
}

fn any_stage_target() -> impl Strategy<Value = StageTarget> {
    let stage = option::of(select(vec!["s1", "s9"]).prop_map(str::to_owned));
    (stage, any::<bool>(), option::of(odd()), any::<bool>())
        .prop_map(|(stage, won, lost, ignore)| StageTarget { stage, won, lost, ignore })
}

fn mapped(field: &'static str) -> impl Strategy<Value = Mapped> {
    let names = [field.to_owned(), field.to_uppercase(), format!(" {field}")];
    prop_oneof![
        9 => select(names.to_vec()).prop_map(Mapped::Column),
        1 => usual(field).prop_map(Mapped::Value),
    ]
}

/// A spec that fits a file with the fields of its kind for columns, or nearly.
fn spec(kind: ImportKind) -> impl Strategy<Value = Spec> {
    let mapping: Vec<_> = fields(kind)
        .iter()
        .map(|field| {
            let required = ["external_id", "case_id", "activity", "occurred_at"].contains(field);
            let mapped = option::weighted(if required { 0.99 } else { 0.7 }, mapped(field));
            mapped.prop_map(|mapped| Some(((*field).to_owned(), mapped?)))
        })
        .collect();
    let activity = || select(&ACTIVITIES[..]).prop_map(str::to_owned);
    let full = vec(stage_target(), ACTIVITIES.len())
        .prop_map(|targets| ACTIVITIES.map(str::to_owned).into_iter().zip(targets).collect());
    let map = prop_oneof![
        4 => Just(BTreeMap::new()),
        6 => full,
        2 => btree_map(activity(), stage_target(), 0..4),
        1 => btree_map(activity(), any_stage_target(), 0..4),
    ];
    let wild = option::weighted(
        0.1,
        (odd(), prop_oneof![odd().prop_map(Mapped::Column), odd().prop_map(Mapped::Value),]),
    );
    let format = option::weighted(0.1, prop_oneof![Just("M/D/YYYY".to_owned()), odd()]);
    let delimiter = option::weighted(0.1, select(vec![';', 'a', 'я', '"', '\t']));
    (mapping, map, wild, format, delimiter).prop_map(
        move |(mapping, stage_map, wild, date_format, delimiter)| Spec {
            kind,
            deal_type_id: Some(Uuid::nil()),
            integration_id: None,
            mapping: mapping.into_iter().flatten().chain(wild).collect(),
            stage_map,
            external_source: "crm".into(),
            currency: None,
            date_format,
            time_zone: None,
            delimiter,
            encoding: None,
            sheet: None,
            decimal: None,
            create_missing: false,
            dry_run: false,
        },
    )
}

#[derive(Debug, Clone)]
struct File {
    header: Vec<String>,
    records: Vec<Vec<String>>,
}

/// The columns stand in any order, some of them twice in another spelling; some rows end early.
fn file(kind: ImportKind) -> impl Strategy<Value = File> {
    let columns: Vec<_> = fields(kind).iter().chain(&["Title", "note ", "x"]).copied().collect();
    let header = Just(columns).prop_shuffle();
    header.prop_flat_map(|header| {
        let record: Vec<_> =
            header.iter().map(|column| usual(&column.trim().to_lowercase())).collect();
        let length = prop_oneof![4 => Just(usize::MAX), 1 => 0..20_usize];
        let record = (record, length).prop_map(|(mut record, length)| {
            record.truncate(length);
            record
        });
        let header = header.into_iter().map(str::to_owned).collect::<Vec<_>>();
        vec(record, 1..4).prop_map(move |records| File { header: header.clone(), records })
    })
}

fn import() -> impl Strategy<Value = (Spec, File)> {
    select(vec![ImportKind::Deals, ImportKind::StageEvents])
        .prop_flat_map(|kind| (spec(kind), file(kind)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(384))]

    #[test]
    fn a_row_is_read_or_rejected_with_every_reason_in_place((spec, file) in import()) {
        read(spec, &file.header, &file.records);
    }

    #[test]
    fn a_spec_is_kept_as_json((spec, _) in import()) {
        let json = serde_json::to_string(&spec).unwrap();
        assert_eq!(serde_json::from_str::<Spec>(&json).unwrap(), spec);
    }
}

fn read(spec: Spec, header: &[String], records: &[Vec<String>]) {
    let process = process(vec![vec![], vec![]]);
    let settings = Settings {
        currency: Currency::parse("EUR").unwrap(),
        time_zone: chrono_tz::Europe::Amsterdam,
        deal_visibility: DealVisibility::ByRole,
        country: None,
        require_primary_demand: false,
    };
    let plan = match spec.plan(header, &["s1", "s2"], &[], settings) {
        Ok(plan) => plan,
        Err(refusal) => return assert!(!refusal.faults().is_empty()),
    };
    assert!(plan.spec.unused_columns(header).iter().all(|column| header.contains(column)));
    for (line, record) in (2..).zip(records) {
        match plan.read(line, record, &process.stages) {
            Ok(row) => {
                // A loss reason is read only where the row says where its deal is.
                let fields = fields(plan.spec.kind).iter().filter(|field| **field != "loss_reason");
                let mut texts = fields.flat_map(|field| cell_of(&plan, header, record, field));
                assert!(!texts.any(|text| text.contains('\0')));
                match row {
                    Row::Deal(row) => deal_is_as_written(&plan, header, record, &process, &row),
                    Row::Event(row) => event_is_as_written(&plan, header, record, &process, &row),
                    row => panic!("{row:?}"),
                }
            }
            Err(faults) => {
                assert!(!faults.is_empty());
                for fault in faults {
                    assert_eq!(fault.line, line);
                    assert!(plan.maps(&fault.field), "{} is not mapped", fault.field);
                    assert!(!fault.code.is_empty() && !fault.reason.is_empty());
                }
            }
        }
    }
}

/// What the spec says that a field is, found the long way.
fn cell_of(plan: &Plan, header: &[String], record: &[String], field: &str) -> Option<String> {
    let text = match plan.spec.mapping.get(field)? {
        Mapped::Value(value) => value.clone(),
        Mapped::Column(name) => {
            let folded = |text: &str| text.trim().to_lowercase();
            let mut same = header.iter().enumerate().filter(|(_, c)| folded(c) == folded(name));
            let exact = header.iter().enumerate().find(|(_, column)| *column == name);
            let (index, _) = exact.or_else(|| same.next()).unwrap();
            record.get(index)?.clone()
        }
    };
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn meaning(plan: &Plan, process: &Process, value: &str, reason: Option<String>) -> Target {
    match plan.spec.stage_map.get(value) {
        Some(StageTarget { ignore: true, .. }) => Target::Ignore,
        Some(StageTarget { won: true, stage, .. }) => Target::Won { stage: stage.clone() },
        Some(StageTarget { lost: Some(lost), stage, .. }) => {
            Target::Lost { reason: reason.or(Some(lost.clone())), stage: stage.clone() }
        }
        Some(StageTarget { stage, .. }) => Target::Stage(stage.clone().unwrap()),
        None => {
            assert!(plan.spec.stage_map.is_empty(), "What is not in the map is rejected.");
            let folded = value.to_lowercase();
            let names =
                |s: &&crate::process::Stage| [&s.key, &s.name.to_lowercase()].contains(&&folded);
            match process.stages.iter().find(names) {
                Some(stage) => Target::Stage(stage.key.clone()),
                None if folded == "won" => Target::Won { stage: None },
                None => {
                    assert_eq!(folded, "lost");
                    Target::Lost { reason, stage: None }
                }
            }
        }
    }
}

fn deal_is_as_written(
    plan: &Plan,
    header: &[String],
    record: &[String],
    process: &Process,
    row: &DealRow,
) {
    let cell = |field: &str| cell_of(plan, header, record, field);
    assert_eq!(Some(row.external_id.clone()), cell("external_id"));
    assert_eq!(row.title, cell("title"));
    assert_eq!(row.client, cell("client"));
    assert_eq!(row.owner, cell("owner"));
    assert_eq!(row.source, cell("source"));
    assert_eq!(row.note, cell("note"));
    assert_eq!(row.competitor, cell("competitor"));
    assert_eq!(row.amount.is_some(), cell("amount").is_some());
    let currency = cell("currency").map_or(plan.currency, |code| Currency::parse(&code).unwrap());
    assert!(row.amount.is_none_or(|amount| amount.currency == currency));
    assert_eq!(row.opened_at.is_some(), cell("opened_at").is_some());
    assert_eq!(row.stage_entered_at.is_some(), cell("stage_entered_at").is_some());
    assert_eq!(row.closed_at.is_some(), cell("closed_at").is_some());
    assert_eq!(row.expected_close_on.is_some(), cell("expected_close_on").is_some());
    assert_eq!(row.lead_temperature.is_some(), cell("lead_temperature").is_some());
    let target = cell("stage").map(|value| meaning(plan, process, &value, cell("loss_reason")));
    assert_eq!(row.target, target);
}

fn event_is_as_written(
    plan: &Plan,
    header: &[String],
    record: &[String],
    process: &Process,
    row: &EventRow,
) {
    let cell = |field: &str| cell_of(plan, header, record, field);
    assert_eq!(Some(row.case_id.clone()), cell("case_id"));
    assert_eq!(row.user, cell("user"));
    assert_eq!(row.owner, cell("owner"));
    assert_eq!(row.title, cell("title"));
    assert_eq!(row.client, cell("client"));
    assert_eq!(row.source, cell("source"));
    assert_eq!(row.note, cell("note"));
    assert_eq!(row.competitor, cell("competitor"));
    assert_eq!(row.amount.is_some(), cell("amount").is_some());
    let target = meaning(plan, process, &cell("activity").unwrap(), cell("loss_reason"));
    assert_eq!(row.target, target);
    assert!(cell("occurred_at").is_some());
}
