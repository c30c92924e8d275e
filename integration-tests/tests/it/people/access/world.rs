//! Every operation of the specification, how it is called, and whose things it answers.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicU64, Ordering},
};

use chrono::{Days, NaiveDate};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;
use voronka_api::openapi;
use voronka_integration_tests::{Api, Reply, TestServer, process::until_compared, sql};

/// An operation as the specification has it.
#[derive(Debug, Clone)]
pub struct Operation {
    pub id: String,
    pub method: Method,
    pub path: String,
    /// Scopes that it names, one of which it needs: here that of deals, where there are several.
    pub scopes: Vec<String>,
    /// Names of its query parameters.
    pub query: Vec<String>,
    pub definition: Value,
}

impl Operation {
    pub fn scope(&self) -> &str {
        &self.scopes[0]
    }
}

/// Operations that let somebody in, and so need nobody.
pub const LOGINS: &[&str] = &["createToken", "refreshToken", "revokeToken", "setPassword"];
/// What exchanges call, which sign what they post.
const HOOKS: &[&str] = &["greetTelephony", "postTelephonyEvent", "callTelephonyMethod"];

fn all() -> Vec<Operation> {
    let mut operations = Vec::new();
    for (path, item) in openapi::document()["paths"].as_object().unwrap() {
        for (method, definition) in item.as_object().unwrap() {
            let texts = |list: &Value, name: &str| -> Vec<String> {
                let list = list.as_array().cloned().unwrap_or_default();
                list.iter().filter_map(|one| one[name].as_str().map(str::to_owned)).collect()
            };
            let parameters = definition["parameters"].as_array().cloned().unwrap_or_default();
            let (query, others): (Vec<_>, Vec<_>) =
                parameters.into_iter().partition(|parameter| parameter["in"] == "query");
            let paths: Vec<_> =
                others.iter().filter(|parameter| parameter["in"] == "path").collect();
            // Whatever else a path may name one day has to be another workspace's in a test, too. An id in
            // another system is everybody's own.
            let mut names: &[&str] = &["id"];
            if path.contains("/by-external-id/{source}/{external_id}") {
                names = &["source", "external_id"];
            }
            if path.contains("/versions/{version_id}/") {
                names = &["id", "version_id"];
            }
            if path.ends_with("/holidays/{day}") {
                names = &["day"];
            }
            if path.ends_with("/{id}/{rest}") {
                names = &["id", "rest"];
            }
            // Every workspace has the same kinds of work.
            if path.starts_with("/v1/jobs/{name}") {
                names = &["name", "id"];
            }
            let known = |parameter: &&Value| {
                parameter["name"].as_str().is_some_and(|name| names.contains(&name))
            };
            assert!(paths.iter().all(known), "{path}");
            assert_eq!(path.matches('{').count(), paths.len(), "{path}");
            let requirements = definition["security"].as_array().cloned().unwrap_or_default();
            // A file needs the scope of what it hangs on.
            let one = requirements.len() <= 1 || path.starts_with("/v1/files");
            assert!(one, "{method} {path} names alternatives");
            let scopes = requirements.iter().flat_map(|one| one["bearer"].as_array().cloned());
            let scopes: Vec<_> = scopes.flatten().collect();
            operations.push(Operation {
                id: definition["operationId"].as_str().unwrap().to_owned(),
                method: method.to_uppercase().parse().unwrap(),
                path: path.clone(),
                scopes: scopes.iter().map(|scope| scope.as_str().unwrap().to_owned()).collect(),
                query: texts(&Value::from(query), "name"),
                definition: definition.clone(),
            });
        }
    }
    operations
}

