//! Recordings of calls that are fetched: what waits, what is kept, and for how long. Their bytes are in the store.
//!
//! Whoever changes one holds its activity first.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::{prelude::*, sql_types::Uuid as SqlUuid};
use serde::Serialize;
use uuid::Uuid;
use voronka_domain::intake::recording::{Failure, RecordingState, kept_since};

use super::integrations::Integration;
use crate::{
    Answer, Caller, Error, Noun, Result, Seen, Statement, Store, Tenant, Unit,
    core::{
        enum_names::{from_name, to_name},
        noun::noun,
        schema::recordings,
        unit::raw,
    },
    files::objects::{self, Written},
    work::activities::{self, Activity, ActivityPatch},
    workspace::workspaces,
};

#[derive(Debug, Clone, PartialEq, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = recordings, treat_none_as_null = true)]
pub struct Recording {
    pub id: Uuid,
    pub activity_id: Uuid,
    pub integration_id: Uuid,
    /// Links may hold secrets: the activity has it, and nothing else tells of it.
    #[serde(skip)]
    pub url: String,
    pub state: String,
    pub attempts: i32,
    /// Of one that waits.
    pub next_at: Option<DateTime<Utc>>,
    /// Why it was not fetched the last time.
    pub reason: Option<String>,
    #[serde(skip)]
    pub object_id: Option<Uuid>,
    pub content_type: Option<String>,
    pub bytes: Option<i64>,
    /// When the call was.
    pub happened_at: DateTime<Utc>,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

noun!(recordings, Recording, "recording");

/// What became of an attempt.
#[derive(Debug)]
pub enum Fetched<'w> {
    Kept(Uuid, &'w Written),
    /// With the patience that the host asks for.
    Missed(Failure, Option<TimeDelta>),
}

impl Recording {
    pub fn state(&self) -> Result<RecordingState> {
        from_name(&self.state).ok_or_else(|| Error::Internal("a recording of no state".to_owned()))
    }

    fn waiting(integration: &Integration, activity: &Activity, url: &str, unit: &Unit<'_>) -> Self {
        Self {
            id: Uuid::now_v7(),
            activity_id: activity.id,
            integration_id: integration.id,
            url: url.to_owned(),
            state: to_name(&RecordingState::Waiting),
            attempts: 0,
            next_at: Some(unit.now),
            reason: None,
            object_id: None,
            content_type: None,
            bytes: None,
            happened_at: activity.happened_at.unwrap_or(unit.now),
            version: 1,
            created_at: unit.now,
            updated_at: unit.now,
        }
    }

    /// What is kept of it is so no more.
    fn gone(mut self, unit: &mut Unit<'_>) -> Result<Self> {
        if let Some(object) = self.object_id.take() {
            objects::let_go(unit, &[object])?;
        }
        self.state = to_name(&RecordingState::Gone);
        (self.next_at, self.reason) = (None, None);
        (self.content_type, self.bytes) = (None, None);
        Ok(self)
    }

