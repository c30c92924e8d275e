//! What a list asks for that few rows have is found before the list is: by parts of titles, and by clients.

use diesel::{RunQueryDsl, sql_types::Uuid as SqlUuid};
use uuid::Uuid;
use voronka_domain::{
    process::condition::{ActivityField, Check, Field, Name, Test, Tree},
    workspace::custom_field::Entity,
};

use crate::{
    Look, Result, Statement, Tenant,
    core::{
        conditions::{Tried, folded, holding, narrow},
        unit::raw,
    },
};

/// More clients than that are no short cut to their deals.
const FEW_CLIENTS: i64 = 1_000;
/// More deals than that are found sooner by going through all in their order, until a page is full: looking up
/// three thousand takes as long as going through fifteen thousand.
const FEW_TITLES: i64 = 3_000;

/// What was found, if it is few.
fn few<S>(statement: Statement<S>, few: i64, tenant: &mut Tenant<'_>) -> Result<Option<Vec<Uuid>>>
where
    Statement<S>: for<'q> diesel::query_dsl::LoadQuery<'q, diesel::PgConnection, Uuid>,
{
    let statement = statement.sql(" LIMIT ").bind(few.saturating_add(1));
    // A plan that is kept takes any text for a rare one, and its index for the quicker way.
    let found: Vec<Uuid> = statement.unkept().load(tenant.conn)?;
    let few = i64::try_from(found.len()).is_ok_and(|found| found <= few);
    Ok(few.then_some(found))
}

/// The clients that conditions on deals ask for, where these are few: their deals are found by them, and need
/// not be looked for among all.
pub(crate) fn few_clients(
    tenant: &mut Tenant<'_>,
    trees: &[(Tree, Look)],
) -> Result<Option<Vec<Uuid>>> {
    let mut statement = tenant.rows(raw::<SqlUuid>("clients.id"), "clients");
    let mut asked = false;
    for (tree, look) in trees {
        for test in necessary(tree).into_iter().filter(|test| of_client(test)) {
            asked = true;
            let tree = Tree::Test(test.clone());
            statement = narrow(statement, Entity::Client, &tree, look, Tried::Many);
        }
    }
    if asked { few(statement, FEW_CLIENTS, tenant) } else { Ok(None) }
}

/// The deals whose titles hold what is asked for, by `q` or by conditions, where these are few.
pub(crate) fn few_titled(
    tenant: &mut Tenant<'_>,
    trees: &[(Tree, Look)],
    q: Option<&str>,
) -> Result<Option<Vec<Uuid>>> {
    let tests = trees.iter().flat_map(|(tree, _)| necessary(tree));
    let parts = tests.filter_map(|test| match (&test.field, &test.check) {
        (
            Field { entity: Entity::Deal, name: Name::BuiltIn("title"), .. },
            Check::Contains(part),
        ) => Some(part.as_str()),
        _ => None,
    });
    let parts: Vec<_> = parts.chain(q).filter(|part| is_indexed(part)).collect();
    if parts.is_empty() {
        return Ok(None);
    }
    let titles = tenant.rows(raw::<SqlUuid>("deal_titles.deal_id"), "deal_titles");
    let titles = parts.into_iter().fold(titles, |titles, part| {
        titles.sql(format!(" AND {} LIKE ", folded("deal_titles.title"))).bind(holding(part))
    });
    few(titles, FEW_TITLES, tenant)
}

/// Three letters or digits in a row are what the index of parts goes by.
fn is_indexed(part: &str) -> bool {
    part.split(|c: char| !c.is_alphanumeric()).any(|word| word.chars().count() >= 3)
}

/// What has to hold, whatever else does.
fn necessary(tree: &Tree) -> Vec<&Test> {
    match tree {
        Tree::All(parts) => parts.iter().flat_map(necessary).collect(),
        Tree::Test(test) => vec![test],
        _ => Vec::new(),
    }
}

/// Looks at a deal's client, and at no activities.
fn of_client(test: &Test) -> bool {
    let activity_summary =
        matches!(&test.field.name, Name::BuiltIn(name) if ActivityField::of(name).is_some());
    test.field.entity == Entity::Client && test.check != Check::Empty && !activity_summary
}
