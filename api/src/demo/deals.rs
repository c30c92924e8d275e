//! A year of deals: who opens them, the way they take and how they end.

use chrono::{Datelike, Days, NaiveDate, NaiveDateTime, Weekday};
use rust_decimal::Decimal;

use super::calendar::{Calendar, SLOTS_PER_DAY};
use super::clients::Client;
use super::generator::{LOST_PREFIX, User, WON};
use super::outline::{
    COMPETITORS, LOSS_REASONS, LOST_DAYS, OFFICES, PRICE_RATIO, PRODUCTS, SELLER_SHARES,
    SELLER_SKILLS, SELLERS, SELLERS_PER_OFFICE, SKILL_SCALE, SOURCES, STAGES, STALL_DAYS,
    STAY_PERCENT, WON_DAYS,
};
use super::random::{Quantiles, Rng};
use super::table::Table;

/// Deals opened in the year.
const DEALS: u32 = 5_000;
/// Deals in a thousand that fall asleep in a stage and get no outcome.
const DORMANT: u32 = 108;
/// Deals in a thousand that are parked in a stage for weeks.
const STALLED: u32 = 70;
/// Moves in a thousand that go back, where that is possible.
const BACK: u32 = 63;
/// Moves in a thousand that skip, where that is possible: of deals that end
/// quickly, and of others.
const SKIP: (u32, u32) = (150, 83);
/// Days below which a deal ends quickly.
const QUICK_DAYS: u32 = 25;
/// Moves in a thousand made by a colleague who covers for the owner.
const COVERED: u32 = 30;
/// Deals in a thousand whose client is of the seller's own region.
const OWN_REGION: u32 = 850;
/// Deals in a thousand without a client, among the open and among the lost
/// deals that have not come far enough to need one.
const CLIENTLESS: (u32, u32) = (660, 270);

/// The furthest stage of deals lost quickly, of others lost, and of dormant ones.
const QUICK_LOSS_STAGES: [u32; STAGES.len()] = [42, 30, 15, 8, 4, 1];
const SLOW_LOSS_STAGES: [u32; STAGES.len()] = [12, 20, 20, 20, 19, 9];
const DORMANT_STAGES: [u32; STAGES.len()] = [34, 34, 22, 6, 4, 0];

/// How readily an outcome falls into the first, second and third month of a
/// quarter: wins are pushed to its end, and the pipeline is cleaned up after it.
const WIN_MONTHS: [u32; 3] = [540, 740, 1000];
const LOSS_MONTHS: [u32; 3] = [900, 1000, 400];

/// What a deal comes to in the end, should the year be long enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Won,
    Lost,
    Dormant,
}

impl Fate {
    /// The weights of the sources.
    fn sources(self) -> [u32; SOURCES.len()] {
        match self {
            Self::Won => [23, 23, 12, 12, 20, 10],
            Self::Lost => [26, 13, 15, 23, 12, 11],
            Self::Dormant => [28, 8, 18, 26, 8, 12],
        }
    }

    /// The temperature of the lead.
    fn temperature(self, rng: &mut Rng) -> &'static str {
        let weights = match self {
            Self::Won => [17, 42, 41],
            Self::Lost => [42, 40, 18],
            Self::Dormant => [58, 33, 9],
        };
        ["cold", "warm", "hot"][rng.weighted(&weights)]
    }
}

/// What happens to a deal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Activity {
    /// It enters the stage at this position.
    Stage(usize),
    Won,
    /// It is lost for the reason at this position.
    Lost(usize),
}

impl Activity {
    fn label(self) -> String {
        match self {
            Self::Stage(position) => STAGES[position].name.to_owned(),
            Self::Won => WON.to_owned(),
            Self::Lost(reason) => format!("{LOST_PREFIX}{}", LOSS_REASONS[reason].name),
        }
    }
}

/// A deal's way: what happens to it in which slot, in order.
#[derive(Debug)]
struct Course {
    steps: Vec<(u32, Activity)>,
    /// The slot that it is meant to end in.
    aim: u32,
}

/// A line of the event log.
#[derive(Debug)]
struct Event {
    happened: NaiveDateTime,
    deal_no: String,
    activity: Activity,
    seller: usize,
    note: &'static str,
    competitor: &'static str,
}

