//! The twin of a request: the statements that the server sent to Postgres for it, taken from Postgres' own
//! log, as a script for pgbench. Same statements, same transaction, same cluster; pgbench decides nothing,
//! reads no JSON and writes none.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use diesel::{PgConnection, connection::SimpleConnection};
use uuid::Uuid;

/// A statement as it was sent: its text, and its parameters as Postgres shows them.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    sql: String,
    parameters: Vec<Option<String>>,
}

impl Sent {
    /// Puts one value for another wherever it is a whole parameter.
    pub fn replace(&mut self, value: &str, by: &str) {
        for parameter in self.parameters.iter_mut().flatten().filter(|p| p.as_str() == value) {
            by.clone_into(parameter);
        }
    }
}

/// The log of the cluster.
pub struct Log {
    pub path: PathBuf,
    pub url: String,
}

impl Log {
    fn set(&self, statements: &str) {
        let mut connection: PgConnection =
            diesel::Connection::establish(&self.url).expect("connect");
        for statement in statements.split(';') {
            connection.batch_execute(statement).expect(statement);
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.path).expect("the log of Postgres")).into_owned()
    }

    /// What the server sends to Postgres for a request, and what the request answers.
    pub fn of<T>(&self, mut request: impl FnMut() -> T) -> (Vec<Sent>, T) {
        self.set(
            "ALTER SYSTEM SET log_statement = 'all'; ALTER SYSTEM SET log_line_prefix = '%p|'; \
             ALTER SYSTEM SET log_parameter_max_length = -1; SELECT pg_reload_conf()",
        );
        // Backends take the new settings up one by one: until this request is in the log, with values.
        let deadline = Instant::now() + Duration::from_secs(10);
        let sent = loop {
            let before = self.text().len();
            let answer = request();
            let sent = statements(&self.text()[before..]);
            if sent.iter().any(|statement| !statement.parameters.is_empty()) {
                break (sent, answer);
            }
            assert!(Instant::now() < deadline, "the request is not in {}", self.path.display());
            std::thread::sleep(Duration::from_millis(200));
        };
        self.set(
            "ALTER SYSTEM RESET log_statement; ALTER SYSTEM RESET log_line_prefix; \
             ALTER SYSTEM RESET log_parameter_max_length; SELECT pg_reload_conf()",
        );
        std::thread::sleep(Duration::from_millis(300));
        sent
    }
}

/// The statements of the busiest connection that asks for deals or keeps posts; a server's own chores come on others.
fn statements(log: &str) -> Vec<Sent> {
    let mut connections: BTreeMap<&str, Vec<Sent>> = BTreeMap::new();
    for line in log.lines() {
        let Some((pid, rest)) = line.split_once('|') else { continue };
        let of = connections.entry(pid).or_default();
        if let Some(text) = rest.strip_prefix("LOG:  ") {
            let sql = text.strip_prefix("statement: ").or_else(|| {
                text.strip_prefix("execute ").and_then(|text| Some(text.split_once(": ")?.1))
            });
            if let Some(sql) = sql.filter(|sql| !sql.starts_with("SET ")) {
                of.push(Sent { sql: sql.to_owned(), parameters: Vec::new() });
            }
        } else if let Some(text) = rest.strip_prefix("DETAIL:  ")
            && let Some((_, values)) = text.split_once("arameters: ")
            && let Some(last) = of.last_mut()
        {
            last.parameters = parameters(values);
        }
    }
    let asked = |sent: &&Sent| sent.sql.contains("deal") || sent.sql.contains("raw_events\" (");
    let asks = |sent: &Vec<Sent>| sent.iter().filter(asked).count();
    connections.into_values().max_by_key(asks).filter(|sent| asks(sent) > 0).unwrap_or_default()
}

/// `$1 = 'it''s', $2 = NULL`
fn parameters(mut text: &str) -> Vec<Option<String>> {
    let mut values = Vec::new();
    while let Some((_, rest)) = text.split_once(" = ") {
        let Some(mut quoted) = rest.strip_prefix('\'') else {
            values.push(None);
            text = rest;
            continue;
        };
        let mut value = String::new();
        while let Some((before, after)) = quoted.split_once('\'') {
            value.push_str(before);
            quoted = after;
            let Some(more) = quoted.strip_prefix('\'') else { break };
            value.push('\'');
            quoted = more;
        }
        values.push(Some(value));
        text = quoted;
    }
    values
}

/// A script for pgbench, and the values that do not change from one transaction to the next.
#[derive(Debug, Clone)]
pub struct Script {
    text: String,
    values: Vec<(String, String)>,
}

impl std::fmt::Display for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (name, value) in &self.values {
            writeln!(f, "-- {name} = {value}")?;
        }
        f.write_str(&self.text)
    }
}

