//! A quarter of calls of the demo company: its exchange posts them, signed, as any exchange does.

use chrono::{DateTime, Datelike, Days, NaiveDate, TimeDelta, Utc, Weekday};
use serde_json::{Value, json};
use uuid::Uuid;
use voronka_domain::intake::integration::IntegrationChange;
use voronka_persistence::{
    Answer, Caller, Error, Listed, Noun, Store, Unit,
    clients::{self, Client},
    deals,
    intake::{
        calls::Call,
        integrations::{self, Integration},
        raw_events::{self, RawEvent},
    },
    now,
    people::users::User,
    workspace::workspaces,
};

use super::{
    generator,
    led::{all, at, missing, one},
    random::Rng,
};
use crate::{
    telephony::{Adapter, Posted, canonical::Canonical, standard_webhooks},
    workers::interpret_events::interpret_waiting,
};

const NAME: &str = "Head office";
const LINE: &str = "+31208500100";
/// The last quarter of the company's year.
const DAYS: u64 = 92;
const A_DAY: u64 = 8;
const FIRST_PHONE: usize = 101;

/// Plays the quarter, unless it was played; answers how many calls there are.
pub fn play(store: &Store, workspace_id: Uuid) -> Result<u64, Error> {
    let workspace = store.tenant(workspace_id, workspaces::get)?;
    let operator = store.operator(&workspace)?;
    let query = all(&integrations::LIST, &[("name", NAME)])?;
    let there = store.tenant(workspace_id, |tenant| Integration::list(tenant, query))?;
    let id = match there.items.first() {
        Some(office) => office.id,
        None => post_all(store, &operator)?,
    };
    // A worker that is there already may be faster.
    interpret_waiting(store, workspace_id)?;
    store.tenant(workspace_id, |tenant| Call::count_of(tenant, id))
}

/// The exchange with all that it posts, in one transaction: either all of it is there, or nothing.
fn post_all(store: &Store, operator: &Caller) -> Result<Uuid, Error> {
    let office = Integration::new(Canonical.name(), standard_webhooks::secret(), now());
    let id = office.id;
    store.write(operator, now(), None, |unit| {
        let office = open(unit, office.clone())?;
        let cast = Cast::of(unit, &office)?;
        for (number, events) in cast.quarter().into_iter().enumerate() {
            raw_events::keep(&mut unit.tenant, &[posted(&office, number, events)?])?;
        }
        Ok::<_, Error>(Answer::default())
    })?;
    Ok(id)
}

/// The exchange, with the phones of the sellers; clients have numbers from then on.
fn open(unit: &mut Unit<'_>, mut office: Integration) -> Result<Integration, Error> {
    let query = all(User::LIST, &[("role", "seller"), ("sort", "name"), ("limit", "200")])?;
    let sellers = User::list(&mut unit.tenant, query)?.items.into_iter();
    let phones =
        (FIRST_PHONE..).zip(sellers).map(|(phone, user)| (phone.to_string(), Some(user.id)));
    let change = IntegrationChange {
        name: Some(NAME.to_owned()),
        country: Some(Some("NL".to_owned())),
        lines: Some(vec![LINE.to_owned()]),
        extensions: Some(phones.collect()),
        ..IntegrationChange::default()
    };
    office.take(unit, change)?;
    Integration::insert(unit, &office)?;
    let query = all(&clients::LIST, &[("sort", "name"), ("limit", "200")])?;
    for (number, before) in (0_u32..).zip(clients::list(&mut unit.tenant, query)?.items) {
        let mut row = before.clone();
        row.phones =
            vec![format!("+31207{:06}", number.saturating_mul(37).saturating_add(300_000))];
        Client::save(unit, &before, row)?;
    }
    Ok(office)
}

/// Somebody who is called or calls, from a day on.
struct Party {
    number: String,
    since: NaiveDate,
    /// The phone of whoever leads the deal.
    phone: Option<String>,
}

struct Cast {
    parties: Vec<Party>,
    phones: Vec<String>,
    until: NaiveDate,
}

