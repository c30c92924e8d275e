//! What passes by itself: nothing is wrong with the request, and it may be sent again.
//!
//! Diesel tells few of Postgres's error codes, so the others are known by their texts. Those of libpq are
//! always English, as we set no locale; those of the server where it may be asked for them
//! (`SESSION`).

use std::{error::Error as StdError, io, thread, time::Duration};

use diesel::result::{DatabaseErrorKind as Kind, Error as Diesel};

use crate::Result;

/// What has to pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passing {
    /// The database is away, starts up or stops, takes no more connections, has no memory, or cannot be written
    /// to.
    Database,
    /// It has no room, or its disk fails.
    Disk,
    /// Others wanted the same in another order or changed it meanwhile. At once it may go better.
    Collision,
    /// Others hold for long what is needed, or had the statement ended.
    Locks,
    /// A statement took too long: there was too much to do at the moment.
    Time,
}

impl Passing {
    pub fn word(self) -> &'static str {
        match self {
            Self::Database | Self::Time => "database",
            Self::Disk => "disk",
            Self::Collision | Self::Locks => "locks",
        }
    }
}

/// Of a connection that is gone, anywhere in the text: libpq tells several things at once.
const LOST: [&str; 9] = [
    "server closed the connection",
    "terminating connection",
    "no connection",
    "connection not open",
    "connection has been closed",
    "could not receive data",
    "could not send data",
    "lost synchronization with server",
    "SSL SYSCALL error",
];

/// How the texts of what passes begin. Not anywhere in them: a text may cite what a caller has sent.
const BEGINNINGS: [(&str, Passing); 23] = [
    ("deadlock detected", Passing::Collision),
    ("could not serialize access", Passing::Collision),
    ("tuple concurrently updated", Passing::Collision),
    ("canceling statement due to lock timeout", Passing::Locks),
    ("could not obtain lock", Passing::Locks),
    ("canceling statement due to statement timeout", Passing::Time),
    // By whoever waited for it, or an administrator; the connection is as good as before.
    ("canceling statement due to user request", Passing::Locks),
    ("canceling statement", Passing::Database),
    ("the database system is", Passing::Database),
    ("sorry, too many clients", Passing::Database),
    ("remaining connection slots", Passing::Database),
    ("too many connections", Passing::Database),
    ("out of memory", Passing::Database),
    ("out of shared memory", Passing::Database),
    ("could not extend", Passing::Disk),
    ("could not write", Passing::Disk),
    ("could not read", Passing::Disk),
    ("could not fsync", Passing::Disk),
    ("could not flush", Passing::Disk),
    ("could not truncate", Passing::Disk),
    ("could not open file", Passing::Disk),
    ("could not create file", Passing::Disk),
    ("could not access file", Passing::Disk),
];

/// How those end that name a file first.
const ENDINGS: [(&str, Passing); 4] = [
    ("No space left on device", Passing::Disk),
    ("Disk quota exceeded", Passing::Disk),
    ("Input/output error", Passing::Disk),
    ("Cannot allocate memory", Passing::Database),
];

/// What has to pass before this goes well; none if it would happen again.
pub(crate) fn of(error: &Diesel) -> Option<Passing> {
    match error {
        Diesel::DatabaseError(kind, info) => match kind {
            Kind::SerializationFailure => Some(Passing::Collision),
            Kind::ClosedConnection | Kind::ReadOnlyTransaction => Some(Passing::Database),
            Kind::Unknown | Kind::UnableToSendCommand => of_text(info.message()),
            _ => None,
        },
        Diesel::RollbackErrorOnCommit { rollback_error, commit_error } => {
            of(commit_error).or_else(|| of(rollback_error))
        }
        // What broke it was told when it did.
        Diesel::BrokenTransactionManager => Some(Passing::Database),
        // COPY passes its errors through those of reading and writing.
        Diesel::SerializationError(cause) | Diesel::DeserializationError(cause) => within(&**cause),
        _ => None,
    }
}

