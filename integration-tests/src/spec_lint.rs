//! What a reader of the OpenAPI document may rely on, as rules. Each fault is a line that says where it is.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// A code of a problem with its status.
pub type Code<'a> = (u16, &'a str);

/// Every fault of the document; none of a good one.
pub fn lint(document: &Value, codes: &[Code<'_>]) -> Vec<String> {
    let mut lint = Lint { document, codes, faults: Vec::new() };
    let tags = texts(&document["tags"], "name");
    let mut ids = BTreeSet::new();
    for (path, item) in entries(&document["paths"]) {
        lint.path(path);
        for (method, operation) in entries(item) {
            let at = format!("{} {path}", method.to_uppercase());
            lint.operation(&at, operation, &tags, &mut ids);
            lint.parameters(&at, path, operation);
            lint.responses(&at, path, operation);
        }
    }
    for (name, schema) in entries(&document["components"]["schemas"]) {
        lint.schema(&format!("schema {name}"), schema);
    }
    lint.references();
    lint.bodies();
    lint.descriptions("", document);
    lint.faults
}

/// References that lead nowhere, and what nothing leads to.
pub fn references(document: &Value) -> Vec<String> {
    let mut lint = Lint { document, codes: &[], faults: Vec::new() };
    lint.references();
    lint.faults
}

struct Lint<'a> {
    document: &'a Value,
    codes: &'a [Code<'a>],
    faults: Vec<String>,
}

fn entries(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter).map(|(name, value)| (name.as_str(), value))
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().unwrap_or_default()
}

fn texts<'v>(list: &'v Value, field: &str) -> Vec<&'v str> {
    items(list).map(|item| text(item, field)).collect()
}

