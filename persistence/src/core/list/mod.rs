//! Lists: filters, sorting and keyset paging over declared fields, the same for every noun.

mod page;
mod value;

use uuid::Uuid;
use voronka_domain::{
    Fault,
    process::condition::{self, Schema, Tree},
    workspace::custom_field::{CustomField, Entity, FieldType},
};

use crate::{Bind, Result, core::conditions::Look};
pub use page::Narrow;
use page::{Cursor, decode};
use value::{array, bind};

/// What a field's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
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
    /// Yes or no, to what the noun itself narrows its list by: there is no column.
    Asked,
    /// The id of one of several people or things: the column is a condition that ends before it, in
    /// parentheses that it leaves open.
    Member,
    /// Keys of things, by which the noun itself narrows its list: there is no column.
    Key,
}

impl FieldKind {
    /// A list may be filtered by several of its values.
    pub fn takes_several(self) -> bool {
        matches!(self, Self::Uuid | Self::Text | Self::Key | Self::Choice(_))
    }
}

/// A field that a list can be filtered or sorted by.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    pub name: &'static str,
    pub column: &'static str,
    pub kind: FieldKind,
    pub sorts: bool,
    pub nullable: bool,
    /// The ids, where these are in the order of the field: no index of its own is needed.
    pub ids: Option<&'static str>,
    /// Filters, or filters with their value, of which a sort by the field needs one: there is no index of all rows.
    pub needs: &'static [&'static str],
    /// How a list is sorted that the noun is asked this of, unless it says otherwise.
    pub then_sorted: Option<&'static str>,
}

impl Field {
    pub const fn new(name: &'static str, column: &'static str, kind: FieldKind) -> Self {
        Self {
            name,
            column,
            kind,
            sorts: false,
            nullable: false,
            ids: None,
            needs: &[],
            then_sorted: None,
        }
    }

    pub const fn sorted(mut self) -> Self {
        self.sorts = true;
        self
    }

    /// Sorted by the ids, which are in the order of their making.
    pub const fn sorted_by_making(mut self, ids: &'static str) -> Self {
        self.ids = Some(ids);
        self.sorted()
    }

