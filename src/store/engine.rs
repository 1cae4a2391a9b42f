//! The database engines. Only this file, its [`driver`] and its [`reads`] tell one from the
//! other: a further engine is a folder beside `postgres` and `sqlite`, and an arm of each
//! match here.

mod driver;
mod reads;

use std::{collections::HashSet, time::Duration};

use chrono::{DateTime, Utc};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr, Value, sea_query::Expr,
};

pub use self::driver::Driver;
pub use super::postgres::citus::shard::number as shard_of;
use super::{
    entity::{TRY_READS, TRY_WRITES},
    error::StoreError,
    owned::{Owner, Tombstones},
    pool,
    postgres::{self, Postgres, citus::Layout},
    sqlite,
    url::{DatabaseUrl, Target},
};

/// Where the tasks are. Clones share its connections.
#[derive(Clone)]
pub enum Engine {
    Postgres(Postgres),
    Sqlite(DatabaseConnection),
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

    /// A time as the value that statements of the plain path write.
    pub fn time(&self, time: DateTime<Utc>) -> Value {
        match self {
            Self::Postgres(_) => time.into(),
            Self::Sqlite(_) => sqlite::statements::text(time).into(),
        }
    }

    /// The later of `now` and a microsecond after the column `updated_at`.
    pub fn later(&self, now: DateTime<Utc>) -> Expr {
        let later = match self {
            Self::Postgres(_) => postgres::statements::LATER,
            Self::Sqlite(_) => sqlite::statements::LATER,
        };
        Expr::cust_with_values(later, [self.time(now)])
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

    /// Where the rows are; nothing where there is but one place.
    pub async fn layout(&self) -> Result<Option<Layout>, DbErr> {
        match self {
            Self::Postgres(server) => Layout::find(server.control()).await.map(Some),
            Self::Sqlite(_) => Ok(None),
        }
    }

    /// The number of shards that hold the rows of users. A batch of writes should use one shard.
    pub fn shards(&self) -> u32 {
        match self {
            Self::Postgres(server) => server.shards(),
            Self::Sqlite(_) => 1,
        }
    }

    /// Distributes the tables over servers, as far as they are not.
    pub async fn distribute(
        &self,
        transaction: &DatabaseTransaction,
        shards: u32,
    ) -> Result<(), StoreError> {
        match self {
            Self::Postgres(_) => postgres::citus::distribute(transaction, shards).await,
            Self::Sqlite(_) => Err(StoreError::Misconfigured(
                "a SQLite file cannot be distributed: wants PostgreSQL with Citus".to_owned(),
            )),
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

    /// A transaction of the purge; nothing where another instance has one.
    pub async fn begin_purge(&self) -> Result<Option<DatabaseTransaction>, DbErr> {
        match self {
            Self::Postgres(server) => postgres::purge::begin(server.control()).await,
            Self::Sqlite(file) => sqlite::begin(file).await.map(Some),
        }
    }

    /// The newest tombstone of each user who has more than `quota`, of at most so many users;
    /// of none while another instance purges.
    pub async fn find_crowded(&self, quota: u32, users: u32) -> Result<Tombstones, DbErr> {
        match self {
            Self::Postgres(server) => {
                let transaction = postgres::purge::begin(server.control()).await?;
                let Some(transaction) = transaction else {
                    return Ok(Tombstones::default());
                };
                let found = Tombstones::find_crowded(&transaction, quota, users).await?;
                transaction.rollback().await?;
                Ok(found)
            }
            // The purge's transaction would keep everybody from writing.
            Self::Sqlite(file) => Tombstones::find_crowded(file, quota, users).await,
        }
    }

    /// Locks the sequences of those owners for whom nobody writes now, and returns them;
    /// nothing where the transaction locks everything.
    pub async fn lock_unused(
        &self,
        transaction: &DatabaseTransaction,
        owners: &[Owner<'_>],
    ) -> Result<Option<HashSet<String>>, DbErr> {
        match self {
            Self::Postgres(server) => {
                let is_distributed = server.is_distributed().await?;
                let locked = postgres::purge::lock_unused(transaction, owners, is_distributed);
                locked.await.map(Some)
            }
            Self::Sqlite(_) => Ok(None),
        }
    }

    /// Removes those of these tombstones, whose owners are locked, that are older than
    /// `before`. Returns them.
    pub async fn remove(
        &self,
        transaction: &DatabaseTransaction,
        tombstones: &Tombstones,
        before: DateTime<Utc>,
    ) -> Result<Tombstones, DbErr> {
        match self {
            Self::Postgres(_) => postgres::purge::remove(transaction, tombstones, before).await,
            Self::Sqlite(_) => sqlite::purge::remove(transaction, tombstones, before).await,
        }
    }

    /// Records the highest version of these tombstones for each owner, who is locked.
    pub async fn forget(
        &self,
        transaction: &DatabaseTransaction,
        removed: &Tombstones,
    ) -> Result<(), DbErr> {
        match self {
            Self::Postgres(_) => postgres::purge::forget(transaction, removed).await,
            Self::Sqlite(_) => sqlite::purge::forget(transaction, removed).await,
        }
    }

    /// A new connection for batches.
    pub async fn connect(&self) -> Result<Driver, sqlx::Error> {
        match self {
            Self::Postgres(server) => {
                let (connection, is_distributed) = server.connect().await?;
                Ok(if is_distributed {
                    Driver::Citus(connection)
                } else {
                    Driver::Postgres(connection)
                })
            }
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
