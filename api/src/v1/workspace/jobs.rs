//! Background work of a workspace: its kinds, switches, schedules and runs.

use crate::http::words;
use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, delete, dev::Payload, get, patch, post};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;
use voronka_domain::workspace::job::Change;
use voronka_persistence::{
    Error, Tenant,
    core::jobs::{self, Run, Setting, Standing},
};

use crate::{
    http::{
        Body, Call, Id, Problem, Reply, Responded,
        call::{JobsRead, JobsWrite},
    },
    page_of,
    workers::{WORKS, Work, named},
};

/// A run of background work.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = JobRun)]
pub struct RunBody {
    pub id: Uuid,
    /// The kind of work.
    #[schema(example = "imports")]
    pub job: String,
    /// What it is about, such as an import. Null of work that looks for itself what there is to do.
    pub subject_id: Option<Uuid>,
    /// `waiting`, `running`, `done`, `failed` for the last time, or `dropped` after that.
    #[schema(example = "done")]
    pub state: String,
    /// When it may begin.
    pub run_at: DateTime<Utc>,
    /// How often it has begun.
    #[schema(example = 1)]
    pub attempts: i32,
    /// Why it failed the last time.
    pub error: Option<String>,
    /// What it has done, in figures.
    #[schema(value_type = Object, example = json!({"deals": 17}))]
    pub result: Json,
    /// Who started it: `kind` is `user` or `api_key`, with its id. Null of what began by itself.
    #[schema(value_type = Option<words::Actor>)]
    pub created_by: Option<Json>,
    pub created_at: DateTime<Utc>,
    pub started_at: Option<DateTime<Utc>>,
    pub finished_at: Option<DateTime<Utc>>,
}

impl From<Run> for RunBody {
    fn from(run: Run) -> Self {
        Self {
            id: run.id,
            job: run.name,
            subject_id: run.subject_id,
            state: run.state,
            run_at: run.run_at,
            attempts: run.attempts,
            error: run.error,
            result: run.result,
            created_by: run.created_by,
            created_at: run.created_at,
            started_at: run.started_at,
            finished_at: run.finished_at,
        }
    }
}

page_of!(JobRunPage, RunBody);

/// A kind of background work.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Job)]
pub struct JobBody {
    #[schema(example = "compare-clients")]
    pub name: String,
    /// What it does.
    pub description: String,
    /// Whether it runs. What waits goes on waiting while it does not.
    pub enabled: bool,
    /// Five fields of cron (minute, hour, day of the month, month, day of the week, 0 is Sunday), by the clock of the
    /// workspace. Null: as soon as there is something to do.
    #[schema(example = "30 2 * * 1-5")]
    pub schedule: Option<String>,
    /// When the next run begins: that of the schedule, or one that waits. Null where none is known.
    pub next_run_at: Option<DateTime<Utc>>,
    /// Runs that wait for their turn.
    #[schema(example = 0)]
    pub waiting: i64,
    #[schema(example = 0)]
    pub running: i64,
    /// Runs that have failed for the last time, and were neither started again nor dropped.
    #[schema(example = 0)]
    pub failed: i64,
    /// The last run that has ended.
    pub last_run: Option<RunBody>,
    pub version: i32,
}

impl JobBody {
    fn new(work: &dyn Work, setting: Setting, standing: Standing) -> Self {
        let next = setting.next_at.into_iter().chain(standing.next_at).min();
        Self {
            name: work.job().name.to_owned(),
            description: work.description().to_owned(),
            enabled: setting.switch.enabled,
            schedule: setting.switch.schedule,
            next_run_at: next.filter(|_| setting.switch.enabled),
            waiting: standing.waiting,
            running: standing.running,
            failed: standing.failed,
            last_run: standing.last.map(RunBody::from),
            version: setting.version,
        }
    }

    fn read(tenant: &mut Tenant<'_>, work: &dyn Work) -> Result<Self, Error> {
        let setting = jobs::setting(tenant, work.job())?;
        let standing = jobs::standing(tenant, work.job().name)?;
        Ok(Self::new(work, setting, standing))
    }
}

/// All kinds of background work.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Jobs {
    pub items: Vec<JobBody>,
}

/// A kind of work, by its name in a path.
pub struct Named(&'static dyn Work);

impl FromRequest for Named {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let name = request.match_info().get("name").unwrap_or_default();
        ready(named(name).map(Self).ok_or_else(|| Error::NotFound("job").into()))
    }
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"schedule": "30 2 * * 1-5"}))]
pub struct JobPatch {
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(nullable = false)]
    pub enabled: Option<bool>,
    /// Null: as soon as there is something to do.
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(value_type = Option<String>, max_length = 100)]
    pub schedule: Option<Option<String>>,
}

/// A run that is to be started.
#[derive(Default, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({}))]
pub struct NewJobRun {
    /// A run that has failed for the last time: it is started again. Without it, a new one is.
    pub run_id: Option<Uuid>,
}

/// List background work
///
/// All that the server does by itself for the workspace, with what waits, what runs and what has failed.
#[utoipa::path(tag = "Jobs", operation_id = "listJobs", security(("bearer" = ["jobs:read"])),
    responses((status = 200, description = "All kinds of work.", body = Jobs)))]
#[get("/v1/jobs")]
pub async fn list(call: Call<JobsRead>) -> Responded {
    call.no_parameters()?;
    call.read(|tenant, _, _| {
        let items = WORKS.into_iter().map(|work| JobBody::read(tenant, work));
        Ok(Reply::ok(Jobs { items: items.collect::<Result<_, _>>()? }))
    })
    .await
}

