//! Configuration: environment and flags, listed by `--help`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::{auth::address::parse_network, objects::Place};

#[derive(Debug, Parser)]
#[command(name = "voronka", version, about = "Voronka: a headless sales-process engine")]
pub struct Cli {
    #[command(flatten)]
    pub database: DatabaseConfig,
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Debug, Clone, Args)]
pub struct DatabaseConfig {
    /// Postgres 14 or later. Without it a private cluster is started in the data directory.
    #[arg(long, env = "DATABASE_URL", global = true, hide_env_values = true)]
    pub database_url: Option<String>,
    /// Where the private cluster, the demo's files and, by default, all others are kept.
    #[arg(long, env = "VORONKA_DATA_DIR", global = true, default_value = "./.voronka")]
    pub data_dir: PathBuf,
    /// Most connections to the database.
    #[arg(long, env = "VORONKA_DATABASE_POOL", global = true, default_value_t = 16,
          value_parser = clap::value_parser!(u32).range(2..=500))]
    pub database_pool: u32,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the API (the default).
    Serve(ServeConfig),
    /// Bring the database's schema up to date.
    Migrate,
    /// Make the demo company, unless it is there, through the real import.
    Demo {
        /// Only write the company's CSV files, and load nothing.
        #[arg(long)]
        files_only: bool,
    },
    /// Make a workspace.
    #[command(subcommand)]
    Workspace(WorkspaceCommand),
    /// Make a user, or let one set a password.
    #[command(subcommand)]
    User(UserCommand),
    /// Print an access token for a user: for the operator of the machine.
    Token {
        #[arg(long)]
        email: String,
        /// Id of the workspace, where several have a user with this email.
        #[arg(long)]
        workspace: Option<uuid::Uuid>,
    },
    /// List deals that rest though their process would take them on: an earlier release may have left some.
    Resting {
        /// Id of the workspace; all by default.
        #[arg(long)]
        workspace: Option<uuid::Uuid>,
        /// Have the server take them on.
        #[arg(long)]
        wake: bool,
    },
    /// Print the OpenAPI specification.
    Openapi {
        #[arg(long, value_parser = ["yaml", "json"], default_value = "yaml")]
        format: String,
    },
    /// Print the catalogue of errors, as in docs/errors.md.
    Errors,
    /// Check the configuration and the database, and change nothing.
    CheckConfig(ServeConfig),
}

#[derive(Debug, Subcommand)]
pub enum WorkspaceCommand {
    Create {
        #[arg(long)]
        name: String,
        /// Base currency, ISO 4217.
        #[arg(long)]
        currency: String,
        /// IANA time zone, e.g. Europe/Amsterdam.
        #[arg(long)]
        time_zone: String,
        #[arg(long)]
        admin_email: String,
        #[arg(long, default_value = "Administrator")]
        admin_name: String,
        /// Read the administrator's password from the standard input.
        #[arg(long, required = true)]
        admin_password_stdin: bool,
    },
    /// List the workspaces.
    List,
}

