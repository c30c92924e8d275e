//! The working calendar: working hours by weekday, and the days that have other ones.

use actix_web::{FromRequest, HttpRequest, delete, dev::Payload, get, put};
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;
use voronka_domain::{
    Fault, Refusal,
    kernel::fault::Faults,
    workspace::calendar::{Calendar, Span, Week, holidays as domain_holidays},
};
use voronka_persistence::{
    Error,
    workspace::{
        calendar::{self, Holiday, Put},
        workspaces::{self, Workspace},
    },
};

use crate::{
    http::{
        Body, Call, Problem, Reply, Responded,
        call::{WorkspaceRead, WorkspaceWrite},
    },
    page_of,
};

/// Working hours from one time of the clock to another, in the workspace's zone.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WorkingHours, example = json!({"from": "09:00", "to": "18:00"}))]
pub struct SpanBody {
    #[schema(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    pub from: String,
    /// After `from`; `24:00` is the end of the day.
    #[schema(pattern = "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")]
    pub to: String,
}

fn spans(given: &[SpanBody]) -> Vec<Span> {
    given.iter().map(|one| Span { from: one.from.clone(), to: one.to.clone() }).collect()
}

fn bodies(spans: Vec<Span>) -> Vec<SpanBody> {
    spans.into_iter().map(|one| SpanBody { from: one.from, to: one.to }).collect()
}

/// The working hours of each weekday; one that is left out, or has none, is free.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WorkingWeek)]
pub struct WeekBody {
    #[serde(default)]
    #[schema(max_items = 24)]
    pub monday: Vec<SpanBody>,
    #[serde(default)]
    #[schema(max_items = 24)]
    pub tuesday: Vec<SpanBody>,
    #[serde(default)]
    #[schema(max_items = 24)]
    pub wednesday: Vec<SpanBody>,
    #[serde(default)]
    #[schema(max_items = 24)]
    pub thursday: Vec<SpanBody>,
    #[serde(default)]
    #[schema(max_items = 24)]
    pub friday: Vec<SpanBody>,
    #[serde(default)]
    #[schema(max_items = 24)]
    pub saturday: Vec<SpanBody>,
    #[serde(default)]
    #[schema(max_items = 24)]
    pub sunday: Vec<SpanBody>,
}

impl WeekBody {
    fn read(&self) -> Result<Week, Error> {
        let Self { monday, tuesday, wednesday, thursday, friday, saturday, sunday } = self;
        let days = [monday, tuesday, wednesday, thursday, friday, saturday, sunday];
        let days = days.map(|day| spans(day));
        let mut faults = Faults::default();
        let week = Week::read("/hours", days.each_ref().map(Vec::as_slice), &mut faults);
        faults.into_result()?;
        week.ok_or_else(|| Error::invalid("/hours", "no_working_time", "There is no working time."))
    }
}

impl From<&Week> for WeekBody {
    fn from(week: &Week) -> Self {
        let days = week.days().each_ref().map(|hours| bodies(hours.spans()));
        let [monday, tuesday, wednesday, thursday, friday, saturday, sunday] = days;
        Self { monday, tuesday, wednesday, thursday, friday, saturday, sunday }
    }
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = WorkingCalendar)]
pub struct CalendarBody {
    pub hours: WeekBody,
    /// IANA zone of the workspace, whose clock the hours are of.
    #[schema(example = "Europe/Amsterdam")]
    pub time_zone: String,
    /// Length of a working day, in which norms are given: the mean of the weekdays that are worked.
    #[schema(example = 32400)]
    pub day_seconds: i64,
    /// Counts the changes of hours, holidays and time zone; the ETag.
    pub version: i32,
}

impl CalendarBody {
    fn reply(row: Workspace) -> Result<Reply<Self>, Error> {
        let (week, version) = (row.week()?, row.calendar_version);
        let body = Self {
            hours: WeekBody::from(&week),
            day_seconds: Calendar::new(row.settings()?.time_zone, &week, &[]).day_seconds(),
            time_zone: row.time_zone,
            version,
        };
        Ok(Reply::versioned(body, version))
    }
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewWorkingCalendar, example = json!({"hours": {
    "monday": [{"from": "09:00", "to": "13:00"}, {"from": "14:00", "to": "18:00"}],
    "tuesday": [{"from": "09:00", "to": "18:00"}], "wednesday": [{"from": "09:00", "to": "18:00"}],
    "thursday": [{"from": "09:00", "to": "18:00"}], "friday": [{"from": "09:00", "to": "16:30"}]}}))]
