//! Real sales data. It is not part of the project: it is read where it lies.

use std::path::PathBuf;

/// The text of a file of the test data, at `VORONKA_TEST_DATA` or beside the project. Where it is missing
/// the test says so and is skipped; in CI it fails.
pub fn test_data(name: &str) -> Option<String> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let root = std::env::var_os("VORONKA_TEST_DATA").map_or(beside, PathBuf::from);
    match std::fs::read_to_string(root.join(name)) {
        Ok(text) => Some(text),
        Err(error) if std::env::var_os("CI").is_some() => {
            panic!("the test data {name} is missing in CI: {error}")
        }
        Err(_) => {
            eprintln!(
                "\n*** SKIPPED: no {name} in {}; set VORONKA_TEST_DATA ***\n",
                root.display()
            );
            None
        }
    }
}
