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

/// A transaction that holds the file's write lock from its start.
pub async fn begin(pool: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    pool.begin_with_options(options).await
}