pub struct NewCalendar {
    /// At least one weekday is worked.
    pub hours: WeekBody,
}

/// A day whose working hours are other than its weekday's.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Holiday)]
pub struct HolidayBody {
    pub id: Uuid,
    pub day: NaiveDate,
    #[schema(example = "Christmas")]
    pub name: Option<String>,
    /// The hours that are worked; none: the day is free.
    pub hours: Vec<SpanBody>,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl TryFrom<Holiday> for HolidayBody {
    type Error = Error;

    fn try_from(row: Holiday) -> Result<Self, Error> {
        let hours = bodies(row.spans()?);
        let Holiday { id, day, name, version, created_at, updated_at, .. } = row;
        Ok(Self { id, day, name, hours, version, created_at, updated_at })
    }
}

page_of!(HolidayPage, HolidayBody);

#[derive(Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"day": "2026-12-25", "name": "Christmas"}))]
pub struct NewHoliday {
    /// Between 1970 and 9999.
    #[schema(pattern = "^(19[7-9]|[2-9][0-9]{2})")]
    pub day: NaiveDate,
    #[schema(min_length = 1, max_length = 200)]
    pub name: Option<String>,
    /// The hours that are worked; none by default: the day is free.
    #[serde(default)]
    #[schema(max_items = 24)]
    pub hours: Vec<SpanBody>,
}

#[derive(Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"from": "2026-01-01", "to": "2026-12-31", "holidays": [
    {"day": "2026-12-25", "name": "Christmas"},
    {"day": "2026-12-24", "name": "Christmas Eve", "hours": [{"from": "09:00", "to": "13:00"}]},
    {"day": "2026-12-19", "name": "Worked Saturday", "hours": [{"from": "09:00", "to": "18:00"}]}]}))]
pub struct HolidaysPut {
    /// First day of the stretch.
    #[schema(pattern = "^(19[7-9]|[2-9][0-9]{2})")]
    pub from: NaiveDate,
    /// Last day of the stretch.
    #[schema(pattern = "^(19[7-9]|[2-9][0-9]{2})")]
    pub to: NaiveDate,
    /// All of its holidays, at most 1,000, each day once.
    #[schema(max_items = 1_000)]
    pub holidays: Vec<NewHoliday>,
}

impl HolidaysPut {
    fn read(self) -> Result<Vec<domain_holidays::Holiday>, Refusal> {
        let given = self.holidays.into_iter();
        let given = given.map(|NewHoliday { day, name, hours }| (day, name, spans(&hours)));
        domain_holidays::read((self.from, self.to), given.collect())
    }
}

/// What became of the holidays of the stretch.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct HolidaysResult {
    #[schema(example = 2)]
    pub created: i64,
    #[schema(example = 1)]
    pub updated: i64,
    #[schema(example = 8)]
    pub unchanged: i64,
    #[schema(example = 0)]
    pub deleted: i64,
}

impl From<Put> for HolidaysResult {
    fn from(Put { created, updated, unchanged, deleted }: Put) -> Self {
        Self { created, updated, unchanged, deleted }
    }
}

/// A day in a path.
pub struct Day(NaiveDate);

impl FromRequest for Day {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let text = request.match_info().get("day").unwrap_or_default();
        let day = text.parse::<NaiveDate>().ok().filter(|day| (1970..=9999).contains(&day.year()));
        std::future::ready(day.map(Self).ok_or_else(|| {
            let detail = "A day is YYYY-MM-DD, between 1970 and 9999.";
            let fault = Fault::new("/day", "invalid_day", detail);
            Problem::invalid_parameters(vec![fault]).at("path")
        }))
    }
}

/// Read the working calendar
///
/// When work is done: the working hours of each weekday. Days that have other ones are listed as holidays.
/// Norms of stages are in working days, and count working time only.
#[utoipa::path(tag = "Workspace", operation_id = "getWorkingCalendar",
    security(("bearer" = ["workspace:read"])),
    responses((status = 200, description = "The working calendar.", body = CalendarBody)))]
