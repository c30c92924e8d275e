//! The binary `voronka`.

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    voronka_api::cli::run(voronka_api::config::Cli::parse())
}