/// Every operation but the logins. Each names exactly one scope; the logins name none.
pub fn operations() -> Vec<Operation> {
    let (hooks, all): (Vec<_>, Vec<_>) =
        all().into_iter().partition(|operation| operation.path.starts_with("/webhooks/"));
    assert_eq!(hooks.iter().map(|hook| hook.id.as_str()).collect::<Vec<_>>(), HOOKS);
    assert!(hooks.iter().all(|hook| hook.scopes.is_empty()), "{hooks:?}");
    let (logins, operations): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|operation| LOGINS.contains(&operation.id.as_str()));
    assert_eq!(logins.len(), LOGINS.len());
    for login in &logins {
        assert!(login.scopes.is_empty(), "{login:?}");
        assert!(login.path.starts_with("/v1/auth/"), "{login:?}");
    }
    for operation in &operations {
        let several = if operation.path.starts_with("/v1/files") { 4 } else { 1 };
        assert_eq!(operation.scopes.len(), several, "{} names no scope", operation.id);
    }
    assert!(operations.len() >= 50);
    operations
}

/// A workspace with a thing of every noun in it.
#[derive(Debug, Clone)]
pub struct World {
    pub admin: Api,
    pub user: String,
    pub department: String,
    pub api_key: String,
    pub client: String,
    /// A client that may be the same.
    pub twin: String,
    pub contact: String,
    /// An invoice of the deal.
    pub document: String,
    pub payment: String,
    pub activity: String,
    /// Of the deal.
    pub file: String,
    pub source: String,
    pub competitor: String,
    pub loss_reason: String,
    pub deal_type: String,
    pub deal: String,
    pub import: String,
    pub custom_field: String,
    pub exchange_rate: String,
    pub product: String,
    pub segment: String,
    pub client_segment: String,
    pub task: String,
    pub hand_over: String,
    pub integration: String,
    /// What it has posted, and could not be interpreted.
    pub raw_event: String,
    pub inbox_entry: String,
    /// A run of background work that has failed.
    pub job_run: String,
}

impl World {
    pub async fn furnish(server: &TestServer, admin: &Api) -> Self {
        let new = async |path: &str, body: Value| admin.post(path, body).await.expect(201).id();
        let name = format!("Thing {}", Uuid::now_v7().simple());
        let department = new("/v1/departments", json!({ "name": name })).await;
        let email = format!("{}@example.com", Uuid::now_v7().simple());
        let body =
            json!({ "name": name, "role": "seller", "email": email, "department_id": department });
        let user = new("/v1/users", body).await;
        let api_key = json!({ "name": name, "scopes": ["deals:read"] });
        let api_key = new("/v1/api-keys", api_key).await;
        let mailbox = json!([format!("{}@example.com", Uuid::now_v7().simple())]);
        let client = new("/v1/clients", json!({ "name": name, "emails": mailbox })).await;
        let twin = json!({ "name": format!("Twin of {name}"), "emails": mailbox });
        let twin = new("/v1/clients", twin).await;
        let contact = new("/v1/contacts", json!({ "name": name, "client_id": client })).await;
        let source = new("/v1/sources", json!({ "name": name })).await;
        let competitor = new("/v1/competitors", json!({ "name": name })).await;
        let loss_reason = admin.loss_reason(&name).await;
        let deal_type = admin.deal_type(&["first", "second"]).await;
        let body = json!({ "title": name, "deal_type_id": deal_type, "owner_id": user,
            "client_id": client, "source_id": source });
        let deal = new("/v1/deals", body).await;
        let document = json!({ "deal_id": deal, "kind": "invoice", "number": "1" });
        let document = new("/v1/documents", document).await;
        let payment = new("/v1/payments", a_payment("deal_id", &deal)).await;
        let activity = new("/v1/activities", an_activity("deal_id", &deal)).await;
        let file = admin.add_file("deal", &deal, "secret.txt", b"secret").await.expect(201).id();
        let custom_field = new("/v1/custom-fields", a_field()).await;
        let exchange_rate = new("/v1/exchange-rates", a_rate()).await;
        admin
            .send(
                Method::PUT,
                "/v1/workspace/holidays",
                &[],
                Some(a_holiday("2026-12-25").to_string().into_bytes()),
            )
            .await
            .expect(200);
        let product = json!({ "name": name, "sku": Uuid::now_v7(), "unit": "piece" });
        let product = new("/v1/products", product).await;
        let segment = new("/v1/segments", a_segment("deal")).await;
        let client_segment = new("/v1/segments", a_segment("client")).await;
        let task = json!({ "title": name, "deal_id": deal, "responsible_id": user });
        let task = new("/v1/tasks", task).await;
        // The user looks after no client, so nothing changes hands.
        let hand_over = a_hand_over(&user, &admin.user_id.to_string(), false);
        let hand_over = new("/v1/hand-overs", hand_over).await;
        let integration = new("/v1/integrations", an_integration()).await;
        let world = Self {
            admin: admin.clone(),
            user,
            department,
            api_key,
            client,
            twin,
            contact,
            document,
            payment,
            activity,
            file,
            source,
            competitor,
            loss_reason,
            deal_type,
            deal,
            import: String::new(),
            custom_field,
            exchange_rate,
            product,
            segment,
            client_segment,
            task,
            hand_over,
            raw_event: failed_event(server, admin, &integration),
            inbox_entry: an_entry(server, admin, &integration),
            integration,
            job_run: failed_run(server, admin),
        };
        let import = world.send_import(admin).await.expect(202).id();
        let done = server.finished(admin, &import).await;
        assert_eq!((&done["state"], &done["rejected"]), (&json!("done"), &json!(1)), "{done}");
        until_compared(admin).await;
        Self { import, ..world }
    }

