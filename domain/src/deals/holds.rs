//! Whether conditions hold for a deal or a client.

use std::{borrow::Cow, cmp::Ordering};

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde_json::Value as Json;
use uuid::Uuid;

use crate::{
    clients::{ClientFacts, Initiator, LeadTemperature},
    deals::deal::{Deal, Status},
    kernel::money::Money,
    process::condition::{
        ActivityField, Check, Comparison, Field, Moment, Name, Operand, Tree, ValueKind, fold,
    },
    work::activity::ActivitySummary,
    workspace::custom_field::{self, Custom, Entity},
};

/// What a condition is looked at for: a deal with its client, or a client.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    pub deal: Option<&'a Deal>,
    pub client: Option<&'a ClientFacts>,
    /// The activities of the deal.
    pub activity_summary: Option<&'a ActivitySummary>,
}

enum Value<'a> {
    Text(Cow<'a, str>),
    Id(Uuid),
    Number(Decimal),
    Money(Money),
    Date(NaiveDate),
    Instant(DateTime<Utc>),
    Bool(bool),
    Texts(Vec<&'a str>),
}

impl Tree {
    pub fn holds(&self, subject: Subject<'_>, moment: &Moment) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(subject, moment)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(subject, moment)),
            Self::Not(part) => !part.holds(subject, moment),
            Self::Test(test) => is_true(&test.check, value(&test.field, subject), moment),
        }
    }
}

fn is_true(check: &Check, value: Option<Value<'_>>, moment: &Moment) -> bool {
    let Some(value) = value else { return *check == Check::Empty };
    match check {
        Check::Empty => false,
        Check::Compare(comparison, operand) => compares(*comparison, &value, operand, moment),
        Check::OneOf(operands) => {
            operands.iter().any(|operand| compares(Comparison::Equal, &value, operand, moment))
        }
        Check::Contains(part) => text(&value).is_some_and(|text| fold(text).contains(part)),
        Check::StartsWith(start) => text(&value).is_some_and(|text| fold(text).starts_with(start)),
        Check::HasAny(wanted) => has(&value, |has| wanted.iter().any(has)),
        Check::HasAll(wanted) => has(&value, |has| wanted.iter().all(has)),
    }
}

fn text<'v>(value: &'v Value<'_>) -> Option<&'v str> {
    match value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

fn has(value: &Value<'_>, holds: impl FnOnce(&dyn Fn(&String) -> bool) -> bool) -> bool {
    match value {
        Value::Texts(texts) => holds(&|wanted| texts.contains(&wanted.as_str())),
        _ => false,
    }
}

fn compares(comparison: Comparison, value: &Value<'_>, operand: &Operand, moment: &Moment) -> bool {
    ordering(value, operand, moment).is_some_and(|ordering| comparison.accepts(ordering))
}

/// None where the two cannot be compared.
fn ordering(value: &Value<'_>, operand: &Operand, moment: &Moment) -> Option<Ordering> {
    Some(match (value, operand) {
        (Value::Text(a), Operand::Text(b)) => a.as_ref().cmp(b),
        (Value::Id(a), Operand::Id(b)) => a.cmp(b),
        (Value::Number(a), Operand::Number(b)) => a.cmp(b),
        (Value::Money(a), Operand::Money(b)) if a.currency == b.currency => a.amount.cmp(&b.amount),
        (Value::Bool(a), Operand::Bool(b)) => a.cmp(b),
        (Value::Instant(a), Operand::Instant(b)) => a.cmp(b),
        (Value::Instant(a), days) => moment.settings.day(*a).cmp(&days.day(moment)?),
        (Value::Date(a), days) => a.cmp(&days.day(moment)?),
        _ => return None,
    })
}

fn value<'a>(field: &'a Field, subject: Subject<'a>) -> Option<Value<'a>> {
    let custom = match field.entity {
        Entity::Deal => &subject.deal?.custom,
        Entity::Client => &subject.client?.custom,
    };
    if let Some(name) = field.activity() {
        let activity_summary = match field.entity {
            Entity::Deal => subject.activity_summary?,
            Entity::Client => &subject.client?.activity_summary,
        };
        return of_activities(name, activity_summary);
    }
    match (&field.name, field.entity) {
        (Name::Custom { key, .. }, _) => custom_value(custom, key, field.kind),
        (Name::BuiltIn(name), Entity::Deal) => deal_value(name, subject.deal?),
        (Name::BuiltIn(name), Entity::Client) => client_value(name, subject.client?),
    }
}

fn of_activities<'a>(
    field: ActivityField,
    activity_summary: &ActivitySummary,
) -> Option<Value<'a>> {
    Some(match field {
        ActivityField::Count(kind) => Value::Number(Decimal::from(activity_summary.count(kind))),
        ActivityField::Reached => Value::Number(Decimal::from(activity_summary.reached)),
        ActivityField::Last(kind) => Value::Instant(activity_summary.last_at(kind)?),
        ActivityField::Next => Value::Instant(activity_summary.next_at?),
    })
}

