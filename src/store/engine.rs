//! The database engines. This is the only file that tells one from the other: a
//! further engine is a folder beside `postgres` and `sqlite`, and an arm of each match
//! here.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sea_orm::{DatabaseConnection, DatabaseTransaction, DbErr};
use sqlx::{Connection, pool::PoolConnection};
use tokio::time::timeout;

use super::{
    entity,
    error::StoreError,
    owned::Owner,
    postgres::{self, Postgres},
    sqlite::{self, Sqlite},
    url::{DatabaseUrl, Target},
};
use crate::api::tasks::{CreateTask, Task, UpdateTask};

/// Where the tasks are. Clones share its connections.
#[derive(Clone)]
pub enum Engine {
    Postgres(Postgres),
    Sqlite(Sqlite),
}

/// An open connection that runs batches.
pub enum Driver {
    Postgres(PoolConnection<sqlx::Postgres>),
    Sqlite(PoolConnection<sqlx::Sqlite>),
}

/// Does the same on whichever engine it is.
macro_rules! on_each {
    ($self:expr, $each:ident => $does:expr) => {
        match $self {
            Self::Postgres($each) => $does,
            Self::Sqlite($each) => $does,
        }
    };
}

impl Engine {
    /// Opens the database at `url`.
    pub async fn open(url: &DatabaseUrl) -> Result<Self, StoreError> {
        match &url.0 {
            Target::Postgres(url) => Postgres::open(url).await.map(Self::Postgres),
            Target::Sqlite(path) => Sqlite::open(path).await.map(Self::Sqlite),
        }
    }

    /// Its name in OpenTelemetry's semantic conventions (`db.system.name`).
    pub fn name(&self) -> &'static str {
        match self {
            Self::Postgres(_) => "postgresql",
            Self::Sqlite(_) => "sqlite",
        }
    }

    /// How many connections may write at once: `SQLite` lets one.
    pub fn writers(&self) -> usize {
        match self {
            Self::Postgres(_) => 3,
            Self::Sqlite(_) => 1,
        }
    }

    /// The connections for migrations and health checks.
    pub fn control(&self) -> &DatabaseConnection {
        on_each!(self, engine => engine.control())
    }

    /// A transaction for the plain path, which locks as batches do.
    pub async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        on_each!(self, engine => engine.begin().await)
    }

    /// A transaction that no other process's migration runs beside. It waits for
    /// another one at most for `wait`.
    pub async fn begin_exclusive(&self, wait: Duration) -> Result<DatabaseTransaction, DbErr> {
        match self {
            Self::Postgres(engine) => engine.begin_exclusive(wait).await,
            // The file's busy time-out bounds the wait.
            Self::Sqlite(engine) => engine.begin().await,
        }
    }

    /// Why prepared statements are safe, or an error that says what to change; nothing
    /// where no pooler can be in between.
    pub async fn check_statements(&self) -> Result<Option<&'static str>, StoreError> {
        match self {
            Self::Postgres(engine) => Ok(Some(engine.statement_safety().await?.reason())),
            Self::Sqlite(_) => Ok(None),
        }
    }

    /// A new connection for batches.
    pub async fn connect(&self) -> Result<Driver, sqlx::Error> {
        match self {
            Self::Postgres(engine) => engine.connect().await.map(Driver::Postgres),
            Self::Sqlite(engine) => engine.connect().await.map(Driver::Sqlite),
        }
    }

    /// Whether a connection can be used after a batch failed with `error`.
    pub fn keeps_connection(&self, error: &sqlx::Error) -> bool {
        match self {
            Self::Postgres(engine) => engine.keeps_connection(error),
            // Closing it rolls back the transaction that the batch left open.
            Self::Sqlite(_) => false,
        }
    }

    /// Closes every connection.
    pub async fn close(&self) {
        on_each!(self, engine => engine.close().await);
    }
}

/// Runs one statement of whichever engine it is and reads all its tasks. A write
/// outside of a transaction is committed when this returns.
macro_rules! fetch {
    ($self:expr, $statement:ident($($argument:expr),*)) => {{
        match $self {
            Self::Postgres(connection) => {
                let statement = postgres::statements::$statement($($argument),*);
                entity::tasks(statement.fetch_all(&mut **connection).await?)
            }
            Self::Sqlite(connection) => {
                let statement = sqlite::statements::$statement($($argument),*);
                entity::tasks(statement.fetch_all(&mut **connection).await?)
            }
        }
    }};
}

