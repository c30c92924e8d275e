//! An answer that comes in several forms, in the specification: JSON at the path of the operation, so that a generated
//! client knows what it gets, and each of the others at a path of its own, with its ending. `format` and the Accept
//! header go on choosing at the path itself.

use std::{collections::HashMap, sync::OnceLock};

use serde_json::{Map, Value, json};

use super::{codes, operations};

/// An ending, and the media type that it means.
const FORMS: [(&str, &str, &str); 3] = [
    ("csv", "text/csv", "as CSV"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "as a workbook"),
    ("svg", "image/svg+xml", "as a picture"),
];
const CONTENT: &str = "/responses/200/content";
const JSON: &str = "application/json";

/// Gives each form of an answer its own operation.
pub fn split(document: &mut Value) {
    let Some(paths) = document["paths"].as_object_mut() else { return };
    let mut more = Map::new();
    for (path, item) in paths.iter_mut() {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            let forms = forms(operation);
            if forms.is_empty() {
                continue;
            }
            for form in &forms {
                let at = format!("{path}.{}", form.0);
                more.insert(at, json!({ method: alone(operation, form) }));
            }
            leave_json(operation, method, path, &forms);
        }
    }
    paths.extend(more);
}

/// The forms of an operation beside JSON.
fn forms(operation: &Value) -> Vec<(&'static str, &'static str, &'static str)> {
    let content = operation.pointer(CONTENT).and_then(Value::as_object);
    let Some(content) = content.filter(|content| content.contains_key(JSON)) else {
        return Vec::new();
    };
    FORMS.into_iter().filter(|form| content.contains_key(form.1)).collect()
}

/// The operation in one form. A sheet is not paged: it is the whole list.
fn alone(operation: &Value, (ending, media, what): &(&str, &str, &str)) -> Value {
    let mut alone = operation.clone();
    let text = |name: &str| operation[name].as_str().unwrap_or_default();
    let (first, rest) = ending.split_at_checked(1).unwrap_or_default();
    let id = format!("{}{}{rest}", text("operationId"), first.to_uppercase());
    alone["operationId"] = json!(id);
    alone["summary"] = json!(format!("{} {what}", text("summary")));
    let schema = operation.pointer(CONTENT).map(|content| content[*media].clone());
    alone["responses"]["200"]["content"] = json!({ *media: schema });
    let is_paged = names(operation).any(|name| name == "cursor");
    retain(&mut alone, |name| {
        name != "format" && !(is_paged && ["cursor", "limit"].contains(&name))
    });
    alone
}

fn leave_json(operation: &mut Value, method: &str, path: &str, forms: &[(&str, &str, &str)]) {
    let json = operation.pointer(CONTENT).map(|content| content[JSON].clone());
    operation["responses"]["200"]["content"] = json!({ JSON: json });
    retain(operation, |name| name != "format");
    // A page costs what a page costs; a report is the same work in every form.
    if let Some(codes) = operation[codes::OF].as_array_mut()
        && codes.contains(&json!("sheet_too_long"))
        && !path.contains("/reports/")
    {
        codes.retain(|code| code != "sheet_too_long" && code != "too_many_heavy_requests");
    }
    let others: Vec<_> = forms.iter().map(|(ending, ..)| format!("`{path}.{ending}`")).collect();
    let text = operation["description"].as_str().unwrap_or_default();
    let (says, needs) = text.split_once("\n\nNeeds ").unwrap_or((text, ""));
    let method = method.to_uppercase();
    let mut text = format!("{says}\n\nOther forms: {method} {}.", others.join(", "));
    if !needs.is_empty() {
        text.push_str(&format!("\n\nNeeds {needs}"));
    }
    operation["description"] = json!(text);
}

fn names(operation: &Value) -> impl Iterator<Item = &str> {
    operation["parameters"].as_array().into_iter().flatten().filter_map(|one| one["name"].as_str())
}

fn retain(operation: &mut Value, keep: impl Fn(&str) -> bool) {
    if let Some(parameters) = operation["parameters"].as_array_mut() {
        parameters.retain(|one| one["name"].as_str().is_none_or(&keep));
    }
}

/// What a path with an ending stands for: the operation's own path, and the form.
pub fn meant(method: &str, path: &str) -> Option<(&'static str, &'static str)> {
    type Paths = HashMap<(String, String), (String, &'static str)>;
    static PATHS: OnceLock<Paths> = OnceLock::new();
    // Hardly any path has a dot.
    if !path.contains('.') {
        return None;
    }
    let paths = PATHS.get_or_init(|| {
        let mut paths = Paths::new();
        for (path, item) in operations()["paths"].as_object().into_iter().flatten() {
            for (method, operation) in item.as_object().into_iter().flatten() {
                for (ending, ..) in forms(operation) {
                    let key = (method.to_uppercase(), format!("{path}.{ending}"));
                    paths.insert(key, (path.clone(), ending));
                }
            }
        }
        paths
    });
    let found = paths.get(&(method.to_owned(), path.to_owned()))?;
    Some((&found.0, found.1))
}
