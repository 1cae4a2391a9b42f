//! Stores the tasks, in `SQLite` or `PostgreSQL`, behind
//! [`TaskService`](crate::api::tasks::TaskService).
//!
//! A request's path: `tasks` marks it with its owner ([`owned`]) and submits it to a
//! `batch` queue. A worker there takes what waits and runs it on the queue's own
//! `connection`, as one statement of the engine (`postgres` or `sqlite`) for each kind
//! of request. Operations off the hot path take the [`plain`] path: sea-orm queries in
//! one transaction. `engine` is the only file that tells the engines apart, and
//! [`migrate`] migrates the tables.
//!
//! The entity is private to this room, which imports `api` and `auth`, and must never
//! be imported by them.

mod batch;
mod clock;
mod connection;
mod describe;
mod engine;
mod entity;
mod error;
mod lists;
pub mod migrate;
mod owned;
pub mod plain;
mod pool;
mod postgres;
pub mod repair;
mod requests;
mod sqlite;
mod tasks;
#[cfg(test)]
mod tests;
mod url;
mod write;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use futures_util::future::join_all;
use parking_lot::Mutex;
use tokio::{sync::watch, task::JoinHandle, time::timeout};

use self::{
    batch::{BatchQueue, REQUEST_TIMEOUT},
    engine::Engine,
    lists::Lists,
    owned::Owned,
    requests::{Get, Write},
};
pub use self::{
    error::{Access, StoreError},
    url::{DatabaseUrl, DatabaseUrlError},
};
use crate::api::tasks::{Task, TaskError};

/// The connections of the queue for gets. One serves dozens of clients.
const READERS: usize = 2;

/// The tasks of all users. A clone is another handle on the same connections.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    engine: Engine,
    gets: BatchQueue<Owned<Get>>,
    lists: Lists,
    writes: BatchQueue<Owned<Write>>,
    workers: Mutex<Vec<JoinHandle<()>>>,
    closing: watch::Sender<bool>,
    migrated: AtomicBool,
}

impl Store {
    /// Opens the database. `SQLite`: the file, created with its folder where it is
    /// missing, or an error. `PostgreSQL`: connections are opened when they are needed,
    /// so that the service starts while the server is down.
    pub async fn connect(url: &DatabaseUrl, tasks_per_user: u32) -> Result<Self, StoreError> {
        Ok(Self::start(Engine::open(url).await?, tasks_per_user))
    }

    /// [`Store::connect`] for commands that change nothing: a missing file is not created,
    /// and the result is then nothing.
    pub async fn connect_existing(
        url: &DatabaseUrl,
        tasks_per_user: u32,
    ) -> Result<Option<Self>, StoreError> {
        let engine = Engine::open_existing(url).await?;
        Ok(engine.map(|engine| Self::start(engine, tasks_per_user)))
    }

    fn start(engine: Engine, tasks_per_user: u32) -> Self {
        let (closing, closed) = watch::channel(false);
        let (quota, at_once) = (tasks_per_user, engine.writers());
        let (gets, get_worker) = BatchQueue::open("get", &engine, quota, READERS, closed.clone());
        let (lists, [short_worker, page_worker]) = Lists::open(&engine, &closed);
        let (writes, write_worker) = BatchQueue::open("write", &engine, quota, at_once, closed);
        Self(Arc::new(Inner {
            engine,
            gets,
            lists,
            writes,
            workers: Mutex::new(vec![get_worker, short_worker, page_worker, write_worker]),
            closing,
            migrated: AtomicBool::new(false),
        }))
    }

    /// Whether the database responds, within a bounded time.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let ping = timeout(REQUEST_TIMEOUT, self.engine().control().ping()).await;
        Ok(ping.map_err(|_| StoreError::timed_out())??)
    }

    /// Whether requests can be served: the database responds within a bounded time, its
    /// tables are up to date, and it takes writes.
    pub async fn ready(&self) -> Result<(), StoreError> {
        if !self.is_migrated() {
            let what = "the tables are not up to date yet";
            return Err(StoreError::Unreachable(what.to_owned()));
        }
        self.check_statements().await?;
        self.check_tables().await
    }

    /// Whether the role of `DATABASE_URL` may do with the tables what requests do, within a
    /// bounded time.
    pub async fn check_tables(&self) -> Result<(), StoreError> {
        let tables = timeout(REQUEST_TIMEOUT, self.engine().check_tables()).await;
        tables.map_err(|_| StoreError::timed_out())?
    }

    /// Why prepared statements are safe, or an error that says what to change; nothing
    /// where no pooler can be in between.
    pub async fn check_statements(&self) -> Result<Option<&'static str>, StoreError> {
        self.engine().check_statements().await
    }

    /// Runs the requests that wait, at most for the time that a request may take, and
    /// closes every connection.
    pub async fn close(self) {
        self.0.closing.send_replace(true);
        let workers = std::mem::take(&mut *self.0.workers.lock());
        if timeout(REQUEST_TIMEOUT, join_all(workers)).await.is_err() {
            tracing::warn!("stopped before every request to the database had its response");
        }
        self.engine().close().await;
    }

    async fn read(&self, request: Owned<Get>) -> Result<Option<Task>, TaskError> {
        self.check_migrated()?;
        self.0.gets.submit(request).await
    }

    fn lists(&self) -> Result<&Lists, TaskError> {
        self.check_migrated()?;
        Ok(&self.0.lists)
    }

    async fn write(&self, request: Owned<Write>) -> Result<Task, TaskError> {
        self.check_migrated()?;
        self.0.writes.submit(request).await
    }

    fn engine(&self) -> &Engine {
        &self.0.engine
    }

    fn set_migrated(&self, migrated: bool) {
        self.0.migrated.store(migrated, Ordering::Relaxed);
    }

    fn is_migrated(&self) -> bool {
        self.0.migrated.load(Ordering::Relaxed)
    }

    fn check_migrated(&self) -> Result<(), TaskError> {
        if self.is_migrated() {
            return Ok(());
        }
        let cause = "the tables are not there yet";
        Err(TaskError::Unavailable(cause.to_owned()))
    }
}
