//! From a failure of the database to what the contract and the operator see.

use sea_orm::{DbErr, RuntimeErr};
use sqlx::Error as SqlxError;

use crate::api::tasks::TaskError;

/// Why the store could not be opened, reached or migrated. Never shows a
/// password.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct StoreError {
    message: String,
    unreachable: bool,
}

impl StoreError {
    /// Something is wrong that time does not mend.
    pub(super) fn broken(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            unreachable: false,
        }
    }

    /// The database did not answer in time.
    pub(super) fn silent() -> Self {
        Self {
            message: "the database does not answer".to_owned(),
            unreachable: true,
        }
    }

    /// The tables are not there yet.
    pub(super) fn not_migrated() -> Self {
        Self {
            message: "the tables are not up to date yet".to_owned(),
            unreachable: true,
        }
    }

    /// Whether the same may work later.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        self.unreachable
    }
}

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        Self {
            message: error.to_string(),
            unreachable: !matches!(reach(&error), Reach::Answered),
        }
    }
}

/// What an operation does: whether its loss leaves a doubt.
#[derive(Debug, Clone, Copy)]
pub enum Work {
    /// Reads: may be repeated at will.
    Read,
    /// Writes: once sent, it may have happened.
    Write,
}

impl Work {
    /// What to say of `error`.
    pub fn failed(self, error: &DbErr) -> TaskError {
        let cause = error.to_string();
        match reach(error) {
            Reach::NotSent => TaskError::Unavailable(cause),
            Reach::Lost => self.broken_off(cause),
            Reach::Answered => TaskError::Internal(cause),
        }
    }

    /// What to say where no answer came.
    pub fn broken_off(self, cause: impl Into<String>) -> TaskError {
        match self {
            Self::Read => TaskError::Unavailable(cause.into()),
            Self::Write => TaskError::OutcomeUnknown(cause.into()),
        }
    }
}

/// How far a statement came.
enum Reach {
    /// It was not carried out, and the same may work later.
    NotSent,
    /// It was sent, and no answer came.
    Lost,
    /// The database said no, or we asked wrongly.
    Answered,
}

fn reach(error: &DbErr) -> Reach {
    let runtime = match error {
        DbErr::ConnectionAcquire(_) => return Reach::NotSent,
        DbErr::Conn(runtime) => return connecting(runtime),
        DbErr::Exec(runtime) | DbErr::Query(runtime) => runtime,
        _ => return Reach::Answered,
    };
    let RuntimeErr::SqlxError(error) = runtime else {
        return Reach::Answered;
    };
    match &**error {
        SqlxError::Database(error) => match error.code() {
            Some(code) if is_passing(&code) => Reach::NotSent,
            _ => Reach::Answered,
        },
        SqlxError::PoolTimedOut | SqlxError::PoolClosed => Reach::NotSent,
        SqlxError::Io(_)
        | SqlxError::Tls(_)
        | SqlxError::Protocol(_)
        | SqlxError::WorkerCrashed => Reach::Lost,
        _ => Reach::Answered,
    }
}

/// A connection that was not made carried nothing; a wrong configuration of it
/// is no passing trouble.
fn connecting(error: &RuntimeErr) -> Reach {
    match error {
        RuntimeErr::SqlxError(error) => match &**error {
            SqlxError::Configuration(_) => Reach::Answered,
            SqlxError::Database(error) if !error.code().is_some_and(|c| is_passing(&c)) => {
                Reach::Answered
            }
            _ => Reach::NotSent,
        },
        RuntimeErr::Internal(_) => Reach::Answered,
    }
}

/// Whether the database rolled back for a reason that passes. `PostgreSQL`:
/// classes 08 (connection), 40 (rolled back), 53 (resources), 57P (stopping,
/// starting), 25006 (read-only after a failover). `SQLite`: 5 and 6 (locked),
/// 13 (disk full), with their extended codes.
fn is_passing(code: &str) -> bool {
    let sqlite = code.parse::<u32>().map(|code| code & 0xff);
    ["08", "40", "53", "57P"]
        .iter()
        .any(|class| code.len() == 5 && code.starts_with(class))
        || code == "25006"
        || code.len() < 5 && matches!(sqlite, Ok(5 | 6 | 13))
}
