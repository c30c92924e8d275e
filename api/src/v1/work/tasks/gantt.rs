//! Tasks over the days of a period, as bars: as JSON and as a picture.

use actix_web::get;
use chrono::{DateTime, Days, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use voronka_domain::work::task::TaskStatus;
use voronka_persistence::{
    Caller, Error, Tenant,
    core::{enum_names::from_name, list},
    now,
    work::tasks::{self, Bar, Bars, GroupBy},
};

use crate::{
    gantt_svg,
    http::{
        Call, Responded,
        call::TasksRead,
        defaulted::Limit,
        format::{CHARTS, Format},
        parameters::{Choice, Parameters, json},
        work::reading,
    },
};

const KNOWN: &[&str] = &["from", "to", "group_by", "limit", "format"];
const GROUPS: &[(&str, GroupBy)] =
    &[("responsible", GroupBy::Responsible), ("deal", GroupBy::Deal)];
/// Days of the period where it is not said.
const FOUR_WEEKS: u64 = 28;
const MOST_DAYS: i64 = 366;
const BARS: i64 = 100;
type BarLimit = Limit<BARS>;

/// Whoever is to do a task.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TaskBarPerson {
    pub id: Uuid,
    #[schema(example = "Anna Vermeer")]
    pub name: String,
}

/// The deal that a task is for.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TaskBarDeal {
    pub id: Uuid,
    /// Null of a deal that the caller does not see.
    #[schema(example = "Servers for the new plant")]
    pub title: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TaskBar {
    pub id: Uuid,
    #[schema(example = "Evaluate Isdom BV")]
    pub title: String,
    pub responsible: TaskBarPerson,
    pub deal: Option<TaskBarDeal>,
    /// `new`, `in_progress`, `deferred`, `done` or `cancelled`.
    #[schema(example = "in_progress")]
    pub status: String,
    /// `low`, `normal` or `high`.
    #[schema(example = "normal")]
    pub priority: String,
    /// Its `starts_at`, or when it was created; or earlier, when somebody began or did it.
    pub begins_at: DateTime<Utc>,
    pub due_at: Option<DateTime<Utc>>,
    pub done_at: Option<DateTime<Utc>>,
    /// Not done, and past its due.
    pub overdue: bool,
}

/// The tasks of one person, or of one deal.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TaskBars {
    /// Id of the person or of the deal; null for tasks without a deal.
    pub key: Option<Uuid>,
    /// Null where there is no deal, or none that the caller sees.
    #[schema(example = "Anna Vermeer")]
    pub name: Option<String>,
    /// By their beginning.
    pub bars: Vec<TaskBar>,
}

/// Of all tasks that are under way in the period, those without a bar here included.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct TaskGanttTotals {
    #[schema(example = 37)]
    pub tasks: i64,
    #[schema(example = 21)]
    pub done: i64,
    #[schema(example = 4)]
    pub overdue: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TaskGantt {
    /// First day of the period, in the workspace's time zone.
    pub from: NaiveDate,
    /// Last day of the period.
    pub to: NaiveDate,
    /// The moment of the answer: up to it, whatever is open is under way.
    pub as_of: DateTime<Utc>,
    /// `responsible` or `deal`.
    #[schema(example = "responsible")]
    pub group_by: String,
    /// Days of the period without working hours.
    pub days_off: Vec<NaiveDate>,
    pub totals: TaskGanttTotals,
    /// How many tasks have no bar here, because there are more than `limit`.
    #[schema(example = 0)]
    pub more: i64,
    /// By name.
    pub groups: Vec<TaskBars>,
}

impl From<Bar> for TaskBar {
    fn from(bar: Bar) -> Self {
        let (deal_id, title) = bar.deal;
        Self {
            id: bar.id,
            title: bar.title,
            responsible: TaskBarPerson { id: bar.responsible.0, name: bar.responsible.1 },
            deal: deal_id.map(|id| TaskBarDeal { id, title }),
            status: bar.status,
            priority: bar.priority,
            begins_at: bar.begins_at,
            due_at: bar.due_at,
            done_at: bar.done_at,
            overdue: false,
        }
    }
}

struct Request {
    from: NaiveDate,
    to: NaiveDate,
    group_by: GroupBy,
    limit: i64,
}

impl Request {
    fn read(parameters: &mut Parameters, caller: &Caller) -> Self {
        let (from, to) = period(parameters, caller.settings.day(now()));
        let days = (to - from).num_days();
        if days < 0 {
            parameters.fault("from", "out_of_range", "Must not be after `to`.");
        }
        if days >= MOST_DAYS {
            parameters.fault("from", "out_of_range", "At most 366 days before the end of `to`.");
        }
        let limit = parameters.read("limit", "a number from 1 to 200", Limit::read);
        Self {
            from,
            to,
            group_by: parameters.word("group_by", GROUPS).unwrap_or(GroupBy::Responsible),
            limit: limit.unwrap_or(BARS),
        }
    }

