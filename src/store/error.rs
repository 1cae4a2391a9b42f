//! From a failure of the database to what the contract and the operator see.

use std::{borrow::Cow, fmt::Display};

use sea_orm::{DbErr, RuntimeErr};
use sqlx::error::DatabaseError;

use crate::api::tasks::TaskError;

/// Why the store could not be opened, reached or migrated. Never shows a password.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A retry may succeed.
    #[error("{0}")]
    Unreachable(String),
    /// The operator must change where `DATABASE_URL` leads.
    #[error("{0}")]
    Misconfigured(String),
    /// Something else is wrong, and a retry does not help.
    #[error("{0}")]
    Broken(String),
}

impl StoreError {
    /// The database did not respond in time.
    pub(super) fn timed_out() -> Self {
        Self::Unreachable("the database does not respond".to_owned())
    }

    /// The database failed, with this fate of what was sent.
    pub(super) fn failed(fate: Fate, cause: &impl Display) -> Self {
        match fate {
            Fate::Rejected => Self::Broken(cause.to_string()),
            Fate::RolledBack | Fate::Unknown => Self::Unreachable(cause.to_string()),
        }
    }

    /// Whether a retry may succeed.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable(_))
    }

    /// Whether the operator must change where `DATABASE_URL` leads.
    #[must_use]
    pub fn is_misconfigured(&self) -> bool {
        matches!(self, Self::Misconfigured(_))
    }
}

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        Self::failed(Fate::of_orm(&error), &error)
    }
}

/// How a request uses the database: whether losing its response leaves its outcome
/// in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Idempotent: may be repeated without asking.
    Read,
    /// Once sent, it may have been committed.
    Write,
}

impl Access {
    /// The contract's error for a failure with this fate. `cause` is for the log.
    pub(super) fn error(self, fate: Fate, cause: &impl Display) -> TaskError {
        let cause = cause.to_string();
        match (fate, self) {
            (Fate::RolledBack, _) | (Fate::Unknown, Self::Read) => TaskError::Unavailable(cause),
            (Fate::Unknown, Self::Write) => TaskError::OutcomeUnknown(cause),
            (Fate::Rejected, _) => TaskError::Internal(cause),
        }
    }

    /// Whether a batch may be sent again after `error`.
    pub(super) fn may_repeat(self, error: &sqlx::Error) -> bool {
        self == Self::Read && Fate::of(error) == Fate::Unknown
    }
}

/// What became of a statement that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Nothing of it was kept, and a retry may succeed.
    RolledBack,
    /// It was sent, and its outcome is not known.
    Unknown,
    /// The database refused it, or it was wrong.
    Rejected,
}

impl Fate {
    /// Of a statement.
    pub fn of(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(_) => {
                sqlstate(error).map_or(Self::Rejected, |code| classify_sqlstate(&code))
            }
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => Self::RolledBack,
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::WorkerCrashed => Self::Unknown,
            _ => Self::Rejected,
        }
    }

    /// Of what should have been sent on a connection that could not be opened:
    /// nothing was. A wrong configuration does not go away with time.
    pub fn of_connecting(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Configuration(_) => Self::Rejected,
            sqlx::Error::Database(_) if Self::of(error) == Self::Rejected => Self::Rejected,
            _ => Self::RolledBack,
        }
    }

    /// Of a query of sea-orm.
    pub fn of_orm(error: &DbErr) -> Self {
        match (error, driver_error(error)) {
            (DbErr::ConnectionAcquire(_), _) => Self::RolledBack,
            (DbErr::Conn(_), Some(error)) => Self::of_connecting(error),
            (_, Some(error)) => Self::of(error),
            _ => Self::Rejected,
        }
    }
}

/// The driver's error in one of sea-orm's.
pub fn driver_error(error: &DbErr) -> Option<&sqlx::Error> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => Some(error),
        _ => None,
    }
}

/// The database's own code: five characters of `PostgreSQL`, a number of `SQLite`.
pub fn sqlstate(error: &sqlx::Error) -> Option<Cow<'_, str>> {
    error.as_database_error().and_then(DatabaseError::code)
}

/// Whether the server itself rejected a statement, on a connection that is as good
/// as before.
pub fn is_rejection(error: &sqlx::Error) -> bool {
    // The classes 08 and 57P end the connection. A read-only server may have been
    // replaced by another one, which a new connection finds.
    matches!(error, sqlx::Error::Database(_))
        && !sqlstate(error).is_some_and(|code| {
            code.starts_with("08") || code.starts_with("57P") || code == "25006"
        })
}

/// Whether a batch may have failed because of one of its members, so that the
/// others succeed without it: the database refused it, or a row was locked.
pub fn concerns_one_member(error: &sqlx::Error) -> bool {
    match Fate::of(error) {
        Fate::Rejected => true,
        Fate::Unknown => false,
        Fate::RolledBack => sqlstate(error)
            .is_some_and(|code| code.starts_with("40") || matches!(&*code, "55P03" | "57014")),
    }
}

/// The fate of a statement by the database's own code.
///
/// `PostgreSQL` (appendix A of its manual): nothing was kept in the classes 40
/// (rolled back) and 53 (resources), and with 25006 (read-only after a failover),
/// 26000 and 42P05 (a prepared statement's name, mixed up by a pooler), 55P03
/// (locked), 57014 (time limit), 57P01, 57P03 and 57P05 (stopping, starting, idle).
/// Class 08 (a pooler's connection broke), 40003 and 57P02 (another process
/// crashed) may follow a commit. `SQLite`: 5 and 6 (locked) and 13 (disk full) were
/// rolled back; 10 (input or output failed) is in doubt.
fn classify_sqlstate(code: &str) -> Fate {
    if code.len() < 5 {
        return match primary_code(code) {
            Some(5 | 6 | 13) => Fate::RolledBack,
            Some(10) => Fate::Unknown,
            _ => Fate::Rejected,
        };
    }
    match code {
        "40003" | "57P02" => Fate::Unknown,
        "25006" | "26000" | "42P05" | "55P03" | "57014" => Fate::RolledBack,
        _ if code.starts_with("08") => Fate::Unknown,
        _ if ["40", "53", "57P"].iter().any(|c| code.starts_with(c)) => Fate::RolledBack,
        _ => Fate::Rejected,
    }
}

/// The primary one of `SQLite`'s result codes: the low byte of an extended one.
pub fn primary_code(code: &str) -> Option<u32> {
    code.parse().ok().map(|code: u32| code & 0xff)
}
