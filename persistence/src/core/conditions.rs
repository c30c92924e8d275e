//! Conditions as SQL. Where a test in memory is false for a missing value, its SQL is null or false, and
//! a negation is `IS NOT TRUE`: so both agree, and indexes are used.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;
use voronka_domain::{
    people::access::Visibility,
    process::condition::{
        ActivityField, Check, Comparison, Field, Moment, Name, Operand, Test, Tree, ValueKind,
    },
    workspace::custom_field::{Entity, FieldType, day_number},
};

use crate::{
    Bind, Caller, Statement,
    core::{activity_summary, statement::Piece, visibility::Sight},
};

/// When a condition is looked at, and by whom: of activities those count that they see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    pub workspace_id: Uuid,
    pub moment: Moment,
    pub visibility: Visibility,
    pub looks_after: Visibility,
}

impl Look {
    pub fn of(caller: &Caller, now: DateTime<Utc>) -> Self {
        let moment = Moment { now, settings: caller.settings };
        Self {
            workspace_id: caller.workspace_id,
            moment,
            visibility: caller.visibility.clone(),
            looks_after: caller.looks_after.clone(),
        }
    }

    fn sight(&self) -> Sight<'_> {
        Sight { deals: &self.visibility, people: &self.looks_after }
    }
}

/// How many times a condition is likely to be tried in a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tried {
    /// Until a page is full: things beside the row are looked up for it.
    Few,
    /// On all rows of a report: things beside the rows are looked through once.
    Many,
    /// On rows that have been joined: a deal's client is `clients`, if it has any.
    Joined,
}

/// Adds ` AND <condition>` to a statement over the table of what the condition is over.
pub(crate) fn narrow<S>(
    statement: Statement<S>,
    over: Entity,
    tree: &Tree,
    look: &Look,
    tried: Tried,
) -> Statement<S> {
    let mut compiler = Compiler { over, look, tried, pieces: Vec::new() };
    compiler.tree(tree);
    statement.sql(" AND ").append(compiler.pieces)
}

/// Closes `CASE WHEN`: of parts of titles Postgres knows nothing, takes them to be rare, and would look through all
/// deals for them on all processors. The rare ones have been found before.
pub(crate) const UNESTIMATED: &str = " THEN true ELSE false END";

struct Compiler<'m> {
    over: Entity,
    look: &'m Look,
    tried: Tried,
    pieces: Vec<Piece>,
}