impl Script {
    /// From the statements of two requests of a kind: what differs between them is made anew for each
    /// transaction, an id or an instant. `known` values are given by pgbench's variables. None if they differ.
    pub fn new<'v>(
        one: &'v [Sent],
        other: &[Sent],
        head: &str,
        known: &[(String, &str)],
    ) -> Option<Self> {
        let mut script = Self { text: format!("\\set i :i + 1\n{head}"), values: Vec::new() };
        let mut fresh: Vec<&'v str> = Vec::new();
        let sql = |sent: &[Sent]| sent.iter().map(|sent| sent.sql.clone()).collect::<Vec<_>>();
        if sql(one) != sql(other) {
            return None;
        }
        for (sent, twin) in one.iter().zip(other) {
            let mut parameters = Vec::new();
            for (value, other) in sent.parameters.iter().zip(&twin.parameters) {
                let Some(value) = value else {
                    parameters.push("NULL".to_owned());
                    continue;
                };
                let changes = Some(value) != other.as_ref();
                let given = |value: &str| {
                    let known = known.iter().find(|(known, _)| known == value);
                    known.map(|(_, variable)| (*variable).to_owned())
                };
                let mut made = |value: &'v str| {
                    given(value).unwrap_or_else(|| {
                        let number = fresh.iter().position(|id| *id == value);
                        let number = number.unwrap_or(fresh.len());
                        if number == fresh.len() {
                            fresh.push(value);
                        }
                        // Ids of the server rise; so do these, for each client.
                        format!("('7fff000{number}-0000-7000-8000-' || :fresh::text)::uuid")
                    })
                };
                let list = value.strip_prefix('{').and_then(|list| list.strip_suffix('}'));
                let ids = list.map(|list| list.split(',').collect::<Vec<_>>());
                parameters.push(if let Some(variable) = given(value) {
                    variable
                } else if changes
                    && let Some(ids) = ids.filter(|ids| ids.iter().all(|id| is_fresh(id)))
                {
                    format!("ARRAY[{}]", ids.into_iter().map(made).collect::<Vec<_>>().join(", "))
                } else if changes && is_fresh(value) {
                    made(value)
                } else if changes && value.len() < 40 && value.contains(':') && list.is_none() {
                    "now()".to_owned()
                } else {
                    script.value(value)
                });
            }
            script.text.push_str(&filled(&sent.sql, &parameters));
            script.text.push_str(";\n");
        }
        Some(script)
    }

    fn value(&mut self, value: &str) -> String {
        // pgbench knows no empty variable.
        if value.is_empty() {
            return "''".to_owned();
        }
        let known = self.values.iter().find(|(_, known)| known == value);
        let name =
            known.map_or_else(|| format!("p{}", self.values.len()), |(name, _)| name.clone());
        if known.is_none() {
            self.values.push((name.clone(), value.to_owned()));
        }
        // Of what stands in an expression or a list, pgbench does not say what it is.
        let scalar = if value.parse::<Uuid>().is_ok() && !value.starts_with('{') {
            "::uuid"
        } else if value.parse::<i32>().is_ok() {
            "::int"
        } else if value.starts_with("{\"") && !value.starts_with("{\"{") && value.contains("\":")
            || value.starts_with('[')
        {
            "::jsonb"
        } else if value.starts_with("\\x") {
            "::bytea"
        } else if chrono::DateTime::parse_from_str(value, "%Y-%m-%d %H:%M:%S%.f%#z").is_ok() {
            "::timestamptz"
        } else {
            ""
        };
        if !scalar.is_empty() {
            return format!(":{name}{scalar}");
        }
        let cast = match value.strip_prefix('{').and_then(|list| list.split([',', '}']).next()) {
            Some(first) if first.parse::<Uuid>().is_ok() => "::uuid[]",
            Some(first) if first.parse::<i64>().is_ok() => "::int[]",
            Some(first) if is_word(first) => "::text[]",
            Some(first) if first.starts_with("\"2") && first.contains(':') => "::timestamptz[]",
            _ => "",
        };
        format!(":{name}{cast}")
    }

    /// Runs it in prepared mode; transactions a second and their mean time.
    pub fn run(&self, url: &str, clients: usize, seconds: u64, round: usize) -> (f64, Duration) {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        std::io::Write::write_all(&mut file, self.text.as_bytes()).expect("written");
        let mut pgbench = Command::new("pgbench");
        pgbench.args(["-n", "-M", "prepared", "-j", "1", "-c", &clients.to_string()]);
        pgbench.args(["-T", &seconds.to_string(), "-D", "i=0", "-D", &format!("round={round}")]);
        for (name, value) in &self.values {
            pgbench.arg("-D").arg(format!("{name}={value}"));
        }
        let output = pgbench.arg("-f").arg(file.path()).arg(url).output().expect("pgbench runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let complaints = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{complaints}\n{}", self.text);
        let number = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            let word = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
            word.unwrap_or_else(|| panic!("no {name} in {text}"))
        };
        let rate = number("tps = ");
        (rate, Duration::from_secs_f64(number("latency average = ") / 1_000.0))
    }
}

/// An id that the server has made: the world's own are random.
fn is_fresh(value: &str) -> bool {
    value.parse::<Uuid>().is_ok_and(|id| id.get_version_num() == 7)
}

/// A word and not the beginning of an object, a truth value or nothing.
fn is_word(text: &str) -> bool {
    let word = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    word && !["", "t", "f", "NULL"].contains(&text)
}

/// The statement with expressions for its `$n`, written so that pgbench finds no variables in its texts.
fn filled(sql: &str, parameters: &[String]) -> String {
    let mut filled = String::new();
    let mut quoted = false;
    let mut rest = sql.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\'' => {
                quoted = !quoted;
                filled.push(c);
            }
            ':' if quoted => filled.push_str("' || chr(58) || '"),
            '$' if !quoted => {
                let mut number = String::new();
                while let Some(digit) = rest.next_if(char::is_ascii_digit) {
                    number.push(digit);
                }
                let index: usize = number.parse().expect("a parameter");
                filled.push_str(&parameters[index - 1]);
            }
            _ => filled.push(c),
        }
    }
    filled
}