fn is_camel_case(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

fn is_snake_case(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// `deal-types`, or a file such as `rejected.csv`.
fn is_kebab_case(text: &str) -> bool {
    let (name, extension) = text.split_once('.').unwrap_or((text, "csv"));
    let lower = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    !name.is_empty()
        && name.bytes().all(|b| lower(b) || b == b'-')
        && !extension.is_empty()
        && extension.bytes().all(lower)
}

/// Nothing but words, as of an enum: "`json` or `csv`."
fn is_words(text: &str) -> bool {
    let between = text.split('`').step_by(2);
    text.contains('`')
        && between
            .into_iter()
            .all(|part| ["", ", ", " or ", " (the default) or ", "."].contains(&part))
}

/// `updated_at[gte]` filters `updated_at`.
fn is_parameter_name(text: &str) -> bool {
    match text.strip_suffix(']').and_then(|text| text.split_once('[')) {
        Some((name, op)) => is_snake_case(name) && is_snake_case(op),
        None => is_snake_case(text),
    }
}

impl<'a> Lint<'a> {
    fn fault(&mut self, at: &str, fault: impl AsRef<str>) {
        self.faults.push(format!("{at}: {}", fault.as_ref()));
    }

    fn unless(&mut self, holds: bool, at: &str, fault: impl AsRef<str>) {
        if !holds {
            self.fault(at, fault);
        }
    }

    fn path(&mut self, path: &str) {
        for part in path.split('/').skip(1) {
            let name = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
            match name {
                Some(name) => {
                    self.unless(is_snake_case(name), path, format!("{{{name}}} is not snake_case"));
                }
                None => self.unless(is_kebab_case(part), path, format!("{part} is not kebab-case")),
            }
        }
    }

    fn operation<'d>(
        &mut self,
        at: &str,
        operation: &'d Value,
        tags: &[&str],
        ids: &mut BTreeSet<&'d str>,
    ) {
        let id = text(operation, "operationId");
        self.unless(is_camel_case(id), at, "operationId is not camelCase");
        self.unless(ids.insert(id), at, format!("operationId {id} is taken"));
        let own: Vec<_> = items(&operation["tags"]).filter_map(Value::as_str).collect();
        self.unless(own.len() == 1, at, "needs exactly one tag");
        for tag in own {
            self.unless(tags.contains(&tag), at, format!("tag {tag} is not declared"));
        }
        let summary = text(operation, "summary");
        self.unless(!summary.trim().is_empty(), at, "has no summary");
        self.unless(!summary.ends_with('.'), at, "the summary ends with a period");
        self.unless(!text(operation, "description").trim().is_empty(), at, "has no description");
        for (kind, media) in entries(&operation["requestBody"]["content"]) {
            let fault = format!("the body {kind} has no example");
            self.unless(self.has_example(media), at, fault);
        }
    }

    fn has_example(&self, media: &Value) -> bool {
        let schema = &media["schema"];
        let target = schema["$ref"].as_str().and_then(|to| self.resolve(to)).unwrap_or(schema);
        let given = |value: &Value| !value["example"].is_null() || !value["examples"].is_null();
        given(media) || given(target)
    }

    fn resolve(&self, reference: &str) -> Option<&'a Value> {
        self.document.pointer(reference.strip_prefix('#')?)
    }

    fn parameters(&mut self, at: &str, path: &str, operation: &Value) {
        let mut seen = BTreeSet::new();
        for parameter in items(&operation["parameters"]) {
            let (name, place) = (text(parameter, "name"), text(parameter, "in"));
            let at = format!("{at}: {place} parameter {name}");
            self.unless(seen.insert((place, name)), &at, "is declared twice");
            self.unless(
                !text(parameter, "description").trim().is_empty(),
                &at,
                "has no description",
            );
            self.unless(parameter["schema"].is_object(), &at, "has no schema");
            self.schema(&at, &parameter["schema"]);
            let words = is_words(text(parameter, "description"));
            let schema = &parameter["schema"];
            let said = !schema["enum"].is_null() || !schema["$ref"].is_null();
            self.unless(!words || said, &at, "is described by words and has no enum");
            match place {
                "path" => {
                    self.unless(parameter["required"] == true, &at, "is not required");
                    let there = path.contains(&format!("{{{name}}}"));
                    self.unless(there, &at, "is not in the path");
                }
                "query" => self.unless(is_parameter_name(name), &at, "is not snake_case"),
                _ => {}
            }
        }
        for name in path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
            let declared = seen.contains(&("path", name));
            self.unless(declared, at, format!("path parameter {name} is not declared"));
        }
    }

    fn responses(&mut self, at: &str, path: &str, operation: &Value) {
        let responses = &operation["responses"];
        let good = entries(responses).any(|(status, _)| status.starts_with('2'));
        self.unless(good, at, "has no 2xx response");
        let is_secured = items(&operation["security"]).next().is_some();
        let is_auth = path.starts_with("/v1/auth/");
        // What is posted by exchanges is signed.
        let is_hook = path.starts_with("/webhooks/");
        self.unless(is_secured || is_auth || is_hook, at, "has no security");
        let has_if_match =
            items(&operation["parameters"]).any(|parameter| text(parameter, "name") == "If-Match");
        let expected = [
            (true, &["500", "503"][..]),
            (is_secured, &["401", "403", "429"]),
            (path.contains("{id}"), &["404"]),
            (operation["requestBody"].is_object() && !is_hook, &["422"]),
            (has_if_match, &["412"]),
        ];
        for status in expected.iter().filter(|(applies, _)| *applies).flat_map(|(_, list)| *list) {
            self.unless(responses[status].is_object(), at, format!("has no response {status}"));
        }
        for (status, response) in entries(responses) {
            let at = format!("{at} {status}");
            self.unless(
                !text(response, "description").trim().is_empty(),
                &at,
                "has no description",
            );
            for (_, media) in entries(&response["content"]) {
                self.schema(&at, &media["schema"]);
            }
            if status.starts_with(['4', '5']) {
                self.problem(&at, status, response);
            }
        }
    }

    fn problem(&mut self, at: &str, status: &str, response: &Value) {
        let examples = &response["content"]["application/problem+json"]["examples"];
        self.unless(entries(examples).next().is_some(), at, "the problem has no examples");
        for (name, example) in entries(examples) {
            let value = &example["value"];
            let known = self.codes.iter().find(|(_, code)| *code == name);
            self.unless(known.is_some(), at, format!("{name} is no code of docs/errors.md"));
            let same = text(value, "code") == name
                && value["status"].as_u64().is_some_and(|given| given.to_string() == status)
                && known.is_none_or(|(known, _)| known.to_string() == status);
            self.unless(same, at, format!("the example {name} is that of another problem"));
        }
    }

    fn schema(&mut self, at: &str, schema: &Value) {
        let said = ["type", "$ref", "oneOf", "anyOf", "allOf", "enum", "const"];
        // Nothing said is any JSON.
        let is_any = schema.as_object().is_some_and(Map::is_empty);
        let typed = is_any || said.iter().any(|word| !schema[*word].is_null());
        self.unless(typed, at, "has neither a type nor a $ref");
        let is_object =
            schema["type"] == "object" || items(&schema["type"]).any(|kind| kind == "object");
        let described =
            !schema["properties"].is_null() || !schema["additionalProperties"].is_null();
        self.unless(!is_object || described, at, "is an object without properties");
        for (name, property) in entries(&schema["properties"]) {
            let at = format!("{at}/{name}");
            self.unless(is_snake_case(name), &at, "is not snake_case");
            self.schema(&at, property);
        }
        for required in items(&schema["required"]).filter_map(Value::as_str) {
            let there = schema["properties"][required].is_object();
            self.unless(there, at, format!("requires {required}, which it has not"));
        }
        if schema["items"].is_object() {
            self.schema(&format!("{at}/items"), &schema["items"]);
        }
        for word in ["oneOf", "anyOf", "allOf"] {
            for part in items(&schema[word]) {
                self.schema(&format!("{at}/{word}"), part);
            }
        }
    }

    /// Every reference leads somewhere, and every schema is led to from an operation.
    fn references(&mut self) {
        let (document, mut waiting) = (self.document, Vec::new());
        collect(&document["paths"], &mut waiting);
        let mut used = BTreeSet::new();
        while let Some(reference) = waiting.pop() {
            if !used.insert(reference) {
                continue;
            }
            match self.resolve(reference) {
                Some(target) => collect(target, &mut waiting),
                None => self.faults.push(format!("{reference}: leads nowhere")),
            }
        }
        for kind in ["schemas", "parameters", "responses"] {
            for (name, _) in entries(&document["components"][kind]) {
                let reference = format!("#/components/{kind}/{name}");
                let what = kind.trim_end_matches('s');
                self.unless(
                    used.contains(reference.as_str()),
                    &format!("{what} {name}"),
                    "is not used",
                );
            }
        }
    }

    /// What is sent has no other fields than those that are said: others are refused.
    fn bodies(&mut self) {
        let mut waiting = Vec::new();
        for (path, item) in entries(&self.document["paths"]) {
            for (method, operation) in entries(item) {
                let body = &operation["requestBody"];
                self.closed(&format!("{} {path}", method.to_uppercase()), body);
                collect(body, &mut waiting);
            }
        }
        let mut seen = BTreeSet::new();
        while let Some(reference) = waiting.pop() {
            if let Some(target) = self.resolve(reference).filter(|_| seen.insert(reference)) {
                self.closed(reference, target);
                collect(target, &mut waiting);
            }
        }
    }

    fn closed(&mut self, at: &str, value: &Value) {
        let open = value["properties"].is_object() && value["additionalProperties"] != false;
        self.unless(!open, at, "is sent and not closed");
        let fields = entries(value).filter(|(name, _)| !is_example(name)).map(|(_, value)| value);
        fields.chain(items(value)).for_each(|value| self.closed(at, value));
    }

    fn descriptions(&mut self, at: &str, value: &Value) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields.iter().filter(|(name, _)| !is_example(name)) {
                    let at = format!("{at}/{name}");
                    let empty = value.as_str().is_some_and(|text| text.trim().is_empty());
                    self.unless(name != "description" || !empty, &at, "is empty");
                    self.descriptions(&at, value);
                }
            }
            Value::Array(items) => {
                for (index, value) in items.iter().enumerate() {
                    self.descriptions(&format!("{at}/{index}"), value);
                }
            }
            _ => {}
        }
    }
}

