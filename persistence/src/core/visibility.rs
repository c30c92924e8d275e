//! What somebody sees, as SQL: of deals, of activities, of tasks.

use voronka_domain::people::access::Visibility;

use super::{caller::Caller, statement::Statement};

/// Adds to a statement over `deals` whose deals the caller sees.
pub(crate) fn deals_seen_by<S>(statement: Statement<S>, visibility: &Visibility) -> Statement<S> {
    owned_by(statement, visibility, "deals")
}

/// The same over any table with `workspace_id` and `owner_id`.
pub(crate) fn owned_by<S>(
    statement: Statement<S>,
    visibility: &Visibility,
    table: &str,
) -> Statement<S> {
    match visibility {
        Visibility::All => statement,
        Visibility::Own { user_id } => {
            statement.sql(format!(" AND {table}.owner_id = ")).bind(*user_id)
        }
        Visibility::Departments { user_id, departments } => statement
            .sql(format!(" AND ({table}.owner_id = "))
            .bind(*user_id)
            .sql(format!(
                " OR {table}.owner_id IN (SELECT u.id FROM users u \
                 WHERE u.workspace_id = {table}.workspace_id AND u.department_id = ANY("
            ))
            .bind(departments.clone())
            .sql(")))"),
    }
}

/// Whose work somebody sees: that of the deals that they see, and that of the people whom they look after.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sight<'v> {
    pub(crate) deals: &'v Visibility,
    pub(crate) people: &'v Visibility,
}

impl<'v> Sight<'v> {
    /// Those whom one looks after, with their deals.
    pub(crate) fn of_people(people: &'v Visibility) -> Self {
        Self { deals: people, people }
    }
}

/// Adds to a statement over `activities`, by the name that they have there, which of them somebody sees: their
/// own, those of the people that they look after, and those of the deals that they see.
pub(crate) fn activities_seen_by<S>(
    statement: Statement<S>,
    sight: Sight<'_>,
    table: &str,
) -> Statement<S> {
    let user_id = match sight.people {
        Visibility::All => return statement,
        Visibility::Own { user_id } | Visibility::Departments { user_id, .. } => *user_id,
    };
    let mine = statement.sql(format!(" AND ({table}.user_id = ")).bind(user_id).sql(" OR ");
    of_others(mine, sight, table, "user_id").sql(")")
}

/// Adds to a statement over `tasks` which of them the caller sees.
pub(crate) fn tasks_seen_by<S>(statement: Statement<S>, caller: &Caller) -> Statement<S> {
    let sight = caller.sight();
    let user_id = match sight.people {
        Visibility::All => return statement,
        Visibility::Own { user_id } | Visibility::Departments { user_id, .. } => *user_id,
    };
    let mine = statement
        .sql(" AND (tasks.responsible_id = ")
        .bind(user_id)
        .sql(" OR tasks.creator_id = ")
        .bind(user_id)
        .sql(
            " OR EXISTS (SELECT FROM task_people p WHERE p.workspace_id = tasks.workspace_id \
             AND p.task_id = tasks.id AND p.user_id = ",
        )
        .bind(user_id)
        .sql(") OR ");
    tasks_of_others(mine, sight).sql(")")
}

/// Adds which tasks are of deals that are seen, or of people who are looked after.
pub(crate) fn tasks_of_others<S>(statement: Statement<S>, sight: Sight<'_>) -> Statement<S> {
    of_others(statement, sight, "tasks", "responsible_id")
}

fn of_others<S>(
    statement: Statement<S>,
    sight: Sight<'_>,
    table: &str,
    person: &str,
) -> Statement<S> {
    let of_deals = match sight.deals {
        Visibility::All => statement.sql(format!("{table}.deal_id IS NOT NULL")),
        deals => {
            let of_deals = statement.sql(format!(
                "EXISTS (SELECT FROM deals WHERE deals.workspace_id = {table}.workspace_id \
                 AND deals.id = {table}.deal_id"
            ));
            owned_by(of_deals, deals, "deals").sql(")")
        }
    };
    match sight.people {
        Visibility::Departments { departments, .. } => of_deals
            .sql(format!(
                " OR {table}.{person} IN (SELECT u.id FROM users u \
                 WHERE u.workspace_id = {table}.workspace_id AND u.department_id = ANY("
            ))
            .bind(departments.clone())
            .sql("))"),
        _ => of_deals,
    }
}
