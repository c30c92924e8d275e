//! The specification as it is published: what many operations say alike is said once, and named.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{CODES, problem_example};

const PROBLEM: &str = "/content/application~1problem+json";

/// Moves responses that are problems, their examples, and parameters that are asked for more than once to the
/// components, and points to them.
pub fn share(document: &mut Value) {
    let mut responses = Map::new();
    let mut parameters = Parameters::of(document);
    each_operation(document, |operation| {
        let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
        if let Some(said) = operation.get_mut("responses").and_then(Value::as_object_mut) {
            for (status, response) in said.iter_mut() {
                share_response(&id, status, response, &mut responses);
            }
        }
        if let Some(said) = operation.get_mut("parameters").and_then(Value::as_array_mut) {
            said.iter_mut().for_each(|parameter| parameters.share(parameter));
        }
    });
    let examples: Map<_, _> =
        CODES.iter().map(|row| (row.1.to_owned(), problem_example(row))).collect();
    document["components"]["examples"] = Value::Object(examples);
    document["components"]["responses"] = Value::Object(responses);
    document["components"]["parameters"] = Value::Object(parameters.shared);
}

fn each_operation(document: &mut Value, mut see: impl FnMut(&mut Value)) {
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    for item in paths.filter_map(|(_, item)| item.as_object_mut()) {
        item.values_mut().for_each(&mut see);
    }
}

/// A response is named by its code, or by the operation that is the first to answer with these codes.
fn share_response(id: &str, status: &str, response: &mut Value, shared: &mut Map<String, Value>) {
    let Some(examples) = response.pointer_mut(&format!("{PROBLEM}/examples")) else { return };
    let Some(examples) = examples.as_object_mut() else { return };
    for (code, example) in examples.iter_mut() {
        *example = json!({ "$ref": format!("#/components/examples/{code}") });
    }
    let name = match examples.keys().collect::<Vec<_>>()[..] {
        [code] => pascal(code),
        _ => {
            let there = shared.iter().find(|(_, there)| *there == response);
            there.map_or_else(|| format!("{}{status}", pascal(id)), |(name, _)| name.clone())
        }
    };
    let reference = json!({ "$ref": format!("#/components/responses/{name}") });
    shared.entry(name).or_insert(std::mem::replace(response, reference));
}

/// Parameters that are asked for alike more than once: of each name, the form that most operations have.
struct Parameters {
    most: BTreeMap<String, Value>,
    shared: Map<String, Value>,
}

impl Parameters {
    fn of(document: &mut Value) -> Self {
        let mut forms: BTreeMap<String, Vec<(Value, usize)>> = BTreeMap::new();
        each_operation(document, |operation| {
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let forms = forms.entry(named(parameter)).or_default();
                match forms.iter_mut().find(|(form, _)| form == parameter) {
                    Some((_, times)) => *times += 1,
                    None => forms.push((parameter.clone(), 1)),
                }
            }
        });
        let most = forms.into_iter().filter_map(|(name, forms)| {
            let (form, _) =
                forms.into_iter().filter(|(_, times)| *times > 1).max_by_key(|f| f.1)?;
            Some((name, form))
        });
        Self { most: most.collect(), shared: Map::new() }
    }

    fn share(&mut self, parameter: &mut Value) {
        let name = named(parameter);
        if self.most.get(&name) == Some(parameter) {
            let reference = json!({ "$ref": format!("#/components/parameters/{name}") });
            self.shared.insert(name, std::mem::replace(parameter, reference));
        }
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
    use crate::openapi::{document, published};

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
        let (whole, published) = (document(), published());
        assert_eq!(resolved(&published["paths"], published), whole["paths"]);
        let (long, short) = (whole.to_string().len(), published.to_string().len());
        assert!(short * 5 < long * 2, "{short} of {long} bytes");
    }
}
