//! Processes that lead deals, over random processes, rules, events and orders.

mod shop;

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use proptest::{collection::vec, option, prelude::*, sample::select};
use rust_decimal::Decimal;
use serde_json::json;
use uuid::Uuid;

use super::world::{ALWAYS, DEAL, NO_CLIENTS, NO_FIELDS, NO_RATES, TOLERANCE};
use crate::{
    deals::{
        automation::{Happened, Happening, tick},
        change_set::ChangeSet,
        deal::{Deal, DealPatch, NewDeal, Status},
        effect::{Effect, TaskPlan},
        event::Change,
        migration::{Ways, migrate},
        transition::{Facts, Target, Transition, open, react, transition, update},
    },
    kernel::{
        money::{Currency, Money},
        trigger::Trigger,
    },
    people::{
        access::{Actor, Cause, Role},
        assignment::{Assignment, Member, Performer, Staff},
    },
    process::{
        Mode, Process, Rules, StageDraft,
        alignment::{Alignment, Mapping},
        gate::{DealField, Draft, Requirement},
        publish,
        rule::{Action, Rule, RuleDraft, SetField},
        task_template::TaskTemplate,
    },
    work::{
        activity::{ActivityKind, Outcome},
        document::{DocumentKind, DocumentState},
        facts::{ActivityFact, DocumentFact, PaymentFact, TaskFact, Work},
        task::{Priority, TaskStatus},
    },
    workspace::{
        custom_field::Custom,
        settings::{DealVisibility, Settings},
    },
};

use shop::Shop;

const KEYS: [&str; 3] = ["t1", "t2", "t3"];

fn requirement() -> impl Strategy<Value = Draft> {
    prop_oneof![
        2 => select(vec![DealField::ClientId, DealField::Amount]).prop_map(|field| Draft::Field { field }),
        1 => Just(Draft::Condition {
            condition: json!({ "field": "deal.lead_temperature", "op": "eq", "value": "hot" }),
            says: None
        }),
        3 => select(&KEYS[..]).prop_map(|key| Draft::Task { task: key.to_owned() }),
        2 => select(vec![
            (DocumentKind::Quote, DocumentState::Sent),
            (DocumentKind::Contract, DocumentState::Signed),
        ])
        .prop_map(|(document, state)| Draft::Document { document, state }),
        1 => option::of(Just(Outcome::Reached))
            .prop_map(|outcome| Draft::Activity {
                activity: ActivityKind::Call,
                outcome,
                call_status: None,
                talk_seconds: None,
            }),
        1 => select(vec![Decimal::ONE, Decimal::new(5, 1)]).prop_map(|share| Draft::Payment { share }),
    ]
}

fn template(key: &'static str) -> impl Strategy<Value = TaskTemplate> {
    let assign = select(vec![Assignment::Keep, Assignment::RoundRobin, Assignment::LeastLoaded]);
    assign.prop_map(move |assign| TaskTemplate {
        key: key.to_owned(),
        title: "{stage.name}: {deal.title}".to_owned(),
        description: None,
        performer: Performer { role: None, position: None, assign },
        due_days: Some(Decimal::ONE),
        priority: Priority::Normal,
        result: Vec::new(),
    })
}

fn stage(position: usize) -> impl Strategy<Value = StageDraft> {
    let tasks = (template(KEYS[0]), template(KEYS[1]), template(KEYS[2]), 0..=3_usize);
    (vec(requirement(), 0..4), tasks, any::<bool>()).prop_map(
        move |(mut gate, (one, two, three, count), handed)| {
        gate.retain(|one| !matches!(one, Draft::Task { task } if !KEYS[..count].contains(&task.as_str())));
        if gate.is_empty() && count == 0 { gate.push(Draft::Field { field: DealField::ClientId }); }
        StageDraft {
            key: Some(format!("s{position}")),
            name: format!("Stage {position}"),
            norm_days: Some(Decimal::TWO),
            gate,
            tasks: vec![one, two, three].into_iter().take(count).collect(),
            performer: handed
                .then(|| Performer { assign: Assignment::RoundRobin, ..Performer::default() }),
            ..StageDraft::default()
        }},
    )
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        2 => Just(Action::Advance {}),
        2 => (1..=5_usize).prop_map(|at| Action::Move { stage_key: format!("s{at}") }),
        1 => Just(Action::Win {}),
        1 => Just(Action::Lose { loss_reason_id: Uuid::from_u128(7), note: None }),
        1 => template(KEYS[0]).prop_map(|task| Action::CreateTask { task }),
        1 => Just(Action::Assign {
            performer: Performer { assign: Assignment::LeastLoaded, ..Performer::default() }
        }),
        2 => select(vec![json!("hot"), json!("cold"), json!(null)])
            .prop_map(|value| Action::Set { field: SetField::LeadTemperature, value }),
    ]
}

