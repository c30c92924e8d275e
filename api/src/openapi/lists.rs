//! Lists in the specification: their parameters and words come from the same table that reads them.

use serde_json::{Value, json};
use voronka_persistence::{
    clients,
    clients::contacts,
    core::jobs,
    core::list::{DEFAULT_LIMIT, Field, FieldKind, MOST, MOST_VALUES, Spec},
    deals, files,
    import::imports,
    intake::{inbox, integrations, raw_events},
    people::{api_keys, departments, users},
    process::deal_types,
    work::{activities, documents, hand_overs, payments, tasks},
    workspace::{
        calendar, catalogues::Catalogue, custom_fields, exchange_rates, products, segments,
    },
};

const ID: &str = "[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}";

/// Lists by their operation.
pub fn spec(operation_id: &str) -> Option<&'static Spec> {
    Some(match operation_id {
        "listUsers" => &users::LIST,
        "listDepartments" => &departments::LIST,
        "listApiKeys" => &api_keys::LIST,
        "listClients" => &clients::LIST,
        "listContacts" => &contacts::LIST,
        "listSources" => Catalogue::Sources.spec(),
        "listCompetitors" => Catalogue::Competitors.spec(),
        "listLossReasons" => Catalogue::LossReasons.spec(),
        "listCustomFields" => &custom_fields::LIST,
        "listExchangeRates" => &exchange_rates::LIST,
        "listHolidays" => &calendar::LIST,
        "listProducts" => &products::LIST,
        "listSegments" => &segments::LIST,
        "listJobRuns" => &jobs::LIST,
        "listTasks" => &tasks::LIST,
        "listHandOvers" => &hand_overs::LIST,
        "listActivities" => &activities::LIST,
        "listDocuments" => &documents::LIST,
        "listFiles" => &files::LIST,
        "listPayments" => &payments::LIST,
        "listDealTypes" => &deal_types::LIST,
        "listDeals" => &deals::LIST,
        "listImports" => &imports::LIST,
        "listIntegrations" => &integrations::LIST,
        "listRawEvents" => &raw_events::LIST,
        "listInbox" => &inbox::LIST,
        _ => return None,
    })
}

pub fn parameters(spec: &Spec) -> Vec<Value> {
    let parameter = |name: &str, description: String, schema: Value| json!({"name": name, "in": "query", "required": false, "description": description, "schema": schema});
    let sorts: Vec<_> = spec.fields.iter().filter(|f| f.sorts).map(|f| f.name).collect();
    let words: Vec<_> =
        sorts.iter().flat_map(|name| [(*name).to_owned(), format!("-{name}")]).collect();
    let limit = json!({"type": "integer", "minimum": 1, "maximum": MOST, "default": DEFAULT_LIMIT});
    let mut parameters = vec![
        parameter("limit", "Items on a page.".into(), limit),
        parameter(
            "cursor",
            "The page to read: `next_cursor` of the page before.".into(),
            json!({"type": "string", "pattern": "^([0-9a-f]{2})+$"}),
        ),
        parameter(
            "sort",
            sorting(spec, &sorts),
            json!({"type": "string", "enum": words, "default": spec.default_sort}),
        ),
    ];
    if let Some(column) = spec.search {
        // One column, or an expression of some.
        let words = column.split(|c: char| !c.is_alphanumeric() && !"._".contains(c));
        let columns = words.filter_map(|word| word.split_once('.').map(|(_, column)| column));
        let mut columns = columns.collect::<Vec<_>>().join(" or ");
        if columns.is_empty() {
            column.clone_into(&mut columns);
        }
        let what = format!("A part of the {columns}, without regard to case.");
        parameters.push(parameter("q", what, json!({"type": "string"})));
    }
    for field in spec.fields {
        parameters.push(filter(field));
        for (op, sql) in field.ranges() {
            let name = format!("{}[{op}]", field.name);
            let what = format!("Only those with{sql}this {}.", noun(field.kind));
            parameters.push(parameter(&name, what, one(field.kind)));
        }
    }
    parameters
}

fn sorting(spec: &Spec, sorts: &[&str]) -> String {
    let mut what = format!("Sort by one of {}; with `-` for descending.", sorts.join(", "));
    for field in spec.fields.iter().filter(|field| !field.needs.is_empty()) {
        let needs: Vec<_> = field.needs.iter().map(|need| format!("`{need}`")).collect();
        what.push_str(&format!(" `{}` needs {}.", field.name, needs.join(" or ")));
    }
    what
}

/// Equality: one value, or several separated by commas, `null` among them.
fn filter(field: &Field) -> Value {
    let (kind, mut what) = (field.kind, format!("Only those with this {}.", noun(field.kind)));
    let mut schema = one(kind);
    let several = kind.takes_several();
    if several {
        what.push_str(" Several are separated by commas, or the parameter is repeated.");
    }
    if field.nullable {
        what.push_str(" `null` finds those without.");
        schema = or_null(kind, schema);
    }
    if let Some(sort) = field.then_sorted {
        what.push_str(&format!(
            " With `true` they are sorted by `{sort}`, unless `sort` is given."
        ));
    }
    let mut parameter =
        json!({"name": field.name, "in": "query", "required": false, "description": what});
    if several {
        schema = json!({"type": "array", "items": schema, "minItems": 1, "maxItems": MOST_VALUES});
        parameter["style"] = json!("form");
        parameter["explode"] = json!(false);
    }
    parameter["schema"] = schema;
    parameter
}