impl Compiler<'_> {
    fn sql(&mut self, sql: impl Into<Cow<'static, str>>) {
        self.pieces.push(Piece::Sql(sql.into()));
    }

    fn bind(&mut self, value: impl Into<Bind>) {
        self.pieces.push(Piece::Bind(value.into()));
    }

    fn tree(&mut self, tree: &Tree) {
        match tree {
            Tree::All(parts) => self.list(parts, " AND "),
            Tree::Any(parts) => self.list(parts, " OR "),
            Tree::Not(part) => {
                self.sql("(");
                self.tree(part);
                self.sql(") IS NOT TRUE");
            }
            Tree::Test(test) => self.test(test),
        }
    }

    fn list(&mut self, parts: &[Tree], between: &'static str) {
        for (index, part) in parts.iter().enumerate() {
            self.sql(if index == 0 { "((" } else { between });
            if index > 0 {
                self.sql("(");
            }
            self.tree(part);
            self.sql(")");
        }
        self.sql(")");
    }

    fn test(&mut self, Test { field, check }: &Test) {
        match &field.name {
            Name::BuiltIn(name) => {
                let column = built_in(field.entity, name, self.look.sight());
                if (self.over, field.entity) == (Entity::Deal, Entity::Client) {
                    self.of_client(&column, field, check);
                } else {
                    self.built_in(&column, field, check);
                }
            }
            Name::Custom { id, field_type, .. } => {
                let negated = *check == Check::Empty;
                let object = match (self.over, field.entity) {
                    (Entity::Deal, Entity::Client) => "deals.client_id",
                    (Entity::Deal, Entity::Deal) => "deals.id",
                    (Entity::Client, _) => "clients.id",
                };
                let table = if self.over == Entity::Deal { "deals" } else { "clients" };
                let all: &[String] = match check {
                    Check::HasAll(wanted) => wanted,
                    _ => &[],
                };
                // One row is looked for; all of several choices are as many rows.
                for round in 0..all.len().max(1) {
                    self.sql(match (round, negated) {
                        (0, true) => "NOT EXISTS ",
                        (0, false) => "EXISTS ",
                        _ => " AND EXISTS ",
                    });
                    self.sql(format!(
                        "(SELECT FROM custom_values v WHERE v.workspace_id = {table}.workspace_id \
                         AND v.object_id = {object} AND v.field_id = "
                    ));
                    self.bind(*id);
                    self.custom(*field_type, check, all.get(round));
                    self.sql(")");
                }
            }
        }
    }

    /// The same of the client of a deal, which may have none.
    fn of_client(&mut self, column: &[Piece], field: &Field, check: &Check) {
        let empty = *check == Check::Empty;
        let (open, close) = match self.tried {
            Tried::Few => {
                ("(EXISTS (SELECT FROM clients WHERE clients.id = deals.client_id AND ", ")")
            }
            Tried::Many => ("(deals.client_id IN (SELECT clients.id FROM clients WHERE ", ")"),
            Tried::Joined => ("(", ""),
        };
        self.sql(open);
        self.sql("clients.workspace_id = ");
        self.bind(self.look.workspace_id);
        self.sql(if empty { " AND NOT (" } else { " AND (" });
        self.built_in(column, field, check);
        self.sql("))");
        self.sql(close);
        if empty {
            self.sql(" IS NOT TRUE");
        }
    }

    fn built_in(&mut self, column: &[Piece], field: &Field, check: &Check) {
        match check {
            Check::Empty if field.kind == ValueKind::Texts => {
                self.sql("coalesce(cardinality(");
                self.column(column);
                self.sql("), 0) = 0");
            }
            Check::Empty => {
                self.column(column);
                self.sql(" IS NULL");
            }
            Check::Compare(comparison, operand) => {
                self.compare(column, field.kind, *comparison, operand)
            }
            Check::OneOf(operands) => {
                self.column(column);
                self.sql(" = ANY(");
                self.bind(array(operands));
                self.sql(")");
            }
            Check::Contains(part) if field.entity == Entity::Deal => {
                self.sql("CASE WHEN ");
                self.contains(column, part);
                self.sql(UNESTIMATED);
            }
            Check::Contains(part) => self.contains(column, part),
            Check::StartsWith(start) => self.starts_with(column, start),
            Check::HasAny(wanted) => {
                self.column(column);
                self.sql(" && ");
                self.bind(wanted.clone());
            }
            Check::HasAll(wanted) => {
                self.column(column);
                self.sql(" @> ");
                self.bind(wanted.clone());
            }
        }
    }

    fn compare(
        &mut self,
        column: &[Piece],
        kind: ValueKind,
        comparison: Comparison,
        operand: &Operand,
    ) {
        if kind == ValueKind::Instant
            && let Some(day) = operand.day(&self.look.moment)
        {
            let (start, end) = self.look.moment.settings.days(day, day);
            let bounds: &[(&str, _)] = match comparison {
                Comparison::Equal => &[(">=", start), ("<", end)],
                Comparison::Less => &[("<", start)],
                Comparison::LessOrEqual => &[("<", end)],
                Comparison::Greater => &[(">=", end)],
                Comparison::GreaterOrEqual => &[(">=", start)],
            };
            for (index, (op, instant)) in bounds.iter().enumerate() {
                if index > 0 {
                    self.sql(" AND ");
                }
                self.column(column);
                self.sql(format!(" {op} "));
                self.bind(*instant);
            }
            return;
        }
        self.column(column);
        self.sql(format!(" {} ", operator(comparison)));
        match operand {
            Operand::Text(text) => self.bind(text.as_str()),
            Operand::Id(id) => self.bind(*id),
            Operand::Number(number) => self.bind(*number),
            Operand::Money(money) => self.bind(money.amount),
            Operand::Bool(value) => self.bind(*value),
            Operand::Instant(instant) => self.bind(*instant),
            Operand::Day(_) | Operand::DaysFromToday(_) => {
                self.bind(operand.day(&self.look.moment).unwrap_or_default());
            }
        }
    }

    fn column(&mut self, column: &[Piece]) {
        self.pieces.extend_from_slice(column);
    }

    /// The rest of a look for one of a field's values.
    fn custom(&mut self, field_type: FieldType, check: &Check, one: Option<&String>) {
        match check {
            // A row stands for a value.
            Check::Empty => {}
            Check::Compare(comparison, operand) => {
                let op = operator(*comparison);
                match operand {
                    Operand::Text(text) => self.text(op, text),
                    Operand::Id(id) => self.text(op, &id.to_string()),
                    Operand::Bool(value) => self.text(op, if *value { "true" } else { "false" }),
                    Operand::Number(number) => self.number(op, *number),
                    Operand::Money(money) => {
                        self.text("=", money.currency.code());
                        self.number(op, money.amount);
                    }
                    Operand::Day(_) | Operand::DaysFromToday(_)
                        if field_type == FieldType::Date =>
                    {
                        let day = operand.day(&self.look.moment).unwrap_or_default();
                        self.number(op, Decimal::from(day_number(day)));
                    }
                    Operand::Instant(_) | Operand::Day(_) | Operand::DaysFromToday(_) => {
                        self.sql(" AND false");
                    }
                }
            }
            Check::OneOf(operands) => self.one_of(texts(operands)),
            Check::Contains(part) => {
                self.sql(" AND ");
                self.contains(&[Piece::Sql("v.text_value".into())], part);
            }
            Check::StartsWith(start) => {
                self.sql(" AND ");
                self.starts_with(&[Piece::Sql("v.text_value".into())], start);
            }
            Check::HasAny(wanted) => self.one_of(wanted.clone()),
            Check::HasAll(_) => self.one_of(one.cloned().into_iter().collect()),
        }
    }

    fn text(&mut self, op: &str, text: &str) {
        self.sql(format!(" AND v.text_value {op} "));
        self.bind(text);
    }

    fn number(&mut self, op: &str, number: Decimal) {
        self.sql(format!(" AND v.number_value {op} "));
        self.bind(number);
    }

    fn one_of(&mut self, wanted: Vec<String>) {
        self.sql(" AND v.text_value = ANY(");
        self.bind(wanted);
        self.sql(")");
    }

    fn contains(&mut self, column: &[Piece], part: &str) {
        self.sql(FOLD);
        self.column(column);
        self.sql(FOLDED);
        self.sql(" LIKE ");
        self.bind(holding(part));
    }

    fn starts_with(&mut self, column: &[Piece], start: &str) {
        self.sql("starts_with(");
        self.sql(FOLD);
        self.column(column);
        self.sql(FOLDED);
        self.sql(", ");
        self.bind(start);
        self.sql(")");
    }
}