    /// A file of one row that cannot be taken.
    pub async fn send_import(&self, api: &Api) -> Reply {
        let spec = json!({ "kind": "deals", "deal_type_id": self.deal_type,
            "mapping": { "external_id": { "column": "id" }, "amount": { "column": "amount" } } });
        api.import("id,amount\nx,many\n", spec).await
    }

    /// The id of every thing, the workspace and its administrator among them.
    pub fn ids(&self) -> Vec<String> {
        let things = [
            &self.user,
            &self.department,
            &self.api_key,
            &self.client,
            &self.twin,
            &self.contact,
            &self.document,
            &self.payment,
            &self.activity,
            &self.file,
            &self.source,
            &self.competitor,
            &self.loss_reason,
            &self.deal_type,
            &self.deal,
            &self.import,
            &self.custom_field,
            &self.exchange_rate,
            &self.product,
            &self.segment,
            &self.client_segment,
            &self.task,
            &self.hand_over,
            &self.integration,
            &self.raw_event,
            &self.inbox_entry,
            &self.job_run,
        ];
        let own = [self.admin.workspace_id.to_string(), self.admin.user_id.to_string()];
        things.into_iter().cloned().chain(own).collect()
    }
}

/// A run of background work that has failed for the last time.
fn failed_run(server: &TestServer, admin: &Api) -> String {
    let id = Uuid::now_v7();
    let insert = format!(
        "INSERT INTO jobs (workspace_id, id, name, state, run_at, attempts, error, finished_at, created_at, updated_at) \
         VALUES ('{}', '{id}', 'sweep', 'failed', now(), 5, 'Broken', now(), now(), now())",
        admin.workspace_id
    );
    sql::run(&mut server.connection(), &insert);
    id.to_string()
}

/// Something that was posted and could not be interpreted.
fn failed_event(server: &TestServer, admin: &Api, integration: &str) -> String {
    let id = Uuid::now_v7();
    let insert = format!(
        "INSERT INTO raw_events (workspace_id, id, integration_id, received_at, body, state, reason) \
         VALUES ('{}', '{id}', '{integration}', now(), 'Hello', 'failed', 'Not JSON')",
        admin.workspace_id
    );
    sql::run(&mut server.connection(), &insert);
    id.to_string()
}

