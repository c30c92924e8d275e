//! Activities: what was said and done between the company and its clients.

use actix_web::{get, patch, post};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;
use voronka_domain::{
    kernel::fault::Faults,
    work::activity::{ActivityKind, Outcome},
    workspace::catalogue::NAME_LENGTH,
};
use voronka_persistence::{
    Error, Tenant,
    core::list::Page,
    intake::recordings::{self, Recording},
    work::activities::{self, Activity},
};

use crate::http::words;
use crate::v1::bodies::{external_id::ExternalIdBody, recording::RecordingBody};
use crate::{
    http::{
        Body, Call, Id, Patch, Reply, Responded,
        call::{ActivitiesRead, ActivitiesWrite},
    },
    page_of,
};

const TEXT_LENGTH: usize = 4_000;

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Activity)]
pub struct ActivityBody {
    pub id: Uuid,
    #[schema(value_type = words::ActivityKind)]
    #[schema(example = "meeting")]
    pub kind: String,
    /// `in`: from the client; `out`: to the client.
    #[schema(example = "out")]
    pub direction: Option<String>,
    #[schema(example = "Demonstration at Isdom")]
    pub title: String,
    /// What was said.
    pub note: Option<String>,
    pub planned_at: Option<DateTime<Utc>>,
    /// Null while it is planned.
    pub happened_at: Option<DateTime<Utc>>,
    /// It will not happen.
    pub cancelled: bool,
    /// What it is to reach.
    #[schema(example = "They name a budget")]
    pub goal: Option<String>,
    /// Whether the goal was reached.
    #[schema(value_type = Option<words::ActivityOutcome>)]
    #[schema(example = "reached")]
    pub outcome: Option<String>,
    /// What came of it.
    pub result: Option<String>,
    pub duration_seconds: Option<i32>,
    /// How a call went that an exchange told of.
    #[schema(value_type = Option<words::CallStatus>)]
    #[schema(example = "answered")]
    pub call_status: Option<String>,
    /// Where it can be heard.
    pub recording_url: Option<String>,
    /// How it is with the recording of a call; null where there is none.
    pub recording: Option<RecordingBody>,
    pub client_id: Option<Uuid>,
    pub contact_id: Option<Uuid>,
    pub deal_id: Option<Uuid>,
    /// The employee.
    pub user_id: Option<Uuid>,
    pub external_id: Option<ExternalIdBody>,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl ActivityBody {
    fn of(row: Activity, recording: Option<&Recording>) -> Result<Self, Error> {
        let recording = RecordingBody::of(row.recording_url.as_deref(), recording)?;
        Ok(Self {
            id: row.id,
            kind: row.kind,
            direction: row.direction,
            title: row.title,
            note: row.note,
            planned_at: row.planned_at,
            happened_at: row.happened_at,
            cancelled: row.cancelled,
            goal: row.goal,
            outcome: row.outcome,
            result: row.result,
            duration_seconds: row.duration_seconds,
            call_status: row.call_status,
            recording_url: row.recording_url,
            recording,
            client_id: row.client_id,
            contact_id: row.contact_id,
            deal_id: row.deal_id,
            user_id: row.user_id,
            external_id: ExternalIdBody::kept(row.external_source, row.external_id),
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }

    /// Several, with their recordings.
    fn all(tenant: &mut Tenant<'_>, page: Page<Activity>) -> Result<Page<Self>, Error> {
        let ids: Vec<_> = page.items.iter().map(|row| row.id).collect();
        let found = recordings::of(tenant, &ids)?;
        let items = page.items.into_iter().map(|row| {
            let recording = found.get(&row.id);
            Self::of(row, recording)
        });
        Ok(Page { items: items.collect::<Result<_, _>>()?, next: page.next })
    }
}

fn answer(tenant: &mut Tenant<'_>, row: Activity) -> Result<Reply<ActivityBody>, Error> {
    let version = row.version;
    let recordings = recordings::of(tenant, &[row.id])?;
    Ok(Reply::versioned(ActivityBody::of(row, recordings.values().next())?, version))
}

page_of!(ActivityPage, ActivityBody);

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    In,
    Out,
}

/// An activity: planned if it has `planned_at`, and else one that has happened.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"kind": "call", "title": "Asked for their budget", "direction": "out", "outcome": "reached"}))]
pub struct NewActivity {
    #[schema(value_type = words::ActivityKind)]
    pub kind: ActivityKind,
    #[validate(length(min = 1, max = crate::http::limits::NAME))]
    #[schema(min_length = 1, max_length = 200)]
    pub title: String,
    #[schema(value_type = Option<String>)]
    pub direction: Option<Direction>,
    pub deal_id: Option<Uuid>,
    /// The contact's or the deal's by default.
    pub client_id: Option<Uuid>,
    pub contact_id: Option<Uuid>,
    /// The caller by default.
    pub user_id: Option<Uuid>,
    pub planned_at: Option<DateTime<Utc>>,
    /// Not in the future. Now, if it is not planned or its outcome is known.
    pub happened_at: Option<DateTime<Utc>>,
    #[validate(length(max = crate::http::limits::NOTE))]
    #[schema(max_length = 4_000)]
    pub goal: Option<String>,
    #[schema(value_type = Option<words::ActivityOutcome>)]
    pub outcome: Option<Outcome>,
    #[validate(length(max = crate::http::limits::NOTE))]
    #[schema(max_length = 4_000)]
    pub result: Option<String>,
    #[validate(length(max = crate::http::limits::NOTE))]
    #[schema(max_length = 4_000)]
    pub note: Option<String>,
    #[validate(range(min = 0))]
    #[schema(minimum = 0)]
    pub duration_seconds: Option<i32>,
    #[validate(length(max = crate::http::limits::ADDRESS))]
    #[schema(max_length = 2_000, pattern = "^https?://.")]
    pub recording_url: Option<String>,
    pub external_id: Option<ExternalIdBody>,
}

impl NewActivity {
    fn checked(self) -> Result<activities::NewActivity, Error> {
        let mut faults = Faults::default();
        faults.text("/title", &self.title, NAME_LENGTH);
        faults.url("/recording_url", self.recording_url.as_deref());
        let external = self.external_id.map(|id| id.checked(&mut faults));
        faults.into_result()?;
        Ok(activities::NewActivity {
            kind: self.kind,
            direction: self.direction.as_ref().map(voronka_persistence::core::enum_names::to_name),
            deal_id: self.deal_id,
            client_id: self.client_id,
            contact_id: self.contact_id,
            user_id: self.user_id,
            external,
            says: activities::ActivityPatch {
                title: Some(self.title),
                note: Some(self.note),
                planned_at: Some(self.planned_at),
                happened_at: self.happened_at,
                cancelled: None,
                goal: Some(self.goal),
                outcome: self.outcome,
                result: Some(self.result),
                duration_seconds: Some(self.duration_seconds),
                recording_url: Some(self.recording_url),
                call_status: None,
            },
        })
    }
}

/// A change of an activity: absent fields stay, null clears.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"outcome": "reached", "result": "They want a quote by Friday"}))]
pub struct ActivityPatch {
    #[validate(length(min = 1, max = crate::http::limits::NAME))]
    #[schema(min_length = 1, max_length = 200, nullable = false)]
    #[serde(default, deserialize_with = "crate::http::body::present")]
    pub title: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<DateTime<Utc>>)]
    pub planned_at: Patch<DateTime<Utc>>,
    /// It has happened then; not in the future.
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(nullable = false)]
    pub happened_at: Option<DateTime<Utc>>,
    /// It will not happen.
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(nullable = false)]
    pub cancelled: Option<bool>,
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 4_000)]
    pub goal: Patch<String>,
    /// Says that it has happened, too.
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(value_type = Option<words::ActivityOutcome>, nullable = false)]
    pub outcome: Option<Outcome>,
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 4_000)]
    pub result: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 4_000)]
    pub note: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<i32>, minimum = 0)]
    pub duration_seconds: Patch<i32>,
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 2_000, pattern = "^https?://.")]
    pub recording_url: Patch<String>,
}

