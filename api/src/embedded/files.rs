//! The files around a cluster: locks, the pointer to a cluster kept elsewhere, the password, the log.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::{EmbeddedError, Result, TICK, io_error};

/// Where clusters go whose data directory the user of Postgres cannot reach.
const ELSEWHERE: &str = "/var/lib/voronka";
const START_LOCK: &str = "start.lock";

pub fn prepare(data_dir: &Path) -> Result<PathBuf> {
    if !data_dir.exists() {
        fs::create_dir_all(data_dir).map_err(io_error("create", data_dir))?;
        // The user of Postgres passes through root's.
        let mode = if geteuid().is_root() { 0o711 } else { 0o700 };
        set_mode(data_dir, mode)?;
    }
    let (me, lock) = (geteuid(), data_dir.join(START_LOCK));
    match fs::metadata(lock).map(|of| of.uid()) {
        // As after a first start by sudo.
        Ok(uid) if uid != me.as_raw() && !me.is_root() => {
            Err(EmbeddedError::NotOurs { dir: data_dir.to_owned(), uid })
        }
        _ => data_dir.canonicalize().map_err(io_error("find", data_dir)),
    }
}

fn set_mode(dir: &Path, mode: u32) -> Result<()> {
    fs::set_permissions(dir, Permissions::from_mode(mode)).map_err(io_error("set the mode of", dir))
}

pub fn lock_file(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).read(true).write(true).mode(0o600);
    options.open(path).map_err(io_error("open", path))
}

/// What a lock may take that only seems held: by a child between its fork and its exec.
pub const MOMENT: Duration = Duration::from_millis(300);

/// False if somebody else has it all that time.
pub fn try_lock(file: &File, patience: Duration) -> Result<bool> {
    let deadline = Instant::now() + patience;
    loop {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(true),
            Err(Errno::WOULDBLOCK) if Instant::now() < deadline => std::thread::sleep(TICK),
            Err(Errno::WOULDBLOCK) => return Ok(false),
            Err(error) => return Err(lock_error(error)),
        }
    }
}

pub fn lock_shared(file: &File) -> Result<()> {
    flock(file, FlockOperation::LockShared).map_err(lock_error)
}

fn lock_error(error: Errno) -> EmbeddedError {
    EmbeddedError::Io {
        what: "cannot lock a file of the data directory".into(),
        source: error.into(),
    }
}

/// Held by whoever starts or stops the cluster, meanwhile.
pub fn lock_start(data_dir: &Path, patience: Duration) -> Result<File> {
    let file = lock_file(&data_dir.join(START_LOCK))?;
    if try_lock(&file, patience)? {
        return Ok(file);
    }
    Err(EmbeddedError::Busy(data_dir.to_owned()))
}

/// Taken, and tried, under `start.lock` only: so a look at it is never mistaken for a server.
pub fn lock_serve(dir: &Path) -> Result<File> {
    let path = dir.join("voronka.lock");
    let file = lock_file(&path)?;
    if !try_lock(&file, MOMENT)? {
        let pid = read_number(&file).map_or(0, i32::cast_unsigned);
        return Err(EmbeddedError::InUse { pid });
    }
    write_number(&file, std::process::id().cast_signed()).map_err(io_error("write", &path))?;
    Ok(file)
}

pub fn is_served(data_dir: &Path) -> Result<bool> {
    let file = lock_file(&data_dir.join("voronka.lock"))?;
    Ok(!try_lock(&file, Duration::ZERO)?)
}

pub fn write_number(mut file: &File, number: i32) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{number}")
}

pub fn read_number(mut file: &File) -> Option<i32> {
    let mut text = String::new();
    file.rewind().and_then(|()| file.read_to_string(&mut text)).ok()?;
    text.trim().parse().ok()
}

pub fn private_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(dir)
}

/// Replaces the file whole, readable by its owner only.
pub fn write_private(path: &Path, text: &str) -> Result<()> {
    let aside = path.with_extension("new");
    let mut options = OpenOptions::new();
    options.create(true).truncate(true).write(true).mode(0o600);
    options
        .open(&aside)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&aside, path))
        .map_err(io_error("write", path))
}

pub fn superuser_password(data_dir: &Path) -> Result<String> {
    let path = data_dir.join("postgres.password");
    match fs::read_to_string(&path) {
        Ok(text) if !text.trim().is_empty() => return Ok(text),
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(io_error("read", &path)(error));
        }
        _ => {}
    }
    let text = format!("{:032x}\n", rand::random::<u128>());
    write_private(&path, &text)?;
    Ok(text)
}

/// The directory that holds the cluster of a data directory which Postgres could not reach.
pub fn recorded_home(data_dir: &Path) -> Result<Option<PathBuf>> {
    let pointer = data_dir.join("cluster");
    let home = match fs::read_to_string(&pointer) {
        Ok(text) => PathBuf::from(text.trim_end_matches('\n')),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error("read", &pointer)(error)),
    };
    if home.is_dir() {
        return Ok(Some(home));
    }
    Err(EmbeddedError::Unusable(format!(
        "the database is kept in {}, which is missing: put it back, or remove {} to begin with an empty one",
        home.display(),
        pointer.display(),
    )))
}

/// Chooses and records such a directory.
pub fn place_elsewhere(data_dir: &Path, name: &str) -> Result<PathBuf> {
    let base = Path::new(ELSEWHERE);
    if !base.exists() {
        fs::create_dir_all(base).map_err(io_error("create", base))?;
        set_mode(base, 0o755)?;
    }
    let mut home = base.join(name);
    if home.join("postgres").exists() {
        // Of a data directory that was removed to begin anew; what it held is not ours to remove.
        tracing::warn!(dir = %home.display(), "an earlier database of this directory is left alone");
        home = base.join(format!("{name}-{:08x}", rand::random::<u32>()));
    }
    fs::create_dir_all(&home).map_err(io_error("create", &home))?;
    set_mode(&home, 0o711)?;
    write_private(&data_dir.join("cluster"), &format!("{}\n", home.display()))?;
    Ok(home)
}

/// The last lines of what was logged since `from`.
pub fn tail(log: &Path, from: u64) -> String {
    let read = || -> io::Result<Vec<u8>> {
        let mut file = File::open(log)?;
        let from = from.max(file.metadata()?.len().saturating_sub(8192));
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let text = String::from_utf8_lossy(&read().unwrap_or_default()).into_owned();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

/// Stable over releases of the compiler, unlike the standard library's.
pub fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

pub fn percent_encode(text: &[u8]) -> String {
    let mut encoded = String::new();
    for byte in text {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(*byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