impl Cast {
    /// Clients with open deals first: they are called most.
    fn of(unit: &mut Unit<'_>, office: &Integration) -> Result<Self, Error> {
        let until = generator::default_until();
        let begins = until.checked_sub_days(Days::new(DAYS)).unwrap_or(until);
        let query = all(&clients::LIST, &[("sort", "name"), ("limit", "200")])?;
        let known: Vec<Client> = clients::list(&mut unit.tenant, query)?.items;
        let number = |id: Uuid| {
            let client = known.iter().find(|client| client.id == id);
            client.and_then(|client| client.phones.first().cloned())
        };
        let filter = [("status", "open"), ("sort", "opened_at"), ("limit", "200")];
        let open =
            unit.store.deals(&mut unit.tenant, unit.caller, all(&deals::LIST, &filter)?)?.items;
        let phones = office.exchange().extensions;
        let phone_of = |user: Uuid| {
            let own = phones.iter().find(|(_, whose)| **whose == Some(user));
            own.map(|(phone, _)| phone.clone())
        };
        let of_deals = open.iter().filter_map(|stored| {
            let since = stored.deal.opened_at.date_naive().succ_opt()?;
            Some(Party {
                number: number(stored.deal.client_id?)?,
                since: since.max(begins),
                phone: phone_of(stored.deal.owner_id),
            })
        });
        // Nobody is called about a deal that is not there yet.
        let waits =
            |client: &Client| open.iter().any(|stored| stored.deal.client_id == Some(client.id));
        let of_clients = known.iter().filter(|client| !waits(client)).filter_map(|client| {
            let number = client.phones.first()?.clone();
            Some(Party { number, since: begins, phone: None })
        });
        let parties = of_deals.chain(of_clients).collect();
        let phones = phones.into_keys().collect();
        Ok(Self { parties, phones, until })
    }

    /// The events of each call, in the order of their days.
    fn quarter(&self) -> Vec<Vec<Value>> {
        let mut calls = Vec::new();
        let days = (0..=DAYS).rev().filter_map(|ago| self.until.checked_sub_days(Days::new(ago)));
        let working = days.filter(|day| !matches!(day.weekday(), Weekday::Sat | Weekday::Sun));
        for (number, day) in (0..).zip(working) {
            for place in 0..A_DAY {
                let rng = Rng::stream(generator::SEED, 10_000 + number * A_DAY + place);
                let begins = at(day, 0) + TimeDelta::hours(8);
                let begins = begins + TimeDelta::try_minutes(place as i64 * 58).unwrap_or_default();
                self.some(rng, day, begins, &mut calls);
            }
        }
        calls
    }

    /// A call, or a call in vain and the one that answers it.
    fn some(&self, mut rng: Rng, day: NaiveDate, at: DateTime<Utc>, calls: &mut Vec<Vec<Value>>) {
        let met = one(&mut rng, &self.parties).filter(|party| party.since <= day);
        let met = if rng.chance(100) { None } else { met };
        let client = met.map(|party| party.number.clone());
        // Mostly it is whoever leads the deal.
        let own = met.and_then(|party| party.phone.clone()).filter(|_| rng.chance(850));
        let at = at + TimeDelta::seconds(i64::from(rng.below(50 * 60)));
        let stranger = format!("+31206{:06}", 200_000 + rng.below(40) * 11);
        let (number, known) = match client {
            Some(number) => (number, true),
            None => (stranger, false),
        };
        let any = one(&mut rng, &self.phones).cloned();
        let Some(phone) = own.or(any) else { return };
        let other = one(&mut rng, &self.phones).cloned().unwrap_or_else(|| phone.clone());
        let rings = i64::from(rng.between(4, 25));
        let talk = i64::from(rng.between(20, 900));
        let call = |at, from: &str, to: &str| Told::new(calls.len(), at, from, to);
        let told = match (known, rng.weighted(&[40, 30, 14, 10, 6])) {
            (true, 1) | (false, 2) => {
                vec![call(at, &phone, &number).answered(&number, rings, talk)]
            }
            (true, 2) => {
                let vain = call(at, &number, LINE).vain(&[&phone, &other], rings, "no_answer");
                let back = at + TimeDelta::minutes(i64::from(rng.between(3, 40)));
                let back = Told::new(vain.number + 1, back, &phone, &number);
                vec![vain, back.answered(&number, 6, talk)]
            }
            (_, 3) => {
                let reason = rng.pick(&["busy", "no_answer", "cancelled"]);
                vec![call(at, &phone, &number).vain(&[&number], rings, reason)]
            }
            (_, 4) => {
                let from = if rng.chance(200) { "anonymous" } else { &number };
                vec![call(at, from, LINE).vain(&[&phone, &other], rings, "no_answer")]
            }
            _ => vec![
                call(at, &number, LINE)
                    .elsewhere(&other, &phone, rings)
                    .answered(&phone, rings, talk),
            ],
        };
        calls.extend(told.into_iter().map(|told| told.events));
    }
}

