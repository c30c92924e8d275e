//! Pages of lists: by keyset, with a cursor that belongs to its list and sort.

use std::str::FromStr;

use diesel::{
    RunQueryDsl,
    pg::Pg,
    sql_types::{Nullable, Text},
};
use uuid::Uuid;
use voronka_domain::custom_field::Entity;

use super::{Kind, Page, Query, Sort, Spec, bind};
use crate::{Bind, Raw, Result, Statement, Tenant, conditions};

/// Where a page begins: after this sort key and id.
#[derive(Debug, Clone)]
pub(super) struct Cursor {
    key: Option<Bind>,
    id: Uuid,
}

/// `sort|key|id` in hex: opaque, and of no use to another list.
fn encode(sort: &str, key: Option<&str>, id: Uuid) -> String {
    let key = key.map_or("-".to_owned(), |key| format!("+{key}"));
    format!("{id}|{sort}|{key}").bytes().map(|b| format!("{b:02x}")).collect()
}

pub(super) fn decode(text: &str, sort: &str, field: &Sort) -> Option<Cursor> {
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
fn key_text(field: &Sort) -> String {
    let column = field.column;
    match field.kind {
        Kind::Instant => format!("to_char({column}, 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"),
        Kind::Bool => format!("CASE {column} WHEN true THEN 'true' WHEN false THEN 'false' END"),
        _ => format!("{column}::text"),
    }
}

/// Where rows are looked for. By a custom field, those that have a value come first, from the index of
/// values, and then those that have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Everywhere,
    WithValue,
    WithoutValue,
}

impl Tenant<'_> {
    /// A page of rows. `narrow` adds what the caller may not leave out.
    pub fn page<S, Row>(
        &mut self,
        spec: &Spec,
        query: Query,
        selection: S,
        narrow: impl Fn(Narrow<S>) -> Narrow<S>,
        id: impl Fn(&Row) -> Uuid,
    ) -> Result<Page<Row>>
    where
        Statement<(Raw<Nullable<Text>>, S)>:
            for<'q> diesel::query_dsl::LoadQuery<'q, diesel::PgConnection, (Option<String>, Row)>,
        S: diesel::query_builder::QueryFragment<Pg> + Clone,
    {
        let Some(field) = query.sort.custom else {
            let from = |tenant: &Self, selection| narrow(tenant.rows(selection, spec.table));
            return self.page_from(spec, query, selection, from, id);
        };
        let table = spec.table;
        let value = format!(
            "sorted.workspace_id = {table}.workspace_id AND sorted.object_id = {table}.id \
             AND sorted.number = 0 AND sorted.field_id = '{field}'"
        );
        let past_values = query.cursor.as_ref().is_some_and(|cursor| cursor.key.is_none());
        let mut rows: Vec<(Option<String>, Row)> = Vec::new();
        if !past_values {
            let from = format!("{table} JOIN custom_values sorted ON {value}");
            let selected = (Raw::new(key_text(&query.sort)), selection.clone());
            let statement = narrow(self.select(selected, &from, table));
            let statement = complete(statement, spec, &query, Place::WithValue);
            rows = statement.bind(query.limit.saturating_add(1)).load(self.conn)?;
        }
        let wanted = query.limit.saturating_add(1) - i64::try_from(rows.len()).unwrap_or(0);
        if wanted > 0 {
            let none = format!(" AND NOT EXISTS (SELECT FROM custom_values sorted WHERE {value})");
            let selected = (Raw::new("NULL::text"), selection);
            let statement = narrow(self.rows(selected, table)).sql(none);
            let statement = complete(statement, spec, &query, Place::WithoutValue);
            rows.extend(statement.bind(wanted).load::<(Option<String>, Row)>(self.conn)?);
        }
        Ok(cut(spec, &query, rows, id))
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
        let statement = from(self, (Raw::new(key_text(&query.sort)), selection));
        let statement = complete(statement, spec, &query, Place::Everywhere);
        let rows = statement.bind(query.limit.saturating_add(1)).load(self.conn)?;
        Ok(cut(spec, &query, rows, id))
    }
}

