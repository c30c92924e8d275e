//! Random processes, and random histories of commands given to a deal of one of them.

use crate::kernel::external_id::ExternalId;
use std::{collections::HashMap, sync::LazyLock};

use chrono::{DateTime, Days, NaiveDate, SubsecRound, TimeDelta, Utc};
use proptest::{collection::vec, option, prelude::*, sample::select};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::{
    clients::{ClientFacts, Initiator, LeadTemperature},
    deals::{
        change_set::ChangeSet,
        deal::{DealPatch, NewDeal},
        transition::{Facts, Target, Transition, open, transition, update},
    },
    kernel::{
        fault::Refusal,
        money::{Currency, Money},
    },
    people::assignment::Staff,
    process::{
        Mode, Process, Rules, StageDraft,
        condition::Schema,
        gate::{DealField, Draft},
        publish,
    },
    work::facts::Work,
    workspace::{
        calendar::{Calendar, Week},
        custom_field::{Custom, Entity},
        exchange::Rates,
        settings::{DealVisibility, Settings},
    },
};

pub const DEAL: Uuid = Uuid::from_u128(0xdea1);
/// How far ahead of the clock a caller may be.
pub const TOLERANCE: TimeDelta = TimeDelta::seconds(2);

pub const FIELDS: [DealField; 6] = [
    DealField::ClientId,
    DealField::Amount,
    DealField::Source,
    DealField::LeadTemperature,
    DealField::ExpectedCloseOn,
    DealField::ExternalId,
];

pub static NO_RATES: LazyLock<Rates> = LazyLock::new(Rates::default);
pub static NO_CLIENTS: LazyLock<HashMap<Uuid, ClientFacts>> = LazyLock::new(HashMap::new);
pub static NO_WORK: LazyLock<Work> = LazyLock::new(Work::default);
pub static NO_STAFF: LazyLock<Staff> = LazyLock::new(Staff::default);
pub static ALWAYS: LazyLock<Calendar> =
    LazyLock::new(|| Calendar::new(chrono_tz::UTC, &Week::default(), &[]));
pub const NO_FIELDS: Schema<'_> = Schema { over: Entity::Deal, custom: &[] };

/// A deal type in its workspace.
#[derive(Debug, Clone)]
pub struct World {
    pub process: Process,
    pub rules: Rules,
    pub settings: Settings,
}

impl World {
    pub fn facts(&self, now: DateTime<Utc>, may_override: bool) -> Facts<'_> {
        let (process, rules, settings) = (&self.process, self.rules, self.settings);
        Facts {
            process,
            rules,
            settings,
            now,
            may_override,
            rates: &NO_RATES,
            clients: &NO_CLIENTS,
            work: &NO_WORK,
            staff: &NO_STAFF,
            head_id: None,
            parts: &[],
            reviewed: true,
            calendar: &ALWAYS,
        }
    }
}

/// The key of the stage at a position; beyond the process it names no stage.
pub fn key(position: usize) -> String {
    format!("s{position}")
}

pub fn process(gates: Vec<Vec<Draft>>) -> Process {
    let drafts = gates.into_iter().enumerate().map(|(index, gate)| StageDraft {
        key: Some(key(index + 1)),
        name: format!("Stage {}", index + 1),
        gate,
        ..StageDraft::default()
    });
    let mut id = 100;
    let ids = || {
        id += 1;
        Uuid::from_u128(id)
    };
    let drafts: Vec<_> = drafts.collect();
    let mode = if drafts.is_empty() { Mode::Untracked } else { Mode::Manual };
    let published = publish(mode, drafts, vec![], &NO_FIELDS, ids).unwrap();
    Process::of(Uuid::from_u128(1), Uuid::from_u128(2), 1, published)
}

fn gate() -> impl Strategy<Value = Vec<Draft>> {
    let required = select(&FIELDS[..]).prop_map(|field| Draft::Field { field });
    prop_oneof![3 => Just(vec![]), 2 => vec(required, 1..3)]
}

pub fn world() -> impl Strategy<Value = World> {
    let mode = prop_oneof![5 => Just(Mode::Manual), 1 => Just(Mode::Untracked)];
    let zone = select(vec![
        chrono_tz::UTC,
        chrono_tz::Europe::Amsterdam,
        chrono_tz::America::Los_Angeles,
        chrono_tz::Asia::Kathmandu,
        chrono_tz::Pacific::Apia,
    ]);
    let switches = (any::<bool>(), any::<bool>(), prop::bool::weighted(0.97));
    (mode, vec(gate(), 1..=8), switches, zone).prop_map(|(mode, gates, switches, time_zone)| {
        let (allow_skip, allow_back, enabled) = switches;
        let gates = if mode == Mode::Untracked { vec![] } else { gates };
        let currency = Currency::parse("EUR").unwrap();
        let deal_visibility = DealVisibility::ByRole;
        World {
            process: process(gates),
            rules: Rules { mode, allow_skip, allow_back, require_primary_demand: false, enabled },
            settings: Settings {
                currency,
                time_zone,
                deal_visibility,
                country: None,
                require_primary_demand: false,
            },
        }
    })
}

