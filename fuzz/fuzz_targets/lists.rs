//! The query string of a list: it is read, or every fault names its parameter; and a cursor that is taken is
//! written as we write it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use uuid::Uuid;
use voronka_persistence::{clients, deals, people::{api_keys, departments, users}, workspace::catalogues::Catalogue, clients::contacts, process::deal_types, import::imports, core::list::{MOST, Spec}};

const LISTS: [&Spec; 8] = [
    &deals::LIST,
    &clients::LIST,
    &contacts::LIST,
    &deal_types::LIST,
    &users::LIST,
    &departments::LIST,
    &api_keys::LIST,
    &imports::LIST,
];

fuzz_target!(|text: &str| {
    let Ok(pairs) = serde_urlencoded::from_str::<Vec<(String, String)>>(text) else { return };
    for spec in LISTS.into_iter().chain([Catalogue::Sources.spec()]) {
        match spec.parse(&pairs) {
            Ok(query) => {
                assert!((1..=MOST).contains(&query.limit));
                for (_, cursor) in pairs.iter().filter(|(name, _)| name == "cursor") {
                    let plain =
                        String::from_utf8(hex::decode(cursor).expect("hex")).expect("UTF-8");
                    let (id, sort) = plain.split_once('|').expect("an id");
                    assert_eq!(id.parse::<Uuid>().expect("an id").to_string(), id);
                    assert!(sort.starts_with(&format!("{}.", spec.table)), "{sort}");
                    assert_eq!(&hex::encode(&plain), cursor);
                }
            }
            Err(faults) => {
                assert!(!faults.is_empty());
                for fault in faults {
                    assert!(
                        fault.pointer.starts_with('/') && !fault.detail.is_empty(),
                        "{fault:?}"
                    );
                }
            }
        }
    }
});
