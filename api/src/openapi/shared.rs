//! The specification as it is published: what many operations say alike is said once, and named.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::codes;
use crate::http::problem::CODES;

/// So many codes make a name.
const MOST_CODES: usize = 4;
const PROBLEM: &str = "/content/application~1problem+json";

/// Moves responses that are problems, their examples, and parameters that are asked for more than once to the
/// components, and points to them.
pub fn share(document: &mut Value) {
    let mut responses = Map::new();
    let mut parameters = Parameters::of(document);
    each_operation(document, |operation| {
        if let Some(said) = operation.get_mut("responses").and_then(Value::as_object_mut) {
            said.values_mut().for_each(|response| share_response(response, &mut responses));
        }
        if let Some(said) = operation.get_mut("parameters").and_then(Value::as_array_mut) {
            said.iter_mut().for_each(|parameter| parameters.share(parameter));
        }
    });
    document["components"]["responses"] = Value::Object(responses);
    let said = document.to_string();
    let is_said = |code: &str| said.contains(&format!("#/components/examples/{code}\""));
    let examples = CODES.iter().filter(|row| is_said(row.1));
    let examples: Map<_, _> = examples.map(|row| (row.1.to_owned(), codes::example(row))).collect();
    document["components"]["examples"] = Value::Object(examples);
    document["components"]["parameters"] = Value::Object(parameters.shared);
}

fn each_operation(document: &mut Value, mut see: impl FnMut(&mut Value)) {
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    for item in paths.filter_map(|(_, item)| item.as_object_mut()) {
        item.values_mut().for_each(&mut see);
    }
}

/// A response is named by its codes.
fn share_response(response: &mut Value, shared: &mut Map<String, Value>) {
    let Some(examples) = response.pointer_mut(&format!("{PROBLEM}/examples")) else { return };
    let Some(examples) = examples.as_object_mut() else { return };
    for (code, example) in examples.iter_mut() {
        *example = json!({ "$ref": format!("#/components/examples/{code}") });
    }
    // More codes together are hardly any other operation's, and no name.
    if examples.len() > MOST_CODES {
        return;
    }
    let name = examples.keys().map(|code| pascal(code)).collect::<Vec<_>>().join("Or");
    let reference = json!({ "$ref": format!("#/components/responses/{name}") });
    shared.entry(name).or_insert(std::mem::replace(response, reference));
}

/// Parameters that are asked for alike more than once: the form that most operations have has the parameter's name
/// alone, others that of the first operation before it.
struct Parameters {
    forms: BTreeMap<String, Vec<(Value, String)>>,
    shared: Map<String, Value>,
}

impl Parameters {
    fn of(document: &mut Value) -> Self {
        let mut forms: BTreeMap<String, Vec<(Value, String, usize)>> = BTreeMap::new();
        each_operation(document, |operation| {
            let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let forms = forms.entry(named(parameter)).or_default();
                match forms.iter_mut().find(|(form, ..)| form == parameter) {
                    Some((.., times)) => *times += 1,
                    None => forms.push((parameter.clone(), pascal(&id), 1)),
                }
            }
        });
        let named = forms.into_iter().map(|(name, mut forms)| {
            forms.retain(|(.., times)| *times > 1);
            forms.sort_by_key(|(.., times)| std::cmp::Reverse(*times));
            let called = forms.into_iter().enumerate().map(|(index, (form, first, _))| {
                let of = if index == 0 { String::new() } else { first };
                (form, format!("{of}{name}Parameter"))
            });
            let called = called.collect();
            (name, called)
        });
        Self { forms: named.collect(), shared: Map::new() }
    }

    fn share(&mut self, parameter: &mut Value) {
        let forms = self.forms.get(&named(parameter)).into_iter().flatten();
        let Some((_, name)) = forms.into_iter().find(|(form, _)| form == parameter) else { return };
        let reference = json!({ "$ref": format!("#/components/parameters/{name}") });
        self.shared.insert(name.clone(), std::mem::replace(parameter, reference));
    }
}

/// `updated_at[gte]` becomes `UpdatedAtGte`, `If-Match` `IfMatch`.
fn named(parameter: &Value) -> String {
    pascal(parameter["name"].as_str().unwrap_or_default())
}

/// `deal_open` becomes `DealOpen`.
pub fn pascal(name: &str) -> String {
    let words = name.split(|char: char| !char.is_ascii_alphanumeric());
    let capital = |word: &str| {
        let (first, rest) = word.split_at_checked(1).unwrap_or_default();
        first.to_uppercase() + rest
    };
    words.map(capital).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openapi::{published, whole};

    fn resolved(value: &Value, all: &Value) -> Value {
        match value {
            Value::Object(fields) => {
                let target = fields.get("$ref").and_then(Value::as_str);
                if let Some(pointer) = target.and_then(|target| target.strip_prefix('#'))
                    && !pointer.starts_with("/components/schemas/")
                {
                    return resolved(all.pointer(pointer).expect("something there"), all);
                }
                fields.iter().map(|(name, value)| (name.clone(), resolved(value, all))).collect()
            }
            Value::Array(items) => items.iter().map(|item| resolved(item, all)).collect(),
            other => other.clone(),
        }
    }

    #[test]
    fn what_is_published_says_the_same() {
        let (whole, published) = (whole(), published());
        assert_eq!(resolved(&published["paths"], published), whole["paths"]);
        let (long, short) = (whole.to_string().len(), published.to_string().len());
        assert!(short * 5 < long * 2, "{short} of {long} bytes");
    }
}