/// How long nothing happens before a step.
#[derive(Debug, Clone)]
enum Wait {
    Millis(i64),
    /// Until half a second before the next day of the workspace.
    Midnight,
}

/// When somebody says that it happened.
#[derive(Debug, Clone)]
enum When {
    Unsaid,
    /// So much of the time from the last event to now: 0 is the last event, 256 is now.
    Between(i32),
    BeforeLast(i64),
    Ahead(i64),
    Before1970,
}

fn when() -> impl Strategy<Value = When> {
    prop_oneof![
        8 => Just(When::Unsaid),
        4 => (0..=256).prop_map(When::Between),
        1 => (1..100_000_i64).prop_map(When::BeforeLast),
        2 => (1..=2_000_i64).prop_map(When::Ahead),
        1 => (2_001..5_000_i64).prop_map(When::Ahead),
        1 => Just(When::Before1970),
    ]
}

impl When {
    fn resolve(&self, last: DateTime<Utc>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        Some(match self {
            Self::Unsaid => return None,
            // To the microsecond, as instants are kept.
            Self::Between(share) => (last + (now - last) * *share / 256).trunc_subsecs(6),
            Self::BeforeLast(millis) => last - TimeDelta::milliseconds(*millis),
            Self::Ahead(millis) => now + TimeDelta::milliseconds(*millis),
            Self::Before1970 => DateTime::from_timestamp(-1, 0).unwrap(),
        })
    }
}

/// A command as it is given.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    Go(Transition),
    Patch(DealPatch, Option<DateTime<Utc>>),
}

impl Action {
    pub fn occurred_at(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Go(command) => command.occurred_at,
            Self::Patch(_, occurred_at) => *occurred_at,
        }
    }

    pub fn perform(self, change_set: &mut ChangeSet, facts: &Facts<'_>) -> Result<(), Refusal> {
        match self {
            Self::Go(command) => transition(change_set, command, facts),
            Self::Patch(patch, occurred_at) => update(change_set, patch, occurred_at, facts),
        }
    }
}

#[derive(Debug, Clone)]
struct Step {
    wait: Wait,
    when: When,
    action: Action,
    may_override: bool,
}

fn text(longest: usize) -> impl Strategy<Value = String> {
    prop_oneof![
        20 => select(vec!["a", " b ", "Договор", "c d"]).prop_map(str::to_owned),
        1 => select(vec!["", "  "]).prop_map(str::to_owned),
        1 => Just("x".repeat(longest + 1)),
        1 => Just("я".repeat(longest)),
    ]
}

fn id() -> impl Strategy<Value = Uuid> {
    (10..14_u128).prop_map(Uuid::from_u128)
}

fn day() -> impl Strategy<Value = NaiveDate> {
    (0..6_u64).prop_map(|days| NaiveDate::from_ymd_opt(2026, 3, 27).unwrap() + Days::new(days))
}

fn money() -> impl Strategy<Value = Money> {
    let currency = prop_oneof![20 => Just("EUR"), 1 => Just("JPY")];
    (0..4_i64, currency).prop_map(|(amount, currency)| Money {
        amount: Decimal::new(amount * 12_345, 2),
        currency: Currency::parse(currency).unwrap(),
    })
}

fn external_id() -> impl Strategy<Value = ExternalId> {
    (text(200), text(200)).prop_map(|(source, id)| ExternalId { source, id })
}

fn temperature() -> impl Strategy<Value = LeadTemperature> {
    select(vec![LeadTemperature::Cold, LeadTemperature::Warm, LeadTemperature::Hot])
}

fn patch() -> impl Strategy<Value = DealPatch> {
    fn kept<T: Strategy>(value: T) -> impl Strategy<Value = Option<T::Value>>
    where
        T::Value: Clone,
    {
        option::weighted(0.3, value)
    }
    let fields = (
        kept(text(200)),
        kept(option::of(id())),
        kept(id()),
        kept(money()),
        kept(option::of(id())),
        kept(option::of(temperature())),
        kept(option::of(day())),
        option::weighted(0.1, option::of(external_id())),
        kept(option::of(select(vec![Initiator::Us, Initiator::Client]))),
    );
    fields.prop_map(
        |(
            title,
            client_id,
            owner_id,
            amount,
            source_id,
            temperature,
            day,
            external_id,
            initiator,
        )| {
            DealPatch {
                title,
                client_id,
                owner_id,
                amount,
                source_id,
                lead_temperature: temperature,
                expected_close_on: day,
                external_id,
                initiated_by: initiator,
                custom: None,
            }
        },
    )
}