    fn gantt(&self, caller: &Caller, as_of: DateTime<Utc>, found: Bars) -> TaskGantt {
        let Bars { bars, total, done, overdue } = found;
        let shown = i64::try_from(bars.len()).unwrap_or(i64::MAX);
        let mut groups: Vec<TaskBars> = Vec::new();
        for bar in bars {
            let bar = with_overdue(bar.into(), as_of);
            let (key, name) = match (self.group_by, &bar.deal) {
                (GroupBy::Responsible, _) => {
                    (Some(bar.responsible.id), Some(bar.responsible.name.clone()))
                }
                (GroupBy::Deal, Some(deal)) => (Some(deal.id), deal.title.clone()),
                (GroupBy::Deal, None) => (None, None),
            };
            match groups.last_mut().filter(|group| group.key == key) {
                Some(group) => group.bars.push(bar),
                None => groups.push(TaskBars { key, name, bars: vec![bar] }),
            }
        }
        let is_off = |day: &NaiveDate| {
            let (from, until) = caller.settings.days(*day, *day);
            caller.calendar.working_time(from, until).is_zero()
        };
        let by = GROUPS.iter().find(|(_, group_by)| *group_by == self.group_by);
        TaskGantt {
            from: self.from,
            to: self.to,
            as_of,
            group_by: by.map_or("", |(word, _)| word).to_owned(),
            days_off: self
                .from
                .iter_days()
                .take_while(|day| *day <= self.to)
                .filter(is_off)
                .collect(),
            totals: TaskGanttTotals { tasks: total, done, overdue },
            more: total.saturating_sub(shown),
            groups,
        }
    }
}

fn with_overdue(bar: TaskBar, as_of: DateTime<Utc>) -> TaskBar {
    let open = from_name::<TaskStatus>(&bar.status).is_some_and(TaskStatus::is_open);
    TaskBar { overdue: open && bar.due_at.is_some_and(|due| due < as_of), ..bar }
}

/// Four weeks: around today, or from or up to the day that is given.
fn period(parameters: &mut Parameters, today: NaiveDate) -> (NaiveDate, NaiveDate) {
    let later = |day: NaiveDate, days| day.checked_add_days(Days::new(days)).unwrap_or(day);
    let earlier = |day: NaiveDate, days| day.checked_sub_days(Days::new(days)).unwrap_or(day);
    match (parameters.day("from"), parameters.day("to")) {
        (Some(from), Some(to)) => (from, to),
        (Some(from), None) => (from, later(from, FOUR_WEEKS - 1)),
        (None, Some(to)) => (earlier(to, FOUR_WEEKS - 1), to),
        (None, None) => (earlier(today, FOUR_WEEKS / 2), later(today, FOUR_WEEKS / 2 - 1)),
    }
}

/// The words of the chart's parameters.
pub fn choices() -> Vec<Choice> {
    vec![Choice::of("group_by", GROUPS).or("responsible"), Format::choice(CHARTS)]
}

/// Show tasks over time
///
/// The tasks that are under way in the period, as the bars of a Gantt chart: done ones up to when they were done,
/// open ones up to their due and at least to now. By whoever is to do them, or by deal; filtered as the list of
/// tasks is, cancelled ones only if `status` asks for them. As JSON or SVG, by `format` or the Accept header.
#[utoipa::path(tag = "Tasks", operation_id = "getTaskGantt", security(("bearer" = ["tasks:read"])),
    params(("from" = Option<NaiveDate>, Query, description = "First day; two weeks before today by default, or four weeks with `to`.", example = "2026-11-09"),
        ("to" = Option<NaiveDate>, Query, description = "Last day, at most 366 days with `from`; four weeks in all by default.", example = "2026-12-06"),
        ("group_by" = Option<String>, Query, description = "`responsible` (the default) or `deal`.", example = "responsible"),
        ("limit" = inline(Option<BarLimit>), Query, description = "Bars at most: 1 to 200, 100 by default.", example = 100),
        ("format" = Option<String>, Query, description = "`json` or `svg`.", example = "json")),
    responses((status = 200, description = "The bars.", content(
        (TaskGantt = "application/json"), (String = "image/svg+xml")))))]
#[get("/v1/tasks/gantt")]
pub async fn gantt_chart(call: Call<TasksRead>) -> Responded {
    let (mut parameters, query) = Parameters::filtered(call.pairs()?, KNOWN, &tasks::LIST);
    let request = Request::read(&mut parameters, &call.caller);
    let format = parameters.format(CHARTS, &call.accept)?;
    let query = parameters.finish_with(query)?;
    let (app, caller) = (call.app.clone(), call.caller.clone());
    let (shares, workspace_id) = (app.shares.clone(), caller.workspace_id);
    let body = reading(&shares, workspace_id, move || {
        app.store.read(&caller, |tenant| render(tenant, &caller, &request, &query, format))
    })
    .await?;
    Ok(format.respond(body))
}

fn render(
    tenant: &mut Tenant<'_>,
    caller: &Caller,
    request: &Request,
    query: &list::Query,
    format: Format,
) -> Result<Vec<u8>, Error> {
    let as_of = now();
    let period = caller.settings.days(request.from, request.to);
    let how = (request.group_by, request.limit);
    let found = tasks::bars(tenant, caller, query, period, as_of, how)?;
    let chart = request.gantt(caller, as_of, found);
    match format {
        Format::Json => json(&chart),
        _ => Ok(gantt_svg::draw(&chart, &caller.settings).into_bytes()),
    }
}
