//! Rules: what a process does by itself when something happens.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use uuid::Uuid;

use crate::{
    clients::LeadTemperature,
    kernel::{fault::Faults, trigger::Trigger},
    people::{access::Permission, assignment::Performer},
    process::{
        check_key,
        condition::{Condition, Schema},
        gate::LONGEST_TALK,
        task_template::TaskTemplate,
    },
    work::{
        activity::{ActivityKind, CallStatus, Outcome},
        document::{DocumentKind, DocumentState},
    },
    workspace::custom_field::{self, Custom, CustomField, Entity},
};

/// Something that a rule does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// To the next stage, or from the last one to won.
    Advance {},
    Move {
        stage_key: String,
    },
    Win {},
    Lose {
        loss_reason_id: Uuid,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    CreateTask {
        task: TaskTemplate,
    },
    /// Gives the deal to somebody else.
    Assign {
        performer: Performer,
    },
    /// Sets a field of the deal; null clears it.
    Set {
        field: SetField,
        value: Json,
    },
}

/// A field that a rule can set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum SetField {
    LeadTemperature,
    Custom(String),
}

impl TryFrom<String> for SetField {
    type Error = &'static str;
    fn try_from(name: String) -> Result<Self, Self::Error> {
        match name.strip_prefix("custom.") {
            Some(key) => Ok(Self::Custom(key.to_owned())),
            None if name == "lead_temperature" => Ok(Self::LeadTemperature),
            None => Err("One of lead_temperature and custom.<key>."),
        }
    }
}

impl From<SetField> for String {
    fn from(field: SetField) -> Self {
        match field {
            SetField::LeadTemperature => "lead_temperature".into(),
            SetField::Custom(key) => format!("custom.{key}"),
        }
    }
}

/// A rule of a process. As somebody writes it, its condition is JSON and its id is made at publishing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule<C = Condition> {
    #[serde(default, skip_serializing_if = "Uuid::is_nil")]
    pub id: Uuid,
    /// Unique in the version.
    pub key: String,
    pub on: Trigger,
    /// Only in this stage; in `stage.entered` the stage that was entered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// Of `task.done`: only the task of this key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// Of `document.changed`: only documents of this kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<DocumentKind>,
    /// Of `document.changed`: only into this state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<DocumentState>,
    /// Of `activity.recorded`: only activities of this kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activity: Option<ActivityKind>,
    /// Of `activity.recorded`: only with this outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// Of `call.finished`: only calls that went so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_status: Option<CallStatus>,
    /// Of `call.finished`: only with at least so many seconds of talk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub talk_seconds: Option<u32>,
    /// Of `deal.stuck`: working days without anything happening.
    #[serde(
        default,
        with = "crate::kernel::number::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub after_days: Option<Decimal>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#if: Option<C>,
    pub then: Vec<Action>,
}

pub type RuleDraft = Rule<Json>;

const MOST_ACTIONS: usize = 20;
const MOST_DAYS: i64 = 3_650;

impl RuleDraft {
    /// The rule, if it fits the fields and the stages that there are. `stages` are their keys.
    pub(crate) fn fit(
        self,
        pointer: &str,
        schema: &Schema<'_>,
        stages: &[String],
        id: Uuid,
        faults: &mut Faults,
    ) -> Option<Rule> {
        let at = |field: &str| format!("{pointer}/{field}");
        check_key(&at("key"), &self.key, faults);
        self.check_matchers(pointer, stages, faults);
        if self.then.is_empty() || self.then.len() > MOST_ACTIONS {
            faults.add(at("then"), "out_of_range", format!("1 to {MOST_ACTIONS} actions."));
        }
        let mut rule = Self { id, ..self };
        for (number, action) in rule.then.iter_mut().enumerate() {
            action.check(&at(&format!("then/{number}")), schema, stages, faults);
        }
        rule.read(pointer, schema, faults)
    }