fn target() -> impl Strategy<Value = Target> {
    let stage = || (1..=9_usize).prop_map(key);
    let note = option::weighted(0.3, text(4_000));
    let hold = (text(4_000), option::of(day()));
    prop_oneof![
        6 => Just(Target::Next),
        6 => stage().prop_map(|stage_key| Target::Stage { stage_key }),
        2 => Just(Target::Won),
        2 => (option::weighted(0.9, id()), note, option::of(id())).prop_map(
            |(loss_reason_id, note, competitor_id)| Target::Lost {
                loss_reason_id,
                note,
                competitor_id,
            }
        ),
        4 => option::of(stage()).prop_map(|stage_key| Target::Open { stage_key }),
        4 => hold.prop_map(|(reason, resume_on)| Target::Hold { reason, resume_on }),
        4 => Just(Target::Resume),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let wait = prop_oneof![
        2 => Just(Wait::Millis(0)),
        6 => (0..40_000_000_i64).prop_map(Wait::Millis),
        2 => (0..400_000_000_i64).prop_map(Wait::Millis),
        1 => Just(Wait::Midnight),
    ];
    let reason = option::weighted(0.3, text(4_000));
    let go = (target(), reason).prop_map(|(to, override_reason)| {
        Action::Go(Transition { to, occurred_at: None, override_reason })
    });
    let action = prop_oneof![3 => go, 1 => patch().prop_map(|patch| Action::Patch(patch, None))];
    (wait, when(), action, any::<bool>()).prop_map(|(wait, when, action, may_override)| Step {
        wait,
        when,
        action,
        may_override,
    })
}

/// The opening of a deal, when it is said to have happened, and what somebody does afterwards.
#[derive(Debug, Clone)]
pub struct Script {
    new: NewDeal,
    when: When,
    steps: Vec<Step>,
}

pub fn script(longest: usize) -> impl Strategy<Value = Script> {
    let stage = option::weighted(0.4, (1..=9_usize).prop_map(key));
    let fields = (patch(), id(), stage, prop::bool::weighted(0.2));
    let new = fields.prop_map(|(patch, owner_id, stage_key, any_title)| NewDeal {
        id: DEAL,
        title: patch.title.filter(|_| any_title).unwrap_or("Deal".into()),
        client_id: patch.client_id.flatten(),
        owner_id,
        amount: patch.amount,
        source_id: patch.source_id.flatten(),
        lead_temperature: patch.lead_temperature.flatten(),
        expected_close_on: patch.expected_close_on.flatten(),
        external_id: patch.external_id.flatten(),
        initiated_by: patch.initiated_by.flatten(),
        from_activity_id: None,
        custom: Custom::default(),
        opened_at: None,
        stage_key,
        demand_id: None,
    });
    (new, when(), vec(step(), 0..=longest)).prop_map(|(new, when, steps)| Script {
        new,
        when,
        steps,
    })
}

/// A deal type and one deal of it.
pub fn case() -> impl Strategy<Value = (World, Script)> {
    (world(), script(40))
}

/// One command and what came of it.
pub struct Turn<'a> {
    pub before: &'a ChangeSet,
    pub action: &'a Action,
    pub facts: Facts<'a>,
    pub outcome: Result<(), Refusal>,
    pub after: &'a ChangeSet,
}

impl Script {
    /// The clock when the deal is opened: the evening before a change of clocks.
    fn start() -> DateTime<Utc> {
        DateTime::from_timestamp(1_774_728_000, 250_000_000).unwrap()
    }

    pub fn opening(&self) -> (NewDeal, DateTime<Utc>) {
        let now = Self::start();
        let opened_at = self.when.resolve(now - TimeDelta::hours(30), now);
        (NewDeal { opened_at, ..self.new.clone() }, now)
    }

    pub fn open(&self, world: &World) -> Result<ChangeSet, Refusal> {
        let (new, now) = self.opening();
        open(new, &world.facts(now, true))
    }

    /// Gives every command to the deal. None if the deal could not even be opened.
    pub fn play(&self, world: &World, mut see: impl FnMut(Turn<'_>)) -> Option<ChangeSet> {
        let mut change_set = self.open(world).ok()?;
        let mut now = Self::start();
        for step in &self.steps {
            now = match step.wait {
                Wait::Millis(millis) => now + TimeDelta::milliseconds(millis),
                Wait::Midnight => {
                    let tomorrow = world.settings.day(now) + Days::new(1);
                    let midnight = world.settings.day_start(tomorrow);
                    now.max(midnight - TimeDelta::milliseconds(500))
                }
            };
            let facts = world.facts(now, step.may_override);
            let said = step.when.resolve(change_set.deal.last_occurred_at, now);
            let action = match step.action.clone() {
                Action::Go(mut command) => {
                    command.occurred_at = said;
                    if let Target::Hold { resume_on: Some(day), .. } = &mut command.to {
                        let today = world.settings.day(said.unwrap_or(now));
                        *day = today + (*day - world.settings.day(Self::start()));
                    }
                    Action::Go(command)
                }
                Action::Patch(patch, _) => Action::Patch(patch, said),
            };
            let before = change_set.clone();
            let outcome = action.clone().perform(&mut change_set, &facts);
            see(Turn { before: &before, action: &action, facts, outcome, after: &change_set });
        }
        Some(change_set)
    }
}
