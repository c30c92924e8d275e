//! A deck of deals, driven over HTTP by a seeded chance, that keeps its own account of what happened to
//! each: the figures it gives are not those of the server.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use voronka_integration_tests::Api;

pub const DAY: i64 = 86_400;
/// The first of January 2025, UTC.
pub const NEW_YEAR: i64 = 1_735_689_600;
pub const STAGES: [&str; 5] = ["a", "b", "c", "d", "e"];
/// In tenths.
pub const CHANCES: [i64; 5] = [1, 2, 4, 6, 8];
pub const NORM_DAYS: i64 = 12;

/// Seconds of Monday to Friday, 09:00 to 18:00 in Amsterdam, from one instant of these years to another.
pub fn office(from: i64, to: i64) -> i64 {
    // Clocks went on on 30 March 2025, and back on 26 October.
    let clock = |at: i64| if (1_743_296_400..1_761_440_400).contains(&at) { 7_200 } else { 3_600 };
    let (mut seconds, mut day) = (0, from.div_euclid(DAY) - 1);
    while day * DAY < to + DAY {
        let nine = day * DAY + 9 * 3_600;
        let (opens, closes) = (nine - clock(nine), nine + 9 * 3_600 - clock(nine));
        // The first of January 1970 was a Thursday.
        if (day + 3).rem_euclid(7) < 5 {
            seconds += (closes.min(to) - opens.max(from)).max(0);
        }
        day += 1;
    }
    seconds
}

/// Numbers that are the same in every run.
pub struct Chance(u64);

impl Chance {
    pub fn below(&mut self, limit: i64) -> i64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(self.0 >> 33).unwrap() % limit
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Open,
    Won,
    Lost,
}

#[derive(Debug, Clone)]
pub struct Stay {
    /// Index of the stage.
    pub stage: usize,
    pub from: i64,
    pub to: Option<i64>,
    pub back: bool,
}

#[derive(Debug, Clone)]
pub struct Card {
    pub id: String,
    pub owner: usize,
    pub client: Option<usize>,
    pub source: Option<usize>,
    pub cents: i64,
    pub fate: Fate,
    /// Index of the reason, and that of the competitor.
    pub loss: Option<(usize, Option<usize>)>,
    pub opened: i64,
    pub closed: Option<i64>,
    pub stays: Vec<Stay>,
    /// From, and to where it has ended.
    pub holds: Vec<(i64, Option<i64>)>,
}

impl Card {
    pub fn here(&self) -> &Stay {
        self.stays.last().unwrap()
    }

    pub fn depth(&self) -> usize {
        self.stays.iter().map(|stay| stay.stage).max().unwrap()
    }

    pub fn is_held(&self) -> bool {
        self.holds.last().is_some_and(|hold| hold.1.is_none())
    }

    /// Seconds of a stay up to an instant, without those on hold.
    pub fn worked(&self, stay: &Stay, until: i64) -> i64 {
        let held = self
            .holds
            .iter()
            .map(|(from, to)| (to.unwrap_or(until).min(until) - (*from).max(stay.from)).max(0));
        until - stay.from - held.sum::<i64>()
    }

    /// Office seconds of a stay up to an instant, without those on hold.
    pub fn worked_in_office(&self, stay: &Stay, until: i64) -> i64 {
        let held = self
            .holds
            .iter()
            .map(|(from, to)| office((*from).max(stay.from), to.unwrap_or(until).min(until)));
        office(stay.from, until) - held.sum::<i64>()
    }

    fn leave(&mut self, at: i64) {
        self.stays.last_mut().unwrap().to = Some(at);
    }

    fn enter(&mut self, stage: usize, at: i64) {
        let back = stage < self.here().stage;
        self.stays.push(Stay { stage, from: at, to: None, back });
    }

    fn close(&mut self, fate: Fate, at: i64) {
        self.leave(at);
        (self.fate, self.closed, self.loss) = (fate, Some(at), None);
        if let Some(hold) = self.holds.last_mut() {
            hold.1.get_or_insert(at);
        }
    }
}