/// `null` as a word. Tools make a class of their own of a union, wherever there is one.
fn or_null(kind: FieldKind, schema: Value) -> Value {
    match kind {
        FieldKind::Text | FieldKind::Tag | FieldKind::Key => schema,
        FieldKind::Uuid | FieldKind::Member => {
            json!({"type": "string", "pattern": format!("^(null|{ID})$")})
        }
        FieldKind::Choice(words) => {
            let words = words.iter().chain(&["null"]).collect::<Vec<_>>();
            json!({"type": "string", "enum": words})
        }
        FieldKind::Decimal => {
            json!({"type": "string", "pattern": r"^(null|-?[0-9]{1,15}(\.[0-9]{1,4})?)$"})
        }
        _ => json!({"anyOf": [schema, {"type": "string", "pattern": "^null$"}]}),
    }
}

fn one(kind: FieldKind) -> Value {
    match kind {
        FieldKind::Uuid | FieldKind::Member => {
            json!({"type": "string", "format": "uuid", "pattern": format!("^{ID}$")})
        }
        FieldKind::Text | FieldKind::Tag | FieldKind::Key => json!({"type": "string"}),
        FieldKind::Phone => json!({"type": "string", "pattern": r"^ *\+?[1-9][0-9 ().-]{4,30}$"}),
        FieldKind::Email => json!({"type": "string", "format": "email", "maxLength": 254}),
        FieldKind::Choice(words) => json!({"type": "string", "enum": words}),
        FieldKind::Instant => json!({"type": "string", "format": "date-time"}),
        FieldKind::Date => json!({"type": "string", "format": "date"}),
        FieldKind::Decimal => {
            json!({"type": "string", "pattern": r"^-?[0-9]{1,15}(\.[0-9]{1,4})?$"})
        }
        FieldKind::Integer => json!({"type": "integer"}),
        FieldKind::Bool | FieldKind::Asked => json!({"type": "boolean"}),
    }
}

fn noun(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Uuid | FieldKind::Member => "id",
        FieldKind::Text => "text",
        FieldKind::Choice(_) => "word",
        FieldKind::Instant => "instant (RFC 3339)",
        FieldKind::Date => "day (YYYY-MM-DD)",
        FieldKind::Decimal => "amount in base currency",
        FieldKind::Integer => "number",
        FieldKind::Bool | FieldKind::Asked => "value",
        FieldKind::Tag => "tag",
        FieldKind::Key => "key",
        FieldKind::Phone => "phone number (E.164)",
        FieldKind::Email => "email address",
    }
}

/// Words of fields that no list filters by and that are no enum of the domain: of which schemas, which field, which
/// words.
fn other_words() -> Vec<(String, &'static str, Vec<&'static str>)> {
    vec![
        ("Transition".into(), "to", vec!["stage", "next", "won", "lost", "open", "hold", "resume"]),
        ("ImportSpec".into(), "encoding", vec!["utf-8", "utf-16le", "utf-16be", "windows-1251"]),
        ("ImportSpec".into(), "decimal", vec![".", ","]),
    ]
}

/// Fields that hold one of some words say which: those that a list chooses by, in the noun itself, in
/// what makes a new one and in what changes one.
pub fn say_words(document: &mut Value) {
    let mut words = other_words();
    for operation in
        document["paths"].as_object().into_iter().flatten().map(|(_, item)| &item["get"])
    {
        let spec = operation["operationId"].as_str().and_then(spec);
        let page = "/responses/200/content/application~1json/schema/$ref";
        let page = operation.pointer(page).and_then(Value::as_str).unwrap_or_default();
        let noun = page.rsplit('/').next().and_then(|page| page.strip_suffix("Page"));
        let Some((spec, noun)) = spec.zip(noun) else { continue };
        for field in spec.fields {
            if let FieldKind::Choice(choice) = field.kind {
                words.push((noun.to_owned(), field.name, choice.to_vec()));
            }
        }
    }
    let Some(schemas) = document["components"]["schemas"].as_object_mut() else { return };
    for (noun, field, words) in words {
        for schema in [noun.clone(), format!("New{noun}"), format!("{noun}Patch")] {
            let schema = schemas.get_mut(&schema).and_then(|schema| schema.get_mut("properties"));
            if let Some(field) = schema.and_then(|fields| fields.get_mut(field)) {
                say(field, &words);
            }
        }
    }
}

fn say(field: &mut Value, words: &[&str]) {
    // An enum of the domain says its words itself.
    if ["$ref", "oneOf"]
        .iter()
        .any(|is| field.get(is).is_some() || field["items"].get(is).is_some())
    {
        return;
    }
    let nullable = field["type"].as_array().is_some_and(|types| types.contains(&json!("null")));
    let mut list: Vec<_> = words.iter().map(|word| json!(word)).collect();
    if nullable {
        list.push(Value::Null);
    }
    let target = if field["type"] == "array" { &mut field["items"] } else { field };
    if let Some(target) = target.as_object_mut() {
        target.insert("enum".to_owned(), Value::Array(list));
    }
}
