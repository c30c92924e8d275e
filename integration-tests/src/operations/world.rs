//! A workspace of deals, each one step before its gate is met.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, NaiveDate};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Kind, Need, Operation, Request, processes::a_holiday};
use crate::{Api, Reply};

/// How a process leads its deals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flavour {
    /// By gates alone: nothing that happens raises the deal's version but what moves it.
    Bare,
    /// By gates and rules, some of them of the clock.
    Ruled,
    /// People move the deals; gates guard them.
    Manual,
}

/// What a gate looks at, and how the process leads.
pub type Type = (Vec<Kind>, Flavour);

/// A deal with what belongs to it.
#[derive(Debug, Clone)]
pub struct Deal {
    pub id: String,
    /// Its own in the workspace.
    pub number: u64,
    pub flavour: Flavour,
    pub deal_type: String,
    /// Stages and rules of its type.
    pub process: Value,
    pub client: String,
    /// Another client, at which the gate is met.
    pub good_client: String,
    pub seller: String,
    pub loss_reason: String,
    pub custom_field: String,
    pub things: BTreeMap<Need, String>,
}

impl Deal {
    /// One that is nowhere.
    pub(super) fn example() -> Self {
        let nobody = || Uuid::nil().to_string();
        let needs = super::all().into_iter().flat_map(|operation| operation.needs);
        Self {
            id: nobody(),
            number: 0,
            flavour: Flavour::Bare,
            deal_type: nobody(),
            process: json!({}),
            client: nobody(),
            good_client: nobody(),
            seller: nobody(),
            loss_reason: nobody(),
            custom_field: nobody(),
            things: needs.map(|need| (*need, nobody())).collect(),
        }
    }

    pub fn thing(&self, need: Need) -> &str {
        self.things.get(&need).unwrap_or_else(|| panic!("{need:?} is not there: {self:?}"))
    }

    /// A name that nothing else has.
    pub fn unique(&self) -> String {
        format!("Thing {}", Uuid::now_v7().simple())
    }

    pub fn external_id(&self) -> String {
        self.number.to_string()
    }

    /// A day that no other deal has, from a year on.
    pub fn day(&self, year: i32) -> String {
        let first = NaiveDate::from_ymd_opt(year, 1, 1).expect("a year");
        first.checked_add_days(Days::new(self.number)).expect("a day").to_string()
    }

    /// Fills the field by an import.
    pub fn import(&self) -> Request {
        let column = |name: &str| json!({ "column": name });
        let spec = json!({ "kind": "deals", "deal_type_id": self.deal_type, "external_source": "pairs",
            "mapping": { "external_id": column("id"), "expected_close_on": column("day") } });
        let file = format!("id,day\n{},2031-02-07\n", self.number);
        let body = super::Body::Import(file, spec);
        Request { method: Method::POST, path: "/v1/imports".to_owned(), body }
    }
}

/// What deals of a workspace share.
#[derive(Debug, Clone)]
pub struct World {
    pub admin: Api,
    sellers: Vec<String>,
    loss_reason: String,
    custom_field: String,
    rate: String,
    types: BTreeMap<Type, (String, Value)>,
    deals: u64,
}

impl World {
    pub async fn furnish(admin: Api) -> Self {
        let new = async |path: &str, body: Value| admin.post(path, body).await.expect(201).id();
        let mut sellers = Vec::new();
        for name in ["Anna", "Ben", "Chris"] {
            sellers.push(new("/v1/users", json!({ "name": name, "role": "seller" })).await);
        }
        let field =
            |key: &str| json!({ "entity": "deal", "key": key, "name": key, "type": "number" });
        let custom_field = new("/v1/custom-fields", field("budget")).await;
        new("/v1/custom-fields", field("never")).await;
        // The last of all rates that operations write, so that it is the one that counts.
        let rate = json!({ "currency": "USD", "day": "2020-01-01", "rate": "0.9" });
        let rate = new("/v1/exchange-rates", rate).await;
        let loss_reason = admin.loss_reason("Too dear").await;
        let (types, deals) = (BTreeMap::new(), 0);
        Self { sellers, custom_field, rate, loss_reason, admin, types, deals }
    }