fn custom_value<'a>(custom: &'a Custom, key: &str, kind: ValueKind) -> Option<Value<'a>> {
    let json = custom.get(key)?;
    Some(match kind {
        ValueKind::Text | ValueKind::Word(_) => Value::Text(Cow::Borrowed(json.as_str()?)),
        ValueKind::Id => Value::Id(custom_field::id(json)?),
        ValueKind::Number => Value::Number(custom_field::number("", json).ok()?),
        ValueKind::Money => Value::Money(custom_field::money("", json).ok()?),
        ValueKind::Date | ValueKind::Instant => Value::Date(custom_field::day(json)?),
        ValueKind::Bool => Value::Bool(json.as_bool()?),
        ValueKind::Texts => {
            Value::Texts(json.as_array()?.iter().filter_map(Json::as_str).collect())
        }
    })
}

fn deal_value<'a>(name: &str, deal: &'a Deal) -> Option<Value<'a>> {
    let words = |word: &'static str| Value::Text(Cow::Borrowed(word));
    let text = |text: &'a str| Value::Text(Cow::Borrowed(text));
    Some(match name {
        "id" => Value::Id(deal.id),
        "title" => text(&deal.title),
        "status" => words(match deal.status {
            Status::Open => "open",
            Status::Won => "won",
            Status::Lost => "lost",
        }),
        "deal_type_id" => Value::Id(deal.deal_type_id),
        "stage_id" => Value::Id(deal.stage.as_ref()?.stage_id),
        "stage_key" => text(&deal.stage.as_ref()?.stage_key),
        "depth" => Value::Number(Decimal::from(deal.depth)),
        "client_id" => Value::Id(deal.client_id?),
        "owner_id" => Value::Id(deal.owner_id),
        "source_id" => Value::Id(deal.source_id?),
        "loss_reason_id" => Value::Id(deal.loss.as_ref()?.loss_reason_id),
        "competitor_id" => Value::Id(deal.loss.as_ref()?.competitor_id?),
        "amount" => Value::Number(deal.base_amount),
        "currency" => text(deal.amount.currency.code()),
        "lead_temperature" => words(match deal.lead_temperature? {
            LeadTemperature::Cold => "cold",
            LeadTemperature::Warm => "warm",
            LeadTemperature::Hot => "hot",
        }),
        "initiated_by" => words(match deal.initiated_by? {
            Initiator::Us => "us",
            Initiator::Client => "client",
        }),
        "expected_close_on" => Value::Date(deal.expected_close_on?),
        "external_source" => text(&deal.external_id.as_ref()?.source),
        "external_id" => text(&deal.external_id.as_ref()?.id),
        "on_hold" => Value::Bool(deal.hold.is_some()),
        "reopened" => Value::Number(Decimal::from(deal.reopened)),
        "opened_at" => Value::Instant(deal.opened_at),
        "closed_at" => Value::Instant(deal.closed_at?),
        "stage_entered_at" => Value::Instant(deal.visit.entered_at),
        "last_event_at" => Value::Instant(deal.last_occurred_at),
        _ => return None,
    })
}

fn client_value<'a>(name: &str, client: &'a ClientFacts) -> Option<Value<'a>> {
    let text = |text: &'a str| Value::Text(Cow::Borrowed(text));
    Some(match name {
        "id" => Value::Id(client.id),
        "name" => text(&client.name),
        "kind" => text(&client.kind),
        "type" => text(&client.client_type),
        "class" => text(client.class.as_deref()?),
        "region" => text(client.region.as_deref()?),
        "tags" => texts(&client.tags)?,
        "phones" => texts(&client.phones)?,
        "emails" => texts(&client.emails)?,
        "tax_id" => text(client.tax_id.as_deref()?),
        "external_source" => text(client.external_source.as_deref()?),
        "external_id" => text(client.external_id.as_deref()?),
        "consent" => Value::Bool(client.consent?),
        "archived" => Value::Bool(client.archived),
        "created_at" => Value::Instant(client.created_at),
        _ => return None,
    })
}

/// No texts are no value.
fn texts(texts: &[String]) -> Option<Value<'_>> {
    (!texts.is_empty()).then(|| Value::Texts(texts.iter().map(String::as_str).collect()))
}