pub struct Deck {
    pub deal_type: String,
    pub reasons: Vec<String>,
    pub competitors: Vec<String>,
    pub owners: Vec<String>,
    /// Id, type and region.
    pub clients: Vec<(String, &'static str, Option<&'static str>)>,
    pub sources: Vec<String>,
    pub cards: Vec<Card>,
    pub chance: Chance,
}

pub fn instant(seconds: i64) -> String {
    chrono::DateTime::from_timestamp(seconds, 0).unwrap().format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

pub fn money(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

impl Deck {
    /// Deals that were opened in the first half of 2025 and went their ways until its end at the latest.
    pub async fn deal(api: &Api, count: usize) -> Self {
        let stages: Vec<_> = STAGES.iter().zip(CHANCES)
            .map(|(key, chance)| json!({ "key": key, "name": format!("Stage {key}"), "norm_days": NORM_DAYS, "probability": chance as f64 / 10.0 }))
            .collect();
        let body = json!({ "name": "Deck", "mode": "manual", "stages": stages });
        let deal_type = api.post("/v1/deal-types", body).await.expect(201).id();
        let mut deck = Self {
            deal_type,
            reasons: Vec::new(),
            competitors: Vec::new(),
            owners: vec![api.user_id.to_string()],
            clients: Vec::new(),
            sources: Vec::new(),
            cards: Vec::new(),
            chance: Chance(7),
        };
        for name in ["Ann", "Bo", "Cy"] {
            let user =
                json!({ "name": name, "email": format!("{name}@example.com"), "role": "seller" });
            deck.owners.push(api.post("/v1/users", user).await.expect(201).id());
        }
        for (client_type, region) in
            [("new", Some("North")), ("current", Some("South")), ("new", None)]
        {
            let client = json!({ "name": "A client", "type": client_type, "region": region });
            deck.clients.push((
                api.post("/v1/clients", client).await.expect(201).id(),
                client_type,
                region,
            ));
        }
        for name in ["Fair", "Web"] {
            deck.sources
                .push(api.post("/v1/sources", json!({ "name": name })).await.expect(201).id());
        }
        for name in ["Price", "Time", "Chance"] {
            deck.reasons.push(api.loss_reason(name).await);
        }
        for name in ["Acme", "Other"] {
            let body = json!({ "name": name });
            deck.competitors.push(api.post("/v1/competitors", body).await.expect(201).id());
        }
        for _ in 0..count {
            let card = deck.open(api).await;
            deck.cards.push(card);
        }
        for index in 0..count {
            deck.play(api, index).await;
        }
        deck
    }

    async fn open(&mut self, api: &Api) -> Card {
        let chance = &mut self.chance;
        let mut pick =
            |count: usize| usize::try_from(chance.below(count as i64 + 1)).unwrap().checked_sub(1);
        let (client, source) = (pick(self.clients.len()), pick(self.sources.len()));
        let owner = usize::try_from(self.chance.below(self.owners.len() as i64)).unwrap();
        // Some are worth nothing. Tenths of euros have exact shares.
        let cents = 10 * (self.chance.below(200_000) - 20_000).max(0);
        let day = NEW_YEAR + self.chance_days(180);
        let opened = self.office_hours(day);
        let stage = if self.chance.below(8) == 0 { 2 } else { 0 };
        let body = json!({
            "title": "A deal", "deal_type_id": self.deal_type, "opened_at": instant(opened),
            "owner_id": self.owners[owner], "amount": { "amount": money(cents), "currency": "EUR" },
            "client_id": client.map(|index| &self.clients[index].0),
            "source_id": source.map(|index| &self.sources[index]), "stage_key": STAGES[stage],
        });
        let id = api.post("/v1/deals", body).await.expect(201).id();
        let stay = Stay { stage, from: opened, to: None, back: false };
        Card {
            id,
            owner,
            client,
            source,
            cents,
            fate: Fate::Open,
            loss: None,
            opened,
            closed: None,
            stays: vec![stay],
            holds: vec![],
        }
    }

    fn chance_days(&mut self, limit: i64) -> i64 {
        self.chance.below(limit) * DAY
    }

    /// Between 6 and 18 hours UTC, when it is the same day in Europe.
    fn office_hours(&mut self, at: i64) -> i64 {
        at - at.rem_euclid(DAY) + 21_600 + self.chance.below(43_200)
    }

    async fn play(&mut self, api: &Api, index: usize) {
        let mut at = self.cards[index].opened;
        for _ in 0..9 {
            let days = DAY + self.chance_days(25);
            at = self.office_hours(at + days);
            if at > NEW_YEAR + 360 * DAY || !self.step(api, index, Some(at)).await {
                return;
            }
        }
    }

    /// Something happens to a deal, at an instant or now. False where its story is over.
    pub async fn step(&mut self, api: &Api, index: usize, at: Option<i64>) -> bool {
        let (roll, other) =
            (self.chance.below(100), usize::try_from(self.chance.below(5)).unwrap());
        let card = self.cards[index].clone();
        let here = card.here().stage;
        // From what the card is, not by chance.
        let loss = (other % self.reasons.len(), (index % 3).checked_sub(1));
        let body = match card.fate {
            Fate::Open if card.is_held() && roll < 70 => json!({ "to": "resume" }),
            Fate::Open if !card.is_held() && roll < 12 => {
                json!({ "to": "hold", "reason": "Later" })
            }
            Fate::Open if card.is_held() || roll < 30 => {
                json!({ "to": "lost", "loss_reason_id": self.reasons[loss.0],
                    "competitor_id": loss.1.map(|index| &self.competitors[index]) })
            }
            Fate::Open if roll < 40 => json!({ "to": "won" }),
            Fate::Open if roll < 75 && here + 1 < STAGES.len() => json!({ "to": "next" }),
            Fate::Open if here != other => json!({ "to": "stage", "stage_key": STAGES[other] }),
            Fate::Open => json!({ "to": "won" }),
            _ if roll < 20 => json!({ "to": "open" }),
            _ if roll < 45 => json!({ "to": "open", "stage_key": STAGES[other] }),
            _ => return false,
        };
        let mut dated = body.clone();
        if let Some(at) = at {
            dated["occurred_at"] = json!(instant(at));
        }
        api.transition(&card.id, dated).await.expect(200);
        let at = at.unwrap_or_else(|| chrono::Utc::now().timestamp());
        let card = &mut self.cards[index];
        match (body["to"].as_str().unwrap(), body["stage_key"].as_str()) {
            ("resume", _) => card.holds.last_mut().unwrap().1 = Some(at),
            ("hold", _) => card.holds.push((at, None)),
            ("lost", _) => {
                card.close(Fate::Lost, at);
                card.loss = Some(loss);
            }
            ("won", _) => card.close(Fate::Won, at),
            ("next", _) => {
                card.leave(at);
                card.enter(here + 1, at);
            }
            (to, key) => {
                if to == "open" {
                    (card.fate, card.closed, card.loss) = (Fate::Open, None, None);
                } else {
                    card.leave(at);
                }
                let stage =
                    key.map_or(here, |key| STAGES.iter().position(|stage| *stage == key).unwrap());
                card.enter(stage, at);
            }
        }
        true
    }

    /// The closed funnel of some of the cards.
    pub fn closed(&self, keep: impl Fn(&Card) -> bool) -> Value {
        let cards: Vec<&Card> = self.cards.iter().filter(|card| keep(card)).collect();
        let count = |keep: &dyn Fn(&Card) -> bool| {
            let kept = cards.iter().filter(|card| keep(card));
            kept.fold((0_i64, 0_i64), |(count, cents), card| (count + 1, cents + card.cents))
        };
        let stages: Vec<_> = (0..STAGES.len()).map(|k| {
            let reached = count(&|card| card.depth() >= k || card.fate == Fate::Won);
            let passed = count(&|card| card.depth() > k || card.fate == Fate::Won);
            let lost = count(&|card| card.depth() == k && card.fate == Fate::Lost);
            let open = count(&|card| card.depth() == k && card.fate == Fate::Open);
            let stays: Vec<(&Card, &Stay)> = cards.iter()
                .flat_map(|card| card.stays.iter().map(move |stay| (*card, stay)))
                .filter(|(_, stay)| stay.stage == k).collect();
            let lengths = stays.iter().filter_map(|(card, stay)| Some(card.worked(stay, stay.to?))).collect();
            let touched: BTreeSet<_> = stays.iter().map(|(card, _)| &card.id).collect();
            json!({
                "stage_key": STAGES[k], "position": k + 1, "touched": touched.len(),
                "reached": reached.0, "reached_amount": money(reached.1),
                "passed": passed.0, "passed_amount": money(passed.1),
                "lost": lost.0, "lost_amount": money(lost.1), "open": open.0, "open_amount": money(open.1),
                "lost_from": count(&|card| card.here().stage == k && card.fate == Fate::Lost).0,
                "visits": stays.len(), "open_visits": stays.iter().filter(|(_, stay)| stay.to.is_none()).count(),
                "back_moves": stays.iter().filter(|(_, stay)| stay.back).count(),
                "conversion_to_next": ratio(passed.0, reached.0), "median_seconds": median(lengths),
            })
        }).collect();
        let [won, lost, open] =
            [Fate::Won, Fate::Lost, Fate::Open].map(|fate| count(&|card| card.fate == fate));
        let totals = json!({
            "deals": cards.len(), "won": won.0, "lost": lost.0, "open": open.0, "won_amount": money(won.1),
            "lost_amount": money(lost.1), "open_amount": money(open.1), "win_rate": ratio(won.0, won.0 + lost.0),
            "win_rate_by_amount": ratio(won.1, won.1 + lost.1),
        });
        json!({ "stages": stages, "totals": totals })
    }

    /// The open funnel of some of the cards at an instant of the past, owners and amounts being what they are.
    pub fn open_at(&self, at: i64, keep: impl Fn(&Card) -> bool) -> Value {
        let cards: Vec<&Card> = self.cards.iter().filter(|card| keep(card)).collect();
        let rows = STAGES.iter().enumerate().map(|(k, key)| {
            let here = |stay: &&Stay| {
                stay.stage == k && stay.from <= at && stay.to.is_none_or(|to| to > at)
            };
            let found: Vec<_> = cards
                .iter()
                .filter_map(|card| Some((*card, card.stays.iter().find(here)?)))
                .collect();
            let ages: Vec<i64> = found.iter().map(|(card, stay)| card.worked(stay, at)).collect();
            let held = |card: &Card| {
                card.holds.iter().any(|(from, to)| *from <= at && to.is_none_or(|to| to > at))
            };
            let cents: i64 = found.iter().map(|(card, _)| card.cents).sum();
            json!({
                "stage_key": key, "deals": found.len(), "amount": money(cents),
                "weighted_amount": money(cents * CHANCES[k] / 10),
                "overdue": found.iter()
                    .filter(|(card, stay)| card.worked_in_office(stay, at) > NORM_DAYS * 9 * 3_600).count(),
                "held": found.iter().filter(|(card, _)| held(card)).count(),
                "median_age_seconds": median(ages),
            })
        });
        rows.collect()
    }
}

fn median(mut values: Vec<i64>) -> Value {
    values.sort_unstable();
    match values.len() {
        0 => Value::Null,
        n => json!((values[(n - 1) / 2] + values[n / 2]) as f64 / 2.0),
    }
}

pub fn ratio(a: i64, b: i64) -> Value {
    if b == 0 { Value::Null } else { json!((a as f64 / b as f64 * 1e6).round() / 1e6) }
}