/// The sellers' abilities, in the order of the users.
#[derive(Debug)]
struct Team {
    shares: [u32; SELLERS],
    skills: [usize; SELLERS],
    decks: Vec<Vec<bool>>,
    rng: Rng,
}

impl Team {
    fn new(mut rng: Rng) -> Self {
        let (mut shares, mut skills) = (SELLER_SHARES, SELLER_SKILLS);
        rng.shuffle(&mut shares);
        rng.shuffle(&mut skills);
        Self { shares, skills, decks: vec![Vec::new(); SELLERS], rng }
    }

    /// Whether a seller wins the next deal that is to end. Outcomes are dealt
    /// from a shuffled deck for each seller, so that a year is long enough for
    /// everybody's skill to show.
    fn wins(&mut self, seller: usize) -> bool {
        let deck = &mut self.decks[seller];
        if deck.is_empty() {
            deck.extend((0..SKILL_SCALE).map(|card| card < self.skills[seller]));
            self.rng.shuffle(deck);
        }
        deck.pop().unwrap_or_default()
    }
}

/// The slots that the deals open in, in order.
fn openings(rng: &mut Rng, calendar: &Calendar) -> Vec<u32> {
    let mut slots: Vec<u32> =
        (0..DEALS).map(|_| calendar.opening_slot(rng.below(calendar.opening_weight()))).collect();
    slots.sort_unstable();
    slots
}

/// The stages entered after the first on the way to `target`.
fn path(rng: &mut Rng, target: usize, skip: u32, fate: Fate) -> Vec<usize> {
    let (mut path, mut at, mut backs) = (Vec::new(), 0, 0);
    while at < target {
        if at > 0 && backs < 2 && rng.chance(BACK) {
            at -= if at > 1 && rng.chance(200) { 2 } else { 1 };
            backs += 1;
        } else if at + 2 <= target && rng.chance(skip) {
            at += if at + 3 <= target && rng.chance(150) { 3 } else { 2 };
        } else {
            at += 1;
        }
        path.push(at);
    }
    if target > 0 && rng.chance(BACK) {
        path.push(target - 1);
        if fate == Fate::Won {
            path.push(target);
        }
    }
    path
}

/// The way of a deal that opens in a slot.
fn course(rng: &mut Rng, calendar: &Calendar, opened: u32, fate: Fate) -> Course {
    let (table, months): (&Quantiles, [u32; 3]) = match fate {
        Fate::Won => (&WON_DAYS, WIN_MONTHS),
        Fate::Lost => (&LOST_DAYS, LOSS_MONTHS),
        Fate::Dormant => (&LOST_DAYS, [1000; 3]),
    };
    let stall_days = if rng.chance(STALLED) { rng.quantile(&STALL_DAYS) } else { 0 };
    let (mut days, mut aim) = (0, opened);
    for _ in 0..8 {
        days = rng.quantile(table).max(1);
        let jitter = rng.below(SLOTS_PER_DAY / 2);
        aim = opened + (days + stall_days) * SLOTS_PER_DAY + jitter;
        let month = calendar.date(aim).month0() as usize % 3;
        if rng.chance(months[month]) {
            break;
        }
    }

    let quick = days < QUICK_DAYS;
    let target = match fate {
        Fate::Won => STAGES.len() - 1,
        Fate::Lost if quick => rng.weighted(&QUICK_LOSS_STAGES),
        Fate::Lost => rng.weighted(&SLOW_LOSS_STAGES),
        Fate::Dormant => rng.weighted(&DORMANT_STAGES),
    };
    let path = path(rng, target, if quick { SKIP.0 } else { SKIP.1 }, fate);
    let last = path.last().copied().unwrap_or_default();
    let mut activities: Vec<Activity> = path.iter().map(|&at| Activity::Stage(at)).collect();
    match fate {
        Fate::Won => activities.push(Activity::Won),
        Fate::Lost => {
            let weights = LOSS_REASONS.each_ref().map(|reason| reason.weights[last]);
            activities.push(Activity::Lost(rng.weighted(&weights)));
        }
        Fate::Dormant => {}
    }

    // The time until the aim is shared out among the stays in the stages, the
    // one in the last stage included, whether it ends or not.
    let stays: Vec<u32> = std::iter::once(&0)
        .chain(&path)
        .map(|&at| STAGES[at].norm_days * rng.quantile(&STAY_PERCENT).max(1))
        .collect();
    let whole = u64::from(stays.iter().sum::<u32>()).max(1);
    let stalled = rng.below(stays.len() as u32) as usize;
    let stall = stall_days * SLOTS_PER_DAY;
    let busy = u64::from(aim - opened - stall);
    let (mut slot, mut stayed) = (opened, 0);
    let mut steps = Vec::with_capacity(activities.len());
    for (position, (activity, stay)) in activities.into_iter().zip(stays).enumerate() {
        stayed += u64::from(stay);
        let parked = if position >= stalled { stall } else { 0 };
        let due = opened + parked + (busy * stayed / whole) as u32;
        slot = due.max(slot + 4 + rng.below(5));
        steps.push((slot, activity));
    }
    steps.retain(|&(slot, _)| slot < calendar.end());
    Course { steps, aim }
}