/// The tasks that a statement returns, in no particular order.
type Tasks = Result<Vec<Task>, sqlx::Error>;

/// Each statement serves a whole batch. No two members of one may name the same id.
impl Driver {
    /// The tasks of these ids, each where it is its owner's.
    pub async fn get(&mut self, gets: &[(i64, Owner<'_>)]) -> Tasks {
        fetch!(self, get(gets))
    }

    /// The lists of these owners: whole, or their tasks that are completed or not.
    pub async fn list(&mut self, lists: &[(Owner<'_>, Option<bool>)]) -> Tasks {
        fetch!(self, list(lists))
    }

    /// Stores the tasks of every owner whose quota has room for all of theirs, and none
    /// of another's; their ids follow the order of the batch.
    pub async fn create(
        &mut self,
        creates: &[(Owner<'_>, &CreateTask)],
        quota: u32,
        now: DateTime<Utc>,
    ) -> Tasks {
        fetch!(self, create(creates, quota, now))
    }

    /// Sets `completed`, and moves `updated_at` even where a clock was set back.
    pub async fn complete(
        &mut self,
        completes: &[(i64, Owner<'_>, bool)],
        now: DateTime<Utc>,
    ) -> Tasks {
        fetch!(self, complete(completes, now))
    }

    /// Writes the fields that each update names, keeps the others, and moves
    /// `updated_at` even where a clock was set back.
    pub async fn update(
        &mut self,
        updates: &[(i64, Owner<'_>, &UpdateTask)],
        now: DateTime<Utc>,
    ) -> Tasks {
        fetch!(self, update(updates, now))
    }

    /// Removes the tasks and returns them as they were.
    pub async fn delete(&mut self, deletes: &[(i64, Owner<'_>)]) -> Tasks {
        fetch!(self, delete(deletes))
    }

    /// Whether each statement keeps its owners' counts as well, and so needs no
    /// transaction.
    pub fn statements_are_atomic(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// Begins a transaction, and locks the counts of `owners` in the order of all
    /// batches.
    pub async fn begin(&mut self, owners: &[Owner<'_>]) -> Result<(), sqlx::Error> {
        match self {
            Self::Postgres(connection) => {
                let begin = postgres::statements::begin();
                begin.execute(&mut **connection).await?;
                if !owners.is_empty() {
                    let lock = postgres::statements::lock_counts(owners);
                    lock.execute(&mut **connection).await?;
                }
            }
            // It locks the whole file.
            Self::Sqlite(connection) => {
                let begin = sqlite::statements::begin();
                begin.execute(&mut **connection).await?;
            }
        }
        Ok(())
    }

    /// Commits the transaction, in which the owners' counts change by `recounts`.
    pub async fn commit(&mut self, recounts: &[(Owner<'_>, i64)]) -> Result<(), sqlx::Error> {
        if let Self::Sqlite(connection) = self
            && !recounts.is_empty()
        {
            let recount = sqlite::statements::recount(recounts);
            recount.execute(&mut **connection).await?;
        }
        self.end("COMMIT").await
    }

    /// Undoes everything since [`Driver::begin`].
    pub async fn rollback(&mut self) -> Result<(), sqlx::Error> {
        self.end("ROLLBACK").await
    }

    #[expect(clippy::disallowed_methods, reason = "no statement about tasks")]
    async fn end(&mut self, how: &'static str) -> Result<(), sqlx::Error> {
        on_each!(self, connection => {
            sqlx::query(how).execute(&mut **connection).await?;
        });
        Ok(())
    }

    /// Whether the database responds within `limit`; a file always does.
    pub async fn responds_within(&mut self, limit: Duration) -> bool {
        match self {
            Self::Postgres(connection) => {
                matches!(timeout(limit, connection.ping()).await, Ok(Ok(())))
            }
            Self::Sqlite(_) => true,
        }
    }

    /// Closes the connection in order.
    pub async fn close(self) -> Result<(), sqlx::Error> {
        on_each!(self, connection => connection.close().await)
    }

    /// Drops the connection, which may be in the middle of a transaction.
    pub fn abandon(self) {
        on_each!(self, connection => drop(connection.detach()));
    }
}
