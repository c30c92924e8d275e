//! Errors as RFC 9457 problems. One table gives each code its status, title and meaning; it is also
//! where `docs/errors.md` comes from.

use actix_web::{
    HttpResponse, HttpResponseBuilder, ResponseError,
    http::{StatusCode, header},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use voronka_domain::Fault;
use voronka_persistence::Error;

macro_rules! codes {
    ($($code:ident $status:literal $title:literal $meaning:literal)+) => {
        /// Every code that an answer can have: status, code, title, meaning.
        pub const CODES: &[(u16, &str, &str, &str)] =
            &[$(($status, stringify!($code), $title, $meaning)),+];

        /// A code, for what names some of them: one that there is none of does not compile. Its words are those
        /// of the catalogue.
        #[allow(non_camel_case_types)]
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code {
            $($code),+
        }

        impl Code {
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$code => stringify!($code)),+
                }
            }
        }
    };
}

codes! {
    malformed_json 400 "Malformed JSON" "The body is not JSON, not UTF-8, or nested too deeply."
    invalid_parameters 400 "Invalid parameters" "A query parameter, a header or an id in the path is unknown or has no valid value."
    unauthenticated 401 "Not authenticated" "There is no bearer token or API key, or it is not valid, expired or revoked."
    invalid_credentials 401 "Invalid credentials" "Email and password, the refresh token, or the token for a password, do not let anybody in."
    refresh_token_reused 401 "Refresh token reused" "The refresh token was used before: somebody may have stolen it. The login has ended; log in again."
    invalid_signature 401 "Invalid signature" "What was posted is not signed with a secret of the integration, or was sent at another time."
    forbidden 403 "Forbidden" "The caller's role or scopes do not allow the operation."
    override_not_allowed 403 "Override not allowed" "Only a head or an administrator may pass an unmet gate, and says why."
    not_a_participant 403 "Not a participant" "Whoever has no part in a task or an activity and looks after nobody who has sees it and does not change it."
    not_found 404 "Not found" "There is no such thing in the caller's workspace, or the caller may not see it; or no such path."
    recording_not_kept 404 "Recording not kept" "There is no recording of the activity to play: the detail says whether it is to be fetched, could not be, or is kept no more."
    method_not_allowed 405 "Method not allowed" "The path has other methods; the Allow header lists them."
    not_acceptable 406 "Not acceptable" "The report is not available in the media type that was asked for."
    request_timeout 408 "Request timeout" "The body took too long to come: nothing was done, and the connection is closed."
    already_in_stage 409 "Already in the stage" "The deal is in that stage already."
    back_not_allowed 409 "Going back not allowed" "The deal's type does not allow going back."
    client_merged 409 "Client merged" "The client has become part of another one, which the detail names."
    deal_closed 409 "Deal closed" "The deal is won or lost. Reopen it first."
    deal_has_no_stages 409 "Deal has no stages" "The deal's type is untracked."
    deal_moved_meanwhile 409 "Deal moved meanwhile" "Somebody else moved the deal at the same moment."
    deal_not_on_hold 409 "Deal not on hold" "There is no hold to end."
    deal_on_hold 409 "Deal on hold" "The deal is on hold. Resume it first."
    deal_open 409 "Deal open" "The deal is open already."
    deal_type_disabled 409 "Deal type disabled" "No new deals of this type can be opened."
    department_loop 409 "Department loop" "The department would be above itself."
    document_state_refused 409 "Document state refused" "A document of its kind does not go from its state to the other one, and a cancelled invoice is not paid."
    email_taken 409 "Email taken" "Another user of the workspace has this email."
    exchange_rate_taken 409 "Exchange rate taken" "The currency has a rate of this day already."
    external_id_taken 409 "External id taken" "Another thing of the same kind has this external id."
    files_full 409 "Files full" "The workspace has as many bytes of files as it may have, or the thing has as many files. Of what is deleted, the room is free a moment later."
    hand_over_returned 409 "Hand-over returned" "What was handed over has come back already."
    idempotency_key_in_flight 409 "Request in flight" "A request with this Idempotency-Key is being carried out. Ask again later."
    import_finished 409 "Import finished" "The import has ended already: there is nothing to cancel."
    integration_disabled 409 "Integration disabled" "The integration is switched off: what is posted to it is not taken."
    key_taken 409 "Key taken" "Another custom field of the same kind of thing has this key."
    last_admin 409 "Last administrator" "The workspace would be left without an active administrator."
    name_taken 409 "Name taken" "Another entry has this name."
    no_next_stage 409 "No next stage" "The deal is in its last stage: it can be won or lost."
    only_version_left 409 "Only version left" "A deal type needs a version that is not withdrawn."
    review_outdated 409 "Review outdated" "The loss that the task reviews is over: the deal was reopened since."
    recording_not_failed 409 "Recording has not failed" "Only a recording that could not be fetched is fetched again."
    run_not_failed 409 "Run has not failed" "Only a run that has failed for the last time is started again or dropped."
    run_waiting 409 "Run waiting" "Another run of the same work waits already: it is not started twice."
    skip_not_allowed 409 "Skipping not allowed" "The deal's type does not allow skipping stages."
    sku_taken 409 "SKU taken" "Another product has this SKU."
    stage_not_in_process 409 "Stage not in the process" "The deal's process has no such stage."
    secret_not_made_here 409 "Secret not made here" "The exchange makes its secret up: it is changed there, and then here."
    inbox_status_refused 409 "Inbox status refused" "An entry of the inbox in its status does not go to the other one; what has become a client's stays so."
    task_status_refused 409 "Task status refused" "A task in its status does not go to the other one; what is done or cancelled is taken up again first."
    too_many_jobs 409 "Too many jobs" "So many runs of background work wait already that no other is taken in."
    transition_is_automatic 409 "Transition is automatic" "The process moves deals of this type."
    upload_expired 409 "Upload expired" "The upload took so long that what came of it is not kept."
    user_inactive 409 "User inactive" "The person whom things are to go back to, or who is to log in, is not in use."
    version_mismatch 412 "Version mismatch" "If-Match names another version than the present one."
    range_not_satisfiable 416 "Range not satisfiable" "The file has no such part; Content-Range says how long it is."
    sheet_too_long 422 "Sheet too long" "The sheet is longer than the server writes, or than a workbook may be: narrow it by filters."
    query_too_expensive 422 "Query too expensive" "The query looks at too much to be answered in time, and would again: narrow it, by a shorter period, by filters or by fewer conditions."
    too_many_heavy_requests 429 "Too many heavy requests" "Sheets, reports and previews have few places, and too many wait for one. Send it again after Retry-After."
    body_too_large 413 "Body too large" "The body is larger than the server takes."
    unsupported_media_type 415 "Unsupported media type" "The body's Content-Type is not the operation's."
    idempotency_key_reused 422 "Idempotency key reused" "The Idempotency-Key was used for another request."
    loss_reason_required 422 "Loss reason required" "A lost deal needs a loss reason."
    stage_gate_unmet 422 "Stage gate unmet" "Requirements to leave the stage are not met; each is listed."
    validation_failed 422 "Validation failed" "Fields are missing or invalid; each is listed with a pointer."
    rate_limited 429 "Rate limited" "Too many requests from this caller, or from its workspace at once. Retry-After says when to go on."
    too_many_login_attempts 429 "Too many login attempts" "Too many failed logins for this email or from this address. Retry-After says when to go on."
    internal_error 500 "Internal error" "A fault of the server. The request id helps to find it."
    being_worked_out 503 "Being worked out" "After an upgrade, what reports are made of is worked out while the server serves. Retry-After says when to ask again; `progress` says how far it is."
    unavailable 503 "Unavailable" "What the request needs is not there for the moment: the database is away or has no room, or others hold it. Retry-After says when to try again."
}

