//! A connection that a batch queue keeps for itself.
//!
//! A pool tests its connections before use: a second round trip for each statement.
//! So a queue takes a connection from the pool and keeps it.

use std::{
    future::ready,
    time::{Duration, Instant},
};

use tokio::time::timeout;

use super::{
    engine::{Driver, Engine},
    error::{Access, Describe, Failure, Fate, is_rejection},
    requests::{Outcome, Place},
};
use crate::{api::tasks::TaskError, auth::User, telemetry::metrics};

/// How long a batch may take. Less than a request's own limit, so that a request
/// which is sent early also gets its response.
const BATCH_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a batch of several reads may take. The time that is left of a request's own
/// is enough to read alone what was quick but for another member.
const SHARED_READ_TIMEOUT: Duration = Duration::from_secs(1);
/// A connection that was idle for so long is tested before it is used: the server may
/// have restarted, and a write that is lost with the connection is in doubt.
const TEST_AFTER_IDLE: Duration = Duration::from_secs(1);
/// Connections are renewed now and then, so that a server behind a new address is
/// found.
const MAX_LIFETIME: Duration = Duration::from_mins(30);

/// A kind of request whose members can share statements.
pub trait Batchable: Send + Sync + Sized + 'static {
    /// What one of them responds with.
    type Response: Send + 'static;
    /// Whether losing a response leaves a doubt.
    const ACCESS: Access;
    /// The most requests in one batch: beyond it a larger batch gains nothing, and its
    /// members wait for one another.
    const BATCH_SIZE: usize = 128;

    /// The user whose tasks it writes. No two batches that run at once have the same: the
    /// second one would only wait for the lock on the user's sequence.
    fn writer(&self) -> Option<&User> {
        None
    }

    /// What it writes of its writer. Of two requests for one place the later one waits for
    /// the next batch, so that writes to one task keep their order.
    fn place(&self) -> Option<Place> {
        None
    }

    /// Removes the cause of this failure of the request alone; false where nothing was done
    /// about it.
    fn heal(&self, _failure: &Failure, _engine: &Engine) -> impl Future<Output = bool> + Send {
        ready(false)
    }

    /// Runs a batch, of users who may hold `quota` tasks each: an outcome for each
    /// member, in their order.
    fn run(
        batch: &[Self],
        quota: u32,
        driver: &mut Driver,
    ) -> impl Future<Output = Result<Vec<Outcome<Self::Response>>, Failure>> + Send;
}

/// A connection, opened when it is first needed and again after it broke.
pub struct Connection {
    engine: Engine,
    quota: u32,
    open: Option<Open>,
}

struct Open {
    driver: Driver,
    _counted: metrics::Connection,
    since: Instant,
    used: Instant,
}

/// Why a batch has no outcomes.
#[derive(Debug)]
pub enum BatchError {
    /// There was no connection: nothing was sent.
    NotConnected(sqlx::Error),
    /// It failed as a whole.
    Failed(Failure),
    /// No response within the time limit.
    TimedOut,
}

impl BatchError {
    /// Whether the batch may have failed because of one of its members, so that the
    /// others succeed without it. A write that is slow may be committed all the same.
    pub fn concerns_one_member(&self, access: Access) -> bool {
        match self {
            Self::NotConnected(_) => false,
            Self::Failed(failure) => failure.concerns_one_member(),
            Self::TimedOut => access == Access::Read,
        }
    }

    /// The contract's error for each member of the batch.
    pub fn explain(&self, access: Access) -> TaskError {
        match self {
            Self::NotConnected(error) => TaskError::Unavailable(error.describe()),
            Self::Failed(failure) => access.error(failure.fate(), &failure.error),
            Self::TimedOut => access.error(Fate::Unknown, &"no response within the time limit"),
        }
    }
}

impl Connection {
    /// A connection to the database of `engine`, not yet opened.
    pub fn new(engine: &Engine, quota: u32) -> Self {
        Self {
            engine: engine.clone(),
            quota,
            open: None,
        }
    }

    /// Runs a batch on an open connection. Whatever fails half-way, the connection is
    /// dropped, so that the database rolls back what was not committed.
    pub async fn run<R: Batchable>(
        &mut self,
        batch: &[R],
    ) -> Result<Vec<Outcome<R::Response>>, BatchError> {
        let quota = self.quota;
        let open = match self.open().await {
            Ok(open) => open,
            Err(error) => {
                metrics::database_error("not_connected");
                return Err(BatchError::NotConnected(error));
            }
        };
        let _busy = metrics::Connection::busy();
        let limit = match R::ACCESS {
            Access::Read if batch.len() > 1 => SHARED_READ_TIMEOUT,
            Access::Read | Access::Write => BATCH_TIMEOUT,
        };
        match timeout(limit, R::run(batch, quota, &mut open.driver)).await {
            Ok(Ok(outcomes)) => {
                open.used = Instant::now();
                Ok(outcomes)
            }
            Ok(Err(failure)) => {
                let rejected = is_rejection(&failure.error);
                metrics::database_error(if rejected { "refused" } else { "lost" });
                if !self.engine.keeps_connection(&failure.error) {
                    self.abandon();
                }
                Err(BatchError::Failed(failure))
            }
            Err(_) => {
                metrics::database_error("too_slow");
                self.abandon();
                Err(BatchError::TimedOut)
            }
        }
    }

    /// The number of shards that hold the rows of users.
    pub fn shards(&self) -> u32 {
        self.engine.shards()
    }

    /// Removes the cause of the failure of a batch of one, for which nothing was written;
    /// false where nothing was done about it.
    pub async fn heal<R: Batchable>(&self, batch: &[R], failure: &Failure) -> bool {
        match batch {
            [request] => request.heal(failure, &self.engine).await,
            _ => false,
        }
    }

    /// Closes the connection in order.
    pub async fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        if let Ok(Err(error)) = timeout(BATCH_TIMEOUT, open.driver.close()).await {
            tracing::debug!(%error, "a connection did not close");
        }
    }

    /// Drops the connection, which may be in the middle of a transaction.
    pub fn abandon(&mut self) {
        if let Some(open) = self.open.take() {
            open.driver.abandon();
        }
    }

    async fn open(&mut self) -> Result<&mut Open, sqlx::Error> {
        if let Some(open) = &mut self.open {
            if open.since.elapsed() > MAX_LIFETIME {
                self.close().await;
            } else if open.used.elapsed() >= TEST_AFTER_IDLE
                && !open.driver.responds_within(TEST_AFTER_IDLE).await
            {
                self.abandon();
            }
        }
        match &mut self.open {
            Some(open) => Ok(open),
            closed => {
                let driver = self.engine.connect().await?;
                let now = Instant::now();
                Ok(closed.insert(Open {
                    driver,
                    _counted: metrics::Connection::open(),
                    since: now,
                    used: now,
                }))
            }
        }
    }
}