#[get("/v1/workspace/calendar")]
pub async fn read(call: Call<WorkspaceRead>) -> Responded {
    call.no_parameters()?;
    call.read(|tenant, _, _| CalendarBody::reply(workspaces::get(tenant)?)).await
}

/// Set the working hours
///
/// They hold at once, for the past as well: whatever is measured in working time is measured anew. Other
/// servers know of it within five seconds.
#[utoipa::path(tag = "Workspace", operation_id = "putWorkingCalendar",
    security(("bearer" = ["workspace:write"])), request_body = NewCalendar,
    responses((status = 200, description = "The calendar after the change.", body = CalendarBody)))]
#[put("/v1/workspace/calendar")]
pub async fn replace(call: Call<WorkspaceWrite>, body: Body<NewCalendar>) -> Responded {
    call.no_parameters()?;
    let (new, app) = (body.value, call.app.clone());
    let done = call.write(body.digest, move |unit, if_match| {
        let week = new.hours.read()?;
        let before = workspaces::lock_calendar(unit, if_match)?;
        let mut row = before.clone();
        if before.week()? != week {
            row.working_hours = serde_json::json!(week);
        }
        CalendarBody::reply(workspaces::save(unit, &before, row)?)
    });
    let response = done.await?;
    app.store.forget_callers();
    Ok(response)
}

/// List holidays
///
/// Days with other working hours than their weekday's: free ones, short ones, and worked ones that are
/// free otherwise. A year's are those with `day[gte]=2026-01-01&day[lte]=2026-12-31`.
#[utoipa::path(tag = "Workspace", operation_id = "listHolidays",
    security(("bearer" = ["workspace:read"])),
    responses((status = 200, description = "A page of the list.", body = HolidayPage)))]
#[get("/v1/workspace/holidays")]
pub async fn list_holidays(call: Call<WorkspaceRead>) -> Responded {
    call.page(&calendar::LIST, |tenant, _, _, query| {
        let page = calendar::holidays(tenant, query)?;
        let items = page.items.into_iter().map(HolidayBody::try_from);
        let items = items.collect::<Result<Vec<_>, _>>()?;
        Ok(voronka_persistence::core::list::Page { items, next: page.next })
    })
    .await
}

/// Set the holidays of a stretch of days
///
/// Of a year, say: the days given are then its only ones, those that are not given are deleted. All or
/// none. A workspace has at most 2,000.
#[utoipa::path(tag = "Workspace", operation_id = "putHolidays",
    security(("bearer" = ["workspace:write"])), request_body = HolidaysPut,
    responses((status = 200, description = "How many were new, changed and deleted.", body = HolidaysResult)))]
#[put("/v1/workspace/holidays")]
pub async fn put_holidays(call: Call<WorkspaceWrite>, body: Body<HolidaysPut>) -> Responded {
    call.no_parameters()?;
    let (new, app) = (body.value, call.app.clone());
    let done = call.write(body.digest, move |unit, _| {
        let stretch = (new.from, new.to);
        let put = calendar::put_holidays(unit, stretch, new.read()?)?;
        Ok(Reply::ok(HolidaysResult::from(put)))
    });
    let response = done.await?;
    app.store.forget_callers();
    Ok(response)
}

/// Delete a holiday
///
/// The day then has the working hours of its weekday; so it had, if it was no holiday.
#[utoipa::path(tag = "Workspace", operation_id = "deleteHoliday",
    security(("bearer" = ["workspace:write"])),
    params(("day" = NaiveDate, Path, description = "The day.", example = "2026-12-25")),
    responses((status = 200, description = "Whether it was one.", body = HolidaysResult)))]
#[delete("/v1/workspace/holidays/{day}")]
pub async fn delete_holiday(call: Call<WorkspaceWrite>, day: Day) -> Responded {
    call.no_parameters()?;
    let app = call.app.clone();
    let done = call.write(Vec::new(), move |unit, _| {
        let put = calendar::put_holidays(unit, (day.0, day.0), Vec::new())?;
        Ok(Reply::ok(HolidaysResult::from(put)))
    });
    let response = done.await?;
    app.store.forget_callers();
    Ok(response)
}