/// One fault of a request.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ProblemError {
    /// Where the fault is: `body`, `query`, `path` or `header`.
    #[serde(rename = "in")]
    #[schema(example = "body")]
    pub place: String,
    /// JSON pointer to the field, or `/` and the name of the parameter.
    #[schema(example = "/amount/currency")]
    pub pointer: String,
    /// Stable code of the fault.
    #[schema(example = "invalid_value")]
    pub code: String,
    /// What is wrong, for a person.
    #[schema(example = "Not an ISO 4217 currency code, such as EUR.")]
    pub detail: String,
}

/// An error, as RFC 9457 has it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// Identifies the kind of problem.
    #[serde(rename = "type")]
    #[schema(example = "urn:voronka:problem:validation_failed")]
    pub kind: String,
    #[schema(example = "Validation failed")]
    pub title: String,
    #[schema(example = 422)]
    pub status: u16,
    /// Stable code, for programs.
    #[schema(example = "validation_failed")]
    pub code: String,
    /// What happened, for a person.
    #[schema(example = "The request has invalid fields.")]
    pub detail: String,
    /// Also in the header X-Request-Id and in the server's log.
    #[schema(example = "0199c2f0-7a35-7d0e-9d5a-3f0a5f1c2b11")]
    pub request_id: String,
    /// Every fault with its place.
    pub errors: Vec<ProblemError>,
    /// How far it is, of what is being worked out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub progress: Option<Progress>,
}