impl ActivityPatch {
    fn checked(self) -> Result<activities::ActivityPatch, Error> {
        let mut faults = Faults::default();
        if let Some(title) = &self.title {
            faults.text("/title", title, NAME_LENGTH);
        }
        for (pointer, text) in
            [("/goal", &self.goal), ("/result", &self.result), ("/note", &self.note)]
        {
            if text.as_set().is_some_and(|text| text.chars().count() > TEXT_LENGTH) {
                faults.add(pointer, "too_long", format!("At most {TEXT_LENGTH} characters."));
            }
        }
        if self.duration_seconds.as_set().is_some_and(|seconds| *seconds < 0) {
            faults.add("/duration_seconds", "out_of_range", "Zero or more.");
        }
        if let Some(url) = self.recording_url.as_set() {
            faults.text("/recording_url", url, 2_000);
            faults.url("/recording_url", Some(url));
        }
        faults.into_result()?;
        Ok(activities::ActivityPatch {
            title: self.title,
            note: self.note.into_option(),
            planned_at: self.planned_at.into_option(),
            happened_at: self.happened_at,
            cancelled: self.cancelled,
            goal: self.goal.into_option(),
            outcome: self.outcome,
            result: self.result.into_option(),
            duration_seconds: self.duration_seconds.into_option(),
            recording_url: self.recording_url.into_option(),
            call_status: None,
        })
    }
}

