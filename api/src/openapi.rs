//! The OpenAPI specification: what the operations say of themselves, and what holds for all of them.

pub mod codes;
mod items;
mod lists;
mod names;
mod shared;
pub mod sheets;

use std::sync::OnceLock;

use actix_web::App as Actix;
use chrono::{DateTime, NaiveDate};
use serde_json::{Map, Value, json};
use utoipa::OpenApi;
use utoipa_actix_web::AppExt;
use voronka_persistence::{analytics::behind, work::tasks};

use crate::http::problem::Code;
use crate::{
    http::{
        Problem, ProblemBody,
        format::{Format, TABLES},
        parameters::Choice,
    },
    v1,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Voronka",
        description = "A headless sales-process engine: deals move through the stages of their type under one \
            set of gates, every move is kept and explained, and funnels show where deals are lost.\n\n\
            Authorise with a bearer token of `POST /v1/auth/token` or with an API key `vk_...`. Money is a \
            decimal as text with a currency. Instants are RFC 3339 in UTC; days are those of the workspace's \
            time zone. Errors are `application/problem+json` with a stable `code`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
        contact(name = "Voronka"),
    ),
    components(schemas(ProblemBody)),
    tags(
        (name = "Authentication", description = "Tokens."),
        (name = "Workspace", description = "The tenant: its currency, its time zone, its settings."),
        (name = "Users", description = "Employees and their roles."),
        (name = "Departments", description = "The company's tree of departments."),
        (name = "API keys", description = "Keys of programs."),
        (name = "Clients", description = "Organisations and persons that buy."),
        (name = "Contacts", description = "Persons at clients."),
        (name = "Sources", description = "Where deals come from."),
        (name = "Competitors", description = "Who else clients could buy from."),
        (name = "Loss reasons", description = "Why deals are lost."),
        (name = "Custom fields", description = "What a workspace adds to its deals and clients."),
        (name = "Products", description = "What is sold."),
        (name = "Exchange rates", description = "What currencies are worth in the base currency."),
        (name = "Segments", description = "Saved conditions over deals or clients."),
        (name = "Integrations", description = "Telephone exchanges that post their calls, and what they have posted."),
        (name = "Inbox", description = "Who called and is no client yet."),
        (name = "Jobs", description = "What the server does by itself, in the background."),
        (name = "Deal types", description = "Sales processes and their versions."),
        (name = "Deals", description = "Deals, their moves and their history."),
        (name = "Tasks", description = "What somebody is to do by when, for a deal or a client."),
        (name = "Hand-overs", description = "What one person has goes to another one, for good or for a time."),
        (name = "Activities", description = "Calls, emails, meetings, messages and notes."),
        (name = "Documents", description = "Quotes, contracts, invoices, orders and shipments of deals, and payments."),
        (name = "Files", description = "Files that hang on deals, clients, activities and documents."),
        (name = "Imports", description = "Deals and event logs from files."),
        (name = "Reports", description = "Funnels."),
        (name = "Events", description = "The feed of what happened."),
    )
)]
struct Api;

/// The specification as JSON text.
pub fn json() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| serde_json::to_string_pretty(published()).unwrap_or_default())
}

/// The specification as YAML text.
pub fn yaml() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        let text = yaml_serde::to_string(&InOrder(published())).unwrap_or_default();
        text.lines().map(quoted).collect()
    })
}

/// Days and instants are texts here, and something else in YAML 1.1, which many still read.
fn quoted(line: &str) -> String {
    let value = line.rsplit_once(": ").or_else(|| line.rsplit_once("- ")).map_or("", |it| it.1);
    let is_time = value.parse::<NaiveDate>().is_ok() || DateTime::parse_from_rfc3339(value).is_ok();
    let before = line.strip_suffix(value).filter(|_| is_time);
    before.map_or_else(|| format!("{line}\n"), |before| format!("{before}'{value}'\n"))
}

/// What a reader looks for first comes first.
struct InOrder(&'static Value);

impl serde::Serialize for InOrder {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const ORDER: [&str; 6] = ["openapi", "info", "servers", "tags", "paths", "components"];
        serializer.collect_map(ORDER.iter().map(|part| (part, &self.0[part])))
    }
}

/// The specification as others read it: what many operations say alike is said once.
pub fn published() -> &'static Value {
    static PUBLISHED: OnceLock<Value> = OnceLock::new();
    PUBLISHED.get_or_init(|| {
        let mut published = whole().clone();
        shared::share(&mut published);
        published
    })
}

/// The specification with its sheets, and with everything where it is asked for.
pub fn whole() -> &'static Value {
    static WHOLE: OnceLock<Value> = OnceLock::new();
    WHOLE.get_or_init(|| {
        let mut whole = operations().clone();
        sheets::split(&mut whole);
        codes::say(&mut whole);
        whole
    })
}

/// The operations as they are served: with all forms of an answer at one place.
pub fn document() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(|| {
        let mut document = operations().clone();
        codes::say(&mut document);
        document
    })
}