    fn process(&self, (gate, flavour): &Type) -> Value {
        let never = json!([{ "kind": "field", "field": "custom.never" }]);
        let gate: Value = match gate[..] {
            [] => never.clone(),
            _ => gate.iter().map(|kind| kind.requirement()).collect(),
        };
        let mut stages = json!([
            { "key": "one", "name": "One", "norm_days": 2, "gate": gate },
            { "key": "two", "name": "Two", "gate": never },
            { "key": "three", "name": "Three", "norm_days": 1, "gate": never },
        ]);
        if *flavour == Flavour::Manual {
            return json!({ "stages": stages });
        }
        let task = |key: &str| json!({ "key": key, "title": "{deal.title}", "due_days": 1 });
        for stage in [0, 1] {
            stages[stage]["tasks"] = json!([task("work")]);
        }
        if *flavour == Flavour::Bare {
            return json!({ "stages": stages });
        }
        let cold = json!({ "field": "deal.lead_temperature", "op": "eq", "value": "cold" });
        let ask = json!([{ "do": "create_task", "task": task("ask") }]);
        let seller = json!({ "role": "seller", "assign": "round_robin" });
        let rules = json!([
            { "key": "warm", "on": "payment.received",
              "then": [{ "do": "set", "field": "lead_temperature", "value": "warm" }] },
            { "key": "cold", "on": "deal.updated", "if": cold,
              "then": [{ "do": "lose", "loss_reason_id": self.loss_reason }] },
            { "key": "ask", "on": "document.changed", "then": ask },
            { "key": "give", "on": "activity.recorded", "then": [{ "do": "assign", "performer": seller }] },
            { "key": "late", "on": "stage.overdue", "then": ask },
            { "key": "still", "on": "deal.stuck", "after_days": 3, "then": ask },
        ]);
        json!({ "stages": stages, "rules": rules })
    }

    async fn deal_type(&mut self, wanted: &Type) -> (String, Value) {
        if let Some(known) = self.types.get(wanted) {
            return known.clone();
        }
        let process = self.process(wanted);
        let mut body = process.clone();
        body["name"] = json!(format!("{wanted:?}"));
        body["mode"] = json!(if wanted.1 == Flavour::Manual { "manual" } else { "automatic" });
        let id = self.admin.post("/v1/deal-types", body).await.expect(201).id();
        self.types.insert(wanted.clone(), (id.clone(), process.clone()));
        (id, process)
    }

    /// Deals of these types, each with two clients of its own.
    pub async fn deals(&mut self, wanted: &[Type]) -> Vec<Deal> {
        let mut deals = Vec::new();
        for wanted in wanted.chunks(500) {
            let numbers: Vec<_> = (self.deals + 1..).take(wanted.len()).collect();
            self.deals += numbers.len() as u64;
            let external = |number: u64| json!({ "source": "pairs", "id": number.to_string() });
            let client = |number: &u64| {
                [
                    json!({ "op": "create", "name": format!("Client {number}"), "external_id": external(*number) }),
                    json!({ "op": "create", "name": format!("Good {number}"), "class": "A" }),
                ]
            };
            let clients: Vec<_> = numbers.iter().flat_map(client).collect();
            let clients = self.batch("/v1/clients/batch", clients).await;
            let (mut items, mut here) = (Vec::new(), Vec::new());
            for ((wanted, number), clients) in wanted.iter().zip(numbers).zip(clients.chunks(2)) {
                let (deal_type, process) = self.deal_type(wanted).await;
                items.push(json!({ "op": "create", "title": format!("Deal {number}"),
                    "deal_type_id": deal_type, "client_id": clients[0], "external_id": external(number),
                    "amount": { "amount": "1000", "currency": "EUR" } }));
                let seller = usize::try_from(number).expect("small") % self.sellers.len();
                here.push(Deal {
                    id: String::new(),
                    number,
                    flavour: wanted.1,
                    deal_type,
                    process,
                    client: clients[0].clone(),
                    good_client: clients[1].clone(),
                    seller: self.sellers[seller].clone(),
                    loss_reason: self.loss_reason.clone(),
                    custom_field: self.custom_field.clone(),
                    things: BTreeMap::new(),
                });
            }
            let ids = self.batch("/v1/deals/batch", items).await;
            let named = here.into_iter().zip(ids).map(|(deal, id)| Deal { id, ..deal });
            deals.extend(named);
        }
        deals
    }

    async fn batch(&self, path: &str, items: Vec<Value>) -> Vec<String> {
        let reply = self.admin.post(path, json!({ "items": items })).await.expect(207).json;
        let items = reply["items"].as_array().expect("items");
        let id = |item: &Value| {
            assert_eq!(item["status"], 201, "{item}");
            item["body"]["id"].as_str().expect("an id").to_owned()
        };
        items.iter().map(id).collect()
    }

    /// Makes what the operations need of a deal.
    pub async fn prepare(&self, deal: &mut Deal, operations: &[Operation]) {
        let needs: BTreeSet<_> = operations.iter().flat_map(|one| one.needs).copied().collect();
        for need in needs {
            let thing = self.make(deal, need).await;
            deal.things.insert(need, thing);
        }
    }

