//! A private Postgres cluster in the data directory, for a service started without a database.
//!
//! The cluster outlives a killed server on purpose: the next `serve` adopts it, so that nobody waits
//! for a recovery. Who may start and stop it is settled by three lock files of the data directory:
//! `voronka.lock` (held by a `serve` for its life), `start.lock` (held by whoever starts or stops
//! the cluster, only meanwhile) and `users.lock` (shared by the one-off commands that use it).

use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use rustix::process::Signal;

mod files;
mod programs;
mod site;

use files::{
    MOMENT, is_served, lock_file, lock_serve, lock_shared, lock_start, read_number, try_lock,
    write_number,
};
use site::{Endpoint, SUPERUSER, Site, send};

#[cfg(test)]
mod tests;

/// Whose the database is, and as whom servers and commands work: no superuser.
pub const SERVER: &str = "voronka_server";
const TICK: Duration = Duration::from_millis(20);
/// How long a starting or stopping Postgres may go without a sign of progress.
const PATIENCE: Duration = Duration::from_secs(60);
/// Whoever holds `start.lock` may be creating a cluster on a slow disk.
const LOCK_PATIENCE: Duration = Duration::from_secs(120);

#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    #[error(
        "Voronka found no Postgres programs (initdb and postgres, {needed}) to start its embedded \
         database with{found}. Install them, Debian or Ubuntu: apt-get install {package}; macOS: \
         brew install postgresql@{formula}; elsewhere name their directory in VORONKA_POSTGRES_BIN. Or \
         set DATABASE_URL to use a database server that you already have."
    )]
    ProgramsMissing { needed: String, found: String, package: String, formula: u32 },
    #[error(
        "the data directory is in use by another voronka serve (process {pid}); stop it first, or choose another VORONKA_DATA_DIR"
    )]
    InUse { pid: u32 },
    #[error("another voronka command has been starting or stopping the database of {} for too long", .0.display())]
    Busy(PathBuf),
    #[error("the database in {} belongs to user id {uid}: run voronka as that user or as root", .dir.display())]
    NotOurs { dir: PathBuf, uid: u32 },
    #[error("{0}")]
    Unusable(String),
    #[error("the database in {} could not be created:\n{output}", .dir.display())]
    Create { dir: PathBuf, output: String },
    #[error("the embedded Postgres did not start ({reason}); the end of {}:\n{tail}", .log.display())]
    Start { reason: String, log: PathBuf, tail: String },
    #[error("the embedded Postgres (process {0}) did not stop")]
    Stop(i32),
    #[error("{what}: {source}")]
    Io { what: String, source: io::Error },
}

type Result<T> = std::result::Result<T, EmbeddedError>;

fn io_error<'a>(what: &'a str, path: &'a Path) -> impl FnOnce(io::Error) -> EmbeddedError + 'a {
    move |source| EmbeddedError::Io { what: format!("cannot {what} {}", path.display()), source }
}

/// How the caller uses the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The long-running server: the only one of its data directory, it runs and stops the cluster.
    Serve,
    /// A one-off command, which works beside a running server and does without one too.
    Beside,
}

/// A running cluster, owned or shared.
#[derive(Debug)]
pub struct Cluster {
    site: Site,
    mode: Mode,
    endpoint: Endpoint,
    /// Set if the postmaster is our child and not an adopted or shared one.
    child: Option<Child>,
    /// `Serve`: `voronka.lock`, exclusive. `Beside`: `users.lock`, shared.
    held: Vec<File>,
    open: bool,
}

impl Cluster {
    /// Makes the cluster of `data_dir` run, creating it if need be.
    pub fn open(data_dir: &Path, mode: Mode) -> Result<Self> {
        let data_dir = files::prepare(data_dir)?;
        let deadline = Instant::now() + LOCK_PATIENCE;
        loop {
            let start = lock_start(&data_dir, LOCK_PATIENCE)?;
            let mut held = Vec::new();
            if mode == Mode::Serve {
                held.push(lock_serve(&data_dir)?);
            }
            let site = Site::find(&data_dir)?;
            if mode == Mode::Serve && site.home != data_dir {
                // A copied data directory names the same cluster.
                held.push(lock_serve(&site.home)?);
            }
            let (endpoint, child) = match site.running()? {
                Some(endpoint) => (endpoint, None),
                None if mode == Mode::Beside && is_served(&data_dir)? => {
                    // The server is about to start its Postgres anew, at the address it has.
                    if Instant::now() > deadline {
                        return Err(EmbeddedError::Busy(data_dir));
                    }
                    drop(start);
                    std::thread::sleep(TICK);
                    continue;
                }
                None => {
                    site.create()?;
                    let (endpoint, child) = site.start(None)?;
                    (endpoint, Some(child))
                }
            };
            held.extend(note_user(&data_dir, mode, child.is_some(), &endpoint)?);
            return Ok(Self { site, mode, endpoint, child, held, open: true });
        }
    }