    /// Saves it, and the next version of its activity, with which it is read.
    fn tell(unit: &mut Unit<'_>, before: &Self, row: Self) -> Result<Self> {
        if before.state != row.state {
            activities::touch(unit, row.activity_id)?;
        }
        Self::save(unit, before, row)
    }
}

/// Those of some activities.
pub fn of(tenant: &mut Tenant<'_>, activities: &[Uuid]) -> Result<HashMap<Uuid, Recording>> {
    if activities.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<Recording> = tenant
        .rows(Recording::as_select(), "recordings")
        .sql(" AND activity_id = ANY(")
        .bind(activities.to_vec())
        .sql(")")
        .load(tenant.conn)?;
    Ok(rows.into_iter().map(|row| (row.activity_id, row)).collect())
}

/// An activity that the caller sees, with its recording.
pub fn to_hear(
    tenant: &mut Tenant<'_>,
    caller: &Caller,
    activity_id: Uuid,
) -> Result<(Activity, Option<Recording>)> {
    let activity = activities::read(tenant, caller, activity_id)?;
    Ok((activity, of(tenant, &[activity_id])?.remove(&activity_id)))
}

fn lock(unit: &mut Unit<'_>, activity_id: Uuid) -> Result<Option<Recording>> {
    let row = unit
        .tenant
        .rows(Recording::as_select(), "recordings")
        .sql(" AND activity_id = ")
        .bind(activity_id)
        .sql(" FOR NO KEY UPDATE");
    Ok(row.get_result(unit.tenant.conn).optional()?)
}

/// An exchange has told of the recording of an activity: once for each link, however often it is said. Calls of long
/// ago keep their links only.
pub(super) fn told(unit: &mut Unit<'_>, by: &Integration, activity: &Activity) -> Result<()> {
    let Some(url) = activity.recording_url.as_deref() else { return Ok(()) };
    let fresh = Recording::waiting(by, activity, url, unit);
    let fetched = by.fetches() && fresh.happened_at >= since(&mut unit.tenant, unit.now)?;
    match lock(unit, activity.id)? {
        Some(before) if before.url == url => {}
        Some(before) => {
            let row = before.clone().gone(unit)?;
            let (id, version, created_at) = (row.id, row.version, row.created_at);
            let row = if fetched { Recording { id, version, created_at, ..fresh } } else { row };
            Recording::save(unit, &before, row)?;
        }
        None if fetched => Recording::insert(unit, &fresh)?,
        None => {}
    }
    Ok(())
}

/// Changes what is said of an activity: a recording whose link is taken away is kept no longer.
pub fn change_activity(
    unit: &mut Unit<'_>,
    id: Uuid,
    if_match: Option<Seen>,
    patch: ActivityPatch,
) -> Result<Activity> {
    let linked = patch.recording_url.is_some();
    let activity = activities::change(unit, id, if_match, patch)?;
    if linked
        && let Some(before) = lock(unit, id)?
        && activity.recording_url.as_deref() != Some(before.url.as_str())
    {
        let row = before.clone().gone(unit)?;
        Recording::save(unit, &before, row)?;
    }
    Ok(activity)
}

/// Has one that could not be fetched wait again.
pub fn try_again(unit: &mut Unit<'_>, activity_id: Uuid) -> Result<(Activity, Recording)> {
    activities::hold(unit, activity_id)?;
    let before = lock(unit, activity_id)?;
    let failed = |row: &Recording| row.state().is_ok_and(|state| state == RecordingState::Failed);
    let Some(before) = before.filter(failed) else {
        let detail = "There is no recording of it that could not be fetched.";
        return Err(Error::conflict("recording_not_failed", "", detail));
    };
    let row = Recording {
        state: to_name(&RecordingState::Waiting),
        attempts: 0,
        next_at: Some(unit.now),
        ..before.clone()
    };
    let row = Recording::tell(unit, &before, row)?;
    Ok((Activity::get(&mut unit.tenant, activity_id)?, row))
}

/// Recordings of calls before that are kept no more.
fn since(tenant: &mut Tenant<'_>, now: DateTime<Utc>) -> Result<DateTime<Utc>> {
    Ok(kept_since(now, workspaces::get(tenant)?.recording_days))
}

impl Store {
    /// The workspaces with recordings that are to be fetched now.
    pub fn workspaces_of_due_recordings(&self, now: DateTime<Utc>) -> Result<Vec<Uuid>> {
        let mut connection = self.connection()?;
        let due = Statement::select(raw::<SqlUuid>(
            "w.workspace_id FROM workspaces w WHERE EXISTS (SELECT FROM recordings r \
             WHERE r.workspace_id = w.workspace_id AND r.state = 'waiting' AND r.next_at <= ",
        ))
        .bind(now)
        .sql(")")
        .load(&mut *connection)
        .map_err(Error::from);
        connection.watch(due)
    }

    /// Takes up some of them, each for one attempt that is given up after a while: whoever dies over it holds nobody
    /// up for longer.
    pub fn take_up_recordings(
        &self,
        workspace_id: Uuid,
        (most, until): (i64, DateTime<Utc>),
        now: DateTime<Utc>,
    ) -> Result<Vec<Recording>> {
        let due = Statement::with(
            "WITH due AS MATERIALIZED (SELECT workspace_id, id FROM recordings WHERE workspace_id = ",
            raw::<SqlUuid>(""),
        )
        .bind(workspace_id)
        .sql(" AND state = 'waiting' AND next_at <= ")
        .bind(now)
        .sql(" ORDER BY next_at LIMIT ")
        .bind(most)
        .sql(" FOR UPDATE SKIP LOCKED) UPDATE recordings r SET attempts = attempts + 1, next_at = ")
        .bind(until)
        .sql(
            " FROM due WHERE r.workspace_id = due.workspace_id AND r.id = due.id RETURNING r.id",
        );
        self.tenant(workspace_id, |tenant| {
            let ids: Vec<Uuid> = due.load(tenant.conn)?;
            let rows = tenant
                .rows(Recording::as_select(), "recordings")
                .sql(" AND id = ANY(")
                .bind(ids)
                .sql(")");
            Ok(rows.load(tenant.conn)?)
        })
    }

