//! Lists: filters, sorting and keyset paging over declared fields, the same for every noun.

use std::str::FromStr;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::{
    RunQueryDsl,
    pg::Pg,
    sql_types::{Nullable, Text},
};
use rust_decimal::Decimal;
use uuid::Uuid;
use voronka_domain::{Fault, reach};

use crate::{Bind, Raw, Result, Statement, Tenant};

/// What a field's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Uuid,
    Text,
    Instant,
    Date,
    Decimal,
    Integer,
    Bool,
    /// One of some words.
    Choice(&'static [&'static str]),
    /// A list of texts that holds the value.
    Tag,
    /// A list of phone numbers that holds the number, in E.164.
    Phone,
    /// A list of email addresses in lower case that holds the address, whatever its case.
    Email,
}

/// A field that a list can be filtered or sorted by.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    pub name: &'static str,
    pub column: &'static str,
    pub kind: Kind,
    pub sorts: bool,
    pub nullable: bool,
}

impl Field {
    pub const fn new(name: &'static str, column: &'static str, kind: Kind) -> Self {
        Self { name, column, kind, sorts: false, nullable: false }
    }

    pub const fn sorted(mut self) -> Self {
        self.sorts = true;
        self
    }

    pub const fn nullable(mut self) -> Self {
        self.nullable = true;
        self
    }

    /// Comparisons that the field allows beside equality.
    pub fn ranges(&self) -> &'static [(&'static str, &'static str)] {
        match self.kind {
            Kind::Instant | Kind::Date | Kind::Decimal | Kind::Integer => {
                &[("gte", " >= "), ("gt", " > "), ("lte", " <= "), ("lt", " < ")]
            }
            _ => &[],
        }
    }
}

/// A noun's list.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    pub table: &'static str,
    pub fields: &'static [Field],
    /// As in `?sort=`.
    pub default_sort: &'static str,
    /// Column that `?q=` looks in.
    pub search: Option<&'static str>,
}

pub const DEFAULT_LIMIT: i64 = 50;
pub const MOST: i64 = 200;
/// More values in one filter than any screen has boxes.
pub const MOST_VALUES: usize = 200;

/// A request for a page, checked.
#[derive(Debug, Clone)]
pub struct Query {
    pub limit: i64,
    sort: Field,
    descending: bool,
    cursor: Option<Cursor>,
    conditions: Vec<(String, Option<Bind>, &'static str)>,
}

#[derive(Debug, Clone)]
struct Cursor {
    key: Option<Bind>,
    id: Uuid,
}

/// A page and where the next one begins: the last row's sort key and id.
#[derive(Debug)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next: Option<String>,
}

impl<T> Page<T> {
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(f).collect(), next: self.next }
    }
}

impl Query {
    /// Whether it has a filter on this column.
    pub(crate) fn filters_by(&self, column: &str) -> bool {
        self.conditions.iter().any(|(sql, ..)| sql.starts_with(column))
    }

    /// The order of the list's rows, as in `ORDER BY`.
    pub(crate) fn order(&self, table: &str) -> String {
        let Field { column, nullable, .. } = self.sort;
        let order = if self.descending { "DESC" } else { "ASC" };
        let nulls = if nullable && self.descending { " NULLS LAST" } else { "" };
        format!(" ORDER BY {column} {order}{nulls}, {table}.id {order}")
    }
}

impl Spec {
    fn field(&self, name: &str) -> Option<Field> {
        self.fields.iter().find(|field| field.name == name).copied()
    }

    /// A sort of this list and no other.
    fn named(&self, sort: &str) -> String {
        format!("{}.{sort}", self.table)
    }

