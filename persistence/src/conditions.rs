//! Conditions as SQL. Where a test in memory is false for a missing value, its SQL is null or false, and
//! a negation is `IS NOT TRUE`: so both agree, and indexes are used.

use std::borrow::Cow;

use rust_decimal::Decimal;
use voronka_domain::{
    condition::{Check, Comparison, Field, Kind, Moment, Name, Operand, Test, Touch, Tree},
    custom_field::{Entity, FieldType, day_number},
};

use crate::{Bind, Statement, touches};

/// Adds ` AND <condition>` to a statement over the table of what the condition is over.
pub(crate) fn narrow<S>(
    statement: Statement<S>,
    over: Entity,
    tree: &Tree,
    moment: &Moment,
) -> Statement<S> {
    let mut compiler = Compiler { over, moment, pieces: Vec::new() };
    compiler.tree(tree);
    let mut statement = statement.sql(" AND ");
    for piece in compiler.pieces {
        statement = match piece {
            Piece::Sql(sql) => statement.sql(sql),
            Piece::Bind(bind) => statement.bind(bind),
        };
    }
    statement
}

enum Piece {
    Sql(Cow<'static, str>),
    Bind(Bind),
}

struct Compiler<'m> {
    over: Entity,
    moment: &'m Moment,
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
                self.built_in(&built_in(self.over, field.entity, name), field, check)
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

    fn built_in(&mut self, sql: &str, field: &Field, check: &Check) {
        match check {
            Check::Empty if field.kind == Kind::Texts => {
                self.sql(format!("coalesce(cardinality({sql}), 0) = 0"));
            }
            Check::Empty => self.sql(format!("{sql} IS NULL")),
            Check::Compare(comparison, operand) => {
                self.compare(sql, field.kind, *comparison, operand)
            }
            Check::OneOf(operands) => {
                self.sql(format!("{sql} = ANY("));
                self.bind(array(operands));
                self.sql(")");
            }
            Check::Contains(part) => self.contains(sql, part),
            Check::StartsWith(start) => self.starts_with(sql, start),
            Check::HasAny(wanted) => {
                self.sql(format!("{sql} && "));
                self.bind(wanted.clone());
            }
            Check::HasAll(wanted) => {
                self.sql(format!("{sql} @> "));
                self.bind(wanted.clone());
            }
        }
    }

    fn compare(&mut self, sql: &str, kind: Kind, comparison: Comparison, operand: &Operand) {
        if kind == Kind::Instant
            && let Some(day) = operand.day(self.moment)
        {
            let (start, end) = self.moment.settings.days(day, day);
            let bounds: &[(&str, _)] = match comparison {
                Comparison::Equal => &[(">=", start), ("<", end)],
                Comparison::Less => &[("<", start)],
                Comparison::LessOrEqual => &[("<", end)],
                Comparison::Greater => &[(">=", end)],
                Comparison::GreaterOrEqual => &[(">=", start)],
            };
            for (index, (op, instant)) in bounds.iter().enumerate() {
                let and = if index > 0 { " AND " } else { "" };
                self.sql(format!("{and}{sql} {op} "));
                self.bind(*instant);
            }
            return;
        }
        self.sql(format!("{sql} {} ", operator(comparison)));
        match operand {
            Operand::Text(text) => self.bind(text.as_str()),
            Operand::Id(id) => self.bind(*id),
            Operand::Number(number) => self.bind(*number),
            Operand::Money(money) => self.bind(money.amount),
            Operand::Bool(value) => self.bind(*value),
            Operand::Instant(instant) => self.bind(*instant),
            Operand::Day(_) | Operand::DaysFromToday(_) => {
                self.bind(operand.day(self.moment).unwrap_or_default());
            }
        }
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
                        let day = operand.day(self.moment).unwrap_or_default();
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
                self.contains("v.text_value", part);
            }
            Check::StartsWith(start) => {
                self.sql(" AND ");
                self.starts_with("v.text_value", start);
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

    /// ICU's lower case of no language is Unicode's, and so that of the evaluation in memory.
    fn contains(&mut self, sql: &str, part: &str) {
        self.sql(format!("strpos(lower({sql} COLLATE \"und-x-icu\"), "));
        self.bind(part);
        self.sql(") > 0");
    }

    fn starts_with(&mut self, sql: &str, start: &str) {
        self.sql(format!("starts_with(lower({sql} COLLATE \"und-x-icu\"), "));
        self.bind(start);
        self.sql(")");
    }
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

/// A field that is built in, as SQL over the table of what the condition is over.
fn built_in(over: Entity, entity: Entity, name: &str) -> String {
    match (over, entity) {
        (Entity::Deal, Entity::Client) => format!(
            "(SELECT {} FROM clients WHERE clients.workspace_id = deals.workspace_id \
             AND clients.id = deals.client_id)",
            client_column(name)
        ),
        (_, Entity::Client) => client_column(name),
        (_, Entity::Deal) => deal_column(name),
    }
}

fn client_column(name: &str) -> String {
    if let Some(touch) = Touch::of(name) {
        return touches::sql(Entity::Client, touch);
    }
    match name {
        "type" => "clients.client_type".to_owned(),
        name => format!("clients.{name}"),
    }
}

fn deal_column(name: &str) -> String {
    if let Some(touch) = Touch::of(name) {
        return touches::sql(Entity::Deal, touch);
    }
    let sql = match name {
        "amount" => "deals.base_amount",
        "on_hold" => "(deals.hold_since IS NOT NULL)",
        "stage_entered_at" => "deals.visit_entered_at",
        "last_event_at" => "deals.last_occurred_at",
        "stage_key" => {
            "(SELECT s.key FROM stages s WHERE s.workspace_id = deals.workspace_id AND s.id = deals.stage_id)"
        }
        name => return format!("deals.{name}"),
    };
    sql.to_owned()
}