    /// The rule of a published version, whose fields are all there.
    pub fn read(self, pointer: &str, schema: &Schema<'_>, faults: &mut Faults) -> Option<Rule> {
        let at = format!("{pointer}/if");
        let r#if = self.r#if.as_ref().map(|json| Condition::read(&at, json, schema));
        let r#if = match r#if.transpose() {
            Ok(condition) => condition,
            Err(found) => {
                found.into_iter().for_each(|f| faults.add(f.pointer, f.code, f.detail));
                return None;
            }
        };
        let Self { id, key, on, stage, task, document, state, activity, outcome, .. } = self;
        let (call_status, talk_seconds) = (self.call_status, self.talk_seconds);
        let (after_days, then) = (self.after_days, self.then);
        let what = Rule {
            id,
            key,
            on,
            stage,
            task,
            document,
            state,
            activity,
            outcome,
            call_status,
            talk_seconds,
            after_days,
            r#if,
            then,
        };
        Some(what)
    }

    fn check_matchers(&self, pointer: &str, stages: &[String], faults: &mut Faults) {
        let at = |field: &str| format!("{pointer}/{field}");
        if matches!(self.on, Trigger::DealMigrated | Trigger::DealChecked) {
            faults.add(at("on"), "not_allowed", "No rule waits for that.");
        }
        if let Some(stage) = &self.stage
            && !stages.contains(stage)
        {
            faults.add(at("stage"), "stage_not_in_process", "The process has no such stage.");
        }
        for (given, on, field) in [
            (self.task.is_some(), Trigger::TaskDone, "task"),
            (self.document.is_some(), Trigger::DocumentChanged, "document"),
            (self.state.is_some(), Trigger::DocumentChanged, "state"),
            (self.activity.is_some(), Trigger::ActivityRecorded, "activity"),
            (self.outcome.is_some(), Trigger::ActivityRecorded, "outcome"),
            (self.call_status.is_some(), Trigger::CallFinished, "call_status"),
            (self.talk_seconds.is_some(), Trigger::CallFinished, "talk_seconds"),
            (self.after_days.is_some(), Trigger::DealStuck, "after_days"),
        ] {
            if given && self.on != on {
                faults.add(at(field), "not_allowed", "The event of the rule has no such thing.");
            }
        }
        if self.talk_seconds.is_some_and(|least| least > LONGEST_TALK) {
            let detail = format!("At most {LONGEST_TALK}: a day.");
            faults.add(at("talk_seconds"), "out_of_range", detail);
        }
        if let (Some(document), Some(state)) = (self.document, self.state)
            && !document.has(state)
        {
            let detail = "A document of this kind is never in that state.";
            faults.add(at("state"), "never_met", detail);
        }
        if let Some(days) = self.after_days
            && (days <= Decimal::ZERO || days > Decimal::from(MOST_DAYS))
        {
            faults.add(at("after_days"), "out_of_range", "More than 0 and at most 3650 days.");
        }
        if self.on == Trigger::DealStuck && self.after_days.is_none() {
            faults.add(at("after_days"), "required", "How many working days make a deal stuck.");
        }
    }
}

impl Action {
    fn check(
        &mut self,
        pointer: &str,
        schema: &Schema<'_>,
        stages: &[String],
        faults: &mut Faults,
    ) {
        match self {
            Self::Move { stage_key } if !stages.contains(stage_key) => {
                let detail = "The process has no such stage.";
                faults.add(format!("{pointer}/stage_key"), "stage_not_in_process", detail);
            }
            Self::CreateTask { task } => task.check(&format!("{pointer}/task"), schema, faults),
            Self::Set { field, value } => check_set(pointer, field, value, schema, faults),
            Self::Advance {}
            | Self::Move { .. }
            | Self::Win {}
            | Self::Lose { .. }
            | Self::Assign { .. } => {}
        }
    }
}

/// The value becomes one as it is kept.
fn check_set(
    pointer: &str,
    field: &SetField,
    value: &mut Json,
    schema: &Schema<'_>,
    faults: &mut Faults,
) {
    match field {
        SetField::LeadTemperature => {
            if serde_json::from_value::<Option<LeadTemperature>>(value.clone()).is_err() {
                let detail = "One of cold, warm, hot, or null.";
                faults.add(format!("{pointer}/value"), "invalid_value", detail);
            }
        }
        SetField::Custom(key) => {
            let patch = [(key.clone(), value.clone())].into();
            let of_deals = |field: &&CustomField| field.entity == Entity::Deal;
            let fields: Vec<_> = schema.custom.iter().filter(of_deals).cloned().collect();
            match custom_field::change(&fields, &Custom::default(), patch) {
                Ok((values, _)) => *value = values.get(key).cloned().unwrap_or_default(),
                Err(found) => found.into_iter().for_each(|f| {
                    let part = if f.code == "unknown_field" { "field" } else { "value" };
                    faults.add(format!("{pointer}/{part}"), f.code, f.detail);
                }),
            }
        }
    }
}

impl Rule {
    /// What somebody must be allowed to read to be told that the rule has answered, each with its place.
    pub(crate) fn needs(&self, pointer: &str, needs: &mut Vec<(String, Permission)>) {
        let heard = match self.on {
            Trigger::TaskDone => Some(Permission::TasksRead),
            Trigger::ActivityRecorded | Trigger::CallFinished => Some(Permission::ActivitiesRead),
            Trigger::DocumentChanged | Trigger::PaymentReceived => Some(Permission::DocumentsRead),
            _ => None,
        };
        needs.extend(heard.map(|permission| (format!("{pointer}/on"), permission)));
        if let Some(condition) = &self.r#if {
            let of = condition.tree().needs(Entity::Deal);
            needs.extend(of.map(|permission| (format!("{pointer}/if"), permission)));
        }
        for (nth, action) in self.then.iter().enumerate() {
            if let Action::CreateTask { task } = action {
                task.needs(&format!("{pointer}/then/{nth}/task"), needs);
            }
        }
    }

    pub fn looks_at_client(&self) -> bool {
        self.r#if.as_ref().is_some_and(|condition| condition.tree().looks_at(Entity::Client))
            || self.then.iter().any(
                |action| matches!(action, Action::CreateTask { task } if task.looks_at_client()),
            )
    }

    /// Whether its condition looks at the activities of the deal, or at those with its client.
    pub fn looks_at_activities(&self, entity: Entity) -> bool {
        let condition = self.r#if.as_ref();
        condition.is_some_and(|condition| condition.tree().looks_at_activities(entity))
    }

    /// Those whom it gives deals and tasks to.
    pub fn performers(&self) -> impl Iterator<Item = &Performer> {
        self.then.iter().filter_map(|action| match action {
            Action::CreateTask { task } => Some(&task.performer),
            Action::Assign { performer } => Some(performer),
            _ => None,
        })
    }
}
