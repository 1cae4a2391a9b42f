//! `SQLite`: opens the file.

mod open;
pub mod purge;
pub mod repair;
pub mod statements;
#[cfg(test)]
mod tests;

use std::fs;

use sea_orm::{
    DatabaseConnection, DatabaseTransaction, DbErr, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};

pub use self::open::{open, open_existing};
use super::error::StoreError;

/// A transaction that holds the file's write lock from its start.
pub async fn begin(pool: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    pool.begin_with_options(options).await
}

/// Whether the file is still where it was opened, and takes writes: what is written to
/// one that was deleted or moved is not found at the next start.
pub fn check_file(pool: &DatabaseConnection) -> Result<(), StoreError> {
    let options = pool.get_sqlite_connection_pool().connect_options();
    let file = options.get_filename();
    let opened = fs::OpenOptions::new().append(true).open(file);
    opened.map(drop).map_err(|error| {
        let shown = file.display();
        StoreError::Broken(format!("{shown} cannot be written: {error}"))
    })
}
