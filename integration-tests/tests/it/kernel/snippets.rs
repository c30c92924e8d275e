//! What README.md and docs/ show can be typed in: shell scripts run with a `curl` that only notes what it was
//! asked, which is then held against the specification; JSON is JSON. The one in TypeScript is compiled by
//! `clients/run openapi-fetch`.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use serde_json::Value;
use voronka_integration_tests::contract;

const ID: &str = "01a1ff92-2ba0-76b8-bea0-a3ad320798e7";

/// What does nothing here: servers, databases and generators are not started by reading. `curl` notes its
/// arguments, each ended by a NUL and all by a 1, and answers what variables are taken from.
const PRELUDE: &str = r#"
curl() { { printf '%s\0' "$@"; printf '\1'; } >> "$CALLS"; printf '{"id":"%s","access_token":"t"}' "$ID"; }
for quiet in make npx psql pg_dump pg_restore voronka target/release/voronka; do
  eval "function $quiet { cat >/dev/null; }"
done
exec </dev/null
"#;

/// Everything of a document that is one snippet: the language and the text, with the line where it begins.
struct Snippet {
    language: String,
    text: String,
    at: String,
}

fn snippets() -> Vec<(String, Vec<Snippet>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let docs =
        fs::read_dir(root.join("docs")).expect("docs").map(|entry| entry.expect("a file").path());
    let mut paths: Vec<_> =
        docs.filter(|path| path.extension().is_some_and(|is| is == "md")).collect();
    paths.extend([root.join("README.md"), root.join("clients/README.md")]);
    paths.sort();
    paths
        .iter()
        .map(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let text = fs::read_to_string(path).expect("a document");
            let mut found: Vec<Snippet> = Vec::new();
            let mut within = false;
            for (line, number) in text.lines().zip(1..) {
                match line.strip_prefix("```") {
                    Some(language) if !within => {
                        let (language, at) = (language.to_owned(), format!("{name}:{number}"));
                        found.push(Snippet { language, text: String::new(), at });
                        within = true;
                    }
                    Some(_) => within = false,
                    None => {
                        if let Some(snippet) = found.last_mut().filter(|_| within) {
                            snippet.text += line;
                            snippet.text.push('\n');
                        }
                    }
                }
            }
            assert!(!within, "{name} has a snippet without an end");
            (name, found)
        })
        .collect()
}

/// JSON where `...` stands for what is left out, outside of texts.
fn whole(text: &str) -> String {
    let (mut out, mut within, mut escaped) = (String::new(), false, false);
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        if !within && let Some(after) = rest.strip_prefix("...") {
            // With the comma before it, or else the one after it.
            rest = match out.trim_end().strip_suffix(',') {
                Some(kept) => {
                    out.truncate(kept.len());
                    after
                }
                None => after.trim_start().strip_prefix(',').unwrap_or(after),
            };
            continue;
        }
        within ^= character == '"' && !escaped;
        escaped = within && character == '\\' && !escaped;
        out.push(character);
        rest = &rest[character.len_utf8()..];
    }
    out
}

/// What a call of curl asks: the method, the path and the body.
fn asked(arguments: &[&str]) -> Result<(String, String, Option<Value>), String> {
    let (mut method, mut url, mut body, mut form) = (None, None, None, false);
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match *argument {
            "-s" | "-i" | "-g" | "-N" | "-sN" | "-si" => {}
            "-H" | "-o" => drop(rest.next()),
            "-X" => method = rest.next().copied(),
            "-d" => body = rest.next().copied(),
            "-F" => {
                form = true;
                // A file, or what is said of it.
                if let Some(spec) = rest.next().and_then(|part| part.strip_prefix("spec=")) {
                    body = Some(spec).filter(|spec| !spec.starts_with('<'));
                }
            }
            other if url.is_none() && other.starts_with("http://") => url = Some(other),
            other => return Err(format!("{other:?} is not understood here")),
        }
    }
    let url = url.ok_or("no address")?;
    let path = url.strip_prefix("http://127.0.0.1:8080").ok_or("another server")?;
    let method = method.unwrap_or(if body.is_some() || form { "POST" } else { "GET" });
    let body =
        body.map(|body| serde_json::from_str(body).map_err(|error| format!("{error} in {body}")));
    Ok((method.to_owned(), path.to_owned(), body.transpose()?))
}

