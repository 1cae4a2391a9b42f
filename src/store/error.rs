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
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The same may work later.
    Unreachable,
    /// The operator must change where `DATABASE_URL` leads.
    Misconfigured,
    /// Something else is wrong that time does not mend.
    Broken,
}

impl StoreError {
    /// Something is wrong that time does not mend.
    pub(super) fn broken(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            kind: Kind::Broken,
        }
    }

    /// The operator must change where `DATABASE_URL` leads.
    pub(super) fn misconfigured(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            kind: Kind::Misconfigured,
        }
    }

    /// The database did not answer in time.
    pub(super) fn silent() -> Self {
        Self {
            message: "the database does not answer".to_owned(),
            kind: Kind::Unreachable,
        }
    }

    /// The tables are not there yet.
    pub(super) fn not_migrated() -> Self {
        Self {
            message: "the tables are not up to date yet".to_owned(),
            kind: Kind::Unreachable,
        }
    }

    /// Whether the same may work later.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        self.kind == Kind::Unreachable
    }

    /// Whether the operator must change where `DATABASE_URL` leads.
    #[must_use]
    pub fn is_misconfigured(&self) -> bool {
        self.kind == Kind::Misconfigured
    }
}

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        Self {
            message: error.to_string(),
            kind: match reach(&error) {
                Reach::Answered => Kind::Broken,
                Reach::Undone | Reach::Lost => Kind::Unreachable,
            },
        }
    }
}

/// What an operation does: whether its loss leaves a doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
            Reach::Undone => TaskError::Unavailable(cause),
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

    /// Whether the same may be sent again after `error`, without being asked.
    pub fn may_repeat(self, error: &DbErr) -> bool {
        self == Self::Read && matches!(reach(error), Reach::Lost)
    }
}

/// Whether a batch may have failed for one member's sake, so that the others
/// succeed without it: the database refused it, or found a row locked.
pub fn is_fault_of_one(error: &DbErr) -> bool {
    match reach(error) {
        Reach::Answered => true,
        Reach::Lost => false,
        Reach::Undone => code(error)
            .is_some_and(|code| code.starts_with("40") || matches!(&*code, "55P03" | "57014")),
    }
}

/// How far a statement came.
enum Reach {
    /// Nothing of it was kept, and the same may work later.
    Undone,
    /// It was sent, and no word of its end came.
    Lost,
    /// The database said no, or we asked wrongly.
    Answered,
}

fn reach(error: &DbErr) -> Reach {
    let runtime = match error {
        DbErr::ConnectionAcquire(_) => return Reach::Undone,
        DbErr::Conn(runtime) => return connecting(runtime),
        DbErr::Exec(runtime) | DbErr::Query(runtime) => runtime,
        _ => return Reach::Answered,
    };
    let RuntimeErr::SqlxError(error) = runtime else {
        return Reach::Answered;
    };
    match &**error {
        SqlxError::Database(error) => error.code().map_or(Reach::Answered, |code| said(&code)),
        SqlxError::PoolTimedOut | SqlxError::PoolClosed => Reach::Undone,
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
            SqlxError::Database(error) => match error.code() {
                Some(code) if !matches!(said(&code), Reach::Answered) => Reach::Undone,
                _ => Reach::Answered,
            },
            _ => Reach::Undone,
        },
        RuntimeErr::Internal(_) => Reach::Answered,
    }
}

fn code(error: &DbErr) -> Option<String> {
    let (DbErr::Conn(runtime) | DbErr::Exec(runtime) | DbErr::Query(runtime)) = error else {
        return None;
    };
    let RuntimeErr::SqlxError(error) = runtime else {
        return None;
    };
    Some(error.as_database_error()?.code()?.into_owned())
}

/// What the database's own code says of a statement.
///
/// `PostgreSQL` (appendix A of its manual): in the classes 40 (rolled back), 53
/// (resources) and with 25006 (read-only after a failover), 26000 and 42P05 (a
/// prepared statement's name, mixed up by a pooler), 55P03 (locked), 57014 (time
/// limit), 57P01, 57P03 and 57P05 (stopping, starting, idle) nothing was kept. Class
/// 08 (a pooler's connection broke), 40003 and 57P02 (another process crashed) may
/// come after the commit. `SQLite`: 5 and 6 (locked) and 13 (disk full) were rolled
/// back; 10 (input or output failed) is in doubt.
fn said(code: &str) -> Reach {
    if code.len() < 5 {
        return match code.parse::<u32>().map(|code| code & 0xff) {
            Ok(5 | 6 | 13) => Reach::Undone,
            Ok(10) => Reach::Lost,
            _ => Reach::Answered,
        };
    }
    match code {
        "40003" | "57P02" => Reach::Lost,
        "25006" | "26000" | "42P05" | "55P03" | "57014" => Reach::Undone,
        _ if code.starts_with("08") => Reach::Lost,
        _ if ["40", "53", "57P"].iter().any(|c| code.starts_with(c)) => Reach::Undone,
        _ => Reach::Answered,
    }
}
