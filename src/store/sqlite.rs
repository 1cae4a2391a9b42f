//! `SQLite`: opens the file.

mod open;
pub mod statements;
#[cfg(test)]
mod tests;

use sea_orm::{
    DatabaseConnection, DatabaseTransaction, DbErr, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};

pub use self::open::open;
use super::error::StoreError;

/// A transaction that holds the file's write lock from its start.
pub async fn begin(pool: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    pool.begin_with_options(options).await
}

/// Whether the file is still where it was opened: what is written to one that was deleted
/// or moved is not found at the next start.
pub fn check_file(pool: &DatabaseConnection) -> Result<(), StoreError> {
    let file = pool.get_sqlite_connection_pool().connect_options();
    let file = file.get_filename();
    if file.exists() {
        return Ok(());
    }
    let shown = file.display();
    Err(StoreError::Broken(format!("the file {shown} is gone")))
}
