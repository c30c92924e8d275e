//! Tasks: what somebody is to do by when.

pub mod gantt;

pub use gantt::*;

use actix_web::{get, patch, post};
use chrono::{DateTime, Days, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;
use voronka_domain::{
    kernel::fault::Faults,
    work::task::{Priority, TaskKind, TaskStatus},
};
use voronka_persistence::{
    Error,
    core::enum_names::from_name,
    deals::answer::Done,
    now,
    work::tasks::{self, TaskWithPeople},
};

use crate::http::words;
use crate::v1::bodies::deal::DealPatchBody;
use crate::{
    http::{
        Body, Call, Id, Patch, Reply, Responded,
        call::{TasksRead, TasksWrite},
    },
    page_of,
};

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Task)]
pub struct TaskBody {
    pub id: Uuid,
    /// `work`; `loss_review`: a head looks at why a deal was lost; `call_back`: somebody called in vain.
    #[schema(value_type = words::TaskKind)]
    #[schema(example = "work")]
    pub kind: String,
    pub deal_id: Option<Uuid>,
    pub client_id: Option<Uuid>,
    /// Name of the template that it was made from; gates wait for it.
    #[schema(example = "evaluate_client")]
    pub key: Option<String>,
    /// The stage that the deal was in.
    pub stage_id: Option<Uuid>,
    #[schema(example = "Evaluate Isdom BV")]
    pub title: String,
    pub description: Option<String>,
    #[schema(value_type = words::TaskStatus)]
    #[schema(example = "new")]
    pub status: String,
    #[schema(value_type = words::TaskPriority)]
    #[schema(example = "normal")]
    pub priority: String,
    pub responsible_id: Uuid,
    /// Co-executors.
    pub helper_ids: Vec<Uuid>,
    pub watcher_ids: Vec<Uuid>,
    /// Null where the process created it.
    pub creator_id: Option<Uuid>,
    /// The process or one of its rules created it.
    pub by_process: bool,
    pub starts_at: Option<DateTime<Utc>>,
    pub due_at: Option<DateTime<Utc>>,
    /// Not done, and past its due.
    pub overdue: bool,
    pub started_at: Option<DateTime<Utc>>,
    pub done_at: Option<DateTime<Utc>>,
    pub done_by: Option<Uuid>,
    /// Fields of the deal that must be filled when it is done.
    #[schema(value_type = Vec<String>, example = json!(["custom.budget"]))]
    pub result_fields: serde_json::Value,
    /// What it has brought, in words.
    pub result: Option<String>,
    /// What to look at: of the review of a loss, up to five activities that happened last, the newest one first.
    #[schema(value_type = Vec<TaskLink>)]
    pub links: serde_json::Value,
    /// When this review of a loss brought its deal back.
    pub reopened_at: Option<DateTime<Utc>>,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// Something that a task is about.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct TaskLink {
    /// `activity`.
    #[schema(example = "activity")]
    pub kind: String,
    pub id: Uuid,
}

impl TaskBody {
    fn new(one: TaskWithPeople, now: DateTime<Utc>) -> Self {
        let TaskWithPeople { task, helper_ids, watcher_ids } = one;
        let open = from_name::<TaskStatus>(&task.status).is_some_and(TaskStatus::is_open);
        Self {
            id: task.id,
            kind: task.kind,
            deal_id: task.deal_id,
            client_id: task.client_id,
            key: task.key,
            stage_id: task.stage_id,
            title: task.title,
            description: task.description,
            status: task.status,
            priority: task.priority,
            responsible_id: task.responsible_id,
            helper_ids,
            watcher_ids,
            creator_id: task.creator_id,
            by_process: task.by_process,
            starts_at: task.starts_at,
            due_at: task.due_at,
            overdue: open && task.due_at.is_some_and(|due| due < now),
            started_at: task.started_at,
            done_at: task.done_at,
            done_by: task.done_by,
            result_fields: task.result_fields,
            result: task.result,
            links: task.links,
            reopened_at: task.reopened_at,
            version: task.version,
            created_at: task.created_at,
            updated_at: task.updated_at,
        }
    }
}

fn answer(one: TaskWithPeople) -> Reply<TaskBody> {
    let version = one.task.version;
    Reply::versioned(TaskBody::new(one, now()), version)
}

page_of!(TaskPage, TaskBody);

