//! `PostgreSQL`: opens connections, refuses poolers that mix up prepared statements,
//! and runs batches.

mod open;
mod pooler;
mod statements;
#[cfg(test)]
mod tests;
mod write;

use std::{io, time::Duration};

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr, TransactionTrait};
use sqlx::{Connection, pool::PoolConnection};
use tokio::time::timeout;
use url::Url;

use self::{
    open::{Pools, refuses_settings},
    pooler::{LastCheck, StatementSafety},
    statements::fetch,
};
use super::{
    engine::{Driver, Engine},
    error::{StoreError, is_rejection, sqlstate},
    owned::{Owned, Owner},
    requests::{Outcome, Write},
};
use crate::api::tasks::Task;

/// The connections that write at once. One serves dozens of clients.
const WRITERS: usize = 3;
/// The advisory lock of migrations: the letters "tasks" as a number, so that it is
/// nobody else's.
const MIGRATION_LOCK: i64 = 0x74_61_73_6b_73;

/// A server, on which a user may hold `quota` tasks.
pub struct Postgres {
    pools: Pools,
    last_check: LastCheck,
    quota: u32,
}

struct PostgresDriver {
    connection: PoolConnection<sqlx::Postgres>,
    quota: u32,
}

impl Postgres {
    /// The server at `url`. Connections are opened when they are needed, so that the
    /// service starts while the server is down.
    pub async fn open(url: &Url, quota: u32) -> Result<Self, StoreError> {
        Ok(Self {
            pools: Pools::open(url).await?,
            last_check: LastCheck::default(),
            quota,
        })
    }

    async fn statement_safety(&self) -> Result<StatementSafety, StoreError> {
        if let Some(known) = *self.last_check.lock() {
            return Ok(known);
        }
        let found = pooler::check(&self.pools).await;
        *self.last_check.lock() = found.as_ref().ok().copied();
        found
    }
}

#[async_trait]
impl Engine for Postgres {
    fn name(&self) -> &'static str {
        "postgresql"
    }

    fn writers(&self) -> usize {
        WRITERS
    }

    fn applies_members_in_order(&self) -> bool {
        false
    }

    fn control(&self) -> &DatabaseConnection {
        &self.pools.control
    }

    async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        self.pools.batches.begin().await
    }

    async fn begin_exclusive(&self, wait: Duration) -> Result<DatabaseTransaction, DbErr> {
        let transaction = self.pools.control.begin().await?;
        let lock = format!(
            "SET LOCAL lock_timeout = '{}s'; SELECT pg_advisory_xact_lock({MIGRATION_LOCK})",
            wait.as_secs()
        );
        transaction.execute_unprepared(&lock).await?;
        Ok(transaction)
    }

    async fn check_statements(&self) -> Result<Option<&'static str>, StoreError> {
        self.statement_safety()
            .await
            .map(|safe| Some(safe.reason()))
    }

    /// Fails where a pooler tracked statements and no longer does: it may have
    /// restarted with other settings, or be another one.
    async fn connect(&self) -> Result<Box<dyn Driver>, sqlx::Error> {
        let safety = self.statement_safety().await;
        let safety = safety.map_err(|error| sqlx::Error::Io(io::Error::other(error)))?;
        let pool = self.pools.batches.get_postgres_connection_pool();
        let mut connection = match pool.acquire().await {
            Ok(connection) => connection,
            Err(error) => {
                if refuses_settings(&error) {
                    // Another pooler than before: the next check finds out.
                    *self.last_check.lock() = None;
                }
                return Err(error);
            }
        };
        let checked = match safety {
            StatementSafety::OwnSession => Ok(()),
            StatementSafety::Tracked => pooler::check_tracked(&mut connection).await,
        };
        if let Err(error) = checked {
            *self.last_check.lock() = None;
            // It may be in the middle of a transaction: not back into the pool.
            drop(connection.detach());
            return Err(error);
        }
        let quota = self.quota;
        Ok(Box::new(PostgresDriver { connection, quota }))
    }

    fn keeps_connection(&self, error: &sqlx::Error) -> bool {
        // A name that we gave a statement is not known, or is another client's: the
        // result of the last check does not hold any more.
        if matches!(sqlstate(error).as_deref(), Some("26000" | "42P05")) {
            *self.last_check.lock() = None;
            return false;
        }
        is_rejection(error)
    }

    async fn close(&self) {
        self.pools.close().await;
    }
}

#[async_trait]
impl Driver for PostgresDriver {
    async fn get(&mut self, gets: &[(i64, Owner<'_>)]) -> Result<Vec<Task>, sqlx::Error> {
        fetch(statements::get(gets), &mut self.connection).await
    }

    async fn list(
        &mut self,
        lists: &[(Owner<'_>, Option<bool>)],
    ) -> Result<Vec<Task>, sqlx::Error> {
        fetch(statements::list(lists), &mut self.connection).await
    }

    async fn write(&mut self, batch: &[Owned<Write>]) -> Result<Vec<Outcome<Task>>, sqlx::Error> {
        write::write(batch, self.quota, &mut self.connection).await
    }

    async fn responds_within(&mut self, limit: Duration) -> bool {
        matches!(timeout(limit, self.connection.ping()).await, Ok(Ok(())))
    }

    async fn close(self: Box<Self>) -> Result<(), sqlx::Error> {
        self.connection.close().await
    }

    fn abandon(self: Box<Self>) {
        drop(self.connection.detach());
    }
}