#[derive(Debug, Subcommand)]
pub enum UserCommand {
    Create {
        /// Id of the workspace; may be left out where there is only one.
        #[arg(long)]
        workspace: Option<uuid::Uuid>,
        #[arg(long)]
        name: String,
        #[arg(long)]
        email: String,
        #[arg(long, value_parser = ["admin", "head", "seller", "analyst"], default_value = "seller")]
        role: String,
        /// Read the password from the standard input.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Print a one-time token by which the user sets a password, for an invitation or a reset.
    ResetPassword {
        #[arg(long)]
        email: String,
        /// Id of the workspace, where several have a user with this email.
        #[arg(long)]
        workspace: Option<uuid::Uuid>,
    },
}

#[derive(Debug, Clone, Args)]
pub struct ServeConfig {
    /// Address and port to listen on.
    #[arg(long, env = "VORONKA_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: std::net::SocketAddr,
    /// Threads that serve requests; one a processor by default.
    #[arg(long, env = "VORONKA_WORKERS")]
    pub workers: Option<usize>,
    /// Make the demo company at the first start.
    #[arg(long, env = "VORONKA_DEMO", value_parser = clap::builder::BoolishValueParser::new())]
    pub demo: bool,
    /// Proxies that say truly for whom they ask (X-Forwarded-For, Forwarded): addresses or networks, separated by commas.
    #[arg(long, env = "VORONKA_TRUSTED_PROXIES", value_delimiter = ',', value_parser = parse_network)]
    pub trusted_proxies: Vec<ipnet::IpNet>,
    /// Networks of the operator's own that recordings may be fetched from, too: addresses or networks, separated by commas.
    #[arg(long, env = "VORONKA_RECORDING_NETWORKS", value_delimiter = ',', value_parser = parse_network)]
    pub recording_networks: Vec<ipnet::IpNet>,
    /// Seconds that a recording may take to come.
    #[arg(long, env = "VORONKA_RECORDING_SECONDS", default_value_t = 600,
          value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub recording_seconds: u64,
    /// Origins that browsers may call from, separated by commas; `*` for any.
    #[arg(long, env = "VORONKA_CORS_ORIGINS", value_delimiter = ',')]
    pub cors_origins: Vec<String>,
    /// Requests that one caller may send in a minute.
    #[arg(long, env = "VORONKA_RATE_LIMIT", default_value_t = 600_000)]
    pub rate_limit: u32,
    /// Largest JSON body, in bytes.
    #[arg(long, env = "VORONKA_BODY_LIMIT", default_value_t = 1 << 20)]
    pub body_limit: usize,
    /// Seconds that a body may take to come; a large one has one more for every 32 KiB of it.
    #[arg(long, env = "VORONKA_BODY_SECONDS", default_value_t = 30,
          value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub body_seconds: u64,
    /// Largest file of an import, in bytes.
    #[arg(long, env = "VORONKA_IMPORT_LIMIT", default_value_t = 512 << 20)]
    pub import_limit: usize,
    /// Where files are kept: a directory, or s3://bucket/prefix with what AWS_* variables say of it; `files` in the
    /// data directory by default. All servers of a database need the same.
    #[arg(long, env = "VORONKA_FILES", value_parser = clap::value_parser!(Place))]
    pub files: Option<Place>,
    /// Largest file that hangs on something, in bytes.
    #[arg(long, env = "VORONKA_FILE_LIMIT", default_value_t = 100 << 20,
          value_parser = clap::value_parser!(u64).range(1..=40 << 30))]
    pub file_limit: u64,
    /// Bytes of files that a workspace may have.
    #[arg(long, env = "VORONKA_FILES_LIMIT", default_value_t = 10 << 30)]
    pub files_limit: u64,
    /// Largest sheet (CSV or XLSX), in bytes: it is written to a temporary file before it is sent.
    #[arg(long, env = "VORONKA_SHEET_LIMIT", default_value_t = 1 << 30)]
    pub sheet_limit: u64,
    /// Places for heavy work: sheets, reports and previews; half of the processors by default, and at most a
    /// quarter of the connections.
    #[arg(long, env = "VORONKA_HEAVY_PLACES")]
    pub heavy_places: Option<usize>,
    /// How long an access token is good for, in seconds.
    #[arg(long, env = "VORONKA_ACCESS_TOKEN_SECONDS", default_value_t = 900)]
    pub access_token_seconds: i64,
    /// How long a refresh token is good for, in seconds.
    #[arg(long, env = "VORONKA_REFRESH_TOKEN_SECONDS", default_value_t = 30 * 86_400)]
    pub refresh_token_seconds: i64,
    /// Secret that signs access tokens (HS256), at least 32 bytes; generated and kept in the database by default.
    #[arg(long, env = "VORONKA_JWT_SECRET", hide_env_values = true)]
    pub jwt_secret: Option<String>,
    /// JWKS of an external issuer whose tokens are taken too: a URL or a file.
    #[arg(long, env = "VORONKA_JWKS")]
    pub jwks: Option<String>,
    /// `iss` that the external issuer's tokens must have.
    #[arg(long, env = "VORONKA_JWT_ISSUER", requires = "jwks")]
    pub jwt_issuer: Option<String>,
    /// `aud` that the external issuer's tokens must have.
    #[arg(long, env = "VORONKA_JWT_AUDIENCE", requires = "jwks")]
    pub jwt_audience: Option<String>,
    /// Seconds that requests in progress have to finish when the server is told to stop.
    #[arg(long, env = "VORONKA_SHUTDOWN_SECONDS", default_value_t = 30)]
    pub shutdown_seconds: u64,
}

impl ServeConfig {
    /// Where files are kept.
    pub fn place(&self, data_dir: &std::path::Path) -> Place {
        self.files.clone().unwrap_or_else(|| Place::Directory(data_dir.join("files")))
    }
}