    /// Reads the pairs of a query string. Every fault is listed, an unknown parameter among them.
    pub fn parse(&self, pairs: &[(String, String)]) -> Result<Query, Vec<Fault>> {
        let mut faults = Vec::new();
        let mut fault = |name: &str, code, detail: String| {
            faults.push(Fault::new(format!("/{name}"), code, detail));
        };
        let (mut limit, mut sort, mut cursor) = (DEFAULT_LIMIT, self.default_sort, None);
        let mut conditions = Vec::new();
        let mut seen = Vec::new();
        for (name, value) in pairs {
            if seen.contains(&name) {
                fault(name, "duplicate_parameter", "Given twice.".into());
                continue;
            }
            seen.push(name);
            match name.as_str() {
                "limit" => match value.parse() {
                    Ok(n @ 1..=MOST) => limit = n,
                    _ => fault(name, "out_of_range", format!("A number from 1 to {MOST}.")),
                },
                "sort" => sort = value,
                "cursor" => cursor = Some(value),
                "q" if self.search.is_some() => {
                    let escaped =
                        value.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
                    let column = self.search.unwrap_or_default();
                    let bind = Bind::Text(format!("%{escaped}%"));
                    conditions.push((format!("{column} ILIKE "), Some(bind), ""));
                }
                _ => match self.condition(name, value) {
                    Some(Ok(condition)) => conditions.push(condition),
                    Some(Err(detail)) => fault(name, "invalid_parameter", detail),
                    None => {
                        let known: Vec<_> = self.fields.iter().map(|field| field.name).collect();
                        let detail = format!("Known: limit, cursor, sort, {}.", known.join(", "));
                        fault(name, "unknown_parameter", detail);
                    }
                },
            }
        }
        let (name, descending) = sort.strip_prefix('-').map_or((sort, false), |name| (name, true));
        let Some(sort_field) = self.field(name).filter(|field| field.sorts) else {
            let known: Vec<_> = self.fields.iter().filter(|f| f.sorts).map(|f| f.name).collect();
            let detail = format!("Sort by one of {}, with - for descending.", known.join(", "));
            fault("sort", "invalid_parameter", detail);
            return Err(faults);
        };
        let cursor = match cursor {
            None => None,
            Some(text) => {
                let cursor = decode(text, &self.named(sort), &sort_field);
                if cursor.is_none() {
                    fault("cursor", "invalid_cursor", "Not a cursor of this list and sort.".into());
                }
                cursor
            }
        };
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Query { limit, sort: sort_field, descending, cursor, conditions })
    }

    #[allow(clippy::type_complexity)]
    fn condition(
        &self,
        name: &str,
        value: &str,
    ) -> Option<std::result::Result<(String, Option<Bind>, &'static str), String>> {
        let (name, op) = match name.strip_suffix(']').and_then(|name| name.split_once('[')) {
            Some((name, op)) => (name, Some(op)),
            None => (name, None),
        };
        let field = self.field(name)?;
        let column = field.column;
        if let Some(op) = op {
            let (_, sql) = field.ranges().iter().find(|(name, _)| *name == op)?;
            return Some(bind(field.kind, value).map(|b| (format!("{column}{sql}"), Some(b), "")));
        }
        if matches!(field.kind, Kind::Tag | Kind::Phone | Kind::Email) {
            let holds = |bind| (format!("{column} @> ARRAY["), Some(bind), "]");
            return Some(bind(field.kind, value).map(holds));
        }
        let (nulls, values): (Vec<_>, Vec<_>) =
            value.split(',').partition(|value| field.nullable && *value == "null");
        if values.len() > MOST_VALUES {
            return Some(Err(format!("At most {MOST_VALUES} values.")));
        }
        let list = match field.kind {
            _ if values.is_empty() => return Some(Ok((format!("{column} IS NULL"), None, ""))),
            Kind::Uuid | Kind::Text | Kind::Choice(_) if value.contains(',') => true,
            _ if value.contains(',') => return Some(Err("One value only.".into())),
            _ => false,
        };
        if !list {
            return Some(bind(field.kind, value).map(|b| (format!("{column} = "), Some(b), "")));
        }
        let binds: std::result::Result<Vec<_>, _> =
            values.into_iter().map(|value| bind(field.kind, value)).collect();
        let (before, after) = if nulls.is_empty() {
            (format!("{column} = ANY("), ")")
        } else {
            (format!("({column} IS NULL OR {column} = ANY("), "))")
        };
        Some(binds.map(|binds| (before, Some(array(binds)), after)))
    }
}

/// In a query string, a plus that is not encoded is a blank.
fn international(number: &str) -> String {
    format!("+{}", number.trim_start_matches(['+', ' ']))
}

fn array(binds: Vec<Bind>) -> Bind {
    let mut uuids = Vec::new();
    let mut texts = Vec::new();
    for bind in binds {
        match bind {
            Bind::Uuid(uuid) => uuids.push(uuid),
            Bind::Text(text) => texts.push(text),
            _ => {}
        }
    }
    if uuids.is_empty() { Bind::Texts(texts) } else { Bind::Uuids(uuids) }
}