/// The same with the codes of each operation, and not yet what they mean.
fn operations() -> &'static Value {
    static OPERATIONS: OnceLock<Value> = OnceLock::new();
    OPERATIONS.get_or_init(|| {
        let app = Actix::new().into_utoipa_app().openapi(Api::openapi());
        let (_, api) = app.configure(v1::describe).split_for_parts();
        let mut document = serde_json::to_value(api).unwrap_or_default();
        complete(&mut document);
        document
    })
}

/// Whether the path is one of ours, letter by letter.
pub fn is_path(path: &str) -> bool {
    whole()["paths"].get(path).is_some()
}

/// Why no operation took a request: a wrong method where the path is right, or nothing at all.
pub fn nothing_at(path: &str) -> Problem {
    let methods = methods_of(path);
    if methods.is_empty() {
        return Problem::not_found();
    }
    Problem::of("method_not_allowed").header("Allow", methods.join(", "))
}

fn methods_of(path: &str) -> Vec<String> {
    let literal = is_path(path);
    let fits = |template: &str| {
        let (a, b) = (template.split('/'), path.split('/'));
        template == path
            || !literal
                && a.clone().count() == b.clone().count()
                && a.zip(b).all(|(part, given)| {
                    part == given || part.starts_with('{') && !given.is_empty()
                })
    };
    let paths = whole()["paths"].as_object();
    let items = paths.into_iter().flatten().filter(|(template, _)| fits(template));
    items
        .filter_map(|(_, item)| item.as_object())
        .flat_map(|item| item.keys().map(|method| method.to_uppercase()))
        .collect()
}

fn complete(document: &mut Value) {
    document["components"]["securitySchemes"] = json!({
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "An access token of POST /v1/auth/token, a token of the configured issuer, or an \
                API key (vk_...). The scopes named at an operation are those that an API key needs.",
        }
    });
    lists::say_words(document);
    items::say(document);
    items::say_answers(document);
    items::name_variants(document);
    say_free_form(document);
    document["servers"] = json!([{ "url": "/", "description": "This server." }]);
    for (path, item) in document["paths"].as_object_mut().into_iter().flatten() {
        let Some(item) = item.as_object_mut() else { continue };
        for (method, operation) in item.iter_mut() {
            if let Some(operation) = operation.as_object_mut() {
                complete_operation(path, method, operation);
            }
        }
    }
    names::give(document);
    names::say_surely(document);
}

/// An object of which nothing is said may hold anything, and says so.
fn say_free_form(value: &mut Value) {
    if let Some(fields) = value.as_object_mut() {
        let is_object = fields.get("type").is_some_and(|kind| {
            kind == "object"
                || kind.as_array().is_some_and(|kinds| kinds.contains(&json!("object")))
        });
        if is_object && !fields.contains_key("properties") {
            fields.entry("additionalProperties").or_insert(json!(true));
        }
        fields.values_mut().for_each(say_free_form);
    } else if let Some(items) = value.as_array_mut() {
        items.iter_mut().for_each(say_free_form);
    }
}

fn complete_operation(path: &str, method: &str, operation: &mut Map<String, Value>) {
    let id = operation.get("operationId").and_then(Value::as_str).unwrap_or_default().to_owned();
    let scopes: Vec<String> = operation
        .get("security")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|one| one.pointer("/bearer/0").and_then(Value::as_str))
        .map(|scope| format!("`{scope}`"))
        .collect();
    let has_body = operation.contains_key("requestBody");
    let has_id = path.contains('{');
    let is_login = path.starts_with("/v1/auth/");
    // Exchanges have no keys of ours, and bodies of their own.
    let is_hook = path.starts_with("/webhooks/");
    let writes_resource = matches!(method, "patch" | "put" | "delete") && id != "changePassword"
        || path.ends_with("/merge")
        || path.ends_with("/transition")
        || path.ends_with("/return")
        || path.ends_with("/versions") && method == "post";
    describe(operation, &scopes);
    let mut parameters = operation
        .remove("parameters")
        .and_then(|list| match list {
            Value::Array(list) => Some(list),
            _ => None,
        })
        .unwrap_or_default();
    let choices = choices(&id);
    parameters.iter_mut().for_each(|parameter| say_values(parameter, &choices));
    if let Some(spec) = lists::spec(&id) {
        parameters.extend(lists::parameters(spec));
    }
    if path.contains("/reports/") && path.ends_with("/deals") {
        // The list behind a figure is paged and sorted, and not filtered further.
        parameters.extend(lists::parameters(&behind::LIST).into_iter().take(3));
    }
    if id == "getTaskGantt" {
        // Filtered as the list is, and neither paged nor sorted like it.
        parameters.extend(lists::parameters(&tasks::LIST).into_iter().skip(3));
    }
    let searches = id.starts_with("search");
    if method == "post" && !searches && !is_hook {
        parameters.push(idempotency_key(is_login));
    }
    if writes_resource {
        parameters.push(json!({
            "name": "If-Match", "in": "header", "required": false,
            "description": "The ETag that the caller saw: the write is refused if it is not the present one.",
            "schema": {"type": "string"}, "example": "\"3\"",
        }));
    }
    let takes_query = parameters.iter().any(|parameter| parameter["in"] == "query");
    // Nobody logs in for what says nothing of it.
    operation.entry("security").or_insert(json!([]));
    if !parameters.is_empty() {
        operation.insert("parameters".to_owned(), Value::Array(parameters));
    }
    let mut codes: Vec<Code> =
        vec![Code::invalid_parameters, Code::internal_error, Code::unavailable];
    if !scopes.is_empty() {
        codes.extend([Code::unauthenticated, Code::forbidden, Code::rate_limited]);
    }
    let is_report = path.contains("/reports/");
    if is_report {
        // A segment may look at what the caller may not read.
        codes.extend([Code::being_worked_out, Code::validation_failed]);
    }
    if method == "get"
        && (path.ends_with("{id}") || ["getWorkspace", "getProcessDraft"].contains(&&*id))
    {
        say_etag(operation);
    }
    if has_id || id == "getMe" || id == "changePassword" || takes_query && is_report {
        codes.push(Code::not_found);
    }
    if has_body {
        codes.extend([Code::request_timeout, Code::body_too_large, Code::malformed_json]);
    }
    if has_body && !is_hook {
        codes.extend([Code::unsupported_media_type, Code::validation_failed]);
    }
    if method == "post" && !is_login && !searches && !is_hook {
        codes.extend([Code::idempotency_key_in_flight, Code::idempotency_key_reused]);
    }
    if writes_resource {
        codes.push(Code::version_mismatch);
    }
    if method == "get" || searches {
        codes.push(Code::query_too_expensive);
    }
    let is_sheet = searches
        || matches!(&*id, "listDeals" | "listClients" | "getImportRejections")
        || path.contains("/reports/") && path.ends_with("/deals");
    if is_sheet {
        codes.push(Code::sheet_too_long);
    }
    if is_sheet || id == "previewImport" || is_report {
        codes.push(Code::too_many_heavy_requests);
    }
    codes.extend(codes::own(&id));
    let codes: Vec<_> = codes.into_iter().map(Code::name).collect();
    operation.insert(codes::OF.to_owned(), json!(codes));
}

