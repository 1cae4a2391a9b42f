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
mod cursor;
mod describe;
mod engine;
mod entity;
mod error;
mod lists;
pub mod migrate;
mod owned;
pub mod plain;
mod poll;
mod pool;
mod postgres;
mod purge;
pub mod repair;
mod requests;
mod retry;
mod search;
mod sqlite;
mod tasks;
#[cfg(test)]
mod tests;
mod url;
mod watchers;
mod write;

use std::{
    cell::Cell,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use futures_util::future::join_all;
use parking_lot::Mutex;
use tokio::{runtime::Handle, sync::watch, task::JoinHandle, time::timeout};

use self::{
    batch::{BatchQueue, REQUEST_TIMEOUT, Writers},
    engine::Engine,
    lists::Lists,
    owned::Owned,
    pool::{DEFAULT_CONNECTIONS, Shares},
    requests::{Done, Get, Got, Write},
    watchers::Watchers,
};
pub use self::{
    error::{Access, StoreError},
    postgres::citus::Layout,
    url::{DatabaseUrl, DatabaseUrlError},
};
use crate::api::tasks::TaskError;

thread_local! {
    /// The set of queues that requests of this thread use.
    static SET: Cell<usize> = const { Cell::new(0) };
}

/// The tasks of all users. A clone is another handle on the same connections.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    engine: Engine,
    tasks_per_user: u32,
    connections: u32,
    writers: Writers,
    watchers: Watchers,
    queues: Queues,
    /// A set of queues for each worker thread, once they are shared out.
    sets: OnceLock<Vec<Queues>>,
    workers: Mutex<Vec<JoinHandle<()>>>,
    closing: watch::Sender<bool>,
    migrated: AtomicBool,
}

/// The queues for the requests of one thread.
struct Queues {
    gets: BatchQueue<Owned<Get>>,
    lists: Lists,
    writes: Arc<BatchQueue<Owned<Write>>>,
}

impl Store {
    /// Opens the database. `SQLite`: the file, created with its folder where it is
    /// missing, or an error. `PostgreSQL`: connections are opened when they are needed,
    /// so that the service starts while the server is down.
    pub async fn connect(url: &DatabaseUrl, tasks_per_user: u32) -> Result<Self, StoreError> {
        Self::connect_with(url, tasks_per_user, DEFAULT_CONNECTIONS).await
    }

    /// [`Store::connect`] with at most so many connections to the database, 8 or more.
    pub async fn connect_with(
        url: &DatabaseUrl,
        tasks_per_user: u32,
        connections: u32,
    ) -> Result<Self, StoreError> {
        let engine = Engine::open(url, connections).await?;
        Ok(Self::start(engine, tasks_per_user, connections))
    }

    /// [`Store::connect`] for commands that change nothing: a missing file is not created,
    /// and the result is then nothing.
    pub async fn connect_existing(
        url: &DatabaseUrl,
        tasks_per_user: u32,
    ) -> Result<Option<Self>, StoreError> {
        let engine = Engine::open_existing(url, DEFAULT_CONNECTIONS).await?;
        Ok(engine.map(|engine| Self::start(engine, tasks_per_user, DEFAULT_CONNECTIONS)))
    }

    fn start(engine: Engine, tasks_per_user: u32, connections: u32) -> Self {
        let (closing, closed) = watch::channel(false);
        let shares = Shares::of(connections, 1, engine.writers());
        let watchers = Watchers::default();
        let writers = Writers::new(watchers.clone());
        let (queues, workers) = Queues::open(
            &engine,
            tasks_per_user,
            &shares,
            &closed,
            &writers,
            None,
            None,
        );
        Self(Arc::new(Inner {
            engine,
            tasks_per_user,
            connections,
            writers,
            watchers,
            queues,
            sets: OnceLock::new(),
            workers: Mutex::new(workers),
            closing,
            migrated: AtomicBool::new(false),
        }))
    }

    /// Gives each of these single-threaded runtimes queues and connections of its own, as
    /// far as there are enough connections; the others share. Requests on other threads
    /// use the first ones. Must be called once, before requests.
    pub fn share_out(&self, runtimes: &[Handle]) {
        let (inner, engine) = (&self.0, self.engine());
        let shares = Shares::of(inner.connections, runtimes.len(), engine.writers());
        let mut sets: Vec<Queues> = Vec::new();
        for runtime in runtimes.iter().take(shares.sets) {
            // The workers of the queues are spawned there.
            let _there = runtime.enter();
            let writes = sets.first().filter(|_| engine.has_one_writer());
            let writes = writes.map(|first| Arc::clone(&first.writes));
            let (quota, closed) = (inner.tasks_per_user, inner.closing.subscribe());
            let lists = Some(&inner.queues.lists);
            let (set, workers) = Queues::open(
                engine,
                quota,
                &shares,
                &closed,
                &inner.writers,
                lists,
                writes,
            );
            inner.workers.lock().extend(workers);
            sets.push(set);
        }
        for (index, runtime) in runtimes.iter().enumerate() {
            let set = index % sets.len();
            runtime.spawn(async move { SET.set(set) });
        }
        // A second call would leave requests to the first sets, which work as well.
        let _ = inner.sets.set(sets);
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

    async fn read(&self, request: Owned<Get>) -> Result<Got, TaskError> {
        self.check_migrated()?;
        self.queues().gets.submit(request).await
    }

    fn lists(&self) -> Result<&Lists, TaskError> {
        self.check_migrated()?;
        Ok(&self.queues().lists)
    }

    async fn write(&self, request: Owned<Write>) -> Result<Done, TaskError> {
        self.check_migrated()?;
        self.queues().writes.submit(request).await
    }

    /// The queues of this thread.
    fn queues(&self) -> &Queues {
        let sets = self.0.sets.get();
        let own = sets.and_then(|sets| sets.get(SET.get()));
        own.unwrap_or(&self.0.queues)
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

impl Queues {
    /// A set of queues on the current runtime, with their workers. It shares the long lists
    /// of `lists`, and `writes`.
    fn open(
        engine: &Engine,
        quota: u32,
        shares: &Shares,
        closed: &watch::Receiver<bool>,
        busy: &Writers,
        lists: Option<&Lists>,
        writes: Option<Arc<BatchQueue<Owned<Write>>>>,
    ) -> (Self, Vec<JoinHandle<()>>) {
        let (gets, get_worker) = BatchQueue::open(
            "get",
            engine,
            quota,
            shares.gets,
            closed.clone(),
            Writers::default(),
        );
        let (lists, mut workers) = Lists::open(engine, shares, closed, lists);
        workers.push(get_worker);
        let writes = writes.unwrap_or_else(|| {
            let (writes, worker) = BatchQueue::open(
                "write",
                engine,
                quota,
                shares.writes,
                closed.clone(),
                busy.clone(),
            );
            workers.push(worker);
            Arc::new(writes)
        });
        let queues = Self {
            gets,
            lists,
            writes,
        };
        (queues, workers)
    }
}
