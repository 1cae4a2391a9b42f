//! `SQLite`: opens the file and runs batches.

mod open;
mod statements;
#[cfg(test)]
mod tests;
mod write;

use std::{path::Path, time::Duration};

use async_trait::async_trait;
use sea_orm::{
    DatabaseConnection, DatabaseTransaction, DbErr, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};
use sqlx::pool::PoolConnection;

use self::statements::fetch;
use super::{
    engine::{Driver, Engine},
    error::StoreError,
    owned::{Owned, Owner},
    pool,
    requests::{Outcome, Write},
};
use crate::api::tasks::Task;

/// A file, in which a user may hold `quota` tasks.
pub struct Sqlite {
    pool: DatabaseConnection,
    quota: u32,
}

struct SqliteDriver {
    connection: PoolConnection<sqlx::Sqlite>,
    quota: u32,
}

impl Sqlite {
    /// The file at `path`, created with its folder where it is missing.
    pub async fn open(path: &Path, quota: u32) -> Result<Self, StoreError> {
        let pool = open::open(path).await?;
        Ok(Self { pool, quota })
    }
}

#[async_trait]
impl Engine for Sqlite {
    fn name(&self) -> &'static str {
        "sqlite"
    }

    fn writers(&self) -> usize {
        1
    }

    fn applies_members_in_order(&self) -> bool {
        true
    }

    fn control(&self) -> &DatabaseConnection {
        &self.pool
    }

    /// It holds the file's write lock from its start.
    async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        self.pool.begin_with_options(options).await
    }

    /// The file's busy time-out bounds the wait.
    async fn begin_exclusive(&self, _wait: Duration) -> Result<DatabaseTransaction, DbErr> {
        self.begin().await
    }

    async fn check_statements(&self) -> Result<Option<&'static str>, StoreError> {
        Ok(None)
    }

    async fn connect(&self) -> Result<Box<dyn Driver>, sqlx::Error> {
        let connection = self.pool.get_sqlite_connection_pool().acquire().await?;
        let quota = self.quota;
        Ok(Box::new(SqliteDriver { connection, quota }))
    }

    /// Closing a connection rolls back the transaction that a batch left open.
    fn keeps_connection(&self, _error: &sqlx::Error) -> bool {
        false
    }

    async fn close(&self) {
        pool::close(&self.pool).await;
    }
}

#[async_trait]
impl Driver for SqliteDriver {
    async fn get(&mut self, gets: &[(i64, Owner<'_>)]) -> Result<Vec<Task>, sqlx::Error> {
        fetch(statements::get(gets)?, &mut self.connection).await
    }

    async fn list(
        &mut self,
        lists: &[(Owner<'_>, Option<bool>)],
    ) -> Result<Vec<Task>, sqlx::Error> {
        fetch(statements::list(lists)?, &mut self.connection).await
    }

    async fn write(&mut self, batch: &[Owned<Write>]) -> Result<Vec<Outcome<Task>>, sqlx::Error> {
        write::write(batch, self.quota, &mut self.connection).await
    }

    async fn responds_within(&mut self, _limit: Duration) -> bool {
        true
    }

    async fn close(self: Box<Self>) -> Result<(), sqlx::Error> {
        self.connection.close().await
    }

    fn abandon(self: Box<Self>) {
        drop(self.connection.detach());
    }
}