/// Who called and is no client.
fn an_entry(server: &TestServer, admin: &Api, integration: &str) -> String {
    let id = Uuid::now_v7();
    let insert = format!(
        "INSERT INTO inbox_entries (workspace_id, id, integration_id, direction, status, calls, user_id, \
         first_at, last_at, version, created_at, updated_at) \
         VALUES ('{}', '{id}', '{integration}', 'in', 'open', 1, NULL, now(), now(), 1, now(), now())",
        admin.workspace_id
    );
    sql::run(&mut server.connection(), &insert);
    id.to_string()
}

/// Whose things an operation answers or touches.
#[derive(Debug, Clone, Copy)]
pub enum Whose {
    /// The thing that its path names: somebody else's is not found.
    Thing(fn(&World) -> &String),
    /// All that the workspace has.
    List,
    /// The caller's own, without being told whose: the workspace, oneself.
    Own,
    /// It makes a new thing; what its body may refer to is in `references`.
    New,
    /// It counts the deals of a deal type.
    Report(fn(&World) -> String),
}

#[derive(Debug, Clone, Copy)]
pub enum Send {
    Nothing,
    /// Nothing, once its deal type has a draft.
    Draft,
    /// Nothing, about the current version of its deal type.
    Version,
    Json(fn(&World) -> Value),
    Import,
    Preview,
    /// A file for its deal.
    File,
}

#[derive(Debug, Clone, Copy)]
pub struct Case {
    pub operation: &'static str,
    pub whose: Whose,
    pub send: Send,
}

const fn case(operation: &'static str, whose: Whose, send: Send) -> Case {
    Case { operation, whose, send }
}

const fn list(operation: &'static str) -> Case {
    case(operation, Whose::List, Send::Nothing)
}

const fn read(operation: &'static str, thing: fn(&World) -> &String) -> Case {
    case(operation, Whose::Thing(thing), Send::Nothing)
}

const fn change(
    operation: &'static str,
    thing: fn(&World) -> &String,
    body: fn(&World) -> Value,
) -> Case {
    case(operation, Whose::Thing(thing), Send::Json(body))
}

const fn new(operation: &'static str, body: fn(&World) -> Value) -> Case {
    case(operation, Whose::New, Send::Json(body))
}

fn renamed(_: &World) -> Value {
    json!({ "name": format!("Renamed {}", Uuid::now_v7()) })
}

fn a_field() -> Value {
    let key = format!("f_{}", Uuid::now_v7().simple());
    json!({ "entity": "deal", "key": key, "name": "Field", "type": "text" })
}

/// Of a day of its own.
fn a_rate() -> Value {
    static DAYS: AtomicU64 = AtomicU64::new(0);
    let first = NaiveDate::from_ymd_opt(2000, 1, 1).unwrap();
    let day = first.checked_add_days(Days::new(DAYS.fetch_add(1, Ordering::Relaxed))).unwrap();
    json!({ "currency": "USD", "day": day, "rate": "0.9" })
}

fn a_holiday(day: &str) -> Value {
    json!({ "from": day, "to": day, "holidays": [{ "day": day, "name": "Holiday" }] })
}

fn a_deal(own: &World) -> Value {
    json!({ "title": "New", "deal_type_id": own.deal_type, "owner_id": own.user })
}

pub fn a_payment(field: &str, id: &str) -> Value {
    json!({ field: id, "amount": { "amount": "1", "currency": "EUR" } })
}

pub fn an_activity(field: &str, id: &str) -> Value {
    json!({ "kind": "call", "title": "Call", field: id })
}

pub fn a_hand_over(from: &str, to: &str, dry_run: bool) -> Value {
    json!({ "from_id": from, "to_id": to, "what": ["clients"], "reason": "holiday",
        "dry_run": dry_run })
}

fn an_integration() -> Value {
    json!({ "adapter": "canonical", "name": format!("Exchange {}", Uuid::now_v7()) })
}

