//! One cluster on disk and its postmaster: creating it, finding it, starting it.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::net::TcpListener;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, lchown};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, geteuid, kill_process, test_kill_process};

use super::files::{
    fnv1a, place_elsewhere, private_dir, recorded_home, superuser_password, tail, write_private,
};
use super::programs::{Account, Programs, command, is_reachable};
use super::{EmbeddedError, PATIENCE, Result, TICK, io_error};

/// The superuser of the cluster.
pub const SUPERUSER: &str = "voronka";
const LOG_LIMIT: u64 = 16 << 20;

/// Written once, when the cluster is created: an operator's later changes stay.
const SETTINGS: &str = "
# Voronka's settings; yours to change. The port, the addresses and the log are given at the start.
shared_buffers = 256MB
max_connections = 100
checkpoint_timeout = 15min
max_wal_size = 2GB
wal_compression = on
random_page_cost = 1.1
fsync = on
synchronous_commit = on
full_page_writes = on
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
";

/// Where a running postmaster is to be found, as its `postmaster.pid` tells.
#[derive(Clone, Debug)]
pub struct Endpoint {
    pub pid: i32,
    pub port: u16,
    pub socket_dir: PathBuf,
    ready: bool,
}

impl Endpoint {
    pub fn read(dir: &Path) -> Option<Self> {
        let text = fs::read_to_string(dir.join("postmaster.pid")).ok()?;
        let mut lines = text.lines();
        let pid = lines.next()?.trim().parse().ok()?;
        let port = lines.nth(2)?.trim().parse().ok()?;
        let socket_dir = PathBuf::from(lines.next()?);
        Some(Self {
            pid,
            port,
            socket_dir,
            ready: lines.nth(2).is_some_and(|l| l.trim() == "ready"),
        })
    }

    pub fn socket(&self) -> PathBuf {
        self.socket_dir.join(format!(".s.PGSQL.{}", self.port))
    }

    /// Asks whether TLS is offered, the one question that needs neither user nor database.
    pub fn answers(&self) -> bool {
        let ask = || -> io::Result<()> {
            let mut stream = UnixStream::connect(self.socket())?;
            stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            stream.write_all(&[0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f])?;
            stream.read_exact(&mut [0])
        };
        ask().is_ok()
    }
}

/// A cluster's directories and what to run it with.
#[derive(Debug)]
pub struct Site {
    pub data_dir: PathBuf,
    /// Where the cluster's directory is: the data directory, unless Postgres cannot get there.
    pub home: PathBuf,
    /// The cluster's directory.
    pub dir: PathBuf,
    /// Names the socket directory and the processes.
    pub name: String,
    account: Option<Account>,
    pub programs: Programs,
}

impl Site {
    pub fn find(data_dir: &Path) -> Result<Self> {
        let name = format!("voronka-{:016x}", fnv1a(data_dir.as_os_str().as_bytes()));
        let recorded = recorded_home(data_dir)?;
        let mut home = recorded.clone().unwrap_or_else(|| data_dir.to_owned());
        let existing = fs::metadata(home.join("postgres")).ok();
        let account = Account::choose(existing.clone().map(|of| (home.as_path(), of)))?;
        if !is_reachable(account, &home) {
            if existing.is_some() || recorded.is_some() {
                return Err(EmbeddedError::Unusable(format!(
                    "the database user (id {}) can no longer reach {}: give it search permission on the directories above",
                    account.map_or(0, |a| a.uid),
                    home.display(),
                )));
            }
            home = place_elsewhere(data_dir, &name)?;
            tracing::info!(dir = %home.display(), "the database user cannot reach the data directory: its cluster goes elsewhere");
        }
        let dir = home.join("postgres");
        let programs = Programs::find(account, &dir)?;
        Ok(Self { data_dir: data_dir.to_owned(), dir, home, name, account, programs })
    }

    pub fn log(&self) -> PathBuf {
        self.data_dir.join("postgres.log")
    }

    fn own(&self, path: &Path) -> Result<()> {
        match self.account {
            Some(Account { uid, gid }) => {
                lchown(path, Some(uid), Some(gid)).map_err(io_error("change the owner of", path))
            }
            None => Ok(()),
        }
    }

