//! `PostgreSQL`: opens connections, and refuses poolers that mix up prepared statements.

pub mod citus;
mod open;
mod pooler;
pub mod purge;
pub mod repair;
pub mod statements;
#[cfg(test)]
mod tests;

use std::{io, sync::Arc, time::Duration};

use parking_lot::Mutex;
use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr, TransactionTrait};
use sqlx::pool::PoolConnection;
use url::Url;

use self::{
    citus::{Layout, PLAN_EACH},
    open::{Pools, refuses_settings},
    pooler::{LastCheck, StatementSafety},
};
use super::error::{OUTDATED_PLAN, StoreError, is_rejection, sqlstate};

/// The advisory lock of migrations: the letters "tasks" as a number, so that it is
/// nobody else's.
const MIGRATION_LOCK: i64 = 0x74_61_73_6b_73;

/// A server. Clones share its connections.
#[derive(Clone)]
pub struct Postgres {
    pools: Pools,
    last_check: Arc<LastCheck>,
    /// Where the rows were when somebody last looked.
    layout: Arc<Mutex<Option<Layout>>>,
}

impl Postgres {
    /// The server at `url`. Connections are opened when they are needed, so that the
    /// service starts while the server is down.
    pub async fn open(url: &Url, connections: u32) -> Result<Self, StoreError> {
        Ok(Self {
            pools: Pools::open(url, connections).await?,
            last_check: Arc::default(),
            layout: Arc::default(),
        })
    }

    /// Why prepared statements are safe, or an error that says what to change. Probes
    /// once, and again when the result proved wrong.
    pub async fn statement_safety(&self) -> Result<StatementSafety, StoreError> {
        if let Some(known) = *self.last_check.lock() {
            return Ok(known);
        }
        let found = pooler::check(&self.pools).await;
        *self.last_check.lock() = found.as_ref().ok().copied();
        found
    }

    /// The connections for migrations and health checks.
    pub fn control(&self) -> &DatabaseConnection {
        &self.pools.control
    }

    /// A transaction on a connection like those of batches.
    pub async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        let is_distributed = self.is_distributed().await?;
        let transaction = self.pools.batches.begin().await?;
        if is_distributed {
            transaction.execute_unprepared(PLAN_EACH).await?;
        }
        Ok(transaction)
    }

    /// Whether the rows of users are on several servers. Looks again after a statement was
    /// refused as tables of the other kind refuse it.
    pub async fn is_distributed(&self) -> Result<bool, DbErr> {
        if let Some(layout) = *self.layout.lock() {
            return Ok(layout.is_distributed());
        }
        let found = Layout::find(self.control()).await?;
        *self.layout.lock() = Some(found);
        Ok(found.is_distributed())
    }

    /// A transaction that queues at the advisory lock of migrations for at most `wait`.
    pub async fn begin_exclusive(&self, wait: Duration) -> Result<DatabaseTransaction, DbErr> {
        let transaction = self.pools.control.begin().await?;
        // The statements after a lock must see what was committed before it.
        let lock = format!(
            "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = '{}s'; \
             SELECT pg_advisory_xact_lock({MIGRATION_LOCK})",
            wait.as_secs()
        );
        transaction.execute_unprepared(&lock).await?;
        Ok(transaction)
    }

    /// The number of shards that hold the rows of users; 1 if the tables are not distributed,
    /// or if that is not known yet.
    pub fn shards(&self) -> u32 {
        match *self.layout.lock() {
            Some(Layout::Distributed { shards, .. }) => u32::try_from(shards).unwrap_or(1),
            _ => 1,
        }
    }

    /// A connection for batches, and whether the tables are distributed. Fails where a pooler
    /// tracked statements and no longer does: it may have restarted with other settings, or be
    /// another one.
    pub async fn connect(&self) -> Result<(PoolConnection<sqlx::Postgres>, bool), sqlx::Error> {
        let not_safe = |error: StoreError| sqlx::Error::Io(io::Error::other(error));
        let safety = self.statement_safety().await.map_err(not_safe)?;
        let pool = self.pools.batches.get_postgres_connection_pool();
        let mut connection = pool.acquire().await.inspect_err(|error| {
            // Another pooler than before: the next check finds out.
            if refuses_settings(error) {
                self.forget_last_check();
            }
        })?;
        if safety == StatementSafety::Tracked
            && let Err(error) = pooler::check_tracked(&mut connection).await
        {
            // It may be in the middle of a transaction: not back into the pool.
            drop(connection.detach());
            self.forget_last_check();
            return Err(not_safe(error));
        }
        let layout = self.is_distributed().await;
        let is_distributed = layout.map_err(|error| not_safe(error.into()))?;
        if is_distributed {
            citus::plan_each(&mut connection).await?;
        }
        Ok((connection, is_distributed))
    }

    /// Whether a connection can be used after `error`.
    pub fn keeps_connection(&self, error: &sqlx::Error) -> bool {
        // A name that we gave a statement is not known, or is another client's.
        if matches!(sqlstate(error).as_deref(), Some("26000" | "42P05")) {
            self.forget_last_check();
            return false;
        }
        // The plan of a prepared statement is wrong since a column changed: only a new
        // connection prepares it again. Citus refuses plans by the same code.
        if sqlstate(error).as_deref() == Some(OUTDATED_PLAN) {
            *self.layout.lock() = None;
            return false;
        }
        is_rejection(error)
    }

    /// Closes every connection.
    pub async fn close(&self) {
        self.pools.close().await;
    }

    fn forget_last_check(&self) {
        *self.last_check.lock() = None;
    }
}
