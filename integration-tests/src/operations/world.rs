//! A workspace of deals, each one step before its gate is met.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use chrono::{Days, NaiveDate};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Kind, Need, Operation, Request, processes::a_holiday};
use voronka_api::telephony::standard_webhooks::signature;

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

    /// The same, asked by another one.
    pub fn by(&self, api: &Api) -> Self {
        Self { admin: api.clone(), ..self.clone() }
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
            // So that there is a way to win.
            (stages[1]["gate"], stages[2]["gate"]) = (json!([]), json!([]));
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

    async fn deal_type(&mut self, wanted: &Type) -> Option<(String, Value)> {
        if let Some(known) = self.types.get(wanted) {
            return Some(known.clone());
        }
        let process = self.process(wanted);
        let mut body = process.clone();
        body["name"] = json!(format!("{wanted:?} {}", Uuid::now_v7()));
        body["mode"] = json!(if wanted.1 == Flavour::Manual { "manual" } else { "automatic" });
        let id = self.post("/v1/deal-types", body).await?;
        self.types.insert(wanted.clone(), (id.clone(), process.clone()));
        Some((id, process))
    }

    /// Deals of these types, each with two clients of its own. None where nobody answers.
    pub async fn deals(&mut self, wanted: &[Type]) -> Option<Vec<Deal>> {
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
            let clients = self.batch("/v1/clients/batch", clients).await?;
            let (mut items, mut here) = (Vec::new(), Vec::new());
            for ((wanted, number), clients) in wanted.iter().zip(numbers).zip(clients.chunks(2)) {
                let (deal_type, process) = self.deal_type(wanted).await?;
                let [owner, seller] = [0, 1].map(|next| {
                    let number = usize::try_from(number).expect("small") + next;
                    self.sellers[number % self.sellers.len()].clone()
                });
                items.push(json!({ "op": "create", "title": format!("Deal {number}"),
                    "deal_type_id": deal_type, "client_id": clients[0], "external_id": external(number),
                    "owner_id": owner, "amount": { "amount": "1000", "currency": "EUR" } }));
                here.push(Deal {
                    id: String::new(),
                    number,
                    flavour: wanted.1,
                    deal_type,
                    process,
                    client: clients[0].clone(),
                    good_client: clients[1].clone(),
                    seller,
                    loss_reason: self.loss_reason.clone(),
                    custom_field: self.custom_field.clone(),
                    things: BTreeMap::new(),
                });
            }
            let ids = self.batch("/v1/deals/batch", items).await?;
            let named = here.into_iter().zip(ids).map(|(deal, id)| Deal { id, ..deal });
            deals.extend(named);
        }
        Some(deals)
    }

    async fn batch(&self, path: &str, items: Vec<Value>) -> Option<Vec<String>> {
        let reply = self.send(Method::POST, path, json!({ "items": items })).await?.json;
        let items = reply["items"].as_array()?;
        items.iter().map(|item| item["body"]["id"].as_str().map(str::to_owned)).collect()
    }

    /// Makes what the operations need of a deal, as far as it is not there. None where that is refused.
    pub async fn prepare(&self, deal: &mut Deal, operations: &[Operation]) -> Option<()> {
        let needs: BTreeSet<_> = operations.iter().flat_map(|one| one.needs).copied().collect();
        for need in needs {
            if !deal.things.contains_key(&need) {
                let thing = self.make(deal, need).await?;
                deal.things.insert(need, thing);
            }
        }
        Some(())
    }

    async fn make(&self, deal: &Deal, need: Need) -> Option<String> {
        match need {
            Need::Owner => self.owner(deal).await,
            Need::HandOver => {
                let from = match deal.things.get(&Need::Owner) {
                    Some(owner) => owner.clone(),
                    None => self.owner(deal).await?,
                };
                let body = json!({ "from_id": from, "to_id": deal.seller, "reason": "illness" });
                self.post("/v1/hand-overs", body).await
            }
            Need::Version => {
                let path = format!("/v1/deal-types/{}/versions", deal.deal_type);
                let published = self.send(Method::POST, &path, deal.process.clone()).await?;
                published.json["process_version_id"].as_str().map(str::to_owned)
            }
            Need::Draft => {
                let path = format!("/v1/deal-types/{}/draft", deal.deal_type);
                self.send(Method::PUT, &path, deal.process.clone()).await.map(|_| String::new())
            }
            Need::Holiday => {
                let day = deal.day(2040);
                let put = self.send(Method::PUT, "/v1/workspace/holidays", a_holiday(&day)).await;
                put.map(|_| day)
            }
            Need::Rate => Some(self.rate.clone()),
            Need::Work if deal.flavour == Flavour::Manual => {
                let body = json!({ "title": "Work", "key": "work", "deal_id": deal.id });
                self.post("/v1/tasks", body).await
            }
            Need::Work => self.task(deal, |task| task["key"] == "work").await,
            Need::Filled => self.change(deal, json!({ "expected_close_on": "2031-02-01" })).await,
            Need::Quote => self.document(deal, "quote", None).await,
            Need::SentQuote => self.document(deal, "quote", Some("sent")).await,
            Need::Invoice => self.document(deal, "invoice", Some("issued")).await,
            Need::Paid => {
                let amount = json!({ "amount": "1000", "currency": "EUR" });
                self.post("/v1/payments", json!({ "deal_id": deal.id, "amount": amount })).await
            }
            Need::PlannedCall => self.call(deal, "planned_at", "2031-01-01T10:00:00Z").await,
            Need::ReachedCall => self.call(deal, "outcome", "reached").await,
            Need::Held => self.go(deal, json!({ "to": "hold", "reason": "Summer" })).await,
            Need::Lost => self.lose(deal).await,
            Need::Review => {
                if !deal.things.contains_key(&Need::Lost) {
                    self.lose(deal).await?;
                }
                self.task(deal, |task| task["kind"] == "loss_review").await
            }
            Need::Waiting => {
                let number = format!("+3120{:07}", 1_000_000 + deal.number);
                stranger(&self.admin, &number, &deal.seller).await
            }
        }
    }

    async fn send(&self, method: Method, path: &str, body: Value) -> Option<Reply> {
        let body = body.to_string().into_bytes();
        let reply = self.admin.try_send(method, path, &[], Some(body)).await?;
        (reply.status < 300).then_some(reply)
    }

    /// The id of what was made.
    async fn post(&self, path: &str, body: Value) -> Option<String> {
        self.send(Method::POST, path, body).await.map(|reply| reply.id())
    }

    async fn change(&self, deal: &Deal, body: Value) -> Option<String> {
        let path = format!("/v1/deals/{}", deal.id);
        self.send(Method::PATCH, &path, body).await.map(|reply| reply.id())
    }

    async fn go(&self, deal: &Deal, body: Value) -> Option<String> {
        self.post(&format!("/v1/deals/{}/transition", deal.id), body).await
    }

    async fn lose(&self, deal: &Deal) -> Option<String> {
        self.go(deal, json!({ "to": "lost", "loss_reason_id": deal.loss_reason })).await
    }

    async fn owner(&self, deal: &Deal) -> Option<String> {
        let user = self.post("/v1/users", json!({ "name": "Owner", "role": "seller" })).await?;
        self.change(deal, json!({ "owner_id": user })).await?;
        Some(user)
    }

    async fn task(&self, deal: &Deal, wanted: impl Fn(&Value) -> bool) -> Option<String> {
        let path = format!("/v1/tasks?deal_id={}&limit=200", deal.id);
        let tasks = self.admin.try_get(&path).await?.json;
        let found = tasks["items"].as_array()?.iter().find(|task| wanted(task))?;
        found["id"].as_str().map(str::to_owned)
    }

    async fn document(&self, deal: &Deal, kind: &str, state: Option<&str>) -> Option<String> {
        let body = json!({ "deal_id": deal.id, "kind": kind, "number": deal.unique() });
        let id = self.post("/v1/documents", body).await?;
        if let Some(to) = state {
            self.post(&format!("/v1/documents/{id}/transition"), json!({ "to": to })).await?;
        }
        Some(id)
    }

    async fn call(&self, deal: &Deal, field: &str, value: &str) -> Option<String> {
        let body = json!({ "kind": "call", "title": "Call", "deal_id": deal.id, field: value });
        self.post("/v1/activities", body).await
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

/// Somebody whom nobody knows calls by an exchange of their own, and is answered by a user: the entry of the inbox.
/// None where the server does not go on.
pub async fn stranger(admin: &Api, number: &str, user: &str) -> Option<String> {
    let body = json!({ "adapter": "canonical", "name": number, "extensions": { "101": user } });
    let body = Some(body.to_string().into_bytes());
    let made = admin.try_send(Method::POST, "/v1/integrations", &[], body).await?.json;
    let (id, secret) = (made["id"].as_str()?, made["secret"].as_str()?);
    let at = "2026-03-02T10:00:00Z";
    let event = |what: &str| json!({ "call_id": "1", "type": what, "at": at, "from": number, "to": "101", "party": "101" });
    let events = json!({ "events": [event("started"), event("answered"), event("ended")] });
    let body = events.to_string().into_bytes();
    let (message, now) = (Uuid::now_v7().to_string(), chrono::Utc::now().timestamp().to_string());
    let signature = signature(secret, &message, &now, &body)?;
    let headers = [
        ("webhook-id", message.as_str()),
        ("webhook-timestamp", now.as_str()),
        ("webhook-signature", signature.as_str()),
    ];
    let path = format!("/webhooks/v1/telephony/{id}");
    admin.try_send(Method::POST, &path, &headers, Some(body)).await?;
    let entries = format!("/v1/inbox?integration_id={id}");
    let mut tick = tokio::time::interval(Duration::from_millis(10));
    for _ in 0..1_000 {
        tick.tick().await;
        let page = admin.try_get(&entries).await?;
        if let Some(entry) = page.json["items"][0]["id"].as_str() {
            return Some(entry.to_owned());
        }
    }
    None
}