/// A call as the exchange tells of it.
struct Told {
    number: usize,
    began_at: DateTime<Utc>,
    events: Vec<Value>,
}

impl Told {
    fn new(number: usize, began_at: DateTime<Utc>, from: &str, to: &str) -> Self {
        let mut told = Self { number, began_at, events: Vec::new() };
        told.tell("started", 0, json!({ "from": from, "to": to, "line": LINE }));
        told
    }

    fn tell(&mut self, what: &str, second: i64, more: Value) {
        let at = self.began_at + TimeDelta::try_seconds(second).unwrap_or_default();
        let mut event =
            json!({ "call_id": format!("demo-{}", self.number), "type": what, "at": at });
        if let (Some(event), Value::Object(more)) = (event.as_object_mut(), more) {
            event.extend(more);
        }
        self.events.push(event);
    }

    /// Another phone rings too, and is slower.
    fn elsewhere(mut self, party: &str, faster: &str, rings: i64) -> Self {
        if party != faster {
            self.tell("ringing", 1, json!({ "party": party }));
            let reason = "answered_elsewhere";
            self.tell("left", rings, json!({ "party": party, "reason": reason }));
        }
        self
    }

    fn answered(mut self, party: &str, rings: i64, talk: i64) -> Self {
        self.tell("ringing", 1, json!({ "party": party }));
        self.tell("answered", rings, json!({ "party": party }));
        self.tell("left", rings + talk, json!({ "party": party, "reason": "hung_up" }));
        let recording = format!("https://pbx.demo.example/recordings/demo-{}.wav", self.number);
        self.tell("ended", rings + talk, json!({ "recording_url": recording }));
        self
    }

    fn vain(mut self, parties: &[&str], rings: i64, reason: &str) -> Self {
        for party in parties {
            self.tell("ringing", 1, json!({ "party": party }));
            self.tell("left", rings, json!({ "party": party, "reason": reason }));
        }
        self.tell("ended", rings, json!({}));
        self
    }
}

/// As the exchange posts it, signed at this moment, and as the webhook takes it.
fn posted(office: &Integration, number: usize, events: Vec<Value>) -> Result<RawEvent, Error> {
    let (id, sent) = (format!("demo-{number}"), now().timestamp().to_string());
    let body = json!({ "events": events }).to_string().into_bytes();
    let signature = standard_webhooks::signature(&office.secret, &id, &sent, &body)
        .ok_or_else(|| missing("secret of its exchange"))?;
    let headers = [
        ("webhook-id".to_owned(), id),
        ("webhook-timestamp".to_owned(), sent),
        ("webhook-signature".to_owned(), signature),
    ];
    let posted = Posted { rest: "", query: "", url: None, headers: &headers, body: &body };
    let token = Canonical
        .verify(&posted, &office.secrets(now()), now())
        .map_err(|refused| Error::Internal(refused.to_string()))?;
    let target = (Some("application/json".to_owned()), Canonical.target(&posted));
    Ok(RawEvent::posted(office.id, token, target, body.clone(), now()))
}