fn bind(kind: Kind, text: &str) -> std::result::Result<Bind, String> {
    let read = match kind {
        Kind::Uuid => Uuid::from_str(text).ok().map(Bind::Uuid),
        Kind::Phone => reach::phone(&international(text), None).map(Bind::Text),
        Kind::Email => reach::email(text).map(|email| Bind::Text(email.to_lowercase())),
        Kind::Text | Kind::Tag => Some(Bind::Text(text.to_owned())),
        Kind::Instant => DateTime::parse_from_rfc3339(text)
            .ok()
            .map(|t| t.to_utc())
            .filter(|t| storable(*t))
            .map(Bind::Instant),
        Kind::Date => NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .ok()
            .filter(|day| day.and_hms_opt(0, 0, 0).is_some_and(|t| storable(t.and_utc())))
            .map(Bind::Date),
        Kind::Decimal => Decimal::from_str_exact(text).ok().map(Bind::Decimal),
        Kind::Integer => text.parse().ok().map(Bind::Integer),
        Kind::Bool => text.parse().ok().map(Bind::Bool),
        Kind::Choice(words) if words.contains(&text) => Some(Bind::Text(text.to_owned())),
        Kind::Choice(words) => return Err(format!("One of {}.", words.join(", "))),
    };
    read.ok_or_else(|| {
        let wanted = match kind {
            Kind::Uuid => "an id (UUID)",
            Kind::Instant => "an instant such as 2026-11-21T10:00:00Z",
            Kind::Date => "a day such as 2026-11-21",
            Kind::Decimal => "a decimal number",
            Kind::Integer => "a whole number",
            Kind::Bool => "true or false",
            Kind::Phone => "a phone number in E.164, such as %2B31201234567",
            Kind::Email => "an email address",
            Kind::Text | Kind::Tag | Kind::Choice(_) => "a text",
        };
        format!("Not {wanted}.")
    })
}

fn storable(instant: DateTime<Utc>) -> bool {
    (-62_135_596_800..=253_402_300_799).contains(&instant.timestamp())
}

/// `sort|key|id` in hex: opaque, and of no use to another list.
fn encode(sort: &str, key: Option<&str>, id: Uuid) -> String {
    let key = key.map_or("-".to_owned(), |key| format!("+{key}"));
    format!("{id}|{sort}|{key}").bytes().map(|b| format!("{b:02x}")).collect()
}

fn decode(text: &str, sort: &str, field: &Field) -> Option<Cursor> {
    let digits = text.as_bytes();
    let bytes: Option<Vec<u8>> = digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect();
    let plain = String::from_utf8(bytes.filter(|_| digits.len() < 8_000)?).ok()?;
    let mut parts = plain.splitn(3, '|');
    let id = Uuid::from_str(parts.next()?).ok()?;
    if parts.next()? != sort {
        return None;
    }
    let (said, key) = match parts.next()?.split_at_checked(1)? {
        ("-", "") if field.nullable => (None, None),
        ("+", key) if !key.contains('\0') => (Some(key), Some(bind(field.kind, key).ok()?)),
        _ => return None,
    };
    // Ours, to the letter: a number has one spelling.
    (encode(sort, said, id) == text).then_some(Cursor { key, id })
}

/// How a sort key is written so that [`bind`] reads it back.
fn key_text(field: &Field) -> String {
    let column = field.column;
    match field.kind {
        Kind::Instant => format!("to_char({column}, 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"),
        Kind::Bool => format!("CASE {column} WHEN true THEN 'true' WHEN false THEN 'false' END"),
        _ => format!("{column}::text"),
    }
}

