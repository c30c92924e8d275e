//! Lints the OpenAPI document that the code generates; lists every fault and fails if there is one.

use std::process::ExitCode;

use voronka_api::{http::problem::CODES, openapi};
use voronka_integration_tests::spec_lint::{lint, references};

fn main() -> ExitCode {
    let codes: Vec<_> = CODES.iter().map(|(status, code, ..)| (*status, *code)).collect();
    let mut faults = lint(openapi::whole(), &codes);
    faults.extend(references(openapi::published()));
    if faults.is_empty() {
        return ExitCode::SUCCESS;
    }
    for fault in &faults {
        eprintln!("{fault}");
    }
    eprintln!("{} faults in the OpenAPI document", faults.len());
    ExitCode::FAILURE
}
