//! A CSV file under a plan that maps every field: each row is read or rejected with a reason, and what is read
//! is within the bounds of what is kept.
#![no_main]

use std::sync::LazyLock;

use chrono::{DateTime, Datelike, Utc};
use libfuzzer_sys::fuzz_target;
use rust_decimal::Decimal;
use serde_json::json;
use uuid::Uuid;
use voronka_domain::{Currency, Money, process::{Mode, Process, StageDraft, publish, condition::Schema}, workspace::{custom_field::Entity, settings::{Settings, DealVisibility}}, import::{Plan, Row, Spec}};

const DEALS: &str = "external_id,title,client,owner,amount,source,lead_temperature,expected_close_on,\
    opened_at,stage,stage_entered_at,closed_at,loss_reason,note,competitor";
const EVENTS: &str = "case_id,activity,occurred_at,user,owner,amount,title,client,source,loss_reason,note,\
    competitor";

const CLIENTS: &str = "external_id,external_source,name,kind,type,class,region,tags,consent,phones,emails,\
    tax_id";
const CONTACTS: &str = "client_external_id,client,name,position,phones,emails";
const USERS: &str = "email,name,role,position,department";

static PROCESS: LazyLock<Process> = LazyLock::new(|| {
    let stage = |name: &str| StageDraft { name: name.to_owned(), ..StageDraft::default() };
    let fields = Schema { over: Entity::Deal, custom: &[] };
    let stages = vec![stage("First"), stage("Second")];
    let published = publish(Mode::Manual, stages, Vec::new(), &fields, Uuid::nil).expect("stages");
    Process::of(Uuid::nil(), Uuid::nil(), 1, published)
});

const CALLS: &str = "call_id,started_at,ended_at,direction,from,to,line,extension,status,talk_seconds,recording_url";

static PLANS: LazyLock<Vec<Plan>> = LazyLock::new(|| {
    let plan = |kind: &str, columns: &str, format: Option<&str>, decimal: Option<&str>| {
        let header: Vec<String> = columns.split(',').map(|name| name.trim().to_owned()).collect();
        let mapping: serde_json::Map<_, _> =
            header.iter().map(|name| (name.clone(), json!({ "column": name }))).collect();
        let mut spec = json!({
            "kind": kind, "mapping": mapping, "date_format": format, "decimal": decimal,
        });
        if ["deals", "stage_events"].contains(&kind) {
            spec["deal_type_id"] = json!(Uuid::nil());
            spec["stage_map"] = json!({ "Won": { "won": true }, "Lost": { "lost": "Price", "stage": "first" },
                "-": { "ignore": true }, "Start": { "stage": "first" } });
        }
        if kind == "calls" {
            spec["integration_id"] = json!(Uuid::nil());
        }
        let spec: Spec = serde_json::from_value(spec).expect("a spec");
        let settings = Settings {
            currency: Currency::parse("EUR").expect("a currency"),
            time_zone: chrono_tz::Europe::Amsterdam,
            deal_visibility: DealVisibility::ByRole,
            country: voronka_domain::kernel::contact_point::Country::parse("NL"),
            require_primary_demand: false,
        };
        spec.plan(&header, &["first", "second"], &[], settings).expect("a plan")
    };
    vec![
        plan("deals", DEALS, None, None),
        plan("deals", DEALS, Some("M/D/YYYY"), Some(".")),
        plan("stage_events", EVENTS, None, None),
        plan("stage_events", EVENTS, Some("DD.MM.YYYY HH:mm"), Some(",")),
        plan("clients", CLIENTS, None, None),
        plan("contacts", CONTACTS, None, None),
        plan("users", USERS, None, None),
        plan("products", "sku,name,unit,price,currency", None, None),
        plan("calls", CALLS, None, None),
    ]
});

fn check(texts: &[&Option<String>], amount: Option<Money>, times: &[Option<DateTime<Utc>>]) {
    for text in texts.iter().copied().flatten() {
        assert!(!text.trim().is_empty() && !text.contains('\0') && text.chars().count() <= 4_000);
    }
    if let Some(Money { amount, .. }) = amount {
        assert!(amount >= Decimal::ZERO && amount.scale() <= 4);
    }
    assert!(times.iter().flatten().all(|time| (1970..=9999).contains(&time.year())));
}

/// Numbers and addresses are in the one spelling that they have.
fn contact_points(phones: Option<&[String]>, emails: Option<&[String]>) {
    for phone in phones.into_iter().flatten() {
        assert_eq!(voronka_domain::kernel::contact_point::phone(phone, None).as_ref(), Some(phone));
    }
    for email in emails.into_iter().flatten() {
        assert_eq!(voronka_domain::kernel::contact_point::email(email).as_ref(), Some(email));
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((choice, file)) = data.split_first() else { return };
    let plan = &PLANS[usize::from(*choice) % PLANS.len()];
    let mut reader = csv::ReaderBuilder::new().flexible(true).has_headers(false).from_reader(file);
    for (line, record) in reader.records().enumerate() {
        let Ok(record) = record else { continue };
        let record: Vec<String> = record.iter().map(str::to_owned).collect();
        let read = plan.read(line as u64, &record, &PROCESS.stages);
        assert_eq!(read, plan.read(line as u64, &record, &PROCESS.stages));
        match read {
            Err(faults) => {
                assert!(!faults.is_empty());
                for fault in faults {
                    assert!(!fault.code.is_empty() && !fault.reason.is_empty());
                }
            }
            Ok(Row::Deal(row)) => {
                assert!(!row.external_id.is_empty());
                check(
                    &[&row.title, &row.client, &row.owner, &row.source, &row.note, &row.competitor],
                    row.amount,
                    &[row.opened_at, row.stage_entered_at, row.closed_at],
                );
                assert!(
                    row.expected_close_on.is_none_or(|day| (1970..=9999).contains(&day.year()))
                );
            }
            Ok(Row::Rate(row)) => assert!(row.rate > Decimal::ZERO),
            Ok(Row::Client(row)) => {
                assert!(row.external_id.is_some() || row.tax_id.is_some() || row.name.is_some());
                check(&[&row.name, &row.class, &row.region, &row.tax_id], None, &[]);
                contact_points(row.phones.as_deref(), row.emails.as_deref());
            }
            Ok(Row::Contact(row)) => {
                assert!(row.client_external_id.is_some() || row.client.is_some());
                check(&[&row.client_external_id, &row.client, &row.position], None, &[]);
                contact_points(row.phones.as_deref(), row.emails.as_deref());
            }
            Ok(Row::Product(row)) => {
                assert!(!row.sku.is_empty());
                check(&[&row.name, &row.unit], row.price, &[]);
            }
            Ok(Row::User(row)) => {
                assert!(row.email.contains('@'));
                check(&[&row.name, &row.position, &row.department], None, &[]);
            }
            Ok(Row::Call(row)) => {
                let call = &row.call;
                assert!(!call.root.is_empty() && call.talk_seconds.is_none_or(|talk| talk >= 0));
                assert!(call.ended_at.is_none_or(|ended_at| ended_at >= call.started_at));
                check(&[&call.from, &call.to, &call.line, &call.extension], None, &[Some(call.started_at)]);
            }
            Ok(Row::Event(row)) => {
                assert!(!row.case_id.is_empty());
                check(
                    &[&row.title, &row.client, &row.owner, &row.source, &row.note, &row.user],
                    row.amount,
                    &[Some(row.occurred_at)],
                );
            }
        }
    }
});