    /// Sorted where one of these filters is given.
    pub const fn sorted_with(mut self, needs: &'static [&'static str]) -> Self {
        self.needs = needs;
        self.sorted()
    }

    pub const fn then_sorted(mut self, sort: &'static str) -> Self {
        self.then_sorted = Some(sort);
        self
    }

    pub const fn nullable(mut self) -> Self {
        self.nullable = true;
        self
    }

    /// Comparisons that the field allows beside equality.
    pub fn ranges(&self) -> &'static [(&'static str, &'static str)] {
        match self.kind {
            FieldKind::Instant | FieldKind::Date | FieldKind::Decimal | FieldKind::Integer => {
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
/// Begins the names of custom fields.
const CUSTOM: &str = "custom.";
/// More values in one filter than any screen has boxes.
pub const MOST_VALUES: usize = 200;

/// A request for a page, checked.
#[derive(Debug, Clone)]
pub struct Query {
    pub limit: i64,
    sort: Sort,
    descending: bool,
    cursor: Option<Cursor>,
    conditions: Vec<(String, Option<Bind>, &'static str)>,
    /// A part of the text in a column, in lower case.
    search: Option<(&'static str, String)>,
    /// Conditions of the language, as somebody looks at them.
    trees: Vec<(Tree, Look)>,
    /// What the noun is asked.
    asked: Vec<(String, bool)>,
    /// By which keys the noun narrows it.
    keys: Vec<(String, Vec<String>)>,
}

impl Query {
    /// Narrows the list to what a condition holds for.
    pub fn with(mut self, tree: Tree, look: Look) -> Self {
        self.trees.push((tree, look));
        self
    }
}

/// What a list is sorted by: a field of its own, or a custom one.
#[derive(Debug, Clone)]
struct Sort {
    name: String,
    column: &'static str,
    kind: FieldKind,
    nullable: bool,
    custom: Option<Uuid>,
    needs: &'static [&'static str],
}

impl From<Field> for Sort {
    fn from(field: Field) -> Self {
        let Field { name, column, kind, nullable, ids, needs, .. } = field;
        let (column, kind) = ids.map_or((column, kind), |ids| (ids, FieldKind::Uuid));
        Self { name: name.to_owned(), column, kind, nullable, custom: None, needs }
    }
}

/// The custom fields that a list can be filtered and sorted by, and who looks when.
#[derive(Debug, Clone)]
pub struct Customs<'a> {
    pub fields: &'a [CustomField],
    pub look: Look,
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
    /// The answer that it wants to what the noun is asked.
    pub(crate) fn asks(&self, name: &str) -> Option<bool> {
        self.asked.iter().find(|(asked, _)| asked == name).map(|(_, yes)| *yes)
    }

    /// The keys that are looked for.
    pub(crate) fn keys(&self, name: &str) -> Option<&[String]> {
        self.keys.iter().find(|(of, _)| of == name).map(|(_, keys)| keys.as_slice())
    }

    /// Whether it has a filter on this column.
    pub(crate) fn filters_by(&self, column: &str) -> bool {
        self.conditions.iter().any(|(sql, ..)| sql.starts_with(column))
    }

    /// The order of the list's rows, as in `ORDER BY`.
    pub(crate) fn order(&self, table: &str) -> String {
        let Sort { column, nullable, .. } = self.sort;
        let order = if self.descending { "DESC" } else { "ASC" };
        let nulls = if nullable && self.descending { " NULLS LAST" } else { "" };
        format!(" ORDER BY {column} {order}{nulls}, {table}.id {order}")
    }
}

impl Spec {
    /// Whose custom fields the list has.
    pub fn entity(&self) -> Option<Entity> {
        match self.table {
            "deals" => Some(Entity::Deal),
            "clients" => Some(Entity::Client),
            _ => None,
        }
    }

    fn sort(&self, name: &str, customs: Option<&Customs<'_>>) -> Option<Sort> {
        if let Some(field) = self.field(name).filter(|field| field.sorts) {
            return Some(field.into());
        }
        let key = name.strip_prefix(CUSTOM)?;
        let (entity, mut fields) = (self.entity()?, customs?.fields.iter());
        let field = fields.find(|field| field.entity == entity && field.key == key)?;
        let (column, kind) = match field.field_type {
            FieldType::Number | FieldType::Money | FieldType::Date => {
                ("sorted.number_value", FieldKind::Decimal)
            }
            FieldType::MultiChoice => return None,
            _ => ("sorted.text_value", FieldKind::Text),
        };
        let name = name.to_owned();
        Some(Sort { name, column, kind, nullable: true, custom: Some(field.id), needs: &[] })
    }

    fn field(&self, name: &str) -> Option<Field> {
        self.fields.iter().find(|field| field.name == name).copied()
    }

    /// A sort of this list and no other.
    fn named(&self, sort: &str) -> String {
        format!("{}.{sort}", self.table)
    }

    /// Reads the pairs of a query string. Every fault is listed, an unknown parameter among them.
    pub fn parse(&self, pairs: &[(String, String)]) -> Result<Query, Vec<Fault>> {
        self.parse_with(pairs, None)
    }

    /// The same of a list that has custom fields.
    pub fn parse_with(
        &self,
        pairs: &[(String, String)],
        customs: Option<&Customs<'_>>,
    ) -> Result<Query, Vec<Fault>> {
        self.read(pairs, customs, true)
    }

    /// The same of a search, which a condition narrows instead of filters: any sort will do.
    pub fn parse_search(
        &self,
        pairs: &[(String, String)],
        customs: &Customs<'_>,
    ) -> Result<Query, Vec<Fault>> {
        self.read(pairs, Some(customs), false)
    }

    fn read(
        &self,
        pairs: &[(String, String)],
        customs: Option<&Customs<'_>>,
        by_filters: bool,
    ) -> Result<Query, Vec<Fault>> {
        let mut faults = Vec::new();
        let mut fault = |name: &str, code, detail: String| {
            faults.push(Fault::new(format!("/{name}"), code, detail));
        };
        let (mut limit, mut sort, mut cursor) = (DEFAULT_LIMIT, None, None);
        let (mut conditions, mut trees) = (Vec::new(), Vec::new());
        let (mut asked, mut keys, mut search) = (Vec::new(), Vec::new(), None);
        let mut seen = Vec::new();
        let pairs = &self.joined(pairs);
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
                "sort" => sort = Some(value.as_str()),
                "cursor" => cursor = Some(value),
                "q" if self.search.is_some() => {
                    search = self.search.map(|column| (column, condition::fold(value)));
                }
                _ if name.starts_with(CUSTOM) && customs.is_some() => {
                    if let Some(customs) = customs {
                        match self.custom(name, value, customs) {
                            Ok(tree) => trees.push((tree, customs.look.clone())),
                            Err(found) => fault(name, found.code, found.detail),
                        }
                    }
                }
                _ if self.field(name).is_some_and(|field| field.kind == FieldKind::Asked) => {
                    match bind(FieldKind::Asked, value) {
                        Ok(Bind::Bool(yes)) => asked.push((name.clone(), yes)),
                        _ => fault(name, "invalid_parameter", "Not true or false.".into()),
                    }
                }
                _ if self.field(name).is_some_and(|field| field.kind == FieldKind::Key) => {
                    let wanted: Vec<_> = value.split(',').map(str::to_owned).collect();
                    if wanted.len() > MOST_VALUES {
                        let detail = format!("At most {MOST_VALUES} values.");
                        fault(name, "invalid_parameter", detail);
                    }
                    keys.push((name.clone(), wanted));
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
        let then_sorted = |(name, yes): &(String, bool)| {
            self.field(name).filter(|_| *yes).and_then(|field| field.then_sorted)
        };
        let sort = sort.or_else(|| asked.iter().find_map(then_sorted)).unwrap_or(self.default_sort);
        let (name, descending) = sort.strip_prefix('-').map_or((sort, false), |name| (name, true));
        let Some(sort_field) = self.sort(name, customs) else {
            let known: Vec<_> = self.fields.iter().filter(|f| f.sorts).map(|f| f.name).collect();
            let detail = format!("Sort by one of {}, with - for descending.", known.join(", "));
            fault("sort", "invalid_parameter", detail);
            return Err(faults);
        };
        let needs = sort_field.needs;
        let given = |(name, value): &(String, String)| {
            needs.contains(&name.as_str()) || needs.contains(&format!("{name}={value}").as_str())
        };
        if by_filters && !needs.is_empty() && !pairs.iter().any(given) {
            let detail = format!("Sorted by this, the list needs {}.", needs.join(" or "));
            fault("sort", "filter_required", detail);
        }
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
        let sort = sort_field;
        Ok(Query { limit, sort, descending, cursor, conditions, search, trees, asked, keys })
    }

    /// Several values of a filter come separated by commas, or by themselves.
    fn joined(&self, pairs: &[(String, String)]) -> Vec<(String, String)> {
        let mut joined: Vec<(String, String)> = Vec::new();
        for (name, value) in pairs {
            let takes_several = self.field(name).is_some_and(|field| field.kind.takes_several());
            match joined.iter_mut().find(|(there, _)| takes_several && there == name) {
                Some((_, values)) => {
                    values.push(',');
                    values.push_str(value);
                }
                None => joined.push((name.clone(), value.clone())),
            }
        }
        joined
    }

    fn custom(&self, name: &str, value: &str, customs: &Customs<'_>) -> Result<Tree, Fault> {
        let (field, op) = match name.strip_suffix(']').and_then(|name| name.split_once('[')) {
            Some((field, op)) => (field, op),
            None => (name, "eq"),
        };
        let over = self.entity().unwrap_or(Entity::Deal);
        let field = format!("{}.{field}", over.name());
        let schema = Schema { over, custom: customs.fields };
        condition::read_parameter(&format!("/{name}"), &field, op, value, &schema)
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
        if matches!(field.kind, FieldKind::Tag | FieldKind::Phone | FieldKind::Email) {
            let holds = |bind| (format!("{column} @> ARRAY["), Some(bind), "]");
            return Some(bind(field.kind, value).map(holds));
        }
        if field.kind == FieldKind::Member {
            return Some(bind(field.kind, value).map(|b| (column.to_owned(), Some(b), ")")));
        }
        if value.split(',').count() > MOST_VALUES {
            return Some(Err(format!("At most {MOST_VALUES} values.")));
        }
        let (nulls, values): (Vec<_>, Vec<_>) =
            value.split(',').partition(|value| field.nullable && *value == "null");
        let list = match field.kind {
            _ if values.is_empty() => return Some(Ok((format!("{column} IS NULL"), None, ""))),
            FieldKind::Uuid | FieldKind::Text | FieldKind::Choice(_) if value.contains(',') => true,
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
