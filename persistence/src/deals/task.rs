//! Tasks as rows: processes plan and cancel them, and people do what they say.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde::Serialize;
use uuid::Uuid;

use crate::core::{noun::noun, schema::tasks};

#[derive(Debug, Clone, PartialEq, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = tasks, treat_none_as_null = true)]
pub struct Task {
    pub id: Uuid,
    pub kind: String,
    pub deal_id: Option<Uuid>,
    pub client_id: Option<Uuid>,
    pub key: Option<String>,
    pub stage_id: Option<Uuid>,
    #[serde(skip)]
    pub visit: Option<i32>,
    pub title: String,
    pub description: Option<String>,
    pub status: String,
    pub priority: String,
    pub responsible_id: Uuid,
    pub creator_id: Option<Uuid>,
    pub by_process: bool,
    pub starts_at: Option<DateTime<Utc>>,
    pub due_at: Option<DateTime<Utc>>,
    pub started_at: Option<DateTime<Utc>>,
    pub done_at: Option<DateTime<Utc>>,
    pub done_by: Option<Uuid>,
    pub result_fields: serde_json::Value,
    pub result: Option<String>,
    pub links: serde_json::Value,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// When the review of a loss brought its deal back.
    pub reopened_at: Option<DateTime<Utc>>,
}

noun!(tasks, Task, "task");
