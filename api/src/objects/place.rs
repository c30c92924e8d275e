//! Where the store is, as it is configured.

use std::{
    env, fmt,
    fs::{self, DirBuilder, File, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use object_store::{
    BackoffConfig, ClientOptions, ObjectStore, RetryConfig,
    aws::{AmazonS3Builder, AmazonS3ConfigKey},
    client::SpawnedReqwestConnector,
    local::LocalFileSystem,
    prefix::PrefixStore,
};
use tokio::runtime::Handle;

use super::Key;
use crate::Failure;

/// Nobody waits longer for a bucket to take a connection, or to say something more.
const CONNECT: Duration = Duration::from_secs(5);
const SILENCE: Duration = Duration::from_secs(30);
/// How often a request to it is repeated, and for how long.
const REPEATS: usize = 3;
const REPEATING: Duration = Duration::from_secs(30);

/// A directory, or a bucket with what all keys in it begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    Directory(PathBuf),
    Bucket { name: String, prefix: String },
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some(rest) = text.strip_prefix("s3://") else {
            if text.is_empty() || text.contains("://") {
                return Err("a directory, or s3://bucket/prefix".to_owned());
            }
            return Ok(Self::Directory(PathBuf::from(text)));
        };
        let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if name.is_empty() || name.contains(['?', '#', '@']) {
            return Err("s3://bucket/prefix, with nothing before the bucket's name".to_owned());
        }
        Ok(Self::Bucket { name: name.to_owned(), prefix: prefix.trim_matches('/').to_owned() })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => write!(f, "{}", path.display()),
            Self::Bucket { name, prefix } if prefix.is_empty() => write!(f, "s3://{name}"),
            Self::Bucket { name, prefix } => write!(f, "s3://{name}/{prefix}"),
        }
    }
}

impl Place {
    pub(super) fn directory(&self) -> Option<&Path> {
        match self {
            Self::Directory(path) => Some(path),
            Self::Bucket { .. } => None,
        }
    }

    /// A directory that is not there has nothing in it, and is not made to look into it.
    pub(super) fn is_missing(&self) -> bool {
        self.directory().is_some_and(|path| !path.exists())
    }

    pub(super) fn open(&self, runtime: &Handle) -> Result<Arc<dyn ObjectStore>, Failure> {
        match self {
            Self::Directory(path) => {
                private(path).map_err(|error| format!("{}: {error}", path.display()))?;
                // What is acknowledged is on the disk, and the directory's entry for it, too.
                Ok(Arc::new(LocalFileSystem::new_with_prefix(path)?.with_fsync(true)))
            }
            Self::Bucket { name, prefix } => {
                let client = ClientOptions::new()
                    .with_timeout_disabled()
                    .with_connect_timeout(CONNECT)
                    .with_read_timeout(SILENCE);
                let retry = RetryConfig {
                    backoff: BackoffConfig::default(),
                    max_retries: REPEATS,
                    retry_timeout: REPEATING,
                };
                // What the environment says goes before what is said here.
                let mut bucket = AmazonS3Builder::new().with_client_options(client);
                for (name, value) in env::vars_os() {
                    let (Some(name), Some(value)) = (name.to_str(), value.to_str()) else {
                        continue;
                    };
                    let key = name.to_ascii_lowercase().parse::<AmazonS3ConfigKey>();
                    if let (true, Ok(key)) = (name.starts_with("AWS_"), key) {
                        bucket = bucket.with_config(key, value);
                    }
                }
                let bucket = bucket
                    .with_retry(retry)
                    .with_http_connector(SpawnedReqwestConnector::new(runtime.clone()))
                    .with_bucket_name(name)
                    .build()?;
                Ok(Arc::new(PrefixStore::new(bucket, prefix.as_str())))
            }
        }
    }
}

/// Makes the directory, readable for its owner only; one that is there is closed to strangers.
fn private(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    let mode = fs::metadata(path)?.permissions().mode();
    if mode & 0o007 != 0 {
        fs::set_permissions(path, Permissions::from_mode(mode & 0o770))?;
    }
    Ok(())
}

/// Removes what writing an object left beside it when it was cut off, and sees to it that what is removed stays so.
pub(super) fn clear(directory: &Path, key: Key) -> io::Result<()> {
    let directory = directory.join(key.workspace_id.to_string());
    for number in 1_u32.. {
        match fs::remove_file(directory.join(format!("{}#{number}", key.id))) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => break,
            Err(error) => return Err(error),
        }
    }
    match File::open(&directory) {
        Ok(entries) => entries.sync_all(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}
