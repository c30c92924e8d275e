//! The installed Postgres programs, and the user to run them as.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::geteuid;

use super::{EmbeddedError, Result};

const OLDEST: u32 = 14;

/// Whom Postgres runs as if we are root, which it refuses.
#[derive(Clone, Copy, Debug)]
pub struct Account {
    pub uid: u32,
    pub gid: u32,
}

impl Account {
    /// The owner of the cluster, or of a cluster to be.
    pub fn choose(existing: Option<(&Path, Metadata)>) -> Result<Option<Self>> {
        let me = geteuid();
        match existing {
            Some((dir, of)) if !me.is_root() && of.uid() != me.as_raw() => {
                return Err(EmbeddedError::NotOurs { dir: dir.to_owned(), uid: of.uid() });
            }
            Some((_, of)) if me.is_root() && of.uid() != 0 => {
                return Ok(Some(Self { uid: of.uid(), gid: of.gid() }));
            }
            _ if !me.is_root() => return Ok(None),
            _ => {}
        }
        let id = |what: &str, name: &str| -> Option<u32> {
            let output = Command::new("id").args([what, name]).output().ok()?;
            String::from_utf8(output.stdout).ok()?.trim().parse().ok()
        };
        ["postgres", "nobody"]
            .into_iter()
            .find_map(|name| Some(Self { uid: id("-u", name)?, gid: id("-g", name)? }))
            .map(Some)
            .ok_or_else(|| {
                EmbeddedError::Unusable(
                    "Postgres refuses to run as root, and there is neither a user postgres nor nobody".into(),
                )
            })
    }
}

/// A command that runs as the user of the cluster, with nothing of our environment's secrets.
pub fn command(account: Option<Account>, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("LC_ALL", "C").current_dir("/").stdin(Stdio::null());
    for name in ["PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LOCPATH", "LOCALE_ARCHIVE"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    if let Some(Account { uid, gid }) = account {
        // Root's supplementary groups go with its uid.
        command.uid(uid).gid(gid);
    }
    command
}

/// Whether that user gets to the directory, through all those above it.
pub fn is_reachable(account: Option<Account>, dir: &Path) -> bool {
    let test = || command(account, "test").arg("-x").arg(dir).status();
    account.is_none() || test().is_ok_and(|status| status.success())
}

/// A directory with `initdb` and `postgres` in it.
#[derive(Debug)]
pub struct Programs(PathBuf);

impl Programs {
    /// For an existing cluster those of the major version that made it, else the newest.
    pub fn find(account: Option<Account>, cluster: &Path) -> Result<Self> {
        let made_with = fs::read_to_string(cluster.join("PG_VERSION")).ok();
        let made_with = made_with.and_then(|text| text.trim().parse::<u32>().ok());
        let mut others = Vec::new();
        if let Some(bin) = named() {
            others.push(format!("VORONKA_POSTGRES_BIN is {}", bin.display()));
        }
        for bin in candidates() {
            let programs = Self(bin);
            let Some(version) = programs.version(account) else {
                continue;
            };
            if made_with.map_or(version >= OLDEST, |needed| version == needed) {
                return Ok(programs);
            }
            others.push(format!("{} has version {version}", programs.0.display()));
        }
        let needed = match made_with {
            Some(version) => format!("of version {version}, which made {}", cluster.display()),
            None => format!("at least of version {OLDEST}"),
        };
        let found =
            if others.is_empty() { String::new() } else { format!(" ({})", others.join(", ")) };
        let package = made_with.map_or_else(|| "postgresql".into(), |v| format!("postgresql-{v}"));
        Err(EmbeddedError::ProgramsMissing {
            needed,
            found,
            package,
            formula: made_with.unwrap_or(16),
        })
    }

    pub fn initdb(&self) -> PathBuf {
        self.0.join("initdb")
    }

    pub fn postgres(&self) -> PathBuf {
        self.0.join("postgres")
    }

    /// The major version, if both are here and the user can run them.
    fn version(&self, account: Option<Account>) -> Option<u32> {
        if !self.initdb().is_file() || !self.postgres().is_file() {
            return None;
        }
        let output = command(account, self.postgres()).arg("--version").output().ok()?;
        // As in: postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)
        let text = String::from_utf8(output.stdout).ok()?;
        let version = text.split(") ").nth(1)?;
        version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    }
}

fn named() -> Option<PathBuf> {
    let bin = std::env::var_os("VORONKA_POSTGRES_BIN").filter(|bin| !bin.is_empty());
    bin.map(PathBuf::from)
}

fn candidates() -> Vec<PathBuf> {
    if let Some(bin) = named() {
        return vec![bin];
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).filter(|dir| dir.is_absolute());
    let versioned = [
        ("/usr/lib/postgresql", ""),
        ("/opt/homebrew/opt", "postgresql"),
        ("/usr/local/opt", "postgresql"),
        ("/usr", "pgsql-"),
    ]
    .into_iter()
    .flat_map(|(parent, prefix)| versions(Path::new(parent), prefix));
    on_path.chain(versioned).collect()
}

/// Of directories such as `16`, `postgresql@16` or `postgresql` (the newest): the newest first.
fn versions(parent: &Path, prefix: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let name = entry.file_name();
            let version = name.to_str()?.strip_prefix(prefix)?.trim_start_matches('@');
            let version = if version.is_empty() { u32::MAX } else { version.parse().ok()? };
            Some((version, entry.path().join("bin")))
        })
        .collect();
    found.sort_by(|a, b| b.cmp(a));
    found.into_iter().map(|(_, bin)| bin).collect()
}
