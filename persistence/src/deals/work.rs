//! What has been done for deals, and who could be given what is still to be done: as gates and rules
//! look at it.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::{
    RunQueryDsl,
    sql_types::{BigInt, Integer, Nullable, Numeric, Text, Timestamptz, Uuid as SqlUuid},
};
use rust_decimal::{Decimal, prelude::ToPrimitive};
use uuid::Uuid;
use voronka_domain::{
    Currency, Money,
    people::assignment::{Member, Staff},
    process::Process,
    work::{
        activity::CallFact,
        facts::{ActivityFact, DocumentFact, PaymentFact, TaskFact, Work},
    },
    workspace::custom_field::Entity,
};

use crate::{
    Error, Result, Statement, Tenant,
    core::{activity_summary, enum_names::from_name, unit::raw},
};

type Types = (
    Text,
    SqlUuid,
    SqlUuid,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Integer>,
    Nullable<SqlUuid>,
    Nullable<Timestamptz>,
    Nullable<Numeric>,
    Nullable<Numeric>,
    Nullable<Text>,
);
type Row = (
    String,
    Uuid,
    Uuid,
    Option<String>,
    Option<String>,
    Option<i32>,
    Option<Uuid>,
    Option<DateTime<Utc>>,
    Option<Decimal>,
    Option<Decimal>,
    Option<String>,
);

/// Of tasks and activities those of the deal's present visit: others count for no gate.
const WORK: &str = ") SELECT work.* FROM here CROSS JOIN LATERAL ( \
    SELECT 'task', here.id, t.id, t.key, t.status, t.visit, t.responsible_id, t.done_at, NULL::numeric, NULL::numeric, NULL::text \
    FROM tasks t WHERE t.workspace_id = here.workspace_id AND t.deal_id = here.id AND t.visit = here.visit \
    UNION ALL SELECT 'activity', here.id, a.id, a.kind, a.outcome, a.visit, NULL, a.happened_at, a.duration_seconds::numeric, NULL, a.call_status \
    FROM activities a WHERE a.workspace_id = here.workspace_id AND a.deal_id = here.id \
    AND a.visit = here.visit AND a.happened_at IS NOT NULL \
    UNION ALL SELECT 'document', here.id, d.id, d.kind, d.state, NULL, NULL, d.state_since, NULL, NULL, NULL \
    FROM documents d WHERE d.workspace_id = here.workspace_id AND d.deal_id = here.id \
    UNION ALL SELECT 'payment', here.id, p.id, p.currency, NULL, NULL, NULL, p.received_at, p.amount, p.base_amount, NULL \
    FROM payments p WHERE p.workspace_id = here.workspace_id AND p.deal_id = here.id \
    UNION ALL SELECT 'demand', here.id, m.id, NULL, NULL, NULL, NULL, m.created_at, NULL, NULL, NULL \
    FROM demands m WHERE m.workspace_id = here.workspace_id AND m.deal_id = here.id \
    AND EXISTS (SELECT FROM demand_lines l WHERE l.workspace_id = m.workspace_id AND l.demand_id = m.id)) \
    AS work ORDER BY 8, 3";

/// What has been done for some deals; nothing, where nothing was. Of all their activities if need be, and not
/// of their present visits alone.
pub(crate) fn load(
    tenant: &mut Tenant<'_>,
    ids: Vec<Uuid>,
    with_activities: bool,
) -> Result<HashMap<Uuid, Work>> {
    let rows: Vec<Row> = Statement::with(
        "WITH here AS MATERIALIZED (SELECT workspace_id, id, visit FROM deals WHERE workspace_id = ",
        raw::<Types>(""),
    )
    .bind(tenant.workspace_id)
    .sql(" AND id = ANY(")
    .bind(ids.clone())
    .sql(")")
    .sql(WORK)
    .load(tenant.conn)?;
    let mut all: HashMap<Uuid, Work> = HashMap::new();
    for row in rows {
        let (deal_id, what) = (row.1, row.0.clone());
        let work = all.entry(deal_id).or_default();
        note(work, row).ok_or_else(|| Error::Internal(format!("deal has a bad {what}")))?;
    }
    if with_activities {
        for (deal_id, activity_summary) in activity_summary::load(tenant, Entity::Deal, ids)? {
            all.entry(deal_id).or_default().activity_summary = activity_summary;
        }
    }
    Ok(all)
}

