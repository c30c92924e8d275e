//! Pages of lists: by keyset, with a cursor that belongs to its list and sort.

use std::str::FromStr;

use chrono::DateTime;
use diesel::{
    RunQueryDsl,
    deserialize::{FromSql, FromSqlRow},
    pg::{Pg, PgValue},
    sql_types::{Nullable, Text},
};
use uuid::Uuid;
use voronka_domain::workspace::custom_field::Entity;

use super::{FieldKind, MOST, Page, Query, Sort, Spec, bind};
use crate::{
    Bind, Raw, Result, Statement, Tenant,
    core::{
        conditions::{self, Tried, UNESTIMATED, folded, holding},
        few::{few_clients, few_titled},
    },
};

/// Where a page begins: after this sort key and id.
#[derive(Debug, Clone)]
pub(super) struct Cursor {
    key: Option<Bind>,
    id: Uuid,
}

/// Longer ones are not ours.
const LONGEST: usize = 8_000;

/// `sort|key|id` in hex: opaque, and of no use to another list.
fn encode(sort: &str, key: Option<&str>, id: Uuid) -> String {
    let key = key.map_or("-".to_owned(), |key| format!("+{key}"));
    hex::encode(format!("{id}|{sort}|{key}"))
}

pub(super) fn decode(text: &str, sort: &str, field: &Sort) -> Option<Cursor> {
    let bytes = Some(text).filter(|text| text.len() < LONGEST).map(hex::decode)?.ok()?;
    let plain = String::from_utf8(bytes).ok()?;
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

/// A sort key as the database sends it. Of a page one is written down, so what takes long to write is sent as it is.
#[derive(Debug, FromSqlRow)]
#[diesel(sql_type = Text)]
pub struct Key(Vec<u8>);

impl FromSql<Text, Pg> for Key {
    fn from_sql(value: PgValue<'_>) -> diesel::deserialize::Result<Self> {
        Ok(Self(value.as_bytes().to_owned()))
    }
}

impl Key {
    /// So that [`bind`] reads it back.
    fn text(&self, field: &Sort) -> Option<String> {
        if field.kind != FieldKind::Instant {
            return String::from_utf8(self.0.clone()).ok();
        }
        // Microseconds since 2000.
        let since = i64::from_be_bytes(self.0.as_slice().try_into().ok()?);
        let instant = DateTime::from_timestamp_micros(since.checked_add(EPOCH)?)?;
        Some(instant.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string())
    }
}

/// The beginning of 2000, in microseconds.
const EPOCH: i64 = 946_684_800_000_000;

/// What is asked for as the key.
fn key_sql(field: &Sort) -> String {
    let column = field.column;
    match field.kind {
        FieldKind::Instant => column.to_owned(),
        FieldKind::Bool => {
            format!("CASE {column} WHEN true THEN 'true' WHEN false THEN 'false' END")
        }
        _ => format!("{column}::text"),
    }
}

/// Where rows are looked for. Those that have a value of what the list is sorted by come first, from its index,
/// and then those that have none: said in one order, no index would give it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Everywhere,
    WithValue,
    WithoutValue,
}