fn is_example(name: &str) -> bool {
    name == "example" || name == "examples"
}

fn collect<'v>(value: &'v Value, references: &mut Vec<&'v str>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields.iter().filter(|(name, _)| !is_example(name)) {
                match value.as_str() {
                    Some(reference) if name == "$ref" => references.push(reference),
                    _ => collect(value, references),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn problem(status: u16, code: &str) -> Value {
        let example = json!({ "value": { "code": code, "status": status } });
        json!({ "description": "A problem.", "content": { "application/problem+json": {
            "schema": { "$ref": "#/components/schemas/Thing" }, "examples": { code: example } } } })
    }

    const CODES: &[Code<'_>] = &[(500, "internal_error"), (503, "unavailable"), (422, "invalid")];

    fn good() -> Value {
        json!({
            "tags": [{ "name": "Things", "description": "All sorts." }],
            "paths": { "/v1/auth/good-things": { "post": {
                "operationId": "createThing", "tags": ["Things"], "summary": "Create a thing",
                "description": "Makes one.",
                "parameters": [{ "name": "made_at[gte]", "in": "query", "description": "When.",
                    "schema": { "type": "string" } }],
                "requestBody": { "content": { "application/json": {
                    "schema": { "$ref": "#/components/schemas/Thing" } } } },
                "responses": { "204": { "description": "Made." }, "422": problem(422, "invalid"),
                    "500": problem(500, "internal_error"), "503": problem(503, "unavailable") },
            } } },
            "components": { "schemas": { "Thing": { "type": "object", "example": { "name": "x" },
                "additionalProperties": false, "properties": { "name": { "type": "string" } } } } },
        })
    }

    #[test]
    fn a_good_document_has_no_faults() {
        assert_eq!(lint(&good(), CODES), Vec::<String>::new());
    }

    /// Each way to break it, by a pointer and what is put there, and a word of the fault that is found.
    #[test]
    fn every_way_to_break_a_document_is_caught() {
        let operation = "/paths/~1v1~1auth~1good-things/post";
        let thing = "/components/schemas/Thing";
        let broken = [
            (operation, "/operationId", json!("create_thing"), "camelCase"),
            (operation, "/tags", json!([]), "exactly one tag"),
            (operation, "/tags", json!(["Others"]), "not declared"),
            (operation, "/summary", json!("Create a thing."), "period"),
            (operation, "/summary", json!(""), "no summary"),
            (operation, "/description", json!(""), "no description"),
            (operation, "/responses/204", json!(null), "no 2xx"),
            (operation, "/responses/422", json!(null), "no response 422"),
            (operation, "/responses/503", json!(null), "no response 503"),
            (operation, "/responses/204/description", json!(" "), "no description"),
            (operation, "/responses/422", problem(422, "colour"), "no code of docs/errors.md"),
            (operation, "/responses/422", problem(409, "invalid"), "another problem"),
            (operation, "/security", json!([{ "bearer": [] }]), "no response 401"),
            (operation, "/parameters/0/description", json!(""), "no description"),
            (operation, "/parameters/0/schema", json!(null), "no schema"),
            (operation, "/parameters/0/description", json!("`a` or `b`."), "no enum"),
            (operation, "/parameters/0/name", json!("madeAt"), "snake_case"),
            (operation, "/parameters/0/name", json!("If-Match"), "no response 412"),
            (operation, "/parameters/0/in", json!("path"), "not in the path"),
            (thing, "/example", json!(null), "no example"),
            (thing, "/additionalProperties", json!(null), "not closed"),
            (thing, "/properties/name", json!({ "description": "A name." }), "neither a type"),
            (thing, "/properties/name", json!({ "type": "object" }), "object without properties"),
            (thing, "/properties/name/$ref", json!("#/nowhere"), "leads nowhere"),
            (thing, "/properties/fullName", json!({ "type": "string" }), "snake_case"),
            (thing, "/required", json!(["colour"]), "which it has not"),
            ("/components/schemas", "/Other", json!({ "type": "string" }), "not used"),
            ("/tags/0", "/description", json!(""), "is empty"),
        ];
        for (at, rest, value, expected) in broken {
            let mut document = good();
            let (parent, field) = rest.rsplit_once('/').expect("a field");
            let parent = document.pointer_mut(&format!("{at}{parent}")).expect("a place");
            match (parent, value) {
                (Value::Object(fields), Value::Null) => drop(fields.remove(field)),
                (parent, value) => parent[field] = value,
            }
            let faults = lint(&document, CODES);
            let caught = faults.iter().any(|fault| fault.contains(expected));
            assert!(caught, "{at}{rest}: {expected:?} is not among {faults:?}");
        }
    }

    #[test]
    fn paths_are_kebab_case_and_declare_their_parameters() {
        let mut document = good();
        let item = document["paths"]["/v1/auth/good-things"].take();
        document["paths"] = json!({ "/v1/Good_things/{id}": item });
        let faults = lint(&document, CODES).join("\n");
        for expected in ["kebab-case", "id is not declared", "no response 404", "no security"] {
            assert!(faults.contains(expected), "{faults}");
        }
        assert!(is_kebab_case("rejected.csv") && !is_kebab_case("rejected.") && !is_kebab_case(""));
    }
}