fn a_segment(entity: &str) -> Value {
    let name = format!("Segment {}", Uuid::now_v7());
    let condition = json!({ "field": "client.name", "op": "filled" });
    json!({ "name": name, "entity": entity, "condition": condition })
}

/// How each operation is called with success, and whose things it is about. An operation that is not
/// here fails the tests.
const CASES: &[Case] = &[
    case("getWorkspace", Whose::Own, Send::Nothing),
    case("updateWorkspace", Whose::Own, Send::Json(renamed)),
    case("getWorkingCalendar", Whose::Own, Send::Nothing),
    case(
        "putWorkingCalendar",
        Whose::Own,
        Send::Json(|_| json!({ "hours": { "monday": [{ "from": "08:00", "to": "16:30" }] } })),
    ),
    list("listHolidays"),
    case("putHolidays", Whose::Own, Send::Json(|_| a_holiday("2027-12-25"))),
    case("deleteHoliday", Whose::Own, Send::Nothing),
    case("getMe", Whose::Own, Send::Nothing),
    // A right one would end the token that the other cases need.
    case(
        "changePassword",
        Whose::Own,
        Send::Json(|_| json!({ "current_password": "x", "new_password": "twelve blue herons" })),
    ),
    case("createPasswordReset", Whose::Thing(|a| &a.user), Send::Nothing),
    list("listUsers"),
    new("createUser", |_| json!({ "name": "New", "role": "analyst" })),
    read("getUser", |a| &a.user),
    change("updateUser", |a| &a.user, renamed),
    list("listDepartments"),
    new("createDepartment", renamed),
    read("getDepartment", |a| &a.department),
    change("updateDepartment", |a| &a.department, renamed),
    list("listApiKeys"),
    new("createApiKey", |_| json!({ "name": "New", "scopes": ["api_keys:manage"] })),
    read("getApiKey", |a| &a.api_key),
    read("revokeApiKey", |a| &a.api_key),
    read("takeOverApiKey", |a| &a.api_key),
    list("listClients"),
    case("searchClients", Whose::List, Send::Json(|_| json!({ "count": true }))),
    new("createClient", renamed),
    read("getClient", |a| &a.client),
    change("updateClient", |a| &a.client, renamed),
    case("getClientFacets", Whose::Own, Send::Nothing),
    list("listDuplicateClients"),
    read("getClientDuplicates", |a| &a.client),
    new("checkClientDuplicates", renamed),
    read("getClientHistory", |a| &a.client),
    new("batchClients", |_| json!({ "items": [{ "op": "create", "name": "New" }] })),
    new("upsertClient", renamed),
    change("mergeClients", |a| &a.client, |own| json!({ "duplicate_id": own.twin })),
    list("listContacts"),
    new("createContact", |own| json!({ "name": "New", "client_id": own.client })),
    read("getContact", |a| &a.contact),
    change("updateContact", |a| &a.contact, renamed),
    list("listSources"),
    new("createSource", renamed),
    read("getSource", |a| &a.source),
    change("updateSource", |a| &a.source, renamed),
    list("listCompetitors"),
    new("createCompetitor", renamed),
    read("getCompetitor", |a| &a.competitor),
    change("updateCompetitor", |a| &a.competitor, renamed),
    list("listLossReasons"),
    new("createLossReason", renamed),
    read("getLossReason", |a| &a.loss_reason),
    change("updateLossReason", |a| &a.loss_reason, renamed),
    list("listCustomFields"),
    new("createCustomField", |_| a_field()),
    read("getCustomField", |a| &a.custom_field),
    change("updateCustomField", |a| &a.custom_field, renamed),
    list("listExchangeRates"),
    new("createExchangeRate", |_| a_rate()),
    case("putExchangeRates", Whose::Own, Send::Json(|_| json!({ "rates": [a_rate()] }))),
    read("getExchangeRate", |a| &a.exchange_rate),
    change("updateExchangeRate", |a| &a.exchange_rate, |_| json!({ "rate": "1.1" })),
    list("listProducts"),
    new("createProduct", renamed),
    read("getProduct", |a| &a.product),
    change("updateProduct", |a| &a.product, renamed),
    list("listSegments"),
    new("createSegment", |_| a_segment("client")),
    read("getSegment", |a| &a.segment),
    change("updateSegment", |a| &a.segment, renamed),
    list("listDealTypes"),
    case("listDealTypePresets", Whose::Own, Send::Nothing),
    new("createDealType", |_| {
        let name = format!("Sale {}", Uuid::now_v7());
        json!({ "name": name, "mode": "manual", "stages": [{ "name": "first" }] })
    }),
    read("getDealType", |a| &a.deal_type),
    change("updateDealType", |a| &a.deal_type, renamed),
    read("listProcessVersions", |a| &a.deal_type),
    change(
        "publishProcessVersion",
        |a| &a.deal_type,
        |_| json!({ "stages": [{ "name": "first" }, { "name": "second" }, { "name": "third" }] }),
    ),
    case("withdrawProcessVersion", Whose::Thing(|a| &a.deal_type), Send::Version),
    change("migrateDeals", |a| &a.deal_type, |_| json!({ "dry_run": true })),
    change("putProcessDraft", |a| &a.deal_type, |_| json!({ "stages": [] })),
    case("getProcessDraft", Whose::Thing(|a| &a.deal_type), Send::Draft),
    case("publishProcessDraft", Whose::Thing(|a| &a.deal_type), Send::Draft),
    case("deleteProcessDraft", Whose::Thing(|a| &a.deal_type), Send::Draft),
    list("listDeals"),
    new("batchDeals", |own| {
        let deal = a_deal(own);
        json!({ "items": [{ "op": "create", "title": deal["title"],
            "deal_type_id": deal["deal_type_id"], "owner_id": deal["owner_id"] }] })
    }),
    new("upsertDeal", a_deal),
    case("searchDeals", Whose::List, Send::Json(|_| json!({ "count": true }))),
    new(
        "createDeal",
        |own| json!({ "title": "New", "deal_type_id": own.deal_type, "owner_id": own.user }),
    ),
    read("getDeal", |a| &a.deal),
    change("updateDeal", |a| &a.deal, |_| json!({ "title": Uuid::now_v7().to_string() })),
    change("transitionDeal", |a| &a.deal, |_| json!({ "to": "hold", "reason": "Summer" })),
    read("listAvailableTransitions", |a| &a.deal),
    read("getDealHistory", |a| &a.deal),
    read("getDealRouteMap", |a| &a.deal),
    read("getDemand", |a| &a.deal),
    change(
        "putDemand",
        |a| &a.deal,
        |_| {
            let amount = json!({ "amount": "1", "currency": "EUR" });
            json!({ "lines": [{ "item": Uuid::now_v7().to_string(), "amount": amount }] })
        },
    ),
    list("listTasks"),
    new("createTask", |own| json!({ "title": "New", "responsible_id": own.user })),
    case("countTasks", Whose::Own, Send::Nothing),
    case("getTaskGantt", Whose::Own, Send::Nothing),
    read("getTask", |a| &a.task),
    change("updateTask", |a| &a.task, |_| json!({ "title": Uuid::now_v7().to_string() })),
    change("transitionTask", |a| &a.task, |_| json!({ "to": "deferred" })),
    list("listHandOvers"),
    new("createHandOver", |own| a_hand_over(&own.user, &own.admin.user_id.to_string(), true)),
    read("getHandOver", |a| &a.hand_over),
    change("returnHandOver", |a| &a.hand_over, |_| json!({ "dry_run": true })),
    list("listImports"),
    case("createImport", Whose::New, Send::Import),
    case("previewImport", Whose::Own, Send::Preview),
    read("getImport", |a| &a.import),
    read("getImportRejections", |a| &a.import),
    read("cancelImport", |a| &a.import),
    case(
        "getClosedFunnel",
        Whose::Report(|a| format!("?deal_type_id={}&from=2020-01-01&to=2030-12-31", a.deal_type)),
        Send::Nothing,
    ),
    case(
        "getOpenFunnel",
        Whose::Report(|a| format!("?deal_type_id={}", a.deal_type)),
        Send::Nothing,
    ),
    case("getLosses", Whose::Report(|a| format!("?deal_type_id={}", a.deal_type)), Send::Nothing),
    case(
        "getStageDurations",
        Whose::Report(|a| format!("?deal_type_id={}", a.deal_type)),
        Send::Nothing,
    ),
    case(
        "listClosedFunnelDeals",
        Whose::Report(|a| format!("?deal_type_id={}&figure=deals", a.deal_type)),
        Send::Nothing,
    ),
    case(
        "listOpenFunnelDeals",
        Whose::Report(|a| format!("?deal_type_id={}&figure=deals", a.deal_type)),
        Send::Nothing,
    ),
    case(
        "getPrimaryDemand",
        Whose::Report(|a| format!("?deal_type_id={}", a.deal_type)),
        Send::Nothing,
    ),
    case(
        "listPrimaryDemandDeals",
        Whose::Report(|a| format!("?deal_type_id={}&figure=deals", a.deal_type)),
        Send::Nothing,
    ),
    case(
        "listLossesDeals",
        Whose::Report(|a| format!("?deal_type_id={}&figure=deals", a.deal_type)),
        Send::Nothing,
    ),
    case(
        "listStageDurationsDeals",
        Whose::Report(|a| format!("?deal_type_id={}&stage_key=first&figure=visits", a.deal_type)),
        Send::Nothing,
    ),
    list("listActivities"),
    new("createActivity", |own| an_activity("client_id", &own.client)),
    read("getActivity", |a| &a.activity),
    change("updateActivity", |a| &a.activity, |_| json!({ "note": Uuid::now_v7() })),
    read("getActivityRecording", |a| &a.activity),
    read("fetchActivityRecording", |a| &a.activity),
    list("listDocuments"),
    new("createDocument", |own| json!({ "deal_id": own.deal, "kind": "quote", "number": "2" })),
    read("getDocument", |a| &a.document),
    change("updateDocument", |a| &a.document, |_| json!({ "number": Uuid::now_v7() })),
    change("transitionDocument", |a| &a.document, |_| json!({ "to": "issued" })),
    list("listFiles"),
    case("createFile", Whose::New, Send::File),
    read("getFile", |a| &a.file),
    read("getFileContent", |a| &a.file),
    read("deleteFile", |a| &a.file),
    list("listPayments"),
    new("createPayment", |own| a_payment("deal_id", &own.deal)),
    read("getPayment", |a| &a.payment),
    list("listEvents"),
    case("listJobs", Whose::Own, Send::Nothing),
    list("listIntegrations"),
    new("createIntegration", |_| an_integration()),
    read("getIntegration", |a| &a.integration),
    change("updateIntegration", |a| &a.integration, renamed),
    read("rotateIntegrationSecret", |a| &a.integration),
    list("listInbox"),
    read("getInboxEntry", |a| &a.inbox_entry),
    change(
        "transitionInboxEntry",
        |a| &a.inbox_entry,
        |own| json!({ "to": "assigned", "user_id": own.user }),
    ),
    read("getIntegrationStatus", |a| &a.integration),
    change("tryCall", |a| &a.integration, |_| json!({ "from": "+31201234567" })),
    read("listRawEvents", |a| &a.integration),
    change("reprocessRawEvents", |a| &a.integration, |_| json!({})),
    case("getJob", Whose::Own, Send::Nothing),
    case("updateJob", Whose::Own, Send::Json(|_| json!({ "schedule": "0 3 * * *" }))),
    list("listJobRuns"),
    case("createJobRun", Whose::Own, Send::Json(|_| json!({}))),
    read("dropJobRun", |a| &a.job_run),
];

