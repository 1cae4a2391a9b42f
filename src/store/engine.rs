//! The database engines. This is the only file that tells one from the other: a
//! further engine is a folder beside `postgres` and `sqlite`, and an arm of each match
//! here.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;
use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr};
use sqlx::{Connection, pool::PoolConnection};
use tokio::time::timeout;

use super::{
    entity::{self, TRY_READS, TRY_WRITES, sequence},
    error::StoreError,
    owned::Owner,
    pool,
    postgres::{self, Postgres},
    requests::{ById, Claim, Complete, Create, Delete, List, ListPart, Settlement, Unit, Update},
    sqlite,
    url::{DatabaseUrl, Target},
};
use crate::api::tasks::Task;

/// Where the tasks are. Clones share its connections.
#[derive(Clone)]
pub enum Engine {
    Postgres(Postgres),
    Sqlite(DatabaseConnection),
}

/// An open connection that runs batches.
pub enum Driver {
    Postgres(PoolConnection<sqlx::Postgres>),
    Sqlite(PoolConnection<sqlx::Sqlite>),
}

impl Engine {
    /// Opens the database at `url`, for at most so many connections.
    pub async fn open(url: &DatabaseUrl, connections: u32) -> Result<Self, StoreError> {
        match &url.0 {
            Target::Postgres(url) => Postgres::open(url, connections).await.map(Self::Postgres),
            Target::Sqlite(path) => sqlite::open(path, connections).await.map(Self::Sqlite),
        }
    }

    /// Opens the database at `url` and creates nothing; nothing where its file is missing.
    /// Whether a server has the database, the first query says.
    pub async fn open_existing(
        url: &DatabaseUrl,
        connections: u32,
    ) -> Result<Option<Self>, StoreError> {
        match &url.0 {
            Target::Postgres(_) => Self::open(url, connections).await.map(Some),
            Target::Sqlite(path) => {
                let file = sqlite::open_existing(path, connections).await?;
                Ok(file.map(Self::Sqlite))
            }
        }
    }

