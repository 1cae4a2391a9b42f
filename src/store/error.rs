//! From a failure of the database to what the contract and the operator see.

use std::borrow::Cow;

use sea_orm::DbErr;
use sqlx::error::DatabaseError;

pub use super::describe::{Describe, driver_error};
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
    pub(super) fn failed(fate: Fate, cause: &impl Describe) -> Self {
        match fate {
            Fate::Rejected | Fate::Unusable => Self::Broken(cause.describe()),
            Fate::RolledBack | Fate::Unknown => Self::Unreachable(cause.describe()),
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
        // A migration that refuses says why.
        if let DbErr::Migration(reason) = error {
            return Self::Broken(reason);
        }
        Self::failed(Fate::of_orm(&error, Progress::Sent), &error)
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
    pub(super) fn error(self, fate: Fate, cause: &impl Describe) -> TaskError {
        let cause = cause.describe();
        match (fate, self) {
            (Fate::RolledBack | Fate::Unusable, _) | (Fate::Unknown, Self::Read) => {
                TaskError::Unavailable(cause)
            }
            (Fate::Unknown, Self::Write) => TaskError::OutcomeUnknown(cause),
            (Fate::Rejected, _) => TaskError::Internal(cause),
        }
    }

    /// Whether a batch may be sent again after it failed, on a new connection. A plan that
    /// is out of date fails before it is run, and is made again there.
    pub(super) fn may_repeat(self, failure: &Failure) -> bool {
        match failure.fate() {
            Fate::Unknown => self == Self::Read,
            Fate::Unusable => sqlstate(&failure.error).as_deref() == Some(OUTDATED_PLAN),
            Fate::RolledBack | Fate::Rejected => false,
        }
    }
}

/// Why a batch failed, and how far it had come.
#[derive(Debug)]
pub struct Failure {
    pub error: sqlx::Error,
    progress: Progress,
}

/// How far a batch had come when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Its transaction was open, and COMMIT was not sent: nothing is kept.
    Uncommitted,
    /// A statement outside of a transaction was sent, which commits by itself.
    Sent,
    /// COMMIT was sent.
    Committing,
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        let progress = Progress::Sent;
        Self { error, progress }
    }
}

impl Failure {
    /// Of a transaction before COMMIT was sent.
    pub fn uncommitted(error: sqlx::Error) -> Self {
        let progress = Progress::Uncommitted;
        Self { error, progress }
    }

    /// Of COMMIT.
    pub fn committing(error: sqlx::Error) -> Self {
        let progress = Progress::Committing;
        Self { error, progress }
    }

    /// What became of the batch.
    pub fn fate(&self) -> Fate {
        Fate::of(&self.error, self.progress)
    }

    /// Whether the batch may have failed because of one of its members, so that the
    /// others succeed without it: the database refused it, or a row was locked.
    pub fn concerns_one_member(&self) -> bool {
        match self.fate() {
            Fate::Rejected => true,
            Fate::Unknown | Fate::Unusable => false,
            Fate::RolledBack => sqlstate(&self.error)
                .is_some_and(|code| code.starts_with("40") || matches!(&*code, "55P03" | "57014")),
        }
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
    /// Nothing of it was kept, and nothing will be until the operator repairs the
    /// database: a table, a column, a right or a role is missing.
    Unusable,
}

impl Fate {
    /// Of a batch that had come so far.
    ///
    /// `PostgreSQL` commits when it executes COMMIT, and may end the session before it
    /// responds: an error on COMMIT proves a rollback only in the classes 40 and 23.
    pub fn of(error: &sqlx::Error, progress: Progress) -> Self {
        let fate = match error {
            sqlx::Error::Database(_) => {
                sqlstate(error).map_or(Self::Rejected, |code| classify_sqlstate(&code))
            }
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => Self::RolledBack,
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::WorkerCrashed
            // A column of another type than the migrations made: what returned it was done.
            | sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::Decode(_) => Self::Unknown,
            _ => Self::Rejected,
        };
        match (progress, fate) {
            (Progress::Uncommitted, Self::Unknown) => Self::RolledBack,
            (Progress::Committing, _) if !proves_rollback(error) => Self::Unknown,
            (_, fate) => fate,
        }
    }

    /// Of what should have been sent on a connection that could not be opened:
    /// nothing was. A wrong configuration does not go away with time.
    pub fn of_connecting(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Configuration(_) => Self::Rejected,
            _ => Self::of(error, Progress::Uncommitted),
        }
    }