/// Whether a deal that took these steps can do without a client: it has not left
/// any stage whose gate asks for one. A move on leaves all stages in between.
fn needs_no_client(steps: &[(u32, Activity)]) -> bool {
    let mut at = 0;
    for &(_, activity) in steps {
        let to = match activity {
            Activity::Stage(to) => to,
            Activity::Won | Activity::Lost(_) => at,
        };
        let left = at..to.max(at + 1);
        if STAGES[left].iter().any(|s| s.gate.contains(&"client_id")) {
            return false;
        }
        at = to;
    }
    true
}

/// The client of a deal.
fn client<'a>(
    rng: &mut Rng,
    clients: &'a [Client],
    office: usize,
    fate: Fate,
) -> Option<&'a Client> {
    let own_region = rng.chance(OWN_REGION);
    let weights: Vec<u32> = clients
        .iter()
        .map(|client| match (client.is_current, fate) {
            _ if own_region && client.office != office => 0,
            (true, Fate::Won) => client.weight * 13,
            _ => client.weight * 10,
        })
        .collect();
    clients.get(rng.weighted(&weights))
}

/// An amount around the list price, such as 1999.95.
fn amount(rng: &mut Rng, price_euros: u64) -> Decimal {
    let cents = price_euros * u64::from(rng.quantile(&PRICE_RATIO)) / 10;
    let cents = match cents {
        0..100_000 => cents / 5 * 5,
        _ => cents / 100 * 100 - 5,
    };
    Decimal::new(cents.max(5) as i64, 2)
}

/// The day a seller expects a deal to close on: about the day of the aim, and
/// rather too soon than too late.
fn expected_close(rng: &mut Rng, calendar: &Calendar, opened: u32, course: &Course) -> NaiveDate {
    let error = rng.between(0, 35);
    let guess = calendar
        .date(course.aim)
        .checked_add_days(Days::new(u64::from(error)))
        .and_then(|day| day.checked_sub_days(Days::new(21)));
    let earliest = calendar.date(opened).checked_add_days(Days::new(3));
    let day = guess.max(earliest).unwrap_or_default();
    let to_monday = match day.weekday() {
        Weekday::Sat => 2,
        Weekday::Sun => 1,
        _ => 0,
    };
    day.checked_add_days(Days::new(to_monday)).unwrap_or(day)
}

/// What a deal is called.
fn title(rng: &mut Rng, product: &str, client: Option<&Client>, source: &str) -> String {
    match client {
        None => format!("{product}: enquiry ({})", source.to_lowercase()),
        Some(client) if client.is_current && rng.chance(250) => {
            format!("{product} replacement for {}", client.name)
        }
        Some(client) if !client.is_person && rng.chance(120) => {
            format!("{product} with installation for {}", client.name)
        }
        Some(client) => format!("{product} for {}", client.name),
    }
}