/// List activities
///
/// Everybody sees their own, and those of the deals that they see.
#[utoipa::path(tag = "Activities", operation_id = "listActivities", security(("bearer" = ["activities:read"])),
    responses((status = 200, description = "A page of the list.", body = ActivityPage)))]
#[get("/v1/activities")]
pub async fn list(call: Call<ActivitiesRead>) -> Responded {
    call.page(&activities::LIST, |tenant, _, caller, query| {
        let page = activities::list(tenant, caller, query)?;
        ActivityBody::all(tenant, page)
    })
    .await
}

/// Record or plan an activity
///
/// One with `planned_at` is planned, unless it has `happened_at` or `outcome` too. If the deal's stage
/// waited for what has happened, the process leads the deal on in the same moment.
#[utoipa::path(tag = "Activities", operation_id = "createActivity", security(("bearer" = ["activities:write"])),
    request_body = NewActivity,
    responses((status = 201, description = "The new activity.", body = ActivityBody)))]
#[post("/v1/activities")]
pub async fn create(call: Call<ActivitiesWrite>, body: Body<NewActivity>) -> Responded {
    call.no_parameters()?;
    let new = body.value.checked()?;
    call.write(body.digest, move |unit, _| {
        let row = activities::create(unit, new)?;
        let (location, version) = (format!("/v1/activities/{}", row.id), row.version);
        Ok(Reply::created(location, ActivityBody::of(row, None)?, version))
    })
    .await
}

/// Read an activity
#[utoipa::path(tag = "Activities", operation_id = "getActivity", security(("bearer" = ["activities:read"])),
    params(("id" = Uuid, Path, description = "Id of the activity.")),
    responses((status = 200, description = "The activity.", body = ActivityBody)))]
#[get("/v1/activities/{id}")]
pub async fn read(call: Call<ActivitiesRead>, id: Id) -> Responded {
    call.no_parameters()?;
    call.read(move |tenant, _, caller| {
        let row = activities::read(tenant, caller, id.0)?;
        answer(tenant, row)
    })
    .await
}

/// Change an activity
///
/// `happened_at` or `outcome` say that a planned one has happened: it counts for the stage that the deal is
/// in now. A recording whose link is taken away is not kept any longer.
#[utoipa::path(tag = "Activities", operation_id = "updateActivity", security(("bearer" = ["activities:write"])),
    request_body = ActivityPatch,
    params(("id" = Uuid, Path, description = "Id of the activity.")),
    responses((status = 200, description = "The activity after the change.", body = ActivityBody)))]
#[patch("/v1/activities/{id}")]
pub async fn update(call: Call<ActivitiesWrite>, id: Id, body: Body<ActivityPatch>) -> Responded {
    call.no_parameters()?;
    let patch = body.value.checked()?;
    call.write(body.digest, move |unit, if_match| {
        let row = recordings::change_activity(unit, id.0, if_match, patch)?;
        answer(&mut unit.tenant, row)
    })
    .await
}