    /// A libpq URL of a database of the cluster, over its Unix socket, for its superuser.
    pub fn url(&self, database: &str) -> String {
        self.url_of(SUPERUSER, database)
    }

    /// The same for a role.
    pub fn url_of(&self, role: &str, database: &str) -> String {
        let host = files::percent_encode(self.endpoint.socket_dir.as_os_str().as_bytes());
        let database = files::percent_encode(database.as_bytes());
        format!("postgresql://{role}@/{database}?host={host}&port={}", self.endpoint.port)
    }

    /// The port on 127.0.0.1, for tools; the password is in `postgres.password`.
    pub fn admin_port(&self) -> u16 {
        self.endpoint.port
    }

    /// Starts a Postgres that died under the server again, at the same address, and tells whether
    /// it had to. Costs a system call or two if all is well.
    pub fn ensure_running(&mut self) -> Result<bool> {
        if self.mode != Mode::Serve || !self.open {
            return Ok(false);
        }
        let alive = self.is_alive();
        if alive && self.endpoint.socket().exists() {
            return Ok(false);
        }
        let _start = lock_start(&self.site.data_dir, LOCK_PATIENCE)?;
        tracing::warn!(pid = self.endpoint.pid, alive, "the embedded Postgres is gone: restarting");
        if alive {
            // Somebody cleaned the directory of its socket away: nobody can connect.
            self.shut_down()?;
        }
        self.child = None;
        match self.site.running()? {
            // One that took too long for an earlier attempt.
            Some(found) if found.socket() == self.endpoint.socket() => self.endpoint = found,
            Some(Endpoint { pid, port, .. }) => {
                return Err(EmbeddedError::Unusable(format!(
                    "somebody else started the database in {} (process {pid}, port {port}): stop it",
                    self.site.dir.display(),
                )));
            }
            None => {
                let (endpoint, child) = self.site.start(Some(&self.endpoint))?;
                self.endpoint = endpoint;
                self.child = Some(child);
            }
        }
        Ok(true)
    }

    /// Stops the cluster if it is ours to stop; else only lets go of it.
    pub fn stop(&mut self) -> Result<()> {
        if !std::mem::replace(&mut self.open, false) {
            return Ok(());
        }
        let data_dir = &self.site.data_dir;
        // A server that is told to stop does so even if a command hangs with the lock.
        let start = lock_start(data_dir, PATIENCE);
        let ours = match (self.mode, &start, self.held.first()) {
            (Mode::Serve, ..) => true,
            (Mode::Beside, Ok(_), Some(users)) => {
                read_number(users) == Some(self.endpoint.pid) && try_lock(users, MOMENT)?
            }
            (Mode::Beside, ..) => false,
        };
        if ours {
            self.shut_down()?;
        }
        self.held.clear();
        Ok(())
    }

    fn is_alive(&mut self) -> bool {
        match &mut self.child {
            Some(child) => matches!(child.try_wait(), Ok(None)),
            None => self.site.is_postmaster(&self.endpoint),
        }
    }

    fn shut_down(&mut self) -> Result<()> {
        let id = self.endpoint.pid;
        // Fast; and if it hangs, immediate, which the next start recovers from.
        for (signal, patience) in [(Signal::INT, PATIENCE), (Signal::QUIT, PATIENCE / 6)] {
            if !self.is_alive() {
                break;
            }
            send(id, signal).map_err(io_error("stop the Postgres of", &self.site.dir))?;
            let deadline = Instant::now() + patience;
            while self.is_alive() && Instant::now() < deadline {
                std::thread::sleep(TICK);
            }
        }
        if self.is_alive() {
            return Err(EmbeddedError::Stop(id));
        }
        self.child = None;
        let _ = fs::remove_dir(&self.endpoint.socket_dir);
        tracing::info!(pid = id, "stopped the embedded Postgres");
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            tracing::error!(%error, "stopping the embedded Postgres");
        }
    }
}

/// Notes in `users.lock` whose the cluster is: the process id of a Postgres that a one-off command
/// started, which the last such command stops, or 0 for a server's. Such a command holds the file.
fn note_user(
    data_dir: &Path,
    mode: Mode,
    started: bool,
    endpoint: &Endpoint,
) -> Result<Option<File>> {
    let path = data_dir.join("users.lock");
    let users = lock_file(&path)?;
    let note = |number| write_number(&users, number).map_err(io_error("write", &path));
    if mode == Mode::Serve {
        if !started {
            tracing::info!(pid = endpoint.pid, "adopted the running embedded Postgres");
        }
        note(0)?;
        return Ok(None);
    }
    if started {
        note(endpoint.pid)?;
    }
    lock_shared(&users)?;
    Ok(Some(users))
}
