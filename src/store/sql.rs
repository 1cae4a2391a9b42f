//! The statements. No other file of the store holds SQL text; `clippy.toml` sees
//! to it. Each takes [`Owned`] requests alone and matches owner **and** id, row
//! by row, for a whole batch: its members come as arrays, one element each.
//! `PostgreSQL` unnests them; `SQLite` reads them out of one JSON text.
#![expect(
    clippy::disallowed_methods,
    reason = "the one place for SQL text, and each statement names the owner"
)]

use sea_orm::{DbBackend, DbErr, Statement};

use super::{
    DatabaseKind, owned::Owned, postgres::statements as postgres, sqlite::statements as sqlite,
};

/// The tasks of these ids, each where it is its owner's.
pub fn get(kind: DatabaseKind, batch: &[Owned<i64>]) -> Result<Statement, DbErr> {
    match kind {
        DatabaseKind::Postgres => Ok(postgres::get(batch)),
        DatabaseKind::Sqlite => sqlite::find(batch.iter().map(|get| (get.what, get.owner()))),
    }
}

/// The tasks of all of `owners`, whole, in no particular order; `completed` where
/// those of one status are asked for.
pub fn list(
    kind: DatabaseKind,
    owners: &[&str],
    completed: Option<bool>,
) -> Result<Statement, DbErr> {
    match kind {
        DatabaseKind::Postgres => Ok(postgres::list(owners, completed)),
        DatabaseKind::Sqlite => sqlite::list(owners, completed),
    }
}

/// The names of the migrations that were applied; an error where none ever was.
pub fn applied_migrations(kind: DatabaseKind) -> Statement {
    let backend = match kind {
        DatabaseKind::Postgres => DbBackend::Postgres,
        DatabaseKind::Sqlite => DbBackend::Sqlite,
    };
    Statement::from_string(backend, "SELECT version FROM seaql_migrations")
}