    /// Its name in OpenTelemetry's semantic conventions (`db.system.name`).
    pub fn name(&self) -> &'static str {
        match self {
            Self::Postgres(_) => "postgresql",
            Self::Sqlite(_) => "sqlite",
        }
    }

    /// The most connections of one queue that write at once.
    pub fn writers(&self) -> usize {
        match self {
            Self::Postgres(_) => 3,
            Self::Sqlite(_) => 1,
        }
    }

    /// Whether the database lets one connection write at a time: then all worker threads
    /// share one queue for writes, and its commits.
    pub fn has_one_writer(&self) -> bool {
        match self {
            Self::Postgres(_) => false,
            Self::Sqlite(_) => true,
        }
    }

    /// The connections for migrations and health checks.
    pub fn control(&self) -> &DatabaseConnection {
        match self {
            Self::Postgres(server) => server.control(),
            Self::Sqlite(file) => file,
        }
    }

    /// A transaction for the plain path, which locks as batches do.
    pub async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        match self {
            Self::Postgres(server) => server.begin().await,
            Self::Sqlite(file) => sqlite::begin(file).await,
        }
    }

    /// A transaction that no other process's migration runs beside. It waits for
    /// another one at most for `wait`.
    pub async fn begin_exclusive(&self, wait: Duration) -> Result<DatabaseTransaction, DbErr> {
        match self {
            Self::Postgres(server) => server.begin_exclusive(wait).await,
            // The file's busy time-out bounds the wait.
            Self::Sqlite(file) => sqlite::begin(file).await,
        }
    }

    /// Why prepared statements are safe, or an error that says what to change; nothing
    /// where no pooler can be in between.
    pub async fn check_statements(&self) -> Result<Option<&'static str>, StoreError> {
        match self {
            Self::Postgres(server) => Ok(Some(server.statement_safety().await?.reason())),
            Self::Sqlite(_) => Ok(None),
        }
    }

    /// Whether every statement could run now: tables, columns and rights are there, and the
    /// database takes writes.
    pub async fn check_tables(&self) -> Result<(), StoreError> {
        self.control().execute_unprepared(TRY_READS).await?;
        match self {
            Self::Postgres(server) => {
                server.control().execute_unprepared(TRY_WRITES).await?;
                Ok(())
            }
            // A write to no row would wait for the file's one writer.
            Self::Sqlite(file) => sqlite::check_file(file),
        }
    }

    /// Keeps everybody from writing until the transaction ends.
    pub async fn lock_all_sequences(&self, transaction: &DatabaseTransaction) -> Result<(), DbErr> {
        match self {
            Self::Postgres(_) => postgres::repair::lock_all_sequences(transaction).await,
            // The transaction holds the file's write lock.
            Self::Sqlite(_) => Ok(()),
        }
    }

    /// Counts the tasks of these owners anew. Returns how many counts were wrong.
    pub async fn recount(
        &self,
        transaction: &DatabaseTransaction,
        owners: &[Owner<'_>],
    ) -> Result<u64, DbErr> {
        match self {
            Self::Postgres(_) => postgres::repair::recount(transaction, owners).await,
            Self::Sqlite(_) => sqlite::repair::recount(transaction, owners).await,
        }
    }

    /// Moves the sequences of these owners, who were counted, behind their ids and versions.
    /// Returns how many were not.
    pub async fn catch_up(
        &self,
        transaction: &DatabaseTransaction,
        owners: &[Owner<'_>],
    ) -> Result<u64, DbErr> {
        match self {
            Self::Postgres(_) => postgres::repair::catch_up(transaction, owners).await,
            Self::Sqlite(_) => sqlite::repair::catch_up(transaction, owners).await,
        }
    }

    /// A new connection for batches.
    pub async fn connect(&self) -> Result<Driver, sqlx::Error> {
        match self {
            Self::Postgres(server) => server.connect().await.map(Driver::Postgres),
            Self::Sqlite(file) => {
                let connection = file.get_sqlite_connection_pool().acquire().await;
                connection.map(Driver::Sqlite)
            }
        }
    }

    /// Whether a connection can be used after a batch failed with `error`.
    pub fn keeps_connection(&self, error: &sqlx::Error) -> bool {
        match self {
            Self::Postgres(server) => server.keeps_connection(error),
            // Closing it rolls back the transaction that the batch left open.
            Self::Sqlite(_) => false,
        }
    }

    /// Closes every connection.
    pub async fn close(&self) {
        match self {
            Self::Postgres(server) => server.close().await,
            Self::Sqlite(file) => pool::close(file).await,
        }
    }
}

/// The statements of a batch, each by its name in the engines' `statements`. It reads
/// all their rows: a write outside of a transaction is committed when it returns.
macro_rules! statements {
    ($($(#[$doc:meta])* $statement:ident($($argument:ident: $type:ty),*);)*) => {$(
        $(#[$doc])*
        pub async fn $statement(
            &mut self,
            $($argument: $type),*
        ) -> Result<Vec<Task>, sqlx::Error> {
            match self {
                Self::Postgres(connection) => {
                    let statement = postgres::statements::$statement($($argument),*);
                    let rows = statement.fetch_all(&mut **connection).await?;
                    rows.into_iter().map(entity::task).collect()
                }
                Self::Sqlite(connection) => {
                    let statement = sqlite::statements::$statement($($argument),*);
                    let rows = statement.fetch_all(&mut **connection).await?;
                    rows.into_iter().map(entity::task).collect()
                }
            }
        }
    )*};
}

/// The statements of lists, whose rows are too many to be kept: each is given to `take`
/// as it arrives.
macro_rules! lists {
    ($($(#[$doc:meta])* $statement:ident($($argument:ident: $type:ty),*);)*) => {$(
        $(#[$doc])*
        pub async fn $statement(
            &mut self,
            $($argument: $type,)*
            mut take: impl FnMut(Task) + Send,
        ) -> Result<(), sqlx::Error> {
            match self {
                Self::Postgres(connection) => {
                    let statement = postgres::statements::$statement($($argument),*);
                    let mut rows = statement.fetch(&mut **connection);
                    while let Some(row) = rows.try_next().await? {
                        take(entity::task(row)?);
                    }
                }
                Self::Sqlite(connection) => {
                    let statement = sqlite::statements::$statement($($argument),*);
                    let mut rows = statement.fetch(&mut **connection);
                    while let Some(row) = rows.try_next().await? {
                        take(entity::task(row)?);
                    }
                }
            }
            Ok(())
        }
    )*};
}

/// Each statement returns tasks in no particular order, unless it says so. No two members
/// of a batch may name the same task.
#[expect(
    clippy::disallowed_methods,
    reason = "the ends of a transaction name no task"
)]
impl Driver {
    statements! {
        /// The tasks of these ids, each where it is its owner's.
        get(gets: &[ById<'_>]);
        /// Stores tasks, whose ids are their numbers. A statement by itself stores those
        /// of every owner whose quota has room for all of theirs, and none of another's.
        create(creates: &[Create<'_>], unit: Unit, now: DateTime<Utc>);
        /// Sets `completed`, and moves `updated_at` even where a clock was set back.
        complete(completes: &[Complete<'_>], unit: Unit, now: DateTime<Utc>);
        /// Writes the fields that each update names, keeps the others, and moves
        /// `updated_at` even where a clock was set back.
        update(updates: &[Update<'_>], unit: Unit, now: DateTime<Utc>);
        /// Removes the tasks, and returns them as they were. Leaves tombstones after
        /// [`Driver::bury`].
        delete(deletes: &[Delete<'_>], unit: Unit, now: DateTime<Utc>);
    }

    lists! {
        /// The newest tasks of these lists, at most so many of each. A task of another
        /// status than its list's means that there may be more.
        list(lists: &[List<'_>], rows: u32);
        /// The newest tasks of a part of a list, at most so many, newest first.
        page(part: ListPart<'_>, rows: u32);
    }

    /// Whether a write can be a unit by itself ([`Unit::Statement`]).
    pub fn statements_are_units(&self) -> bool {
        match self {
            Self::Postgres(_) => true,
            Self::Sqlite(_) => false,
        }
    }

    /// Begins a transaction; on `SQLite`, it locks the whole file.
    pub async fn begin(&mut self) -> Result<(), sqlx::Error> {
        match self {
            Self::Postgres(connection) => {
                sqlx::query("BEGIN").execute(&mut **connection).await?;
            }
            Self::Sqlite(connection) => {
                // A lock that is taken later fails at once where another process wrote
                // in between.
                let begin = sqlx::query("BEGIN IMMEDIATE");
                begin.execute(&mut **connection).await?;
            }
        }
        Ok(())
    }

    /// Locks the sequences of these owners in the order of all batches, and advances them.
    /// An owner who has none, and creates nothing, is not in the result.
    pub async fn claim(
        &mut self,
        claims: &[Claim<'_>],
    ) -> Result<Vec<sequence::Model>, sqlx::Error> {
        match self {
            Self::Postgres(connection) => {
                let claim = postgres::statements::claim(claims);
                entity::sequences(claim.fetch_all(&mut **connection).await?)
            }
            Self::Sqlite(connection) => {
                let claim = sqlite::statements::claim(claims);
                entity::sequences(claim.fetch_all(&mut **connection).await?)
            }
        }
    }

    /// Leaves tombstones of the tasks that are removed next, where that statement does not.
    pub async fn bury(
        &mut self,
        deletes: &[Delete<'_>],
        now: DateTime<Utc>,
    ) -> Result<(), sqlx::Error> {
        match self {
            Self::Postgres(_) => {}
            Self::Sqlite(connection) => {
                let bury = sqlite::statements::bury(deletes, now);
                bury.execute(&mut **connection).await?;
            }
        }
        Ok(())
    }

    /// Changes the rows of owners that the transaction has claimed.
    pub async fn settle(&mut self, settlements: &[Settlement<'_>]) -> Result<(), sqlx::Error> {
        if settlements.is_empty() {
            return Ok(());
        }
        match self {
            Self::Postgres(connection) => {
                let settle = postgres::statements::settle(settlements);
                settle.execute(&mut **connection).await?;
            }
            Self::Sqlite(connection) => {
                let settle = sqlite::statements::settle(settlements);
                settle.execute(&mut **connection).await?;
            }
        }
        Ok(())
    }

    /// Commits everything since [`Driver::begin`].
    pub async fn commit(&mut self) -> Result<(), sqlx::Error> {
        let commit = "COMMIT";
        match self {
            Self::Postgres(connection) => {
                sqlx::query(commit).execute(&mut **connection).await?;
            }
            Self::Sqlite(connection) => {
                sqlx::query(commit).execute(&mut **connection).await?;
            }
        }
        Ok(())
    }

    /// Undoes everything since [`Driver::begin`], where the connection is kept; the file
    /// of `SQLite` is closed after an error.
    pub async fn rollback(&mut self) -> Result<(), sqlx::Error> {
        match self {
            Self::Postgres(connection) => {
                sqlx::query("ROLLBACK").execute(&mut **connection).await?;
            }
            Self::Sqlite(_) => {}
        }
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
        match self {
            Self::Postgres(connection) => connection.close().await,
            Self::Sqlite(connection) => connection.close().await,
        }
    }

    /// Drops the connection, which may be in the middle of a transaction.
    pub fn abandon(self) {
        match self {
            Self::Postgres(connection) => drop(connection.detach()),
            Self::Sqlite(connection) => drop(connection.detach()),
        }
    }
}
