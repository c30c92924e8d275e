//! What can go wrong between a command and its record.

use diesel::result::{DatabaseErrorKind, Error as Diesel};
use voronka_domain::{Fault, Refusal};

use crate::core::passing::{self, Passing};

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such thing in the caller's workspace, or none that the caller may see.
    #[error("There is no such {0}.")]
    NotFound(&'static str),
    #[error(transparent)]
    Refused(Refusal),
    /// The state of the world is against it; a code of the catalogue, a pointer and a sentence.
    #[error("{detail}")]
    Conflict { code: &'static str, pointer: &'static str, detail: String },
    #[error("The If-Match header names another version than the present one.")]
    VersionMismatch,
    #[error("Another request with this Idempotency-Key is being carried out.")]
    KeyInFlight,
    #[error("This Idempotency-Key was used for another request.")]
    KeyReused,
    /// Of a list's parameters that only the database could tell.
    #[error("The request has invalid parameters.")]
    Parameters(Vec<Fault>),
    #[error("Others hold what the request needs. Send it again.")]
    Busy,
    /// A statement took longer than its kind may.
    #[error("It took too long. Send it again.")]
    TookTooLong,
    /// The same of a read, which would take as long again.
    #[error(
        "The query looks at too much: narrow it, by a shorter period, by filters or by fewer conditions."
    )]
    TooExpensive,
    /// A deadlock, or somebody was faster.
    #[error("Others changed what the request needs at the same moment. Send it again.")]
    Collision,
    /// Between a look at a deal and its record it changed.
    #[error("Somebody else changed the deal at the same moment; look at it again.")]
    Overtaken,
    /// After an upgrade, reports wait for what they are made of.
    #[error(
        "What reports are made of is being worked out after an upgrade: {done} of {total} deals are done."
    )]
    BeingWorkedOut { done: i64, total: i64 },
    #[error("The database cannot be reached.")]
    Unavailable(String),
    #[error("The disk of the database or of the server has no room, or fails.")]
    Disk(String),
    /// Of an import, whose starter has lost a permission meanwhile.
    #[error("Whoever started the import may no longer do what it needs: {0}.")]
    NoLongerAllowed(&'static str),
    /// A claim is lost with its connection.
    #[error("Another server carries the import out.")]
    TakenOver,
    #[error("The database refused a statement.")]
    Database(Diesel),
    /// Something that cannot be, was: a bug of ours.
    #[error("{0}")]
    Internal(String),
}

impl Error {
    pub fn invalid(pointer: &str, code: &'static str, detail: impl Into<String>) -> Self {
        Self::Refused(Refusal::invalid(pointer, code, detail))
    }

    pub fn unknown_reference(pointer: &str, what: &str) -> Self {
        Refusal::unknown(pointer, what).into()
    }

    pub fn conflict(code: &'static str, pointer: &'static str, detail: impl Into<String>) -> Self {
        Self::Conflict { code, pointer, detail: detail.into() }
    }

    /// What is missing was named by a field of the body: not a 404 but a fault of that field.
    pub fn or_unknown(self, pointer: &str, what: &str) -> Self {
        match self {
            Self::NotFound(_) => Self::unknown_reference(pointer, what),
            other => other,
        }
    }

    /// The same of a part of a body: its faults point into the part.
    pub fn under(self, part: &str) -> Self {
        match self {
            Self::Refused(Refusal::Invalid(faults)) => {
                let into =
                    |fault: Fault| Fault { pointer: format!("{part}{}", fault.pointer), ..fault };
                Self::Refused(Refusal::Invalid(faults.into_iter().map(into).collect()))
            }
            other => other,
        }
    }

    /// Faults of a set of fields, for callers that collect them.
    pub fn faults(&self) -> Vec<Fault> {
        match self {
            Self::Refused(refusal) => refusal.faults(),
            Self::Conflict { code, pointer, detail } => vec![Fault::new(*pointer, code, detail)],
            other => vec![Fault::new("", "invalid", other.to_string())],
        }
    }

    /// What has to pass before the same request may go well; none if it would fail again.
    pub fn passing(&self) -> Option<Passing> {
        match self {
            Self::Unavailable(_) => Some(Passing::Database),
            Self::Disk(_) => Some(Passing::Disk),
            Self::Collision | Self::Overtaken => Some(Passing::Collision),
            Self::Busy => Some(Passing::Locks),
            Self::TookTooLong => Some(Passing::Time),
            _ => None,
        }
    }
}

impl Error {
    /// The same for all who have waited together: nobody waits as long once more.
    pub(crate) fn of_all(&self) -> Option<Self> {
        match self {
            Self::Busy => Some(Self::Busy),
            Self::TookTooLong => Some(Self::TookTooLong),
            _ => None,
        }
    }

    /// What a read is told that took too long.
    pub(crate) fn of_read(self) -> Self {
        match self {
            Self::TookTooLong => Self::TooExpensive,
            other => other,
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Conflict { code, pointer, detail } => Self::Conflict { code, pointer, detail },
            refusal => Self::Refused(refusal),
        }
    }
}

impl From<Diesel> for Error {
    fn from(error: Diesel) -> Self {
        match passing::of(&error) {
            Some(Passing::Database) => return Self::Unavailable(error.to_string()),
            Some(Passing::Disk) => return Self::Disk(error.to_string()),
            Some(Passing::Collision) => return Self::Collision,
            Some(Passing::Locks) => return Self::Busy,
            Some(Passing::Time) => return Self::TookTooLong,
            None => {}
        }
        match &error {
            Diesel::NotFound => Self::NotFound("thing"),
            Diesel::DatabaseError(DatabaseErrorKind::UniqueViolation, info) => {
                taken(info.constraint_name()).unwrap_or(Self::Database(error))
            }
            _ => Self::Database(error),
        }
    }
}

/// Unique constraints that a caller can run into, and what it is told.
fn taken(constraint: Option<&str>) -> Option<Error> {
    let (code, pointer, detail) = match constraint? {
        "exchange_rates_pkey" => {
            ("exchange_rate_taken", "/day", "The currency has a rate of this day.")
        }
        "custom_fields_key_is_unique" => ("key_taken", "/key", "Another field has this key."),
        "users_email_is_unique" => ("email_taken", "/email", "Another user has this email."),
        "products_sku_is_unique" => ("sku_taken", "/sku", "Another product has this SKU."),
        "deals_external_id_is_unique" => {
            ("external_id_taken", "/external_id", "Another deal has this external id.")
        }
        "clients_external_id_is_unique" => {
            ("external_id_taken", "/external_id", "Another client has this external id.")
        }
        "documents_external_id_is_unique" => {
            ("external_id_taken", "/external_id", "Another document has this external id.")
        }
        "payments_external_id_is_unique" => {
            ("external_id_taken", "/external_id", "Another payment has this external id.")
        }
        "activities_external_id_is_unique" => {
            ("external_id_taken", "/external_id", "Another activity has this external id.")
        }
        "jobs_of_one_subject" => ("run_waiting", "", "Another run of it waits already."),
        name if name.ends_with("_name_is_unique") => {
            ("name_taken", "/name", "Another entry has this name.")
        }
        _ => return None,
    };
    Some(Error::conflict(code, pointer, detail))
}