    /// Gives back what was taken up: nobody has tried it.
    pub fn give_back_recording(
        &self,
        workspace_id: Uuid,
        taken: &Recording,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let back = Statement::command("UPDATE recordings SET attempts = attempts - 1, next_at = ")
            .bind(now)
            .sql(" WHERE state = 'waiting' AND workspace_id = ")
            .bind(workspace_id)
            .sql(" AND id = ")
            .bind(taken.id)
            .sql(" AND attempts = ")
            .bind(taken.attempts);
        self.tenant(workspace_id, |tenant| Ok(back.execute(tenant.conn).map(|_| ())?))
    }

    /// Writes down what became of an attempt, unless it was given up, or its link taken away. False then: nothing is
    /// kept.
    pub fn recording_fetched(
        &self,
        workspace_id: Uuid,
        taken: &Recording,
        fetched: &Fetched<'_>,
        now: DateTime<Utc>,
    ) -> Result<bool> {
        let caller = self.integration_caller(workspace_id, taken.integration_id)?;
        let mut ours = false;
        self.write(&caller, now, None, |unit| {
            Activity::lock(unit, taken.activity_id, None)?;
            let same = |row: &Recording| {
                (&row.state, row.attempts, &row.url) == (&taken.state, taken.attempts, &taken.url)
            };
            let before = lock(unit, taken.activity_id)?.filter(same);
            ours = before.is_some();
            if let Some(before) = before {
                let row = after(unit, before.clone(), fetched)?;
                Recording::tell(unit, &before, row)?;
            }
            Ok(Answer::default())
        })?;
        Ok(ours)
    }

    /// The workspaces with recordings that are kept for long enough.
    pub fn workspaces_of_old_recordings(&self, now: DateTime<Utc>) -> Result<Vec<Uuid>> {
        let mut connection = self.connection()?;
        let old = Statement::select(raw::<SqlUuid>(
            "w.workspace_id FROM workspaces w WHERE EXISTS (SELECT FROM recordings r \
             WHERE r.workspace_id = w.workspace_id AND r.state IN ('waiting', 'kept') AND r.happened_at < ",
        ))
        .bind(now)
        .sql(" - make_interval(days => w.recording_days))")
        .load(&mut *connection)
        .map_err(Error::from);
        connection.watch(old)
    }

    /// Lets some of them go, and answers how many.
    pub fn let_go_of_old_recordings(
        &self,
        workspace_id: Uuid,
        now: DateTime<Utc>,
    ) -> Result<usize> {
        let old: Vec<(Uuid, Uuid)> = self.tenant(workspace_id, |tenant| {
            let since = since(tenant, now)?;
            let rows = tenant
                .rows(raw::<(SqlUuid, SqlUuid)>("activity_id, integration_id"), "recordings")
                .sql(" AND state IN ('waiting', 'kept') AND happened_at < ")
                .bind(since)
                .sql(" ORDER BY happened_at LIMIT ")
                .bind(LET_GO_AT_ONCE);
            Ok(rows.load(tenant.conn)?)
        })?;
        for (activity_id, integration_id) in &old {
            let caller = self.integration_caller(workspace_id, *integration_id)?;
            self.write(&caller, now, None, |unit| {
                Activity::lock(unit, *activity_id, None)?;
                if let Some(before) = lock(unit, *activity_id)?.filter(|row| row.lasts()) {
                    let row = before.clone().gone(unit)?;
                    Recording::tell(unit, &before, row)?;
                }
                Ok(Answer::default())
            })?;
        }
        Ok(old.len())
    }
}

const LET_GO_AT_ONCE: i64 = 200;

impl Recording {
    /// It is kept, or will be.
    fn lasts(&self) -> bool {
        let state = self.state();
        state.is_ok_and(|state| matches!(state, RecordingState::Waiting | RecordingState::Kept))
    }
}

/// A recording that waited, after an attempt.
fn after(unit: &mut Unit<'_>, mut row: Recording, fetched: &Fetched<'_>) -> Result<Recording> {
    match fetched {
        Fetched::Kept(object_id, written) => {
            objects::keep(unit, *object_id, written)?;
            row.state = to_name(&RecordingState::Kept);
            (row.next_at, row.reason) = (None, None);
            row.object_id = Some(*object_id);
            row.content_type.clone_from(&written.content_type);
            row.bytes = Some(i64::try_from(written.bytes).unwrap_or(i64::MAX));
        }
        Fetched::Missed(failure, patience) => {
            let pause = failure.pause(row.attempts, *patience);
            row.next_at = pause.and_then(|pause| unit.now.checked_add_signed(pause));
            row.reason = Some(failure.to_string());
            if row.next_at.is_none() {
                row.state = to_name(&RecordingState::Failed);
            }
        }
    }
    Ok(row)
}
