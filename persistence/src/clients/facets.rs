//! What values the clients' lists have, and how often.

use diesel::{
    RunQueryDsl,
    sql_types::{BigInt, Nullable, Text},
};

use crate::{Result, Statement, Tenant, core::unit::raw};

/// Most values of a field.
const MOST_VALUES: i64 = 200;

/// A value of a field, none for clients without one, and how many clients have it.
#[derive(Debug, Clone, PartialEq, Eq, diesel::Queryable)]
pub struct Facet {
    pub field: String,
    pub value: Option<String>,
    pub count: i64,
}

/// The values of the clients in use: `kind`, `type`, `class`, `region` and `tag`, of each the most frequent
/// first.
pub fn facets(tenant: &mut Tenant<'_>) -> Result<Vec<Facet>> {
    let facets = Statement::select(raw::<(Text, Nullable<Text>, BigInt)>(
        "field, value, count FROM (SELECT field, value, count(*) AS count, \
         row_number() OVER (PARTITION BY field ORDER BY count(*) DESC, value) AS rank \
         FROM clients, LATERAL (SELECT * FROM unnest(ARRAY['kind', 'type', 'class', 'region'], \
         ARRAY[kind, client_type, class, region]) AS one(field, value) \
         UNION ALL SELECT 'tag', tag FROM unnest(tags) AS tag) AS one \
         WHERE merged_into IS NULL AND NOT archived AND workspace_id = ",
    ))
    .bind(tenant.workspace_id)
    .sql(" GROUP BY field, value) AS ranked WHERE rank <= ")
    .bind(MOST_VALUES)
    .sql(" ORDER BY field, rank")
    .load(tenant.conn)?;
    Ok(facets)
}
