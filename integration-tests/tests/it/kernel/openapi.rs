//! What the code generates is what lies in the repository.

use std::{collections::BTreeSet, path::Path};

use voronka_api::{http::problem, openapi};
use voronka_integration_tests::contract;

fn in_repository(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_specification_in_the_repository_is_that_of_the_code() {
    let same = in_repository("openapi.yaml").trim_end() == openapi::yaml().trim_end();
    assert!(same, "openapi.yaml is not what the code generates: run `make openapi`");
}

#[test]
fn the_catalogue_of_errors_in_the_repository_is_that_of_the_code() {
    let same = in_repository("docs/errors.md") == problem::document();
    assert!(
        same,
        "docs/errors.md is not what the code generates: run `voronka errors > docs/errors.md`"
    );
}

#[test]
fn every_example_fits_its_schema() {
    let examples = contract::examples();
    let wrong: Vec<_> = examples.iter().filter(|(_, faults)| !faults.is_empty()).collect();
    assert!(wrong.is_empty(), "{} of {}: {wrong:#?}", wrong.len(), examples.len());
    println!("{} examples fit their schemas", examples.len());
    assert!(examples.len() > 1_000, "{}", examples.len());
}

#[test]
fn every_code_has_one_meaning() {
    let codes: BTreeSet<_> = problem::CODES.iter().map(|row| row.1).collect();
    assert_eq!(codes.len(), problem::CODES.len());
    let said = problem::CODES.iter().all(|row| !row.2.is_empty() && row.3.ends_with('.'));
    assert!(said, "every code has a title and a sentence");
}