    async fn make(&self, deal: &Deal, need: Need) -> String {
        let path = format!("/v1/deals/{}", deal.id);
        let go = async |body: Value| {
            self.admin.transition(&deal.id, body).await.expect(200).id();
        };
        match need {
            Need::Owner => self.owner(deal).await,
            Need::HandOver => {
                let from = match deal.things.get(&Need::Owner) {
                    Some(owner) => owner.clone(),
                    None => self.owner(deal).await,
                };
                let body = json!({ "from_id": from, "to_id": deal.seller, "reason": "illness" });
                self.new("/v1/hand-overs", body).await
            }
            Need::Version => {
                let path = format!("/v1/deal-types/{}/versions", deal.deal_type);
                self.new(&path, deal.process.clone()).await
            }
            Need::Draft => {
                let path = format!("/v1/deal-types/{}/draft", deal.deal_type);
                self.put(&path, deal.process.clone()).await;
                String::new()
            }
            Need::Holiday => {
                let day = deal.day(2040);
                self.put("/v1/workspace/holidays", a_holiday(&day)).await;
                day
            }
            Need::Rate => self.rate.clone(),
            Need::Import => deal.import().send(&self.admin, &[]).await.expect("an answer").id(),
            Need::Held => {
                go(json!({ "to": "hold", "reason": "Summer" })).await;
                String::new()
            }
            Need::Lost => {
                go(json!({ "to": "lost", "loss_reason_id": deal.loss_reason })).await;
                String::new()
            }
            Need::Review => {
                if !deal.things.contains_key(&Need::Lost) {
                    go(json!({ "to": "lost", "loss_reason_id": deal.loss_reason })).await;
                }
                self.task(deal, |task| task["kind"] == "loss_review").await
            }
            Need::Work if deal.flavour == Flavour::Manual => {
                let body = json!({ "title": "Work", "key": "work", "deal_id": deal.id });
                self.new("/v1/tasks", body).await
            }
            Need::Work => self.task(deal, |task| task["key"] == "work").await,
            Need::Filled => {
                let body = json!({ "expected_close_on": "2031-02-01" });
                self.admin.patch(&path, body).await.expect(200).id()
            }
            Need::Quote => self.document(deal, "quote", None).await,
            Need::SentQuote => self.document(deal, "quote", Some("sent")).await,
            Need::Invoice => self.document(deal, "invoice", Some("issued")).await,
            Need::Paid => {
                let amount = json!({ "amount": "1000", "currency": "EUR" });
                self.new("/v1/payments", json!({ "deal_id": deal.id, "amount": amount })).await
            }
            Need::PlannedCall => self.call(deal, "planned_at", "2031-01-01T10:00:00Z").await,
            Need::ReachedCall => self.call(deal, "outcome", "reached").await,
        }
    }

    async fn new(&self, path: &str, body: Value) -> String {
        self.admin.post(path, body).await.expect(201).id()
    }

    async fn put(&self, path: &str, body: Value) -> Reply {
        let body = body.to_string().into_bytes();
        self.admin.send(Method::PUT, path, &[], Some(body)).await.expect(200)
    }

    async fn owner(&self, deal: &Deal) -> String {
        let user = self.new("/v1/users", json!({ "name": "Owner", "role": "seller" })).await;
        let path = format!("/v1/deals/{}", deal.id);
        self.admin.patch(&path, json!({ "owner_id": user })).await.expect(200);
        user
    }

    /// A task of the deal, open or not: a deal that is lost has none open but its review.
    async fn task(&self, deal: &Deal, wanted: impl Fn(&Value) -> bool) -> String {
        let path = format!("/v1/tasks?deal_id={}&limit=200", deal.id);
        let tasks = self.admin.get(&path).await.expect(200).json;
        let mut tasks = tasks["items"].as_array().expect("items").iter();
        let found = tasks.find(|task| wanted(task)).unwrap_or_else(|| panic!("no task: {deal:?}"));
        found["id"].as_str().expect("an id").to_owned()
    }

    async fn document(&self, deal: &Deal, kind: &str, state: Option<&str>) -> String {
        let body = json!({ "deal_id": deal.id, "kind": kind, "number": deal.unique() });
        let id = self.new("/v1/documents", body).await;
        if let Some(to) = state {
            let path = format!("/v1/documents/{id}/transition");
            self.admin.post(&path, json!({ "to": to })).await.expect(200);
        }
        id
    }

    async fn call(&self, deal: &Deal, field: &str, value: &str) -> String {
        let body = json!({ "kind": "call", "title": "Call", "deal_id": deal.id, field: value });
        self.new("/v1/activities", body).await
    }
}

/// The type in which operations meet: its gate looks at what they change, and is not met before them.
pub fn meeting(operations: &[Operation], flavour: Flavour) -> Type {
    let mut gate: BTreeSet<_> = operations.iter().flat_map(|one| one.gate).copied().collect();
    let needs = operations.iter().flat_map(|one| one.needs);
    let met: BTreeSet<_> = needs.filter_map(|need| need.meets()).collect();
    if flavour != Flavour::Manual && !gate.is_empty() && gate.is_subset(&met) {
        let more = [Kind::Demand, Kind::Field];
        gate.extend(more.into_iter().find(|kind| !met.contains(kind)));
    }
    (gate.into_iter().collect(), flavour)
}
