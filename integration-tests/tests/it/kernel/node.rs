//! Programs in TypeScript, as users of the API write them. Where Node or npm's packages cannot be had the
//! tests say so and are skipped; in CI they fail.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::OnceLock,
};

use voronka_api::openapi;

const SOURCES: &[&str] =
    &["package.json", "package-lock.json", "tsconfig.json", "scenario.ts", "docs.ts"];

/// Runs a program with these variables in its environment, once all of them compile. Its output, or none
/// where there is no Node.
pub fn run(program: &str, variables: &[(&str, &str)]) -> Option<String> {
    let built = built()?;
    let mut node = Command::new("node");
    node.arg(built.join("built").join(program)).envs(variables.iter().copied());
    Some(succeed(&mut node, program))
}

/// The directory of the compiled programs, with types generated from the specification of this code.
fn built() -> Option<&'static Path> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    BUILT.get_or_init(build).as_deref()
}

fn build() -> Option<PathBuf> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("client");
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("client");
    std::fs::create_dir_all(&directory).unwrap();
    let locked = || std::fs::read(directory.join("package-lock.json")).ok();
    let (before, installed) = (locked(), directory.join("node_modules/.package-lock.json"));
    for name in SOURCES {
        std::fs::copy(sources.join(name), directory.join(name)).expect(name);
    }
    if before.is_none() || before != locked() || !installed.exists() {
        let arguments = ["ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"];
        match Command::new("npm").args(arguments).current_dir(&directory).output() {
            Ok(output) if output.status.success() => {}
            Ok(output) => return missing(&format!("npm ci failed: {}", said(&output))),
            Err(error) => return missing(&format!("npm cannot be started: {error}")),
        }
    }
    std::fs::write(directory.join("openapi.yaml"), openapi::yaml()).unwrap();
    let tool = |name: &str| {
        let mut tool = Command::new(directory.join("node_modules/.bin").join(name));
        tool.current_dir(&directory);
        tool
    };
    succeed(tool("openapi-typescript").args(["openapi.yaml", "--output", "voronka.ts"]), "types");
    succeed(&mut tool("tsc"), "the TypeScript compiler");
    Some(directory)
}

/// What the test cannot do without is not there.
pub fn missing<T>(what: &str) -> Option<T> {
    assert!(std::env::var_os("CI").is_none(), "in CI: {what}");
    skipped(what);
    None
}

pub fn skipped(why: &str) {
    eprintln!("\n*** SKIPPED: {why} (.ci/install tests installs Node and Chromium) ***\n");
}

fn succeed(command: &mut Command, what: &str) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(output.status.success(), "{what}: {}", said(&output));
    said(&output)
}

fn said(output: &Output) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}
