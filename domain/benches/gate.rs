//! A gate of ten requirements, all of them met, so that each is looked at: `make bench` has it.
#![allow(clippy::unwrap_used)]

use std::{collections::HashMap, hint::black_box};

use chrono::{DateTime, Utc};
use criterion::{Criterion, criterion_group, criterion_main};
use rust_decimal::Decimal;
use serde_json::json;
use uuid::Uuid;
use voronka_domain::{
    Currency, Money,
    clients::{ClientFacts, LeadTemperature},
    deals::{
        deal::NewDeal,
        transition::{Facts, open, unmet},
    },
    people::assignment::Staff,
    process::{Mode, Process, Rules, StageDraft, condition::Schema, gate::Draft, publish},
    work::{
        activity::{ActivityKind, ActivitySummary, Outcome},
        document::{DocumentKind, DocumentState},
        facts::{ActivityFact, DocumentFact, PaymentFact, TaskFact, Work},
        task::TaskStatus,
    },
    workspace::{
        calendar::{Calendar, Week},
        custom_field::{Custom, CustomField, Entity, FieldType},
        exchange::Rates,
        settings::{DealVisibility, Settings},
    },
};

fn requirements() -> Vec<Draft> {
    let condition = |field: &str, op: &str, value: serde_json::Value| json!({ "kind": "condition", "condition": { "field": field, "op": op, "value": value } });
    let gate = json!([
        { "kind": "field", "field": "amount" },
        { "kind": "field", "field": "client_id" },
        { "kind": "field", "field": "custom.budget" },
        condition("deal.amount", "gte", json!("1000")),
        condition("client.tags", "has_any", json!(["vip", "partner"])),
        { "kind": "task", "task": "meet" },
        { "kind": "activity", "activity": "call", "outcome": "reached" },
        { "kind": "document", "document": "contract", "state": "signed" },
        { "kind": "payment", "share": 0.5 },
        { "kind": "primary_demand" },
    ]);
    serde_json::from_value(gate).unwrap()
}

fn work(now: DateTime<Utc>) -> Work {
    let eur = Currency::parse("EUR").unwrap();
    let id = Uuid::from_u128;
    // Beside what the gate asks for stands what it does not.
    let task = |n: u128, key: &str| TaskFact {
        id: id(n),
        key: Some(key.to_owned()),
        visit: 1,
        status: TaskStatus::Done,
        responsible_id: id(1),
        done_at: Some(now),
    };
    let document = |n, kind, state| DocumentFact { id: id(n), kind, state, since: now };
    let payment = |n| PaymentFact {
        id: id(n),
        amount: Money { amount: Decimal::from(500), currency: eur },
        base_amount: Decimal::from(500),
        received_at: now,
    };
    let call = |n, outcome| ActivityFact {
        id: id(n),
        kind: ActivityKind::Call,
        outcome,
        call: None,
        visit: 1,
        happened_at: now,
    };
    Work {
        tasks: vec![task(10, "call"), task(11, "write"), task(12, "meet")],
        activities: vec![call(20, None), call(21, Some(Outcome::Reached))],
        documents: vec![
            document(30, DocumentKind::Quote, DocumentState::Sent),
            document(31, DocumentKind::Contract, DocumentState::Signed),
        ],
        payments: vec![payment(40), payment(41)],
        demand_since: Some(now),
        activity_summary: ActivitySummary::default(),
    }
}

fn gate(criterion: &mut Criterion) {
    let now: DateTime<Utc> = "2026-11-20T10:00:00Z".parse().unwrap();
    let zone = chrono_tz::Europe::Amsterdam;
    let budget = CustomField {
        id: Uuid::from_u128(2),
        entity: Entity::Deal,
        key: "budget".into(),
        name: "Budget".into(),
        field_type: FieldType::Number,
        choices: Vec::new(),
        archived: false,
    };
    let schema = Schema { over: Entity::Deal, custom: &[budget] };
    let stage = |name: &str, gate| StageDraft { name: name.into(), gate, ..StageDraft::default() };
    let stages = vec![stage("First", requirements()), stage("Second", Vec::new())];
    let stages = publish(Mode::Manual, stages, Vec::new(), &schema, Uuid::now_v7).unwrap();
    let process = Process::of(Uuid::from_u128(3), Uuid::from_u128(4), 1, stages);
    let currency = Currency::parse("EUR").unwrap();
    let client = ClientFacts {
        id: Uuid::from_u128(5),
        name: "Alder Mill".into(),
        kind: "organisation".into(),
        client_type: "new".into(),
        class: None,
        region: None,
        tags: vec!["industry".into(), "vip".into()],
        consent: None,
        phones: Vec::new(),
        emails: Vec::new(),
        tax_id: None,
        external_source: None,
        external_id: None,
        archived: false,
        created_at: now,
        custom: Custom::default(),
        activity_summary: ActivitySummary::default(),
    };
    let (work, staff, rates) = (work(now), Staff::default(), Rates::default());
    let calendar = Calendar::new(zone, &Week::default(), &[]);
    let facts = Facts {
        process: &process,
        rules: Rules {
            mode: Mode::Manual,
            allow_skip: true,
            allow_back: true,
            require_primary_demand: false,
            enabled: true,
        },
        settings: Settings {
            currency,
            time_zone: zone,
            deal_visibility: DealVisibility::ByRole,
            country: None,
            require_primary_demand: false,
        },
        now,
        may_override: false,
        rates: &rates,
        clients: &HashMap::from([(client.id, client.clone())]),
        work: &work,
        staff: &staff,
        head_id: None,
        parts: &[],
        reviewed: true,
        calendar: &calendar,
    };
    let mut custom = Custom::default();
    custom.set("budget", json!("12.5"));
    let new = NewDeal {
        id: Uuid::from_u128(6),
        title: "Servers".into(),
        client_id: Some(client.id),
        owner_id: Uuid::from_u128(1),
        amount: Some(Money { amount: Decimal::from(2_000), currency }),
        source_id: None,
        lead_temperature: Some(LeadTemperature::Hot),
        expected_close_on: None,
        external_id: None,
        initiated_by: None,
        from_activity_id: None,
        custom,
        opened_at: None,
        stage_key: None,
        demand_id: None,
    };
    let deal = open(new, &facts).unwrap().deal;
    assert!(unmet(&deal, &facts, 1, 2).is_empty());
    criterion.bench_function("a gate of 10 requirements", |bencher| {
        bencher.iter(|| unmet(black_box(&deal), black_box(&facts), 1, 2).is_empty());
    });
}

criterion_group!(benches, gate);
criterion_main!(benches);
