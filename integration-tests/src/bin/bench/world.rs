//! What is measured in: a Postgres of its own, with companies and their deals in it.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use diesel::{PgConnection, RunQueryDsl, connection::SimpleConnection, sql_types::Text};
use serde_json::{Value, json};
use voronka_api::founding;
use voronka_domain::people::access::Role;
use voronka_integration_tests::{postgres, server::PASSWORD, sql};
use voronka_persistence::Store;

use crate::{Options, http, machine, server::Server, twin::Log};

/// Deals of a client to move, in a block.
pub const BLOCK: usize = 50;
/// The last event of the deals to move: a number that no other parameter has.
pub const SEQUENCE: usize = 1_000_000;

pub struct World {
    pub url: String,
    pub deal_type: String,
    pub stages: Vec<String>,
    postmaster: u32,
    directory: PathBuf,
}

impl World {
    pub fn build(options: &Options) -> Self {
        let led = options.led() * (2 * options.rounds + 3);
        Self::build_with(options, options.deals / 10, led, "")
    }

    /// The same with so many clients and deals that wait for a task, and what else `more` makes.
    pub fn build_with(options: &Options, clients: usize, led: usize, more: &str) -> Self {
        let started = Instant::now();
        let url = postgres::database();
        let directory = std::env::temp_dir().join(format!("voronka-tests-{}", std::process::id()));
        let store = Store::new(&url, 2);
        let workspace = founding::new_workspace("Company 1", "EUR", "Europe/Amsterdam").unwrap();
        let id = workspace.workspace_id;
        let admin = founding::new_user("Admin", EMAIL, Role::Admin, Some(PASSWORD)).unwrap();
        founding::create(&store, workspace, admin).unwrap();
        let mut connection: PgConnection = diesel::Connection::establish(&url).unwrap();
        let mut text = format!("{}\n{more}", include_str!("world.sql"));
        // One block for the server, one for each round of pgbench, one to look at what is sent.
        let spare = (options.rounds + 2) * options.connections * BLOCK;
        for (name, value) in [
            ("{workspace}", id.to_string()),
            ("{companies}", options.companies.to_string()),
            ("{deals}", options.deals.max(spare * 2).to_string()),
            ("{spare}", spare.to_string()),
            ("{sequence}", SEQUENCE.to_string()),
            ("{led}", led.to_string()),
            ("{clients}", clients.max(1).to_string()),
        ] {
            text = text.replace(name, &value);
        }
        for statement in text.split(";\n").filter(|statement| !statement.trim().is_empty()) {
            connection.batch_execute(statement).unwrap_or_else(|e| panic!("{e} in {statement}"));
        }
        connection.batch_execute("VACUUM ANALYZE").unwrap();
        connection.batch_execute("CHECKPOINT").unwrap();
        let told = sql::json(
            &mut connection,
            "SELECT row_to_json(w)::text FROM bench_workspaces w WHERE measured",
        );
        let data: String =
            diesel::dsl::sql::<Text>("SHOW data_directory").get_result(&mut connection).unwrap();
        let pid = std::fs::read_to_string(format!("{data}/postmaster.pid")).unwrap();
        let size: String =
            diesel::dsl::sql::<Text>("SELECT pg_size_pretty(pg_database_size(current_database()))")
                .get_result(&mut connection)
                .unwrap();
        eprintln!("{size} in {:.0} s", started.elapsed().as_secs_f64());
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Self {
            url,
            deal_type: text(&told["deal_type_id"]),
            stages: told["stages"].as_array().unwrap().iter().map(text).collect(),
            postmaster: pid.lines().next().unwrap().parse().unwrap(),
            directory,
        }
    }

    pub fn serve(&self) -> Server {
        Server::start(&self.url, &self.directory.join("server.log"))
    }

    pub fn log(&self) -> Log {
        Log { path: self.directory.join("postgres.log"), url: self.url.clone() }
    }

    /// Processor time of Postgres, all of its processes.
    pub fn cpu(&self) -> Duration {
        machine::cpu_of_family(self.postmaster)
    }

    /// An access token, as a client gets it.
    pub fn token(&self, server: &Server) -> String {
        let body = json!({ "email": EMAIL, "password": PASSWORD }).to_string();
        let request = http::request("POST", "/v1/auth/token", "", &body);
        let (status, text) = http::once(server.address, &request);
        assert_eq!(status, 200, "{text}");
        let answer: Value = serde_json::from_str(&text).unwrap();
        answer["access_token"].as_str().unwrap().to_owned()
    }

    /// Postgres and what matters of its settings.
    pub fn settings(&self) -> String {
        let mut connection: PgConnection = diesel::Connection::establish(&self.url).unwrap();
        diesel::dsl::sql::<Text>(
            "SELECT 'Postgres ' || current_setting('server_version_num')::int / 10000 || ': ' || \
             string_agg(name || ' ' || current_setting(name), ', ' ORDER BY name) FROM pg_settings \
             WHERE name IN ('shared_buffers', 'fsync', 'synchronous_commit', 'full_page_writes')",
        )
        .get_result(&mut connection)
        .unwrap()
    }
}

const EMAIL: &str = "admin@example.com";

/// The id of a deal that waits for a task.
pub fn led(number: usize) -> String {
    format!("01900000-0000-7000-8002-{number:012}")
}

/// The id of the task.
pub fn task(number: usize) -> String {
    format!("01900000-0000-7000-8003-{number:012}")
}

/// The id of a deal to move.
pub fn spare(number: usize) -> String {
    format!("01900000-0000-7000-8001-{number:012}")
}