#[test]
fn what_the_documents_show_can_be_typed_in() {
    let scratch = tempfile::tempdir().expect("a directory");
    let calls = scratch.path().join("calls");
    let (mut faults, mut requests, mut answers) = (Vec::new(), 0, 0);
    for (name, snippets) in snippets() {
        // Names that an earlier command, or the reader, gives a value.
        let scripts = snippets.iter().filter(|snippet| snippet.language == "sh");
        let names: BTreeSet<_> = scripts.flat_map(|snippet| variables(&snippet.text)).collect();
        let mut given =
            names.iter().map(|name| format!(": \"${{{name}:=$ID}}\"\n")).collect::<String>();
        for (index, snippet) in snippets.iter().enumerate() {
            match snippet.language.as_str() {
                "json" => {
                    answers += 1;
                    if let Err(error) = serde_json::from_str::<Value>(&whole(&snippet.text)) {
                        faults.push(format!("{}: {error}", snippet.at));
                    }
                }
                "sh" => {
                    fs::write(&calls, "").expect("a file");
                    let script = format!("{PRELUDE}{given}{}", snippet.text);
                    let done = Command::new("bash")
                        .args(["-c", &script])
                        .env_clear()
                        .envs([("ID", ID), ("PATH", "/usr/bin:/bin:/usr/local/bin")])
                        .envs([
                            ("AUTH", "Authorization: Bearer t"),
                            ("JSON", "Content-Type: application/json"),
                        ])
                        .env("URL", "http://127.0.0.1:8080")
                        .env("CALLS", &calls)
                        .current_dir(scratch.path())
                        .output()
                        .expect("bash");
                    let said = String::from_utf8_lossy(&done.stderr);
                    if said.contains("syntax error") || said.contains("command not found") {
                        faults.push(format!("{}: {said}", snippet.at));
                    }
                    let noted = fs::read_to_string(&calls).expect("what curl noted");
                    // Where the next snippet shows a refusal, what was sent is wrong on purpose.
                    let answer = snippets.get(index + 1).map_or("", |next| &next.text);
                    let refused = answer.contains("urn:voronka:problem:");
                    for call in noted.split_terminator("\u{1}").filter(|call| !call.is_empty()) {
                        requests += 1;
                        let call: Vec<_> = call.split_terminator('\0').collect();
                        let wrong = match asked(&call) {
                            Ok((method, path, body)) => {
                                contract::asks(&method, &path, body.as_ref())
                            }
                            Err(fault) => vec![fault],
                        };
                        if !refused && !wrong.is_empty() {
                            faults.push(format!("{}: {call:?}: {wrong:?}", snippet.at));
                        }
                    }
                    // Functions and variables of one snippet are there in the next.
                    given += &definitions(&snippet.text);
                }
                "ts" => {
                    assert_eq!(name, "api.md", "clients/run compiles that of docs/api.md alone")
                }
                "" => {}
                other => faults.push(format!("{}: nobody reads {other:?} here", snippet.at)),
            }
        }
    }
    assert!(faults.is_empty(), "{}: {faults:#?}", faults.len());
    println!("{requests} requests and {answers} pieces of JSON of the documents hold");
    assert!(requests > 50 && answers > 20, "{requests} and {answers}");
}

fn variables(script: &str) -> Vec<String> {
    let ends = |character: char| !(character.is_ascii_uppercase() || character == '_');
    let names = script
        .split('$')
        .skip(1)
        .map(|rest| rest.split(ends).next().unwrap_or_default().to_owned());
    names
        .filter(|name| name.len() > 1 && !["URL", "JSON", "AUTH", "TOKEN"].contains(&name.as_str()))
        .collect()
}

fn definitions(script: &str) -> String {
    let lines = script.lines().filter(|line| line.contains("() { "));
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn what_is_left_out_of_json_is_told_from_texts() {
    let text = r#"{"a":"...,","b":[...],"c":{"d":1,...},...,"e":[..., 2]}"#;
    assert_eq!(whole(text), r#"{"a":"...,","b":[],"c":{"d":1},"e":[ 2]}"#);
}
