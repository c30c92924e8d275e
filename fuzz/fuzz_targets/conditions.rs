//! Conditions: as JSON, and as filters of a query string (`field`, operator and value, a line each). Each is
//! read or says what is wrong; what is read is the same when read again, and holds or does not.
#![no_main]

use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use uuid::Uuid;
use voronka_domain::{Currency, work::activity::ActivitySummary, clients::ClientFacts, process::condition::{Condition, Moment, Schema, Tree, read_parameter}, deals::holds::Subject, workspace::{custom_field::{Custom, CustomField, Entity, FieldType}, settings::{Settings, DealVisibility}}};

static CUSTOM: LazyLock<Vec<CustomField>> = LazyLock::new(|| {
    let types = [
        ("text", FieldType::Text),
        ("number", FieldType::Number),
        ("money", FieldType::Money),
        ("date", FieldType::Date),
        ("boolean", FieldType::Boolean),
        ("choice", FieldType::Choice),
        ("choices", FieldType::MultiChoice),
        ("user", FieldType::User),
    ];
    let field = |(key, field_type): (&str, FieldType)| CustomField {
        id: Uuid::nil(),
        entity: Entity::Client,
        key: key.to_owned(),
        name: key.to_owned(),
        field_type,
        choices: Vec::new(),
        archived: false,
    };
    types.into_iter().map(field).collect()
});

static CLIENT: LazyLock<ClientFacts> = LazyLock::new(|| {
    let mut custom = Custom::default();
    for (key, value) in [
        ("text", json!("Straße")),
        ("number", json!("12.5")),
        ("money", json!({ "amount": "1", "currency": "EUR" })),
        ("date", json!("2026-11-21")),
        ("boolean", json!(true)),
        ("choices", json!(["a", "b"])),
    ] {
        custom.set(key, value);
    }
    ClientFacts {
        id: Uuid::nil(),
        name: "Alder Mill".into(),
        kind: "organisation".into(),
        client_type: "new".into(),
        class: Some("A".into()),
        region: None,
        tags: vec!["vip".into()],
        consent: None,
        phones: vec!["+31201234567".into()],
        emails: Vec::new(),
        tax_id: None,
        external_source: None,
        external_id: None,
        archived: false,
        created_at: DateTime::UNIX_EPOCH,
        custom,
        activity_summary: ActivitySummary::default(),
    }
});

fn look_at(tree: &Tree) {
    let settings = Settings {
        currency: Currency::parse("EUR").expect("a currency"),
        time_zone: chrono_tz::Europe::Amsterdam,
        deal_visibility: DealVisibility::ByRole,
        country: None,
        require_primary_demand: false,
    };
    let now: DateTime<Utc> = "2026-10-25T00:59:59Z".parse().expect("an instant");
    let moment = Moment { now, settings };
    let subject = Subject { deal: None, client: Some(&CLIENT), activity_summary: None };
    let negation = Tree::Not(Box::new(tree.clone()));
    assert_ne!(tree.holds(subject, &moment), negation.holds(subject, &moment));
    assert!(!tree.fields().is_empty());
}

fuzz_target!(|text: &str| {
    for over in [Entity::Deal, Entity::Client] {
        let schema = Schema { over, custom: &CUSTOM };
        if let Ok(json) = serde_json::from_str::<Value>(text) {
            match Condition::read("/condition", &json, &schema) {
                Ok(condition) => {
                    let again = Condition::read("/condition", condition.json(), &schema);
                    assert_eq!(again.as_ref(), Ok(&condition));
                    look_at(condition.tree());
                }
                Err(faults) => {
                    assert!(!faults.is_empty());
                    for fault in faults {
                        assert!(fault.pointer.starts_with("/condition"), "{fault:?}");
                        assert!(!fault.detail.is_empty());
                    }
                }
            }
        }
        let mut lines = text.splitn(3, '\n');
        if let (Some(field), Some(op), Some(value)) = (lines.next(), lines.next(), lines.next()) {
            match read_parameter("/field", field, op, value, &schema) {
                Ok(tree) => look_at(&tree),
                Err(fault) => assert_eq!(
                    (fault.pointer.as_str(), fault.code),
                    ("/field", "invalid_parameter")
                ),
            }
        }
    }
});