/// A task to be. Only the title is required.
#[derive(Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"title": "Call back about the offer", "due_at": "2026-12-01T15:00:00Z", "priority": "high"}))]
pub struct NewTask {
    #[validate(length(min = 1, max = crate::http::limits::NAME))]
    #[schema(min_length = 1, max_length = 200)]
    pub title: String,
    #[validate(length(max = crate::http::limits::NOTE))]
    #[schema(max_length = 4_000)]
    pub description: Option<String>,
    /// The deal that it is for. A stage's gate may wait for its `key`.
    pub deal_id: Option<Uuid>,
    pub client_id: Option<Uuid>,
    #[validate(length(min = 1, max = crate::http::limits::KEY))]
    #[schema(min_length = 1, max_length = 64)]
    pub key: Option<String>,
    /// `low`, `normal` (the default) or `high`.
    #[serde(default)]
    #[schema(value_type = words::TaskPriority)]
    pub priority: Priority,
    /// The caller by default; an API key has to name one.
    pub responsible_id: Option<Uuid>,
    /// Co-executors.
    #[serde(default)]
    pub helper_ids: Vec<Uuid>,
    #[serde(default)]
    pub watcher_ids: Vec<Uuid>,
    pub starts_at: Option<DateTime<Utc>>,
    pub due_at: Option<DateTime<Utc>>,
}

impl From<NewTask> for tasks::NewTask {
    fn from(new: NewTask) -> Self {
        Self {
            kind: TaskKind::Work,
            title: new.title,
            description: new.description,
            deal_id: new.deal_id,
            client_id: new.client_id,
            key: new.key,
            priority: new.priority,
            responsible_id: new.responsible_id,
            helper_ids: new.helper_ids,
            watcher_ids: new.watcher_ids,
            starts_at: new.starts_at,
            due_at: new.due_at,
        }
    }
}

/// A change of a task: absent fields stay, null clears. The status changes by a transition.
#[derive(Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"due_at": "2026-12-02T15:00:00Z"}))]
pub struct TaskPatch {
    #[validate(length(min = 1, max = crate::http::limits::NAME))]
    #[schema(min_length = 1, max_length = 200, nullable = false)]
    #[serde(default, deserialize_with = "crate::http::body::present")]
    pub title: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub description: Patch<String>,
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(value_type = Option<words::TaskPriority>, nullable = false)]
    pub priority: Option<Priority>,
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(nullable = false)]
    pub responsible_id: Option<Uuid>,
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(nullable = false)]
    pub helper_ids: Option<Vec<Uuid>>,
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(nullable = false)]
    pub watcher_ids: Option<Vec<Uuid>>,
    #[serde(default)]
    #[schema(value_type = Option<DateTime<Utc>>)]
    pub starts_at: Patch<DateTime<Utc>>,
    #[serde(default)]
    #[schema(value_type = Option<DateTime<Utc>>)]
    pub due_at: Patch<DateTime<Utc>>,
}

impl From<TaskPatch> for tasks::TaskPatch {
    fn from(patch: TaskPatch) -> Self {
        Self {
            title: patch.title,
            description: patch.description.into_option(),
            priority: patch.priority,
            responsible_id: patch.responsible_id,
            helper_ids: patch.helper_ids,
            watcher_ids: patch.watcher_ids,
            starts_at: patch.starts_at.into_option(),
            due_at: patch.due_at.into_option(),
        }
    }
}

/// Where a task is to go.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"to": "done", "result": "They want it by March", "deal": {"expected_close_on": "2027-03-01"}}))]
pub struct TaskTransition {
    /// `in_progress`, `deferred`, `done`, `cancelled`, or `new` to take it up again.
    #[schema(value_type = words::TaskStatus, example = "done")]
    pub to: TaskStatus,
    /// With `done`: what it has brought, in words.
    #[validate(length(max = crate::http::limits::NOTE))]
    #[schema(max_length = 4_000)]
    pub result: Option<String>,
    /// With `done`: what lands on its deal, as in a change of the deal.
    pub deal: Option<DealPatchBody>,
    /// With `done`, of a `loss_review`: the deal is open again, in the stage where it was lost.
    #[serde(default)]
    pub reopen: bool,
}

impl TaskTransition {
    fn into_done(self) -> Result<(TaskStatus, Done), Error> {
        let Self { to, result, deal, reopen } = self;
        let mut faults = Faults::default();
        for (pointer, given) in
            [("/result", result.is_some()), ("/deal", deal.is_some()), ("/reopen", reopen)]
        {
            if given && to != TaskStatus::Done {
                faults.add(pointer, "not_allowed", "Goes with \"to\": done.");
            }
        }
        faults.into_result()?;
        let Some(deal) = deal else {
            return Ok((to, Done { result, reopen, ..Done::default() }));
        };
        let (patch, references, custom) =
            deal.into_patch().map_err(|error| error.under("/deal"))?;
        Ok((to, Done { result, patch, references, custom, reopen }))
    }
}

/// List tasks
///
/// Everybody sees the tasks that they have a part in, and those of the deals that they see. Parts are
/// filters: `responsible_id`, `creator_id`, `helper_id`, `watcher_id`.
#[utoipa::path(tag = "Tasks", operation_id = "listTasks", security(("bearer" = ["tasks:read"])),
    responses((status = 200, description = "A page of the list.", body = TaskPage)))]
