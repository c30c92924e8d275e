//! The binary `voronka`, built with the tests that kill it.

use clap::Parser;

fn main() -> std::process::ExitCode {
    voronka_api::cli::run(voronka_api::config::Cli::parse())
}