/// What is noted with a step from the stage `from`, and the competitor named.
fn remark(rng: &mut Rng, from: usize, activity: Activity) -> (&'static str, &'static str) {
    const SKIPPED: [&str; 3] = [
        "Repeat order of a known configuration",
        "The client came with a finished specification",
        "Covered by the framework agreement",
    ];
    const WENT_BACK: [&str; 3] = [
        "The requirements have changed",
        "The client asked for another variant",
        "A new decision maker has to be convinced",
    ];
    const SIGNED: [&str; 2] = ["Signed electronically", "Order confirmation received"];
    let (notes, per_mille): (&[&'static str; 3], u32) = match activity {
        Activity::Stage(to) if to < from => (&WENT_BACK, 600),
        Activity::Stage(to) if to > from + 1 => (&SKIPPED, 400),
        Activity::Stage(_) => return ("", ""),
        Activity::Won if rng.chance(120) => return (rng.pick(&SIGNED), ""),
        Activity::Won => return ("", ""),
        Activity::Lost(reason) => (&LOSS_REASONS[reason].notes, 600),
    };
    let note = if rng.chance(per_mille) { rng.pick(notes) } else { "" };
    match activity {
        Activity::Lost(reason) if rng.chance(LOSS_REASONS[reason].competitor) => {
            (note, COMPETITORS[rng.weighted(&[40, 28, 20, 12])])
        }
        _ => (note, ""),
    }
}

/// The deals and the stage events of the year, as CSV files.
pub(super) fn files(
    seed: u64,
    calendar: &Calendar,
    users: &[User],
    clients: &[Client],
) -> (String, String) {
    let sellers: Vec<&str> =
        users.iter().filter(|user| user.role == "seller").map(|user| user.email.as_str()).collect();
    let email = |seller: usize| sellers.get(seller).copied().unwrap_or_default();
    let mut team = Team::new(Rng::stream(seed, 3));
    let mut events = Vec::new();
    let mut deals = Table::new(&[
        "deal_no",
        "title",
        "client",
        "owner",
        "source",
        "temperature",
        "amount",
        "opened",
        "expected_close",
        "product",
    ]);

    let openings = openings(&mut Rng::stream(seed, 4), calendar);
    for (number, opened) in (1..).zip(openings) {
        let rng = &mut Rng::stream(seed, 1_000 + number);
        let deal_no = format!("D-{number:05}");
        let owner = rng.weighted(&team.shares);
        let office = owner / SELLERS_PER_OFFICE % OFFICES.len();
        let fate = if rng.chance(DORMANT) {
            Fate::Dormant
        } else if team.wins(owner) {
            Fate::Won
        } else {
            Fate::Lost
        };
        let course = course(rng, calendar, opened, fate);
        let clientless = match course.steps.last() {
            _ if !needs_no_client(&course.steps) => 0,
            Some((_, Activity::Lost(_))) => CLIENTLESS.1,
            _ => CLIENTLESS.0,
        };
        let client = if rng.chance(clientless) { None } else { client(rng, clients, office, fate) };
        let weights = PRODUCTS.each_ref().map(|product| match client {
            Some(client) if client.is_person => product.person_weight,
            _ => product.organisation_weight,
        });
        let product = &PRODUCTS[rng.weighted(&weights)];
        let source = SOURCES[rng.weighted(&fate.sources())];
        deals.row(&[
            &deal_no,
            &title(rng, product.name, client, source),
            client.map_or("", |client| &client.name),
            email(owner),
            source,
            fate.temperature(rng),
            &amount(rng, product.price_euros).to_string(),
            &calendar.time(opened, 0).format("%Y-%m-%d %H:%M").to_string(),
            &expected_close(rng, calendar, opened, &course).to_string(),
            product.name,
        ]);

        let mut at = 0;
        for (slot, activity) in course.steps {
            let (note, competitor) = remark(rng, at, activity);
            if let Activity::Stage(to) = activity {
                at = to;
            }
            let seller = if rng.chance(COVERED) {
                office * SELLERS_PER_OFFICE + rng.below(SELLERS_PER_OFFICE as u32) as usize
            } else {
                owner
            };
            events.push(Event {
                happened: calendar.time(slot, rng.below(60)),
                deal_no: deal_no.clone(),
                activity,
                seller,
                note,
                competitor,
            });
        }
    }

    // The sort is stable and a deal's own events differ in time.
    events.sort_by_key(|event| event.happened);
    let mut log = Table::new(&["deal_no", "activity", "happened", "user", "note", "competitor"]);
    for event in &events {
        log.row(&[
            &event.deal_no,
            &event.activity.label(),
            &event.happened.format("%Y-%m-%d %H:%M:%S").to_string(),
            email(event.seller),
            event.note,
            event.competitor,
        ]);
    }
    (deals.finish(), log.finish())
}
