//! The first line is a file's header, the rest a spec in JSON: what is read is printed and read again as the
//! same, and it fits the file or its faults have pointers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use uuid::Uuid;
use voronka_domain::{Currency, workspace::{custom_field::{CustomField, Entity, FieldType}, settings::{Settings, DealVisibility}}, import::Spec};

/// One that is in use, and one that is not.
fn custom_fields() -> [CustomField; 2] {
    [("due", false), ("gone", true)].map(|(key, archived)| CustomField {
        id: Uuid::nil(),
        entity: Entity::Deal,
        key: key.to_owned(),
        name: key.to_owned(),
        field_type: FieldType::Date,
        choices: Vec::new(),
        archived,
    })
}

fuzz_target!(|text: &str| {
    let (header, spec) = text.split_once('\n').unwrap_or(("id,stage", text));
    let Ok(spec) = serde_json::from_str::<Spec>(spec) else { return };
    let printed = serde_json::to_string(&spec).expect("JSON");
    assert_eq!(serde_json::from_str::<Spec>(&printed).expect("the same"), spec, "{printed}");
    let header: Vec<String> = header.split(',').map(str::to_owned).collect();
    let settings = Settings {
        currency: Currency::parse("EUR").expect("a currency"),
        time_zone: chrono_tz::Europe::Amsterdam,
        deal_visibility: DealVisibility::ByRole,
        country: None,
        require_primary_demand: false,
    };
    let plan = spec.plan(&header, &["first", "second"], &custom_fields(), settings);
    if let Err(refusal) = plan {
        assert!(!refusal.faults().is_empty());
        for fault in refusal.faults() {
            assert!(fault.pointer.starts_with('/') && !fault.detail.is_empty(), "{fault:?}");
        }
    }
});