    /// Of a query of sea-orm.
    pub fn of_orm(error: &DbErr, progress: Progress) -> Self {
        match (error, driver_error(error)) {
            (DbErr::ConnectionAcquire(_), _) => Self::RolledBack,
            (DbErr::Conn(_), Some(error)) => Self::of_connecting(error),
            (_, Some(error)) => Self::of(error, progress),
            _ => Self::Rejected,
        }
    }
}

/// Whether an error of COMMIT proves that nothing was committed. `SQLite` rolls back what
/// it could not commit when its connection is closed, as it is then.
fn proves_rollback(error: &sqlx::Error) -> bool {
    sqlstate(error).is_some_and(|code| match code.len() {
        5 => code.starts_with("23") || code.starts_with("40") && code != "40003",
        _ => classify_sqlstate(&code) == Fate::RolledBack,
    })
}

/// The database's own code: five characters of `PostgreSQL`, a number of `SQLite`.
pub fn sqlstate(error: &sqlx::Error) -> Option<Cow<'_, str>> {
    error.as_database_error().and_then(DatabaseError::code)
}

/// Whether the server itself rejected a statement, on a connection that is as good
/// as before.
pub fn is_rejection(error: &sqlx::Error) -> bool {
    // The classes 08 and 57P and 25P03 end the connection. A read-only server may have
    // been replaced by another one, which a new connection finds.
    matches!(error, sqlx::Error::Database(_))
        && !sqlstate(error).is_some_and(|code| {
            ["08", "57P"].iter().any(|c| code.starts_with(c)) || matches!(&*code, "25006" | "25P03")
        })
}

/// Whether a row was refused because another one has its key.
pub fn is_taken_key(error: &sqlx::Error) -> bool {
    matches!(sqlstate(error).as_deref(), Some("23505" | "1555"))
}

/// `PostgreSQL`: "cached plan must not change result type", since a column changed.
pub const OUTDATED_PLAN: &str = "0A000";

/// A feature that is not supported (a plan whose result type changed), no such role or a
/// wrong password, no such database or schema, no such right, column, type, operator or
/// table, a database in the wrong state, a failure of the server's system.
const UNUSABLE: [&str; 11] = [
    "0A000", "28", "3D000", "3F000", "42501", "42703", "42804", "42883", "42P01", "55000", "58",
];

/// The fate of a statement by the database's own code.
///
/// `PostgreSQL` (appendix A of its manual): nothing was kept in the classes 40
/// (rolled back) and 53 (resources), and with 25006 (read-only after a failover),
/// 26000 and 42P05 (a prepared statement's name, mixed up by a pooler), 55P03
/// (locked), 57014 (time limit) and 57P03 (starting). Class 08 (a pooler's connection
/// broke), 40003, and the ends of a session (25P03, and 57P01, 57P02 and 57P05) may
/// follow a commit. [`UNUSABLE`] is the operator's matter. `SQLite`: 5 and 6 (locked) and
/// 13 (disk full) were rolled back; 10 (input or output failed) is in doubt; 1 (no such
/// table), 3 (no permission), 8 (read-only), 11 (corrupt), 14 (cannot open) and 26 (no
/// database) are the operator's matter.
fn classify_sqlstate(code: &str) -> Fate {
    if code.len() < 5 {
        return match primary_code(code) {
            Some(5 | 6 | 13) => Fate::RolledBack,
            Some(10) => Fate::Unknown,
            Some(1 | 3 | 8 | 11 | 14 | 26) => Fate::Unusable,
            _ => Fate::Rejected,
        };
    }
    match code {
        "25006" | "26000" | "42P05" | "55P03" | "57014" | "57P03" => Fate::RolledBack,
        "25P03" | "40003" => Fate::Unknown,
        _ if ["08", "57P"].iter().any(|c| code.starts_with(c)) => Fate::Unknown,
        _ if ["40", "53"].iter().any(|c| code.starts_with(c)) => Fate::RolledBack,
        _ if UNUSABLE.iter().any(|c| code.starts_with(c)) => Fate::Unusable,
        _ => Fate::Rejected,
    }
}

/// The primary one of `SQLite`'s result codes: the low byte of an extended one.
pub fn primary_code(code: &str) -> Option<u32> {
    code.parse().ok().map(|code: u32| code & 0xff)
}

#[cfg(test)]
mod tests;
