//! The two servers, and what befalls them.

use std::time::{Duration, Instant};

use diesel::{PgConnection, RunQueryDsl, sql_query};
use voronka_integration_tests::{Api, process::Process};

use crate::sea::Sea;

pub struct Servers {
    /// The first has the database.
    processes: [Process; 2],
    apis: [Api; 2],
}

/// In the order in which they come, spread over the storm.
const FAULTS: [Fault; 5] =
    [Fault::Connections, Fault::Killed(0), Fault::Connections, Fault::Killed(1), Fault::Both];

#[derive(Debug, Clone, Copy)]
enum Fault {
    /// All connections of the database are ended.
    Connections,
    Killed(usize),
    Both,
}

impl Servers {
    pub fn start() -> Self {
        let here = std::env::current_exe().expect("our own path");
        let binary = here.with_file_name("voronka-under-test").display().to_string();
        let mut first = Process::new(&binary);
        let api = first.serve();
        first.create_workspace();
        let token = first.token();
        let mut second = Process::on(&binary, &first.url());
        let other = second.serve();
        Self { processes: [first, second], apis: [api, other].map(|api| api.with_token(&token)) }
    }

    pub fn apis(&self) -> Vec<Api> {
        self.apis.to_vec()
    }

    pub fn connection(&self) -> PgConnection {
        self.processes[0].connection()
    }

    pub fn url(&self) -> String {
        self.processes[0].url()
    }

    /// What the servers last had to say.
    pub fn log(&self) -> String {
        self.processes.iter().map(Process::log).collect()
    }

    pub async fn suffer(&mut self, sea: &Sea, length: Duration) {
        let began = Instant::now();
        let pause = length / u32::try_from(FAULTS.len() + 1).unwrap();
        for fault in FAULTS {
            tokio::time::sleep(pause).await;
            eprintln!("{:>5.1} s: {fault:?}", began.elapsed().as_secs_f64());
            match fault {
                Fault::Connections => self.end_connections(),
                Fault::Killed(server) => self.kill(&[server], sea),
                Fault::Both => self.kill(&[0, 1], sea),
            }
        }
        tokio::time::sleep(length.saturating_sub(began.elapsed())).await;
    }

    fn end_connections(&self) {
        let all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";
        sql_query(all).execute(&mut self.connection()).expect("ended");
    }

    fn kill(&mut self, servers: &[usize], sea: &Sea) {
        servers.iter().for_each(|server| self.processes[*server].kill_server());
        for server in servers {
            let token = self.apis[*server].token.clone().unwrap_or_default();
            self.apis[*server] = self.processes[*server].serve().with_token(token);
            sea.moved(*server, self.apis[*server].clone());
        }
    }
}
