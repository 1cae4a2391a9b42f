//! Keeps the tasks, in `SQLite` or `PostgreSQL`, behind [`TaskService`].
//!
//! [`owned`] is where every statement on a user's tasks starts, already filtered
//! by the owner; `tasks` carries out the contract; `connect` opens the pools,
//! `migrate` moves the tables. The entities are private to this room. It imports
//! `api` and `auth`, and must never be imported by them.
//!
//! [`TaskService`]: crate::api::tasks::TaskService

mod clock;
mod connect;
mod entity;
mod error;
mod migrate;
mod owned;
mod sql;
mod tasks;
mod url;

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sea_orm::DatabaseConnection;
use tokio::time::timeout;

use self::error::Work;
pub use self::{
    error::StoreError,
    migrate::Migration,
    url::{DatabaseKind, DatabaseUrl, DatabaseUrlError},
};
use crate::api::tasks::TaskError;

/// How long one operation may take in all, the wait for a connection included.
const TIME_LIMIT: Duration = Duration::from_millis(2400);

/// The tasks of all users. A clone is another handle on the same connections.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    kind: DatabaseKind,
    /// On `SQLite` a pool of readers beside the one writer; else the same pool.
    readers: DatabaseConnection,
    writer: DatabaseConnection,
    tasks_per_user: u32,
    migrated: AtomicBool,
}

impl Store {
    /// Opens the database. `SQLite`: the file, made with its folder where it is
    /// missing, or an error. `PostgreSQL`: a pool that connects when it must, so
    /// that the service starts while the server is down.
    pub async fn connect(url: &DatabaseUrl, tasks_per_user: u32) -> Result<Self, StoreError> {
        let (readers, writer) = connect::open(url).await?;
        Ok(Self {
            inner: Arc::new(Inner {
                kind: url.kind(),
                readers,
                writer,
                tasks_per_user,
                migrated: AtomicBool::new(false),
            }),
        })
    }

    /// Whether the database answers, within a bounded time.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let ping = timeout(TIME_LIMIT, self.inner.readers.ping());
        let answer = ping.await.map_err(|_| StoreError::silent())?;
        Ok(answer?)
    }

    /// Whether requests can be served: the database answers, and its tables are
    /// up to date.
    pub async fn ready(&self) -> Result<(), StoreError> {
        if !self.inner.migrated.load(Ordering::Relaxed) {
            return Err(StoreError::not_migrated());
        }
        self.ping().await
    }

    /// Lets go of every connection.
    pub async fn close(self) {
        for pool in [&self.inner.readers, &self.inner.writer] {
            if let Err(error) = pool.close_by_ref().await {
                tracing::warn!(%error, "a connection did not close");
            }
        }
    }

    /// Does the work of one operation in a task of its own: a client that goes
    /// away cannot stop a statement half-way, nor starve the pool, whose hand-over
    /// of a connection must not be cancelled.
    async fn run<T: Send + 'static>(
        &self,
        work: Work,
        operation: impl Future<Output = Result<T, TaskError>> + Send + 'static,
    ) -> Result<T, TaskError> {
        if !self.inner.migrated.load(Ordering::Relaxed) {
            return Err(TaskError::Unavailable(
                "the tables are not there yet".to_owned(),
            ));
        }
        match tokio::spawn(timeout(TIME_LIMIT, operation)).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(work.broken_off("no answer within the time limit")),
            Err(panic) => Err(TaskError::Internal(panic.to_string())),
        }
    }
}
