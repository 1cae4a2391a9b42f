//! The statements of a batch and the ends of its transaction, on a connection of either
//! engine.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{Connection, pool::PoolConnection};
use tokio::time::timeout;

use crate::{
    api::tasks::Task,
    store::{
        entity::{self, Created, sequence},
        postgres,
        requests::{ById, ByKey, Claim, Complete, Create, Delete, Patch, Settlement, Unit},
        sqlite,
    },
};

/// An open connection that runs batches.
pub enum Driver {
    Postgres(PoolConnection<sqlx::Postgres>),
    /// `PostgreSQL` whose tables Citus distributes.
    Citus(PoolConnection<sqlx::Postgres>),
    Sqlite(PoolConnection<sqlx::Sqlite>),
}

/// The rows of a statement, by its name in the engines' `statements`, as `$read` reads them.
macro_rules! rows {
    ($self:ident, $statement:ident($($argument:ident),*), $read:path) => {
        match $self {
            Self::Postgres(connection) => {
                let statement = postgres::statements::$statement($($argument),*);
                $read(&statement.fetch_all(&mut **connection).await?)
            }
            Self::Citus(connection) => {
                let statement = postgres::statements::$statement($($argument),*);
                let statement = postgres::citus::pruned(statement)?;
                $read(&statement.fetch_all(&mut **connection).await?)
            }
            Self::Sqlite(connection) => {
                let statement = sqlite::statements::$statement($($argument),*);
                $read(&statement.fetch_all(&mut **connection).await?)
            }
        }
    };
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
            rows!(self, $statement($($argument),*), entity::tasks)
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
        /// The tasks of these ids in the trash, each where it is its owner's.
        trashed(gets: &[ById<'_>]);
        /// Stores tasks, whose ids are their numbers. A statement by itself stores those
        /// of every owner whose quota has room for all of theirs, and none of another's.
        create(creates: &[Create<'_>], unit: Unit, now: DateTime<Utc>);
        /// Sets `completed` of those in the expected state, and moves `updated_at` even where
        /// a clock was set back.
        complete(completes: &[Complete<'_>], unit: Unit, now: DateTime<Utc>);
        /// Writes the fields that each patch names, keeps the others, and moves `updated_at`
        /// even where a clock was set back; of those in the expected state.
        patch(patches: &[Patch<'_>], unit: Unit, now: DateTime<Utc>);
        /// Removes the tasks in the expected state, and returns them as they were. Leaves
        /// tombstones, or the tasks in the trash, after [`Driver::bury`].
        delete(deletes: &[Delete<'_>], unit: Unit, now: DateTime<Utc>);
    }

    /// Whether a write can be a unit by itself ([`Unit::Statement`]).
    pub fn statements_are_units(&self) -> bool {
        match self {
            Self::Postgres(_) => true,
            Self::Citus(_) | Self::Sqlite(_) => false,
        }
    }

    /// Begins a transaction; on `SQLite`, it locks the whole file.
    pub async fn begin(&mut self) -> Result<(), sqlx::Error> {
        match self {
            Self::Postgres(connection) => {
                sqlx::query("BEGIN").execute(&mut **connection).await?;
            }
            Self::Citus(connection) => postgres::citus::begin(connection).await?,
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
        rows!(self, claim(claims), entity::sequences)
    }

    /// Leaves tombstones of the tasks that are removed next, where that statement does not.
    pub async fn bury(
        &mut self,
        deletes: &[Delete<'_>],
        now: DateTime<Utc>,
    ) -> Result<(), sqlx::Error> {
        match self {
            Self::Postgres(_) | Self::Citus(_) => {}
            Self::Sqlite(connection) => {
                let bury = sqlite::statements::bury(deletes, now);
                bury.execute(&mut **connection).await?;
            }
        }
        Ok(())
    }

    /// Removes the content of those tasks in the trash that are in the expected state, and
    /// leaves their tombstones. Returns their owners and ids.
    pub async fn delete_trashed(
        &mut self,
        deletes: &[Delete<'_>],
        unit: Unit,
        now: DateTime<Utc>,
    ) -> Result<Vec<(String, i64)>, sqlx::Error> {
        rows!(self, delete_trashed(deletes, unit, now), entity::owned_ids)
    }

    /// What was created with these keys, and still has its key, by owner and key.
    pub async fn created_before(
        &mut self,
        keys: &[ByKey<'_>],
    ) -> Result<Vec<Created>, sqlx::Error> {
        rows!(self, by_key(keys), entity::by_key)
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
            Self::Citus(connection) => {
                let settle = postgres::statements::settle(settlements);
                let settle = postgres::citus::pruned(settle)?;
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
        self.end("COMMIT").await
    }

    /// Ends the transaction of a batch that wrote nothing.
    pub async fn discard(&mut self) -> Result<(), sqlx::Error> {
        self.end("ROLLBACK").await
    }

    /// Undoes everything since [`Driver::begin`], where the connection is kept; the file
    /// of `SQLite` is closed after an error.
    pub async fn rollback(&mut self) -> Result<(), sqlx::Error> {
        match self {
            Self::Postgres(_) | Self::Citus(_) => self.end("ROLLBACK").await,
            Self::Sqlite(_) => Ok(()),
        }
    }

    async fn end(&mut self, statement: &'static str) -> Result<(), sqlx::Error> {
        match self {
            Self::Postgres(connection) | Self::Citus(connection) => {
                sqlx::query(statement).execute(&mut **connection).await?;
            }
            Self::Sqlite(connection) => {
                sqlx::query(statement).execute(&mut **connection).await?;
            }
        }
        Ok(())
    }

    /// Whether the database responds within `limit`; a file always does.
    pub async fn responds_within(&mut self, limit: Duration) -> bool {
        match self {
            Self::Postgres(connection) | Self::Citus(connection) => {
                matches!(timeout(limit, connection.ping()).await, Ok(Ok(())))
            }
            Self::Sqlite(_) => true,
        }
    }

    /// Closes the connection in order.
    pub async fn close(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Postgres(connection) | Self::Citus(connection) => connection.close().await,
            Self::Sqlite(connection) => connection.close().await,
        }
    }

    /// Drops the connection, which may be in the middle of a transaction.
    pub fn abandon(self) {
        match self {
            Self::Postgres(connection) | Self::Citus(connection) => drop(connection.detach()),
            Self::Sqlite(connection) => drop(connection.detach()),
        }
    }
}
