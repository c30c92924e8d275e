//! The command line.

mod database;
mod operator;
mod serve;

pub use database::Database;
pub use serve::{Running, metrics, start};

use std::process::ExitCode;

use crate::{
    Failure,
    config::{Cli, Command, ServeConfig},
    http, openapi,
};

pub fn run(cli: Cli) -> ExitCode {
    // The server's TLS, such as it is, is that of a client of the issuer's keys.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match dispatch(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("voronka: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(cli: Cli) -> Result<(), Failure> {
    let database = &cli.database;
    match cli.command {
        None => serve::serve(database, default_serve()?),
        Some(Command::Serve(config)) => serve::serve(database, config),
        Some(Command::CheckConfig(config)) => serve::check(database, &config),
        Some(Command::Migrate) => operator::migrate(database),
        Some(Command::Demo { files_only }) => operator::demo(database, files_only),
        Some(Command::Workspace(command)) => operator::workspace(database, command),
        Some(Command::User(command)) => operator::user(database, command),
        Some(Command::Token { email, workspace }) => operator::token(database, &email, workspace),
        Some(Command::Resting { workspace, wake }) => operator::resting(database, workspace, wake),
        Some(Command::Openapi { format }) => {
            let text = if format == "json" { openapi::json() } else { openapi::yaml() };
            print!("{text}");
            Ok(())
        }
        Some(Command::Errors) => {
            print!("{}", http::problem::document());
            Ok(())
        }
    }
}

/// `voronka` alone is `voronka serve`, the environment included.
fn default_serve() -> Result<ServeConfig, Failure> {
    use clap::{Args, FromArgMatches};
    let command = ServeConfig::augment_args(clap::Command::new("serve"));
    let matches = command.try_get_matches_from(["serve"])?;
    Ok(ServeConfig::from_arg_matches(&matches)?)
}
