//! What an operator reads of a failure: the database's own words and its code, not the
//! driver's frame around them nor a line of the server's source code.

use std::io::{self, ErrorKind};

use sea_orm::{DbErr, RuntimeErr};
use sqlx::{error::DatabaseError, postgres::PgDatabaseError};
use tokio::task::JoinError;

use crate::tls;

/// What helps where the server's certificate is of an authority that is not known.
const MORE_AUTHORITIES: &str = "sslrootcert in DATABASE_URL names a file with further authorities";

/// A failure, as one line for the log and the command line. Never shows a password, nor
/// SQL text.
pub trait Describe {
    /// The line.
    fn describe(&self) -> String;
}

impl Describe for sqlx::Error {
    fn describe(&self) -> String {
        match self {
            Self::Database(error) => database(&**error),
            Self::PoolTimedOut => "no connection to the database within 2 s".to_owned(),
            Self::PoolClosed => "the connections to the database are closed".to_owned(),
            Self::Configuration(error) => error.to_string(),
            Self::Tls(error) => tls::explain(&**error, MORE_AUTHORITIES)
                .unwrap_or_else(|| format!("no TLS connection to the database: {error}")),
            Self::Io(error) => io(error),
            Self::Protocol(error) => format!("unexpected message of the database: {error}"),
            other => other.to_string(),
        }
    }
}

impl Describe for DbErr {
    fn describe(&self) -> String {
        match self {
            Self::ConnectionAcquire(_) => sqlx::Error::PoolTimedOut.describe(),
            error => driver_error(error).map_or_else(|| error.to_string(), Describe::describe),
        }
    }
}

impl Describe for JoinError {
    fn describe(&self) -> String {
        self.to_string()
    }
}

impl Describe for &str {
    fn describe(&self) -> String {
        (*self).to_owned()
    }
}

/// The message and the code. `PostgreSQL`'s detail may hold a user's data, and its display
/// ends with a line of its source code.
fn database(error: &dyn DatabaseError) -> String {
    let message = error.message();
    let kind = if error.try_downcast_ref::<PgDatabaseError>().is_some() {
        "SQLSTATE"
    } else {
        "SQLite code"
    };
    match error.code() {
        Some(code) => format!("{message} ({kind} {code})"),
        None => message.to_owned(),
    }
}

fn io(error: &io::Error) -> String {
    match tls::explain(error, MORE_AUTHORITIES) {
        Some(found) => found,
        // The check of a new connection says by itself what is wrong.
        None if error.kind() == ErrorKind::Other => error.to_string(),
        None => format!("no connection to the database: {error}"),
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
