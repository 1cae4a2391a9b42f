//! `SQLite`: opens the file.

mod open;
pub mod statements;
#[cfg(test)]
mod tests;

use std::path::Path;

use sea_orm::{
    DatabaseConnection, DatabaseTransaction, DbErr, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};
use sqlx::pool::PoolConnection;

use super::{error::StoreError, pool};

/// A file. Clones share its connections.
#[derive(Clone)]
pub struct Sqlite(DatabaseConnection);

impl Sqlite {
    /// The file at `path`, created with its folder where it is missing.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        open::open(path).await.map(Self)
    }

    /// The connections for migrations and health checks.
    pub fn control(&self) -> &DatabaseConnection {
        &self.0
    }

    /// A transaction that holds the file's write lock from its start.
    pub async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        self.0.begin_with_options(options).await
    }

    /// A connection for batches.
    pub async fn connect(&self) -> Result<PoolConnection<sqlx::Sqlite>, sqlx::Error> {
        self.0.get_sqlite_connection_pool().acquire().await
    }

    /// Closes every connection.
    pub async fn close(&self) {
        pool::close(&self.0).await;
    }
}