/// How many deals are done of how many.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
pub struct Progress {
    #[schema(example = 120_000)]
    pub done: i64,
    #[schema(example = 300_000)]
    pub total: i64,
}

#[derive(Debug, Clone)]
pub struct Problem {
    code: &'static str,
    detail: String,
    place: &'static str,
    faults: Vec<Fault>,
    headers: Vec<(&'static str, String)>,
    progress: Option<Box<Progress>>,
}

impl Problem {
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        let (detail, faults, headers) = (detail.into(), Vec::new(), Vec::new());
        Self { code, detail, place: "body", faults, headers, progress: None }
    }

    /// The problem with the sentence of the table.
    pub fn of(code: &'static str) -> Self {
        let meaning = CODES.iter().find(|row| row.1 == code).map_or("", |row| row.3);
        Self::new(code, meaning)
    }

    pub fn not_found() -> Self {
        Self::new("not_found", "There is nothing here.")
    }

    pub fn invalid_parameters(faults: Vec<Fault>) -> Self {
        let mut problem = Self::new("invalid_parameters", "The request has invalid parameters.");
        problem.faults = faults;
        problem.at("query")
    }

    pub fn validation(pointer: &str, code: &'static str, detail: impl Into<String>) -> Self {
        let mut problem = Self::new("validation_failed", "The request has invalid fields.");
        problem.faults.push(Fault::new(pointer, code, detail));
        problem
    }

    pub fn with(mut self, pointer: &str, code: &'static str, detail: impl Into<String>) -> Self {
        self.faults.push(Fault::new(pointer, code, detail));
        self
    }

    /// The same of a part of a body: its faults point into the part.
    pub fn under(mut self, part: &str) -> Self {
        self.faults.iter_mut().for_each(|fault| fault.pointer.insert_str(0, part));
        self
    }