/// Adds the conditions, the cursor and the order, up to the limit.
fn complete<S>(mut statement: Narrow<S>, spec: &Spec, query: &Query, place: Place) -> Narrow<S> {
    let Query { sort, descending, cursor, .. } = query;
    let (table, column) = (spec.table, sort.column);
    statement = query.narrow(statement, spec);
    let (than, order) = if *descending { ("<", "DESC") } else { (">", "ASC") };
    if place == Place::WithoutValue {
        if let Some(Cursor { key: None, id }) = cursor {
            statement = statement.sql(format!(" AND {table}.id {than} ")).bind(*id);
        }
        return statement.sql(format!(" ORDER BY {table}.id {order} LIMIT "));
    }
    if place == Place::WithValue {
        statement = statement.sql(format!(" AND {column} IS NOT NULL"));
    }
    let nullable = sort.nullable && place == Place::Everywhere;
    if let Some(Cursor { key, id }) = cursor {
        statement = match key {
            Some(key) => {
                let or_null = if nullable { format!(" OR {column} IS NULL)") } else { ")".into() };
                statement
                    .sql(format!(" AND (({column}, {table}.id) {than} ("))
                    .bind(key.clone())
                    .sql(", ")
                    .bind(*id)
                    .sql(")")
                    .sql(or_null)
            }
            None => {
                statement.sql(format!(" AND {column} IS NULL AND {table}.id {than} ")).bind(*id)
            }
        };
    }
    let order = match place {
        Place::Everywhere => query.order(table),
        _ => format!(" ORDER BY {column} {order}, {table}.id {order}"),
    };
    statement.sql(format!("{order} LIMIT "))
}

/// The page of the rows that were found: one more than it holds tells that there is another.
fn cut<Row>(
    spec: &Spec,
    query: &Query,
    rows: Vec<(Option<String>, Row)>,
    id: impl Fn(&Row) -> Uuid,
) -> Page<Row> {
    let keep = usize::try_from(query.limit).unwrap_or(0);
    let descending = if query.descending { "-" } else { "" };
    let sort = spec.named(&format!("{descending}{}", query.sort.name));
    let next = match rows.get(keep.saturating_sub(1)) {
        Some((key, row)) if rows.len() > keep => Some(encode(&sort, key.as_deref(), id(row))),
        _ => None,
    };
    let items = rows.into_iter().take(keep).map(|(_, row)| row).collect();
    Page { items, next }
}

impl Query {
    /// Adds the filters, and neither the cursor nor the order.
    pub(crate) fn narrow<S>(&self, mut statement: Statement<S>, spec: &Spec) -> Statement<S> {
        for (sql, value, after) in &self.conditions {
            statement = statement.sql(format!(" AND {sql}"));
            if let Some(value) = value {
                statement = statement.bind(value.clone()).sql(*after);
            }
        }
        let over = spec.entity().unwrap_or(Entity::Deal);
        for (tree, look) in &self.trees {
            statement = conditions::narrow(statement, over, tree, look);
        }
        statement
    }

    /// The same list from where a page of it ended.
    pub fn after(&self, spec: &Spec, cursor: &str) -> Option<Self> {
        let descending = if self.descending { "-" } else { "" };
        let sort = spec.named(&format!("{descending}{}", self.sort.name));
        let cursor = Some(decode(cursor, &sort, &self.sort)?);
        Some(Self { cursor, ..self.clone() })
    }
}

/// A list's statement while conditions are added to it.
pub type Narrow<S> = Statement<(Raw<Nullable<Text>>, S)>;

#[cfg(test)]
mod tests {
    use super::{super::Field, *};

    const NAME: Field = Field::new("name", "things.name", Kind::Text).sorted();
    const CLOSED: Field = Field::new("closed_at", "things.closed_at", Kind::Instant).nullable();

    #[test]
    fn cursors_hold_for_their_own_list_only() {
        let id = Uuid::now_v7();
        let cursor = encode("-name", Some("a|b +\u{442}"), id);
        let read = decode(&cursor, "-name", &NAME.into()).unwrap();
        assert_eq!((read.id, read.key), (id, Some(Bind::Text("a|b +\u{442}".into()))));
        assert!(decode(&cursor, "name", &NAME.into()).is_none());
        assert!(decode(&encode("-name", None, id), "-name", &NAME.into()).is_none());
        assert!(decode(&encode("x", None, id), "x", &CLOSED.into()).unwrap().key.is_none());
        assert!(decode(&encode("x", Some("tomorrow"), id), "x", &CLOSED.into()).is_none());
        let (upper, plus) = (cursor.to_uppercase(), cursor.replacen("0", "+", 1));
        let bare = encode("-name", Some("a"), id).replacen("2d", "", 4);
        for bad in ["", "zz", "0", "é", &"00".repeat(5_000), &upper, &plus, &bare] {
            assert!(decode(bad, "-name", &NAME.into()).is_none(), "{bad}");
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