fn rule(number: usize) -> impl Strategy<Value = RuleDraft> {
    let on = select(vec![
        Trigger::DealOpened,
        Trigger::DealUpdated,
        Trigger::DealLost,
        Trigger::StageEntered,
        Trigger::TaskDone,
        Trigger::ActivityRecorded,
        Trigger::DocumentChanged,
        Trigger::PaymentReceived,
        Trigger::StageOverdue,
        Trigger::DealStuck,
    ]);
    let stage = option::of((1..=5_usize).prop_map(|at| format!("s{at}")));
    let hot = json!({ "field": "deal.lead_temperature", "op": "eq", "value": "hot" });
    (on, stage, option::weighted(0.4, Just(hot)), vec(action(), 1..3)).prop_map(
        move |(on, stage, r#if, then)| Rule {
            id: Uuid::nil(),
            key: format!("r{number}"),
            on,
            stage,
            task: None,
            document: None,
            state: None,
            activity: None,
            call_status: None,
            talk_seconds: None,
            outcome: None,
            after_days: (on == Trigger::DealStuck).then_some(Decimal::ONE),
            r#if,
            then,
        },
    )
}

fn process(version: u128) -> impl Strategy<Value = Process> {
    let stages = (stage(1), stage(2), stage(3), stage(4), stage(5), 1..=5_usize);
    let rules = (rule(1), rule(2), rule(3), 0..=3_usize);
    (stages, rules).prop_filter_map("no sound process", move |(stages, rules)| {
        let stages = [stages.0, stages.1, stages.2, stages.3, stages.4].into_iter().take(stages.5);
        let rules = [rules.0, rules.1, rules.2].into_iter().take(rules.3);
        let mut id = 1_000 * version;
        let ids = || {
            id += 1;
            Uuid::from_u128(id)
        };
        let (stages, rules) = (stages.collect(), rules.collect());
        let published = publish(Mode::Automatic, stages, rules, &NO_FIELDS, ids).ok()?;
        let (version_id, deal_type_id) = (Uuid::from_u128(version), Uuid::from_u128(2));
        let number = i32::try_from(version).unwrap();
        Some(Process::of(version_id, deal_type_id, number, published))
    })
}

#[derive(Debug, Clone)]
enum Act {
    Fill(Option<u128>, i64),
    Warm(bool),
    Finish(usize),
    Document(DocumentKind, usize),
    Call(bool),
    Pay(i64),
    Demand,
    Lead(usize, bool),
    Hold,
    Resume,
    Lose,
    Reopen,
    Wait(i64),
    Migrate,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => (option::weighted(0.8, Just(5_u128)), 0..3_i64).prop_map(|(client, amount)| Act::Fill(client, amount)),
        2 => any::<bool>().prop_map(Act::Warm),
        12 => (0..6_usize).prop_map(Act::Finish),
        5 => (select(vec![DocumentKind::Quote, DocumentKind::Contract]), 0..3_usize)
            .prop_map(|(kind, state)| Act::Document(kind, state)),
        3 => any::<bool>().prop_map(Act::Call),
        2 => (-1..3_i64).prop_map(Act::Pay),
        1 => Just(Act::Demand),
        2 => (1..=5_usize, any::<bool>()).prop_map(|(to, may)| Act::Lead(to, may)),
        1 => Just(Act::Hold),
        3 => Just(Act::Resume),
        1 => Just(Act::Lose),
        3 => Just(Act::Reopen),
        2 => (0..9_i64).prop_map(Act::Wait),
        1 => Just(Act::Migrate),
    ]
}

/// Says a second time whether a requirement is met.
fn met(requirement: &Requirement, deal: &Deal, work: &Work) -> bool {
    let visit = deal.visit.number;
    match requirement {
        Requirement::Field { field: DealField::ClientId } => deal.client_id.is_some(),
        Requirement::Field { .. } => deal.amount.amount > Decimal::ZERO,
        Requirement::Condition { .. } => {
            deal.lead_temperature == Some(crate::clients::LeadTemperature::Hot)
        }
        Requirement::Task { task } => work.tasks.iter().any(|one| {
            one.visit == visit && one.key.as_ref() == Some(task) && one.status == TaskStatus::Done
        }),
        Requirement::Document { document, state } => {
            let path = document.path();
            let wanted = path.iter().position(|one| one == state).unwrap();
            let far =
                |one: &DocumentFact| path.iter().position(|state| *state == one.state).unwrap();
            work.documents.iter().any(|one| one.kind == *document && far(one) >= wanted)
        }
        Requirement::Activity { outcome, .. } => work
            .activities
            .iter()
            .any(|one| one.visit == visit && (outcome.is_none() || *outcome == one.outcome)),
        Requirement::Payment { share } => {
            let paid: Decimal = work.payments.iter().map(|one| one.amount.amount).sum();
            deal.amount.amount > Decimal::ZERO && paid >= *share * deal.amount.amount
        }
        Requirement::PrimaryDemand {} => work.demand_since.is_some(),
        Requirement::Checklist { .. } => false,
    }
}

