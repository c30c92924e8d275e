//! Segments in reports: one that a report is narrowed to, and those that split it.

use diesel::{RunQueryDsl, SelectableHelper};
use uuid::Uuid;
use voronka_domain::{
    people::access::Permission,
    process::condition::{Condition, Schema, Tree},
    workspace::custom_field::Entity,
};

use super::{Group, GroupBy};
use crate::{
    Error, Result, Statement, Store, Tenant,
    core::{
        conditions::{self, Look, Tried},
        noun::Noun,
    },
    workspace::segments::Segment,
};

/// Which segments a report looks at, and when.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The one that the report is narrowed to.
    pub only: Option<Uuid>,
    pub group_by: Option<GroupBy>,
    pub look: Look,
}

/// Saved conditions over deals or over their clients, as these are at the moment.
#[derive(Debug, Clone)]
pub struct Segments {
    only: Option<(Entity, Tree)>,
    /// All that are not archived, where the report is split by them.
    groups: Vec<(Uuid, Entity, Tree)>,
    look: Look,
}

impl Wanted {
    pub fn load(&self, store: &Store, tenant: &mut Tenant<'_>) -> Result<Segments> {
        let only = match self.only {
            Some(id) => Some(Segment::get(tenant, id)?),
            None => None,
        };
        let groups: Vec<Segment> = match self.group_by {
            Some(GroupBy::Segment) => tenant
                .rows(Segment::as_select(), "segments")
                .sql(" AND NOT segments.archived ORDER BY segments.id")
                .load(tenant.conn)?,
            _ => Vec::new(),
        };
        let mut read = Segments { only: None, groups: Vec::new(), look: self.look.clone() };
        if only.is_none() && groups.is_empty() {
            return Ok(read);
        }
        let fields = store.load_custom_fields(tenant)?;
        let tree = |segment: &Segment| {
            let over = segment.over()?;
            let schema = Schema { over, custom: &fields };
            // It fitted the fields when it was saved, and fields stay.
            let condition = Condition::read("/condition", &segment.condition, &schema);
            let condition = condition
                .map_err(|faults| Error::Internal(format!("segment {}: {faults:?}", segment.id)))?;
            Ok::<_, Error>((over, condition.tree().clone()))
        };
        read.only = only.as_ref().map(tree).transpose()?;
        for segment in &groups {
            let (over, tree) = tree(segment)?;
            read.groups.push((segment.id, over, tree));
        }
        Ok(read)
    }
}

impl Segments {
    /// What the segment that a report is narrowed to looks at.
    pub(super) fn needs(&self) -> Vec<Permission> {
        let needs = |(over, tree): &(Entity, Tree)| tree.needs(*over).collect();
        self.only.as_ref().map(needs).unwrap_or_default()
    }

    /// The same of a group: of the segment that it is, or of all for the deals without any.
    pub(super) fn needs_of(&self, group: &Group) -> Vec<Permission> {
        match group.by {
            GroupBy::Region | GroupBy::ClientType => vec![Permission::ClientsRead],
            GroupBy::Segment => {
                let asked = |id: &Uuid| group.key.as_ref().is_none_or(|key| *key == id.to_string());
                let groups = self.groups.iter().filter(|(id, ..)| asked(id));
                groups.flat_map(|(_, over, tree)| tree.needs(*over)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Adds to a statement over `deals` that the segment holds.
    pub(super) fn narrow<S>(&self, statement: Statement<S>) -> Statement<S> {
        match &self.only {
            Some((over, tree)) => self.holds(statement, *over, tree),
            None => statement,
        }
    }

    /// Joins to `deals` what a report is split by. `segment(key)`: a row for each segment that holds for
    /// the deal or its client, and one without a key where none does. `grouped`: the deal's client.
    pub(super) fn join<S>(
        &self,
        statement: Statement<S>,
        group_by: Option<GroupBy>,
    ) -> Statement<S> {
        match group_by {
            Some(GroupBy::Segment) => {}
            Some(GroupBy::ClientType | GroupBy::Region) => return client(statement, "grouped"),
            _ => return statement,
        }
        let first =
            client(statement, "clients").sql(" LEFT JOIN LATERAL (SELECT NULL::text WHERE false");
        let arms = self.groups.iter().fold(first, |statement, (id, over, tree)| {
            let arm = statement.sql(" UNION ALL SELECT ").bind(id.to_string()).sql(" WHERE true");
            joined(arm, *over, tree, &self.look)
        });
        arms.sql(") AS segment(key) ON true")
    }

    /// The same with one row for each deal: the key has all segments that hold for it.
    pub(super) fn join_sets<S>(
        &self,
        statement: Statement<S>,
        group_by: Option<GroupBy>,
    ) -> Statement<S> {
        if group_by != Some(GroupBy::Segment) {
            return self.join(statement, group_by);
        }
        let first =
            client(statement, "clients").sql(", LATERAL (SELECT array_to_string(ARRAY[NULL");
        let all = self.groups.iter().fold(first, |statement, (id, over, tree)| {
            let case = joined(statement.sql(", CASE WHEN true"), *over, tree, &self.look);
            case.sql(" THEN ").bind(id.to_string()).sql(" END")
        });
        all.sql("], ' ') AS key) AS segment")
    }

    fn holds<S>(&self, statement: Statement<S>, over: Entity, tree: &Tree) -> Statement<S> {
        let (look, statement) = (&self.look, statement.unkept());
        match over {
            Entity::Deal => conditions::narrow(statement, over, tree, look, Tried::Many),
            Entity::Client => {
                let clients = statement
                    .sql(" AND deals.client_id IN (SELECT clients.id FROM clients WHERE clients.workspace_id = ")
                    .bind(look.workspace_id);
                conditions::narrow(clients, over, tree, look, Tried::Many).sql(")")
            }
        }
    }
}

/// Joins to `deals` the client of each, if it has any.
fn client<S>(statement: Statement<S>, name: &str) -> Statement<S> {
    statement.sql(format!(
        " LEFT JOIN clients {name} ON {name}.workspace_id = deals.workspace_id AND {name}.id = deals.client_id"
    ))
}

/// Adds that a condition holds for a deal, or for the client that is joined to it.
fn joined<S>(statement: Statement<S>, over: Entity, tree: &Tree, look: &Look) -> Statement<S> {
    let statement = match over {
        Entity::Deal => statement,
        Entity::Client => statement.sql(" AND clients.id IS NOT NULL"),
    };
    conditions::narrow(statement.unkept(), over, tree, look, Tried::Joined)
}

/// The groups that a key stands for: of sets of segments, each of them.
pub(super) fn keys(group_by: Option<GroupBy>, key: Option<String>) -> Vec<Option<String>> {
    match (group_by, &key) {
        (Some(GroupBy::Segment), Some(set)) if set.is_empty() => vec![None],
        (Some(GroupBy::Segment), Some(set)) => {
            set.split(' ').map(|id| Some(id.to_owned())).collect()
        }
        _ => vec![key],
    }
}