/// Who has read a thing asks for it again only if it has changed.
fn say_etag(operation: &mut Map<String, Value>) {
    let parameters = operation.entry("parameters").or_insert(json!([]));
    if let Some(parameters) = parameters.as_array_mut() {
        parameters.push(json!({
            "name": "If-None-Match", "in": "header", "required": false,
            "description": "The ETag that the caller has: while it is the present one, the answer is 304.",
            "schema": {"type": "string"}, "example": "\"3\"",
        }));
    }
    if let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) {
        responses["200"]["headers"] = json!({
            "ETag": {"description": "The version, for If-Match and If-None-Match.", "schema": {"type": "string"}},
        });
        responses.insert("304".to_owned(), json!({"description": "It has not changed."}));
    }
}

fn idempotency_key(is_login: bool) -> Value {
    let (description, schema) = if is_login {
        ("Taken, and has no effect: secrets are not kept.", json!({"type": "string"}))
    } else {
        (
            "Makes a repetition answer as the first time did, for 24 hours; items of a batch that met a 503 are \
             carried out then.",
            json!({"type": "string", "minLength": 1, "maxLength": 255}),
        )
    };
    json!({"name": "Idempotency-Key", "in": "header", "required": false, "description": description,
        "schema": schema, "example": "9f1c2b11-7d0e"})
}

/// Which parameters of an operation are words, from the tables that read them.
fn choices(id: &str) -> Vec<Choice> {
    match id {
        "listDeals" | "searchDeals" | "listClients" | "searchClients" => {
            vec![Format::choice(TABLES)]
        }
        "getTaskGantt" => v1::work::tasks::gantt::choices(),
        "listDealTypePresets" => v1::process::deal_types::preset::choices(),
        report => v1::analytics::choices(report),
    }
}

/// Days and instants of reports begin with 1970.
fn say_values(parameter: &mut Value, choices: &[Choice]) {
    let choice = choices.iter().find(|choice| parameter["name"] == choice.parameter);
    let schema = &mut parameter["schema"];
    if let Some(choice) = choice {
        schema["enum"] = json!(choice.words);
        if let Some(default) = choice.default {
            schema["default"] = json!(default);
        }
    }
    if schema["format"] == "date" || schema["format"] == "date-time" {
        schema["pattern"] = json!("^(19[7-9]|[2-9][0-9]{2})");
    }
}

/// The text of an operation says what it needs; an operation without more to say says what it is.
fn describe(operation: &mut Map<String, Value>, scopes: &[String]) {
    let summary = operation.get("summary").and_then(Value::as_str).unwrap_or_default();
    let said = operation.get("description").and_then(Value::as_str).unwrap_or_default();
    let said = if said.is_empty() { format!("{summary}.") } else { said.to_owned() };
    let needs = match scopes {
        [] => String::new(),
        // Which of them, the kind of thing says that it is about.
        scopes => format!("\n\nNeeds {}.", scopes.join(" or ")),
    };
    operation.insert("description".to_owned(), Value::String(format!("{said}{needs}")));
}