/// As [`fold`](voronka_domain::process::condition::fold) does: ICU's lower case of no language is Unicode's. Names
/// and titles are indexed by it.
const FOLD: &str = "translate(lower(";
const FOLDED: &str = " COLLATE \"und-x-icu\"), 'ς', 'σ')";

/// A column without regard to case.
pub(crate) fn folded(column: &str) -> String {
    format!("{FOLD}{column}{FOLDED}")
}

/// The pattern of texts that hold a part.
pub(crate) fn holding(part: &str) -> String {
    let escaped = part.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{escaped}%")
}

fn operator(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Equal => "=",
        Comparison::Less => "<",
        Comparison::LessOrEqual => "<=",
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => ">=",
    }
}

fn texts(operands: &[Operand]) -> Vec<String> {
    let text = |operand: &Operand| match operand {
        Operand::Text(text) => Some(text.clone()),
        Operand::Id(id) => Some(id.to_string()),
        _ => None,
    };
    operands.iter().filter_map(text).collect()
}

fn array(operands: &[Operand]) -> Bind {
    let ids: Vec<_> = operands
        .iter()
        .filter_map(|operand| match operand {
            Operand::Id(id) => Some(*id),
            _ => None,
        })
        .collect();
    if ids.is_empty() { Bind::Texts(texts(operands)) } else { Bind::Uuids(ids) }
}

/// A field that is built in, as SQL over the table of what it is of.
fn built_in(entity: Entity, name: &str, sight: Sight<'_>) -> Vec<Piece> {
    match ActivityField::of(name) {
        Some(field) => activity_summary::sql(entity, field, sight),
        None => vec![Piece::Sql(match entity {
            Entity::Client => client_column(name),
            Entity::Deal => deal_column(name),
        })],
    }
}

fn client_column(name: &str) -> Cow<'static, str> {
    match name {
        "type" => "clients.client_type".into(),
        name => format!("clients.{name}").into(),
    }
}

fn deal_column(name: &str) -> Cow<'static, str> {
    match name {
        "amount" => "deals.base_amount",
        "on_hold" => "(deals.hold_since IS NOT NULL)",
        "stage_entered_at" => "deals.visit_entered_at",
        "last_event_at" => "deals.last_occurred_at",
        "stage_key" => {
            "(SELECT s.key FROM stages s WHERE s.workspace_id = deals.workspace_id AND s.id = deals.stage_id)"
        }
        name => return format!("deals.{name}").into(),
    }
    .into()
}