/// Every operation but the logins with its case: none without, and no case for what is gone.
pub fn cases() -> Vec<(Operation, Case)> {
    let operations = operations();
    let in_spec: BTreeSet<_> = operations.iter().map(|one| one.id.as_str()).collect();
    let in_table: BTreeSet<_> = CASES.iter().map(|case| case.operation).collect();
    assert_eq!(in_spec, in_table, "the specification and the table of cases differ");
    assert_eq!(CASES.len(), in_table.len(), "an operation has two cases");
    let case = |operation: &Operation| {
        let case = *CASES.iter().find(|case| case.operation == operation.id).unwrap();
        let names_thing = matches!(case.whose, Whose::Thing(_));
        assert_eq!(operation.path.contains("{id}"), names_thing, "{}", operation.id);
        case
    };
    operations.iter().map(|operation| (operation.clone(), case(operation))).collect()
}

/// The operation over the things of `about`, sent by `api` with a body from `own`.
pub async fn call(
    api: &Api,
    (operation, case): &(Operation, Case),
    about: &World,
    own: &World,
) -> Reply {
    let mut path = match case.whose {
        Whose::Thing(thing) => operation.path.replace("{id}", thing(about)),
        Whose::Report(query) => format!("{}{}", operation.path, query(about)),
        Whose::List | Whose::Own | Whose::New => operation
            .path
            .replace("{source}", "erp")
            .replace("{external_id}", "4711")
            .replace("{day}", "2026-12-25"),
    };
    path = path.replace("{name}", "sweep");
    let body = match case.send {
        Send::Nothing => None,
        Send::Draft => {
            let path = format!("/v1/deal-types/{}/draft", about.deal_type);
            let draft = json!({ "stages": [{ "name": "first" }] }).to_string().into_bytes();
            about.admin.send(Method::PUT, &path, &[], Some(draft)).await.expect(200);
            None
        }
        Send::Version => {
            let deal_type = about.admin.get(&format!("/v1/deal-types/{}", about.deal_type)).await;
            let version = deal_type.expect(200).json["process_version_id"].take();
            path = path.replace("{version_id}", version.as_str().unwrap());
            None
        }
        Send::Json(body) => Some(body(own).to_string().into_bytes()),
        Send::File => return api.add_file("deal", &own.deal, "new.txt", b"new").await,
        Send::Import => return own.send_import(api).await,
        Send::Preview => return api.preview("id,amount\nx,many\n", &[]).await,
    };
    api.send(operation.method.clone(), &path, &[], body).await
}

/// The operation was carried out, or comes too late: the world's import has ended.
pub fn carried_out(case: &(Operation, Case), reply: &Reply) -> bool {
    let late = case.0.id == "cancelImport" && reply.code() == "import_finished";
    // An invoice is issued once.
    let issued = case.0.id == "transitionDocument" && reply.code() == "document_state_refused";
    // The last version stays.
    let only = case.0.id == "withdrawProcessVersion" && reply.code() == "only_version_left";
    // Looked at, and not the present one.
    let wrong = case.0.id == "changePassword" && reply.text.contains("\"wrong_password\"");
    // Dropped already.
    let dropped = case.0.id == "dropJobRun" && reply.code() == "run_not_failed";
    // The activity here has no recording.
    let unheard = case.0.id == "getActivityRecording" && reply.code() == "recording_not_kept"
        || case.0.id == "fetchActivityRecording" && reply.code() == "recording_not_failed";
    // Deleted already.
    let deleted = case.0.path.starts_with("/v1/files/{id}") && reply.code() == "not_found";
    (200..300).contains(&reply.status)
        || unheard
        || deleted
        || dropped
        || late
        || issued
        || only
        || wrong
}