/// What holds after every command.
fn sound(shop: &Shop, change_set: &ChangeSet) {
    let deal = &change_set.deal;
    assert!(change_set.events.len() <= 100, "Chains end: {}", change_set.events.len());
    assert!(deal.last_occurred_at - shop.now <= TOLERANCE);
    if deal.is_open() && deal.hold.is_none() {
        let stage = shop.process.at(deal.stage.as_ref().unwrap().position).unwrap();
        let rests = stage.gate.iter().any(|requirement| !met(requirement, deal, &shop.work));
        assert!(rests, "The deal rests where its gate is met: {stage:?}");
    }
    let mut here = change_set.before.clone();
    let mut acted: BTreeMap<Uuid, usize> = BTreeMap::new();
    for (event, after) in change_set.steps() {
        if let Some(Actor::Rule { id, .. }) = event.actor {
            *acted.entry(id).or_default() += 1;
        }
        if let Some(before) = here.replace(after.clone()) {
            let from = before.stage.as_ref().unwrap().position;
            let (to, forced) = match &event.change {
                Change::StageChanged { to, r#override, .. } => (to.position, r#override),
                Change::Won { r#override, .. } => (shop.process.last_position() + 1, r#override),
                _ => continue,
            };
            let gates = shop.process.stages.iter().filter(|one| (from..to).contains(&one.position));
            let unmet =
                gates.flat_map(|one| &one.gate).filter(|one| !met(one, &before, &shop.work));
            assert!(forced.is_some() || unmet.count() == 0, "A gate was passed: {event:?}");
            let by_the_process =
                matches!(event.actor, Some(Actor::Process { .. } | Actor::Rule { .. }));
            assert!(by_the_process != forced.is_some(), "Led by the process or by an override.");
        }
    }
    for (id, count) in acted {
        let rule = shop.process.rules.iter().find(|rule| rule.id == id).unwrap();
        // What it does, and the note of the clock.
        assert!(count <= rule.then.len() + 1, "A rule acts once in a chain.");
    }
}

/// The tasks are those of the stage that the deal is in.
fn tasks_fit(shop: &Shop, deal: &Deal) {
    // What a rule asks for at the end, or after it, stays.
    let mut asked = shop.process.rules.iter().flat_map(|rule| &rule.then);
    let after_all = asked.any(|action| matches!(action, Action::CreateTask { .. }));
    for task in shop.work.tasks.iter().filter(|task| task.status.is_open()) {
        let review = task.key.is_none();
        let here = task.visit == deal.visit.number;
        assert!(review || (here && (deal.is_open() || after_all)), "{task:?} {deal:?}");
    }
}

fn play(process: Process, next: Process, acts: &[Act], see: impl Fn(&Shop, &ChangeSet)) {
    let mut shop = Shop::new(process, next);
    let new = NewDeal {
        id: DEAL,
        title: "A {deal.title}".replace(['{', '}'], ""),
        client_id: None,
        owner_id: Uuid::from_u128(10),
        amount: None,
        source_id: None,
        lead_temperature: None,
        expected_close_on: None,
        external_id: None,
        initiated_by: None,
        from_activity_id: None,
        custom: Custom::default(),
        opened_at: None,
        stage_key: None,
        demand_id: None,
    };
    let work = Work::default();
    let change_set = open(new, &shop.facts(&work, false)).unwrap();
    see(&shop, &change_set);
    let mut history = change_set.events.clone();
    let mut deal = shop.record(change_set);
    for act in acts {
        shop.now += TimeDelta::minutes(7);
        let Some(change_set) = shop.act(&deal, act) else { continue };
        see(&shop, &change_set);
        history.extend(change_set.events.iter().cloned());
        deal = shop.record(change_set);
        tasks_fit(&shop, &deal);
        assert_eq!(Deal::replay(DEAL, &history).as_ref(), Some(&deal));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_process_leads_its_deals_and_nobody_walks_around_its_gates(
        (process, next, acts) in (process(1), process(2), vec(act(), 0..60)),
    ) {
        play(process, next, &acts, sound);
    }
}

#[test]
fn a_deal_goes_through_several_stages_at_once() {
    let field = |field| vec![Draft::Field { field }];
    let gates = [field(DealField::ClientId), field(DealField::ClientId), field(DealField::Amount)];
    let stages = gates.into_iter().enumerate().map(|(at, gate)| StageDraft {
        name: format!("Stage {at}"),
        gate,
        ..StageDraft::default()
    });
    let published =
        publish(Mode::Automatic, stages.collect(), vec![], &NO_FIELDS, Uuid::now_v7).unwrap();
    let process = Process::of(DEAL, DEAL, 1, published);
    let acts = [Act::Fill(Some(5), 0), Act::Fill(Some(5), 1)];
    let seen = std::cell::RefCell::new(Vec::new());
    play(process.clone(), process, &acts, |shop, change_set| {
        sound(shop, change_set);
        let stage = change_set.deal.stage.as_ref().map(|stage| stage.position);
        seen.borrow_mut().push((stage.unwrap(), change_set.events.len(), change_set.deal.status));
    });
    let expected = [(1, 1, Status::Open), (3, 3, Status::Open), (3, 2, Status::Won)];
    assert_eq!(seen.into_inner(), expected);
}