/// Read a kind of background work
#[utoipa::path(tag = "Jobs", operation_id = "getJob", security(("bearer" = ["jobs:read"])),
    params(("name" = String, Path, description = "Name of the kind of work.", example = "compare-clients")),
    responses((status = 200, description = "The kind of work.", body = JobBody)))]
#[get("/v1/jobs/{name}")]
pub async fn read(call: Call<JobsRead>, job: Named) -> Responded {
    call.no_parameters()?;
    call.read(move |tenant, _, _| {
        let body = JobBody::read(tenant, job.0)?;
        // Its figures change without its version: it is no ETag to ask by.
        Ok(Reply::ok(body))
    })
    .await
}

/// Switch background work on or off, or set its schedule
///
/// Without a schedule it begins as soon as there is something to do. By a schedule, work that looks for itself begins
/// at its times; other work, such as imports, is taken up as it comes, and can be switched off only.
#[utoipa::path(tag = "Jobs", operation_id = "updateJob", security(("bearer" = ["jobs:write"])),
    request_body = JobPatch,
    params(("name" = String, Path, description = "Name of the kind of work.", example = "compare-clients")),
    responses((status = 200, description = "The kind of work after the change.", body = JobBody)))]
#[patch("/v1/jobs/{name}")]
pub async fn update(call: Call<JobsWrite>, job: Named, body: Body<JobPatch>) -> Responded {
    call.no_parameters()?;
    let (Named(work), JobPatch { enabled, schedule }) = (job, body.value);
    let app = call.app.clone();
    let response = call.write(body.digest, move |unit, if_match| {
        if matches!(schedule, Some(Some(_))) && !work.looks_for_itself() {
            let detail = "This work is begun by what it is about: it has no schedule.";
            return Err(Error::invalid("/schedule", "not_schedulable", detail));
        }
        let change = Change { enabled, schedule };
        let setting = jobs::set(unit, work.job(), change, if_match)?;
        let version = setting.version;
        let standing = jobs::standing(&mut unit.tenant, work.job().name)?;
        Ok(Reply::versioned(JobBody::new(work, setting, standing), version))
    });
    let response = response.await?;
    app.wake.work();
    Ok(response)
}

/// List runs of background work
///
/// Of those that have ended well, the last hundred or so are kept; of those that have failed, all.
#[utoipa::path(tag = "Jobs", operation_id = "listJobRuns", security(("bearer" = ["jobs:read"])),
    params(("name" = String, Path, description = "Name of the kind of work.", example = "compare-clients")),
    responses((status = 200, description = "A page of the list.", body = JobRunPage)))]
#[get("/v1/jobs/{name}/runs")]
pub async fn runs(call: Call<JobsRead>, job: Named) -> Responded {
    call.page(&jobs::LIST, move |tenant, _, _, query| {
        Ok(jobs::list(tenant, job.0.job().name, query)?.map(RunBody::from))
    })
    .await
}

/// Start background work
///
/// It begins as soon as its turn comes. One that waits already comes sooner instead. With `run_id`, a run that has
/// failed for the last time is started again.
#[utoipa::path(tag = "Jobs", operation_id = "createJobRun", security(("bearer" = ["jobs:write"])),
    request_body = NewJobRun,
    params(("name" = String, Path, description = "Name of the kind of work.", example = "compare-clients")),
    responses((status = 202, description = "The run, waiting for its turn.", body = RunBody)))]
#[post("/v1/jobs/{name}/runs")]
pub async fn start(call: Call<JobsWrite>, job: Named, body: Body<NewJobRun>) -> Responded {
    call.no_parameters()?;
    let (Named(work), run_id) = (job, body.value.run_id);
    let app = call.app.clone();
    let response = call.write(body.digest, move |unit, _| {
        let name = work.job().name;
        let run = match run_id {
            Some(id) => jobs::start_again(unit, name, id)
                .map_err(|error| error.or_unknown("/run_id", "run"))?,
            None if work.looks_for_itself() => {
                let by = unit.actor;
                jobs::start(unit, name, None, by)?
            }
            None => {
                let detail = "This work is begun by what it is about: name a run that has failed.";
                return Err(Error::invalid("/run_id", "required", detail));
            }
        };
        Ok(Reply::accepted(format!("/v1/jobs/{name}/runs"), RunBody::from(run)))
    });
    let response = response.await?;
    app.wake.work();
    Ok(response)
}

/// Drop a run that has failed
///
/// It is not started again, and no longer counted among those that have failed. An import that it was of has failed
/// with it.
#[utoipa::path(tag = "Jobs", operation_id = "dropJobRun", security(("bearer" = ["jobs:write"])),
    params(("name" = String, Path, description = "Name of the kind of work.", example = "compare-clients"),
        ("id" = Uuid, Path, description = "Id of the run.")),
    responses((status = 200, description = "The run.", body = RunBody)))]
#[delete("/v1/jobs/{name}/runs/{id}")]
pub async fn drop_run(call: Call<JobsWrite>, job: Named, id: Id) -> Responded {
    call.no_parameters()?;
    call.write(Vec::new(), move |unit, _| {
        let run = jobs::drop_failed(unit, job.0.job().name, id.0)?;
        job.0.dropped(unit, &run)?;
        Ok(Reply::ok(RunBody::from(run)))
    })
    .await
}