impl Tenant<'_> {
    /// A page of rows. `narrow` adds what the caller may not leave out.
    pub fn page<S, Row>(
        &mut self,
        spec: &Spec,
        query: Query,
        selection: S,
        narrow: impl FnOnce(Narrow<S>) -> Narrow<S>,
        id: impl Fn(&Row) -> Uuid,
    ) -> Result<Page<Row>>
    where
        Statement<(Raw<Nullable<Text>>, S)>:
            for<'q> diesel::query_dsl::LoadQuery<'q, diesel::PgConnection, (Option<String>, Row)>,
        S: diesel::query_builder::QueryFragment<Pg>,
    {
        let from = |tenant: &Self, selection| narrow(tenant.rows(selection, spec.table));
        self.page_from(spec, query, selection, from, id)
    }

    /// The same from more than a table: `from` gives the statement as far as its conditions.
    pub(crate) fn page_from<S, Row>(
        &mut self,
        spec: &Spec,
        query: Query,
        selection: S,
        from: impl FnOnce(&Self, (Raw<Nullable<Text>>, S)) -> Narrow<S>,
        id: impl Fn(&Row) -> Uuid,
    ) -> Result<Page<Row>>
    where
        Statement<(Raw<Nullable<Text>>, S)>:
            for<'q> diesel::query_dsl::LoadQuery<'q, diesel::PgConnection, (Option<String>, Row)>,
        S: diesel::query_builder::QueryFragment<Pg>,
    {
        let order = query.order(spec.table);
        let Query { limit, sort, descending, cursor, conditions } = query;
        let (table, column) = (spec.table, sort.column);
        let mut statement = from(self, (Raw::new(key_text(&sort)), selection));
        for (sql, value, after) in conditions {
            statement = statement.sql(format!(" AND {sql}"));
            if let Some(value) = value {
                statement = statement.bind(value).sql(after);
            }
        }
        let than = if descending { "<" } else { ">" };
        if let Some(Cursor { key, id }) = cursor {
            statement = match key {
                Some(key) => {
                    let or_null =
                        if sort.nullable { format!(" OR {column} IS NULL)") } else { ")".into() };
                    statement
                        .sql(format!(" AND (({column}, {table}.id) {than} ("))
                        .bind(key)
                        .sql(", ")
                        .bind(id)
                        .sql(")")
                        .sql(or_null)
                }
                None => {
                    statement.sql(format!(" AND {column} IS NULL AND {table}.id {than} ")).bind(id)
                }
            };
        }
        let rows: Vec<(Option<String>, Row)> = statement
            .sql(format!("{order} LIMIT "))
            .bind(limit.saturating_add(1))
            .load(self.conn)?;
        let keep = usize::try_from(limit).unwrap_or(0);
        let sort_text = spec.named(&format!("{}{}", if descending { "-" } else { "" }, sort.name));
        let next = match rows.get(keep.saturating_sub(1)) {
            Some((key, row)) if rows.len() > keep => {
                Some(encode(&sort_text, key.as_deref(), id(row)))
            }
            _ => None,
        };
        let items = rows.into_iter().take(keep).map(|(_, row)| row).collect();
        Ok(Page { items, next })
    }
}

/// A list's statement while conditions are added to it.
pub type Narrow<S> = Statement<(Raw<Nullable<Text>>, S)>;

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: Field = Field::new("name", "things.name", Kind::Text).sorted();
    const CLOSED: Field = Field::new("closed_at", "things.closed_at", Kind::Instant).nullable();

    #[test]
    fn cursors_hold_for_their_own_list_only() {
        let id = Uuid::now_v7();
        let cursor = encode("-name", Some("a|b +\u{442}"), id);
        let read = decode(&cursor, "-name", &NAME).unwrap();
        assert_eq!((read.id, read.key), (id, Some(Bind::Text("a|b +\u{442}".into()))));
        assert!(decode(&cursor, "name", &NAME).is_none());
        assert!(decode(&encode("-name", None, id), "-name", &NAME).is_none());
        assert!(decode(&encode("x", None, id), "x", &CLOSED).unwrap().key.is_none());
        assert!(decode(&encode("x", Some("tomorrow"), id), "x", &CLOSED).is_none());
        let (upper, plus) = (cursor.to_uppercase(), cursor.replacen("0", "+", 1));
        let bare = encode("-name", Some("a"), id).replacen("2d", "", 4);
        for bad in ["", "zz", "0", "é", &"00".repeat(5_000), &upper, &plus, &bare] {
            assert!(decode(bad, "-name", &NAME).is_none(), "{bad}");
        }
    }

    #[test]
    fn every_fault_of_a_query_is_listed() {
        let spec =
            Spec { table: "things", fields: &[NAME, CLOSED], default_sort: "name", search: None };
        let pairs = |list: &[(&str, &str)]| -> Vec<(String, String)> {
            list.iter().map(|(a, b)| ((*a).into(), (*b).into())).collect()
        };
        let faults = spec
            .parse(&pairs(&[
                ("limit", "0"),
                ("colour", "red"),
                ("name[gte]", "x"),
                ("closed_at[gte]", "x"),
                ("cursor", "!"),
                ("limit", "5"),
            ]))
            .unwrap_err();
        let codes: Vec<_> = faults.iter().map(|f| (f.pointer.as_str(), f.code)).collect();
        assert_eq!(
            codes,
            [
                ("/limit", "out_of_range"),
                ("/colour", "unknown_parameter"),
                ("/name[gte]", "unknown_parameter"),
                ("/closed_at[gte]", "invalid_parameter"),
                ("/limit", "duplicate_parameter"),
                ("/cursor", "invalid_cursor"),
            ]
        );
        assert!(spec.parse(&pairs(&[("closed_at", "null"), ("name", "a,b")])).is_ok());
        assert!(spec.parse(&pairs(&[("sort", "closed_at")])).is_err());
    }
}