fn note(work: &mut Work, row: Row) -> Option<()> {
    let (what, _, id, one, two, visit, person, at, amount, base_amount, three) = row;
    match what.as_str() {
        "task" => work.tasks.push(TaskFact {
            id,
            key: one,
            visit: visit?,
            status: from_name(&two?)?,
            responsible_id: person?,
            done_at: at,
        }),
        "activity" => work.activities.push(ActivityFact {
            id,
            kind: from_name(&one?)?,
            outcome: match two {
                Some(outcome) => Some(from_name(&outcome)?),
                None => None,
            },
            call: match three {
                Some(status) => Some(CallFact {
                    status: from_name(&status)?,
                    talk_seconds: amount.and_then(|seconds| seconds.to_i64()).unwrap_or(0),
                }),
                None => None,
            },
            visit: visit?,
            happened_at: at?,
        }),
        "document" => {
            let (kind, state) = (from_name(&one?)?, from_name(&two?)?);
            work.documents.push(DocumentFact { id, kind, state, since: at? });
        }
        "payment" => {
            let amount = Money { amount: amount?, currency: Currency::parse(&one?).ok()? };
            let base_amount = base_amount?;
            work.payments.push(PaymentFact { id, amount, base_amount, received_at: at? });
        }
        _ => work.demand_since = at,
    }
    Some(())
}

type MemberTypes = (SqlUuid, Text, Nullable<Text>, BigInt, Nullable<Timestamptz>);
type MemberRow = (Uuid, String, Option<String>, i64, Option<DateTime<Utc>>);
const MEMBER: &str = "u.id, u.role, u.position, (SELECT count(*) FROM tasks t \
    WHERE t.workspace_id = u.workspace_id AND t.responsible_id = u.id \
    AND t.status IN ('new', 'in_progress', 'deferred')), (SELECT max(t.created_at) FROM tasks t \
    WHERE t.workspace_id = u.workspace_id AND t.responsible_id = u.id) \
    FROM users u WHERE u.active AND u.workspace_id = ";

/// The users among whom the process may choose.
pub(crate) fn staff(tenant: &mut Tenant<'_>, process: &Process) -> Result<Staff> {
    let (mut roles, mut positions, mut anybody) = (Vec::new(), Vec::new(), false);
    for performer in process.performers().filter(|performer| performer.is_somebody_else()) {
        roles.extend(performer.role.as_ref().map(crate::core::enum_names::to_name));
        positions.extend(performer.position.as_ref().map(|one| one.trim().to_lowercase()));
        anybody |= performer.role.is_none() && performer.position.is_none();
    }
    let rows: Vec<MemberRow> = Statement::select(raw::<MemberTypes>(MEMBER))
        .bind(tenant.workspace_id)
        .sql(" AND (")
        .bind(anybody)
        .sql(" OR u.role = ANY(")
        .bind(roles)
        .sql(") OR lower(btrim(u.position)) = ANY(")
        .bind(positions)
        .sql(")) ORDER BY u.id")
        .load(tenant.conn)?;
    let member = |(id, role, position, open_tasks, last_assigned_at): MemberRow| {
        let role = from_name(&role)?;
        Some(Member { id, role, position, open_tasks, last_assigned_at })
    };
    Ok(Staff { members: rows.into_iter().filter_map(member).collect() })
}

/// Who looks after the deals of some people: the head of the department, or of one above; else the first
/// administrator.
pub(crate) fn heads_of(tenant: &mut Tenant<'_>, ids: Vec<Uuid>) -> Result<HashMap<Uuid, Uuid>> {
    let heads: Vec<(Uuid, Uuid)> = Statement::with(
        "WITH RECURSIVE me AS (SELECT workspace_id, id, department_id FROM users WHERE workspace_id = ",
        raw::<(SqlUuid, SqlUuid)>(""),
    )
    .bind(tenant.workspace_id)
    .sql(" AND id = ANY(")
    .bind(ids)
    .sql(
        ")), up AS (SELECT me.id AS of, d.workspace_id, d.parent_id, d.head_id, 0 AS level FROM me \
         JOIN departments d ON d.workspace_id = me.workspace_id AND d.id = me.department_id \
         UNION ALL SELECT up.of, d.workspace_id, d.parent_id, d.head_id, up.level + 1 FROM up \
         JOIN departments d ON d.workspace_id = up.workspace_id AND d.id = up.parent_id \
         WHERE up.level < 50) \
         SELECT DISTINCT ON (me.id) me.id, u.id FROM me \
         JOIN users u ON u.workspace_id = me.workspace_id AND u.id <> me.id AND u.active \
         LEFT JOIN up ON up.of = me.id AND up.head_id = u.id \
         WHERE up.head_id IS NOT NULL OR u.role = 'admin' \
         ORDER BY me.id, up.level NULLS LAST, u.created_at, u.id",
    )
    .load(tenant.conn)?;
    Ok(heads.into_iter().collect())
}