    /// Creates the cluster aside and moves it in place whole, so that a crash leaves none or one.
    pub fn create(&self) -> Result<()> {
        if let Ok(existing) = fs::metadata(&self.dir) {
            if let (0, Some(Account { uid, gid })) = (existing.uid(), self.account) {
                // Put back from a backup by root.
                let owner = format!("{uid}:{gid}");
                run(Command::new("chown").args(["-Rh", &owner]).arg(&self.dir), &self.dir)?;
            }
            return Ok(());
        }
        for entry in fs::read_dir(&self.home).into_iter().flatten().flatten() {
            if entry.file_name().as_bytes().starts_with(b"postgres.new-") {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        tracing::info!(dir = %self.dir.display(), "creating the embedded database");
        let aside = self.home.join(format!("postgres.new-{:08x}", rand::random::<u32>()));
        private_dir(&aside).map_err(io_error("create", &aside))?;
        self.own(&aside)?;
        let password = aside.join("password");
        write_private(&password, &superuser_password(&self.data_dir)?)?;
        self.own(&password)?;
        let dir = aside.join("cluster");
        self.initdb(&dir, &password)?;
        let conf = dir.join("postgresql.conf");
        OpenOptions::new()
            .append(true)
            .open(&conf)
            .and_then(|mut file| file.write_all(SETTINGS.as_bytes()).and_then(|()| file.sync_all()))
            .map_err(io_error("write", &conf))?;
        fs::rename(&dir, &self.dir).map_err(io_error("create", &self.dir))?;
        File::open(&self.home).and_then(|d| d.sync_all()).map_err(io_error("sync", &self.home))?;
        let _ = fs::remove_dir_all(&aside);
        Ok(())
    }

    fn initdb(&self, dir: &Path, password: &Path) -> Result<()> {
        let attempt = |locale: &str| {
            let mut command = command(self.account, self.programs.initdb());
            command.arg("-D").arg(dir).arg("--pwfile").arg(password);
            command.args(["-E", "UTF8", "-U", SUPERUSER, "--data-checksums", "--no-instructions"]);
            command.args(["--auth-local=trust", "--auth-host=scram-sha-256"]);
            run(command.arg(format!("--locale={locale}")), &self.dir)
        };
        match attempt("C.UTF-8") {
            Err(EmbeddedError::Create { output, .. }) if output.contains("locale") => attempt("C"),
            other => other,
        }
    }

    /// The running postmaster, once it is ready; cleans up after one that was killed.
    pub fn running(&self) -> Result<Option<Endpoint>> {
        let file = self.dir.join("postmaster.pid");
        let Some(found) = Endpoint::read(&self.dir) else {
            if fs::metadata(&file).is_ok_and(|of| of.len() == 0) {
                // A loss of power left it, and Postgres leaves it to us.
                fs::remove_file(&file).map_err(io_error("remove", &file))?;
            }
            return Ok(None);
        };
        if self.is_postmaster(&found)
            && let Some(ready) = self.wait_ready(found.pid, || Ok(!self.is_postmaster(&found)))?
        {
            return Ok(Some(ready));
        }
        self.clean_up_after(&found)?;
        Ok(None)
    }

    /// Tells our postmaster from nobody and from a stranger who got its process id.
    pub fn is_postmaster(&self, at: &Endpoint) -> bool {
        let dir = self.dir.as_os_str().as_bytes();
        exists(at.pid)
            && (command_line(at.pid).split(|byte| *byte == 0).any(|word| word == dir)
                || at.answers())
    }

    /// Makes way for a start after the postmaster's death: its orphans keep the shared memory, and
    /// its process id may be somebody else's by now, which Postgres takes for a running postmaster.
    fn clean_up_after(&self, dead: &Endpoint) -> Result<()> {
        let (start, mut stranger) = (Instant::now(), is_stranger(dead.pid));
        loop {
            let orphans = self.orphans();
            // One that is still dying has no command line any more.
            let dying = exists(dead.pid) && !stranger && command_line(dead.pid).is_empty();
            if (orphans.is_empty() && !dying) || start.elapsed() > PATIENCE / 6 {
                break;
            }
            let stubborn = start.elapsed() > PATIENCE / 12;
            for orphan in orphans {
                let _ = send(orphan, if stubborn { Signal::KILL } else { Signal::QUIT });
            }
            std::thread::sleep(TICK);
            stranger = is_stranger(dead.pid);
        }
        if stranger {
            let file = self.dir.join("postmaster.pid");
            fs::remove_file(&file).map_err(io_error("remove", &file))?;
        }
        Ok(())
    }

    /// The processes of our cluster other than a postmaster. Their titles tell; not on macOS, where
    /// they are waited for.
    fn orphans(&self) -> Vec<i32> {
        let title = format!("postgres: {}: ", self.name);
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        processes
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter(|pid| command_line(*pid).starts_with(title.as_bytes()))
            .collect()
    }

    /// Starts the postmaster: on a free port, or where a dead one was.
    pub fn start(&self, again: Option<&Endpoint>) -> Result<(Endpoint, Child)> {
        let socket_dir = self.socket_dir(again.map(|at| at.socket_dir.as_path()))?;
        let (mut log, mut collisions, deadline) = (self.open_log()?, 0, Instant::now() + PATIENCE);
        loop {
            for stale in fs::read_dir(&socket_dir).into_iter().flatten().flatten() {
                let _ = fs::remove_file(stale.path());
            }
            let port = again.map_or_else(free_port, |at| Ok(at.port))?;
            let addresses = match (again, collisions) {
                (None, _) | (_, 0) => "127.0.0.1",
                (Some(_), _) => {
                    // Whoever took the port meanwhile keeps it: we need the socket only.
                    tracing::warn!(port, "the embedded Postgres restarts without its TCP port");
                    ""
                }
            };
            let from = log.seek(SeekFrom::End(0)).map_err(io_error("read", &self.log()))?;
            let mut child = self.spawn(&socket_dir, port, addresses, &log)?;
            let mut status = None;
            let ready = self.wait_ready(child.id().cast_signed(), || {
                status = child.try_wait().map_err(io_error("wait for", &self.dir))?;
                Ok(status.is_some())
            })?;
            if let Some(endpoint) = ready {
                tracing::info!(pid = endpoint.pid, port, "started the embedded Postgres");
                return Ok((endpoint, child));
            }
            let tail = tail(&self.log(), from);
            if tail.contains("could not create any TCP/IP sockets") && collisions < 5 {
                collisions += 1;
            } else if !tail.contains("is still in use") || Instant::now() > deadline {
                let _ = fs::remove_dir(&socket_dir);
                let reason = status.map_or_else(String::new, |status| status.to_string());
                return Err(EmbeddedError::Start { reason, log: self.log(), tail });
            }
            std::thread::sleep(TICK);
        }
    }

    fn spawn(&self, socket_dir: &Path, port: u16, addresses: &str, log: &File) -> Result<Child> {
        let mut command = command(self.account, self.programs.postgres());
        let mut sockets = OsString::from("unix_socket_directories=");
        sockets.push(socket_dir);
        command.arg("-D").arg(&self.dir).arg("-c").arg(sockets);
        for setting in [
            &format!("port={port}"),
            &format!("listen_addresses={addresses}"),
            &format!("cluster_name={}", self.name),
            "unix_socket_permissions=0700",
            "logging_collector=off",
            "log_destination=stderr",
        ] {
            command.arg("-c").arg(setting);
        }
        let clone = || log.try_clone().map_err(io_error("open", socket_dir));
        command.stdout(clone()?).stderr(clone()?);
        // In its own process group, so that a Ctrl-C reaches us only: we stop it when we are done.
        command.process_group(0);
        command.spawn().map_err(io_error("run", &self.programs.postgres()))
    }

    /// None if it has gone. As long as its log grows (a recovery reports), it may take its time, and
    /// one that takes too long is left at it: the next start finds it further.
    fn wait_ready(
        &self,
        pid: i32,
        mut gone: impl FnMut() -> Result<bool>,
    ) -> Result<Option<Endpoint>> {
        let log = self.log();
        let size = || fs::metadata(&log).map_or(0, |of| of.len());
        let (mut last, from) = ((size(), Instant::now()), size());
        loop {
            if gone()? {
                return Ok(None);
            }
            if let Some(found) = Endpoint::read(&self.dir).filter(|at| at.pid == pid && at.ready)
                && found.answers()
            {
                return Ok(Some(found));
            }
            if size() != last.0 {
                last = (size(), Instant::now());
            } else if last.1.elapsed() > PATIENCE {
                let reason = format!("process {pid} is not ready after {} s", PATIENCE.as_secs());
                return Err(EmbeddedError::Start { reason, tail: tail(&log, from), log });
            }
            std::thread::sleep(TICK);
        }
    }

    fn open_log(&self) -> Result<File> {
        let path = self.log();
        if fs::metadata(&path).is_ok_and(|of| of.len() > LOG_LIMIT) {
            let _ = fs::rename(&path, self.data_dir.join("postgres.log.1"));
        }
        let mut options = OpenOptions::new();
        options.create(true).append(true).read(true).mode(0o600);
        options.open(&path).map_err(io_error("open", &path))
    }

    /// A directory that is ours alone, short enough for a socket's path. One that is there already
    /// is not trusted until its owner and mode are seen: /tmp is everybody's.
    fn socket_dir(&self, fixed: Option<&Path>) -> Result<PathBuf> {
        // $XDG_RUNTIME_DIR comes last: it goes when its user logs out.
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let mut bases = match self.account {
            Some(_) => vec![PathBuf::from("/run"), PathBuf::from("/tmp")],
            None => vec![PathBuf::from("/tmp")],
        };
        bases.extend(runtime.filter(|dir| self.account.is_none() && dir.is_absolute()));
        let other = format!("{}-{:08x}", self.name, rand::random::<u32>());
        let names = [&self.name, &other];
        let chosen = bases.iter().flat_map(|base| names.map(|name| base.join(name)));
        let candidates: Vec<_> = fixed.map_or_else(|| chosen.collect(), |dir| vec![dir.to_owned()]);
        for dir in candidates.iter().filter(|dir| dir.as_os_str().len() <= 80) {
            if private_dir(dir).is_ok() {
                self.own(dir)?;
            }
            let owner = self.account.map_or(geteuid().as_raw(), |account| account.uid);
            if fs::symlink_metadata(dir)
                .is_ok_and(|of| of.is_dir() && of.uid() == owner && of.mode() & 0o077 == 0)
            {
                return Ok(dir.clone());
            }
        }
        Err(EmbeddedError::Unusable(format!(
            "no private directory for the database's socket: tried {candidates:?}"
        )))
    }
}

fn free_port() -> Result<u16> {
    let address = Path::new("127.0.0.1");
    let listener =
        TcpListener::bind("127.0.0.1:0").map_err(io_error("find a free port on", address))?;
    Ok(listener.local_addr().map_err(io_error("find a free port on", address))?.port())
}

/// Runs a program of the creation of `dir` to its end.
fn run(command: &mut Command, dir: &Path) -> Result<()> {
    let program = PathBuf::from(command.get_program());
    let output = command.output().map_err(io_error("run", &program))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let output = format!("{}{}", String::from_utf8_lossy(&said), output.status);
    Err(EmbeddedError::Create { dir: dir.to_owned(), output })
}

pub fn send(pid: i32, signal: Signal) -> io::Result<()> {
    match Pid::from_raw(pid).map(|pid| kill_process(pid, signal)) {
        None | Some(Ok(()) | Err(rustix::io::Errno::SRCH)) => Ok(()),
        Some(Err(error)) => Err(error.into()),
    }
}

fn exists(pid: i32) -> bool {
    Pid::from_raw(pid)
        .is_some_and(|pid| !matches!(test_kill_process(pid), Err(rustix::io::Errno::SRCH)))
}

/// Its words, each ended by a zero; empty where there is no /proc and for a zombie.
fn command_line(pid: i32) -> Vec<u8> {
    fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default()
}

/// Whether the process is surely no postmaster: another program, or one dead and not yet waited for.
fn is_stranger(pid: i32) -> bool {
    let line = command_line(pid);
    if line.is_empty() {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        return stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(" Z"));
    }
    let program = line.split(|byte| *byte == 0).next().unwrap_or_default();
    !program.ends_with(b"postgres") && !program.ends_with(b"postmaster")
}
