//! Keeps the tasks, in `SQLite` or `PostgreSQL`, behind [`TaskService`].
//!
//! A request's way: `tasks` puts it, marked with its owner ([`owned`]), into the
//! queue of a `lane`; a worker there takes what waits, and `requests` (reads),
//! `postgres` or `sqlite` (writes) run it as one statement of `sql` on the
//! worker's own `link` to the database. Beside that way, `connect` opens the pools,
//! `pooler` refuses what may lie before the database, and `migrate` moves the
//! tables. The entity is private to this room, which
//! imports `api` and `auth`, and must never be imported by them.
//!
//! [`TaskService`]: crate::api::tasks::TaskService

mod batch;
mod clock;
mod connection;
mod entity;
mod error;
mod migrate;
mod owned;
mod pool;
mod postgres;
mod requests;
mod sql;
mod sqlite;
mod tasks;
#[cfg(test)]
mod tests;
mod url;

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sea_orm::DatabaseConnection;
use tokio::{sync::watch, task::JoinHandle, time::timeout};

use self::{
    batch::{Lane, Request},
    connection::Link,
    owned::Owned,
    pool::Pools,
    postgres::pooler,
    requests::{Read, Write},
};
pub use self::{
    error::StoreError,
    migrate::Migration,
    postgres::pooler::Statements,
    url::{DatabaseKind, DatabaseUrl, DatabaseUrlError},
};
use crate::api::tasks::TaskError;

/// How long one operation may take in all, the wait for its turn included.
const TIME_LIMIT: Duration = Duration::from_millis(2400);
/// Connections for reads, and for writes on `PostgreSQL`; `SQLite` lets one write
/// at a time. One of each serves dozens of clients.
const READERS: usize = 4;
const WRITERS: usize = 3;

/// The tasks of all users. A clone is another handle on the same connections.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    kind: DatabaseKind,
    /// For migrations and for questions about the database's health.
    control: DatabaseConnection,
    pools: Pools,
    reads: Lane<Owned<Read>>,
    writes: Lane<Owned<Write>>,
    workers: Mutex<Vec<JoinHandle<()>>>,
    closing: watch::Sender<bool>,
    tasks_per_user: u32,
    migrated: AtomicBool,
}

impl Store {
    /// Opens the database. `SQLite`: the file, made with its folder where it is
    /// missing, or an error. `PostgreSQL`: connections are made when they are
    /// needed, so that the service starts while the server is down.
    pub async fn connect(url: &DatabaseUrl, tasks_per_user: u32) -> Result<Self, StoreError> {
        let kind = url.kind();
        let pools = pool::open(url).await?;
        let for_writes = match kind {
            DatabaseKind::Sqlite => 1,
            DatabaseKind::Postgres => WRITERS,
        };
        let (closing, closed) = watch::channel(false);
        let links = |count| (0..count).map(|_| Link::new(kind, &pools)).collect();
        let (reads, reading) = Lane::open("read", kind, links(READERS), closed.clone());
        let (writes, worker) = Lane::open("write", kind, links(for_writes), closed);
        Ok(Self {
            inner: Arc::new(Inner {
                kind,
                control: pools.control.clone(),
                pools,
                reads,
                writes,
                workers: Mutex::new(vec![reading, worker]),
                closing,
                tasks_per_user,
                migrated: AtomicBool::new(false),
            }),
        })
    }

    /// Whether the database answers, within a bounded time.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let ping = timeout(TIME_LIMIT, self.inner.control.ping());
        let answer = ping.await.map_err(|_| StoreError::silent())?;
        Ok(answer?)
    }

    /// Whether requests can be served: the database answers, and its tables are
    /// up to date.
    pub async fn ready(&self) -> Result<(), StoreError> {
        if !self.inner.migrated.load(Ordering::Relaxed) {
            return Err(StoreError::not_migrated());
        }
        self.check_statements().await?;
        self.ping().await
    }

    /// Why prepared statements can be relied on, or the error that says what to
    /// change. Looks once, and again when what it found proved wrong.
    pub async fn check_statements(&self) -> Result<Statements, StoreError> {
        match self.inner.pools.statements.get() {
            Some(found) => Ok(found),
            None => pooler::check(&self.inner.pools).await,
        }
    }

    /// Carries out what waits, at most for the time that a request may take, and
    /// lets go of every connection.
    pub async fn close(self) {
        self.inner.closing.send_replace(true);
        let workers = &self.inner.workers;
        let workers = std::mem::take(&mut *workers.lock().unwrap_or_else(PoisonError::into_inner));
        let working = futures_util::future::join_all(workers);
        if timeout(TIME_LIMIT, working).await.is_err() {
            tracing::warn!("stopped before every request to the database was answered");
        }
        self.inner.pools.close().await;
    }

    /// Waits at `lane` for the answer to `request`.
    async fn ask<R: Request>(&self, lane: &Lane<R>, request: R) -> Result<R::Answer, TaskError> {
        if !self.inner.migrated.load(Ordering::Relaxed) {
            return Err(TaskError::Unavailable(
                "the tables are not there yet".to_owned(),
            ));
        }
        lane.ask(request).await
    }
}