fn within(cause: &(dyn StdError + Send + Sync + 'static)) -> Option<Passing> {
    if let Some(error) = cause.downcast_ref::<Diesel>() {
        return of(error);
    }
    within(cause.downcast_ref::<io::Error>()?.get_ref()?)
}

fn of_text(text: &str) -> Option<Passing> {
    let text = text.trim_end();
    if LOST.iter().any(|lost| text.contains(lost)) {
        return Some(Passing::Database);
    }
    let begins = BEGINNINGS.iter().find(|(beginning, _)| text.starts_with(beginning));
    let ends = || ENDINGS.iter().find(|(ending, _)| text.ends_with(ending));
    begins.or_else(ends).map(|(_, passing)| *passing)
}

/// Waits before another try.
const PAUSES: [Duration; 3] =
    [Duration::from_millis(10), Duration::from_millis(50), Duration::from_millis(250)];

/// Does again what others were in the way of, a few times. Nothing of a try that failed may remain.
pub fn again<T>(mut work: impl FnMut() -> Result<T>) -> Result<T> {
    for pause in PAUSES {
        match work() {
            Err(error) if error.passing() == Some(Passing::Collision) => thread::sleep(pause),
            done => return done,
        }
    }
    work()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    fn unknown(text: &str) -> Diesel {
        Diesel::DatabaseError(Kind::Unknown, Box::new(text.to_owned()))
    }

    /// As Postgres 15 and libpq put it.
    const TEXTS: &[(&str, Option<Passing>)] = &[
        ("deadlock detected", Some(Passing::Collision)),
        ("canceling statement due to lock timeout", Some(Passing::Locks)),
        ("canceling statement due to statement timeout", Some(Passing::Time)),
        ("canceling statement due to user request", Some(Passing::Locks)),
        ("terminating connection due to administrator command", Some(Passing::Database)),
        ("no connection to the server\n", Some(Passing::Database)),
        (
            "FATAL:  terminating connection due to unexpected postmaster exit\nserver closed the \
             connection unexpectedly\n\tThis probably means the server terminated abnormally\n",
            Some(Passing::Database),
        ),
        ("the database system is in recovery mode", Some(Passing::Database)),
        ("sorry, too many clients already", Some(Passing::Database)),
        ("out of shared memory", Some(Passing::Database)),
        (
            "could not extend file \"base/16384/16712\": No space left on device",
            Some(Passing::Disk),
        ),
        (
            "could not extend file \"base/1/2\": wrote only 4096 of 8192 bytes at block 7",
            Some(Passing::Disk),
        ),
        (
            "could not resize shared memory segment \"/PostgreSQL.1\" to 8388608 bytes: No space left \
             on device",
            Some(Passing::Disk),
        ),
        ("could not read block 0 in file \"base/1/2\": Input/output error", Some(Passing::Disk)),
        ("could not determine data type of parameter $1", None),
        ("could not create unique index \"users_pkey\"", None),
        ("number of parameters must be between 0 and 65535\n", None),
        ("column \"nothing\" does not exist", None),
        // What a caller sent may be cited.
        ("invalid input syntax for type date: \"deadlock detected\"", None),
        ("invalid input syntax for type date: \"No space left on device\"", None),
    ];

    #[test]
    fn what_passes_is_known_by_its_text() {
        for (text, passing) in TEXTS {
            assert_eq!(of(&unknown(text)), *passing, "{text}");
        }
    }

    #[test]
    fn what_passes_is_found_within_other_errors() {
        let full = || unknown("could not write to file \"pg_wal/1\": No space left on device");
        let copied = Diesel::SerializationError(Box::new(io::Error::other(full())));
        assert_eq!(of(&copied), Some(Passing::Disk));
        let closed = Diesel::DatabaseError(Kind::ClosedConnection, Box::new(String::new()));
        let both = Diesel::RollbackErrorOnCommit {
            rollback_error: Box::new(closed),
            commit_error: Box::new(full()),
        };
        assert_eq!(of(&both), Some(Passing::Disk));
        let other = Diesel::DeserializationError(Box::new(io::Error::other("not a number")));
        assert_eq!(of(&other), None);
    }

    #[test]
    fn only_a_collision_is_tried_again_and_not_for_ever() {
        let tries = |errors: Vec<Error>| {
            let (mut errors, mut tries) = (errors.into_iter(), 0);
            let done = again(|| {
                tries += 1;
                errors.next().map_or(Ok(()), Err)
            });
            (tries, done.is_ok())
        };
        let collisions = |count| std::iter::repeat_with(|| Error::Collision).take(count).collect();
        assert_eq!(tries(collisions(0)), (1, true));
        assert_eq!(tries(collisions(3)), (4, true));
        assert_eq!(tries(collisions(9)), (4, false));
        assert_eq!(tries(vec![Error::Busy]), (1, false));
        assert_eq!(tries(vec![Error::Unavailable("away".to_owned())]), (1, false));
    }
}