    /// Where the faults are, if not in the body.
    pub fn at(mut self, place: &'static str) -> Self {
        self.place = place;
        self
    }

    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub fn code(&self) -> &'static str {
        self.code
    }

    pub fn detail(&self) -> &str {
        &self.detail
    }

    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    pub fn body(&self, request_id: &str) -> ProblemBody {
        let (status, title) =
            CODES.iter().find(|row| row.1 == self.code).map_or((500, ""), |row| (row.0, row.2));
        let errors = self.faults.iter().map(|fault| ProblemError {
            place: self.place.to_owned(),
            pointer: fault.pointer.clone(),
            code: fault.code.to_owned(),
            detail: fault.detail.clone(),
        });
        ProblemBody {
            kind: format!("urn:voronka:problem:{}", self.code),
            title: title.to_owned(),
            status,
            code: self.code.to_owned(),
            detail: self.detail.clone(),
            request_id: request_id.to_owned(),
            errors: errors.collect(),
            progress: self.progress.as_deref().copied(),
        }
    }

    pub fn response(&self, request_id: &str) -> HttpResponse {
        let mut response = HttpResponseBuilder::new(self.status_code());
        response.content_type("application/problem+json");
        if self.status_code() == StatusCode::SERVICE_UNAVAILABLE {
            response.insert_header((header::RETRY_AFTER, "1"));
        }
        if self.status_code() == StatusCode::REQUEST_TIMEOUT {
            response.force_close();
        }
        for (name, value) in &self.headers {
            response.insert_header((*name, value.as_str()));
        }
        response.json(self.body(request_id))
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        let status = CODES.iter().find(|row| row.1 == self.code).map_or(500, |row| row.0);
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The outermost middleware writes the body, as it knows the request's id.
    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let mut problem = match &error {
            Error::NotFound(what) => {
                Self::new("not_found", format!("There is no such {}.", what.replace('_', " ")))
            }
            Error::Refused(refusal) => Self::new(refusal.code(), refusal.to_string()),
            Error::Conflict { code, detail, .. } => Self::new(code, detail.clone()),
            Error::VersionMismatch => Self::new("version_mismatch", error.to_string())
                .with("/if-match", "version_mismatch", error.to_string())
                .at("header"),
            Error::KeyInFlight => {
                key_problem("idempotency_key_in_flight", &error).header("Retry-After", "1")
            }
            Error::KeyReused => key_problem("idempotency_key_reused", &error),
            Error::Unavailable(cause) | Error::Disk(cause) => {
                tracing::warn!(cause, "database unavailable");
                Self::new("unavailable", error.to_string())
            }
            Error::BeingWorkedOut { done, total } => {
                let (done, total) = (*done, *total);
                let mut problem = Self::new("being_worked_out", error.to_string());
                problem.progress = Some(Box::new(Progress { done, total }));
                problem.header("Retry-After", "5")
            }
            Error::Parameters(faults) => Self::invalid_parameters(faults.clone()),
            Error::NoLongerAllowed(_) => Self::new("forbidden", error.to_string()),
            Error::TooExpensive => Self::new("query_too_expensive", error.to_string()),
            Error::Busy
            | Error::TookTooLong
            | Error::Collision
            | Error::Overtaken
            | Error::TakenOver => Self::new("unavailable", error.to_string()),
            Error::Database(cause) => {
                tracing::error!(%cause, "database error");
                Self::of("internal_error")
            }
            Error::Internal(cause) => {
                tracing::error!(cause, "internal error");
                Self::of("internal_error")
            }
        };
        if matches!(error, Error::Refused(_) | Error::Conflict { .. }) {
            problem.faults = error.faults();
        }
        problem
    }
}

fn key_problem(code: &'static str, error: &Error) -> Problem {
    Problem::new(code, error.to_string())
        .with("/idempotency-key", code, error.to_string())
        .at("header")
}

/// `docs/errors.md`.
pub fn document() -> String {
    let mut text = String::from(
        "# Errors\n\nEvery error is a problem of [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457) \
         (`application/problem+json`): `type`, `title`, `status`, `code`, `detail`, `request_id` and \
         `errors`, a list of faults with `in`, `pointer`, `code` and `detail`. Programs go by `code`; \
         codes do not change.\n\n| Status | Code | Meaning |\n|---|---|---|\n",
    );
    for (status, code, _, meaning) in CODES {
        text.push_str(&format!("| {status} | `{code}` | {meaning} |\n"));
    }
    text
}