impl Place {
    /// Where the rows of a page can be.
    fn of(query: &Query) -> &'static [Self] {
        let past_values = query.cursor.as_ref().is_some_and(|cursor| cursor.key.is_none());
        match (query.sort.nullable, past_values) {
            (false, _) => &[Self::Everywhere],
            (true, false) => &[Self::WithValue, Self::WithoutValue],
            (true, true) => &[Self::WithoutValue],
        }
    }
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
            for<'q> diesel::query_dsl::LoadQuery<'q, diesel::PgConnection, (Option<Key>, Row)>,
        S: diesel::query_builder::QueryFragment<Pg> + Clone,
    {
        let table = spec.table;
        let Some(field) = query.sort.custom else {
            let from = |tenant: &Self, selection| narrow(tenant.rows(selection, table));
            return self.page_from(spec, query, selection, from, id);
        };
        let value = format!(
            "sorted.workspace_id = {table}.workspace_id AND sorted.object_id = {table}.id \
             AND sorted.number = 0 AND sorted.field_id = '{field}'"
        );
        let with = format!("{table} JOIN custom_values sorted ON {value}");
        let without = format!(" AND NOT EXISTS (SELECT FROM custom_values sorted WHERE {value})");
        let from = |tenant: &Self, place, selection| match place {
            Place::WithoutValue => narrow(tenant.rows(selection, table)).sql(without.clone()),
            _ => narrow(tenant.select(selection, &with, table)),
        };
        self.page_in(spec, query, selection, from, id)
    }

    /// The same from more than a table: `from` gives the statement as far as its conditions.
    pub(crate) fn page_from<S, Row>(
        &mut self,
        spec: &Spec,
        query: Query,
        selection: S,
        from: impl Fn(&Self, (Raw<Nullable<Text>>, S)) -> Narrow<S>,
        id: impl Fn(&Row) -> Uuid,
    ) -> Result<Page<Row>>
    where
        Statement<(Raw<Nullable<Text>>, S)>:
            for<'q> diesel::query_dsl::LoadQuery<'q, diesel::PgConnection, (Option<Key>, Row)>,
        S: diesel::query_builder::QueryFragment<Pg> + Clone,
    {
        let without = format!(" AND {} IS NULL", query.sort.column);
        let from = |tenant: &Self, place, selection| match place {
            Place::WithoutValue => from(tenant, selection).sql(without.clone()),
            _ => from(tenant, selection),
        };
        self.page_in(spec, query, selection, from, id)
    }

    fn page_in<S, Row>(
        &mut self,
        spec: &Spec,
        query: Query,
        selection: S,
        from: impl Fn(&Self, Place, (Raw<Nullable<Text>>, S)) -> Narrow<S>,
        id: impl Fn(&Row) -> Uuid,
    ) -> Result<Page<Row>>
    where
        Statement<(Raw<Nullable<Text>>, S)>:
            for<'q> diesel::query_dsl::LoadQuery<'q, diesel::PgConnection, (Option<Key>, Row)>,
        S: diesel::query_builder::QueryFragment<Pg> + Clone,
    {
        let (titled, clients) = match spec.entity() {
            Some(Entity::Deal) => {
                let q = query.search.as_ref().map(|(_, part)| part.as_str());
                (few_titled(self, &query.trees, q)?, few_clients(self, &query.trees)?)
            }
            _ => (None, None),
        };
        let mut rows: Vec<(Option<Key>, Row)> = Vec::new();
        for place in Place::of(&query) {
            let found = i64::try_from(rows.len()).unwrap_or(i64::MAX);
            let wanted = query.limit.saturating_add(1).saturating_sub(found);
            if wanted <= 0 {
                break;
            }
            let key = match place {
                Place::WithoutValue => "NULL::text".to_owned(),
                _ => key_sql(&query.sort),
            };
            let mut statement = from(self, *place, (Raw::new(key), selection.clone()));
            for (column, few) in [("id", &titled), ("client_id", &clients)] {
                if let Some(few) = few {
                    statement = statement
                        .sql(format!(" AND deals.{column} = ANY("))
                        .bind(few.clone())
                        .sql(")");
                }
            }
            let statement = complete(statement, spec, &query, *place);
            let next: Vec<_> =
                limited(statement, &query, wanted).of_some_shape().load(self.conn)?;
            rows.extend(next);
        }
        Ok(cut(spec, &query, rows, id))
    }
}

/// A plan that is kept knows nothing of what is bound to it, and for an unknown limit takes a tenth of the table: the
/// limits that most callers have are said, so that Postgres need not plan each page anew. Where parts of texts are
/// looked for, it should: an index of parts is of use for some texts and not for others.
fn limited<S>(statement: Narrow<S>, query: &Query, wanted: i64) -> Narrow<S> {
    const OFTEN: [i64; 6] = [10, 20, 25, 50, 100, MOST];
    let is_plain = query.search.is_none() && query.trees.is_empty();
    if is_plain && OFTEN.contains(&wanted.saturating_sub(1)) {
        return statement.sql(wanted.to_string());
    }
    statement.bind(wanted)
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
    if let Some(Cursor { key: Some(key), id }) = cursor {
        statement = statement
            .sql(format!(" AND ({column}, {table}.id) {than} ("))
            .bind(key.clone())
            .sql(", ")
            .bind(*id)
            .sql(")");
    }
    statement.sql(format!(" ORDER BY {column} {order}, {table}.id {order} LIMIT "))
}

/// The page of the rows that were found: one more than it holds tells that there is another.
fn cut<Row>(
    spec: &Spec,
    query: &Query,
    rows: Vec<(Option<Key>, Row)>,
    id: impl Fn(&Row) -> Uuid,
) -> Page<Row> {
    let keep = usize::try_from(query.limit).unwrap_or(0);
    let descending = if query.descending { "-" } else { "" };
    let sort = spec.named(&format!("{descending}{}", query.sort.name));
    let next = match rows.get(keep.saturating_sub(1)) {
        Some((key, row)) if rows.len() > keep => {
            let key = key.as_ref().and_then(|key| key.text(&query.sort));
            Some(encode(&sort, key.as_deref(), id(row)))
        }
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
        if let Some((column, part)) = &self.search {
            let (case, end) = match spec.entity() {
                Some(Entity::Deal) => ("CASE WHEN ", UNESTIMATED),
                _ => ("", ""),
            };
            statement = statement
                .sql(format!(" AND {case}{} LIKE ", folded(column)))
                .bind(holding(part))
                .sql(end);
        }
        for (tree, look) in &self.trees {
            statement = conditions::narrow(statement, over, tree, look, Tried::Few);
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

    const NAME: Field = Field::new("name", "things.name", FieldKind::Text).sorted();
    const CLOSED: Field =
        Field::new("closed_at", "things.closed_at", FieldKind::Instant).nullable();

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