#[get("/v1/tasks")]
pub async fn list(call: Call<TasksRead>) -> Responded {
    call.page(&tasks::LIST, |tenant, _, caller, query| {
        let now = now();
        Ok(tasks::list(tenant, caller, query)?.map(|one| TaskBody::new(one, now)))
    })
    .await
}

/// Create a task
#[utoipa::path(tag = "Tasks", operation_id = "createTask", security(("bearer" = ["tasks:write"])),
    request_body = NewTask,
    responses((status = 201, description = "The new task.", body = TaskBody)))]
#[post("/v1/tasks")]
pub async fn create(call: Call<TasksWrite>, body: Body<NewTask>) -> Responded {
    call.no_parameters()?;
    let new = body.value;
    call.write(body.digest, move |unit, _| {
        let one = tasks::create(unit, new.into())?;
        let (location, version) = (format!("/v1/tasks/{}", one.task.id), one.task.version);
        Ok(Reply::created(location, TaskBody::new(one, now()), version))
    })
    .await
}

/// How many open tasks somebody takes one part in.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct TaskCounter {
    /// `mine`: to be done by the person; `assigned`: given by them to others; `helping`; `watching`.
    #[schema(example = "mine")]
    pub part: String,
    #[schema(example = 7)]
    pub open: i64,
    /// Of these due by the end of today, and not overdue.
    #[schema(example = 2)]
    pub due: i64,
    #[schema(example = 1)]
    pub overdue: i64,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct TaskCounters {
    pub items: Vec<TaskCounter>,
}

/// Count one's own tasks
///
/// The caller's open tasks, by the part that they take in them. An API key has none.
#[utoipa::path(tag = "Tasks", operation_id = "countTasks", security(("bearer" = ["tasks:read"])),
    responses((status = 200, description = "Counters by part.", body = TaskCounters)))]
#[get("/v1/tasks/counters")]
pub async fn counters(call: Call<TasksRead>) -> Responded {
    call.no_parameters()?;
    call.read(move |tenant, _, caller| {
        let now = now();
        let me = caller.user_id().unwrap_or_default();
        let tomorrow = caller.settings.day(now).checked_add_days(Days::new(1));
        let tomorrow = tomorrow.map_or(now, |day| caller.settings.day_start(day));
        let counters = tasks::counters(tenant, me, now, tomorrow)?.into_iter();
        let items = counters.map(|one| TaskCounter {
            part: one.part.to_owned(),
            open: one.open,
            due: one.due,
            overdue: one.overdue,
        });
        Ok(Reply::ok(TaskCounters { items: items.collect() }))
    })
    .await
}

/// Read a task
#[utoipa::path(tag = "Tasks", operation_id = "getTask", security(("bearer" = ["tasks:read"])),
    params(("id" = Uuid, Path, description = "Id of the task.")),
    responses((status = 200, description = "The task.", body = TaskBody)))]
#[get("/v1/tasks/{id}")]
pub async fn read(call: Call<TasksRead>, id: Id) -> Responded {
    call.no_parameters()?;
    call.read(move |tenant, _, caller| Ok(answer(tasks::read(tenant, caller, id.0)?))).await
}

/// Change a task
///
/// What it says, and who takes part. Its status changes by a transition.
#[utoipa::path(tag = "Tasks", operation_id = "updateTask", security(("bearer" = ["tasks:write"])),
    request_body = TaskPatch,
    params(("id" = Uuid, Path, description = "Id of the task.")),
    responses((status = 200, description = "The task after the change.", body = TaskBody)))]
#[patch("/v1/tasks/{id}")]
pub async fn update(call: Call<TasksWrite>, id: Id, body: Body<TaskPatch>) -> Responded {
    call.no_parameters()?;
    let patch = body.value;
    call.write(body.digest, move |unit, if_match| {
        Ok(answer(tasks::change(unit, id.0, if_match, patch.into())?))
    })
    .await
}

/// Complete a task
///
/// Begins it, puts it off, ends it, or takes it up again. A task that is done may have to fill fields of
/// its deal; they come in `deal`, and all of it counts or none. If the deal's stage waited for the task,
/// the process leads the deal on in the same moment. The review of a loss may bring the deal back: `reopen`.
#[utoipa::path(tag = "Tasks", operation_id = "transitionTask", security(("bearer" = ["tasks:write"])),
    request_body = TaskTransition,
    params(("id" = Uuid, Path, description = "Id of the task.")),
    responses((status = 200, description = "The task after the move.", body = TaskBody)))]
#[post("/v1/tasks/{id}/transition")]
pub async fn transition(call: Call<TasksWrite>, id: Id, body: Body<TaskTransition>) -> Responded {
    call.no_parameters()?;
    let (to, done) = body.value.into_done()?;
    call.write(body.digest, move |unit, if_match| {
        Ok(answer(tasks::transition(unit, id.0, if_match, to, done)?))
    })
    .await
}
