//! Natural batching: requests queue; those that wait while a batch runs become the
//! next batch, which shares its statements, and no batch ever waits to be filled.
//! Alone, a request is a batch of one and loses nothing; under load, one round trip
//! and one commit serve many.
//!
//! A queue owns a few connections. It uses one as long as batches are quick, since
//! large batches cost least, and a further one where a full batch waits or where the
//! running batch takes long (a long list, a slow disk).
//!
//! A client that disconnects cannot stop a statement half-way. The queue's capacity
//! is the back-pressure: a request that does not fit is refused at once.

mod worker;

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
    time::{Duration, Instant, timeout_at},
};
use tracing::Span;

use self::worker::Worker;
use super::{
    connection::{Batchable, Connection},
    engine::Engine,
    error::Fate,
};
use crate::{
    api::tasks::TaskError,
    telemetry::{metrics, traces},
};

/// How long a request may take in all, the wait for its batch included.
pub const REQUEST_TIMEOUT: Duration = Duration::from_millis(2400);
/// The most requests that wait. At a thousand batches a second the queue is empty
/// long before they time out; more would wait in vain.
const QUEUE_CAPACITY: usize = 2048;

/// The queue for requests of one kind. Clones share it.
#[derive(Clone)]
pub struct BatchQueue<R: Batchable> {
    sender: mpsc::Sender<Pending<R>>,
    metrics: metrics::QueueMetrics,
    name: &'static str,
    database: &'static str,
}

/// A request that waits for its response.
struct Pending<R: Batchable> {
    request: R,
    reply: Reply<R::Response>,
    /// The trace records when it was sent.
    span: Span,
}

struct Reply<T> {
    sender: oneshot::Sender<Result<T, TaskError>>,
    stage: Arc<AtomicU8>,
}

/// The request may still be cancelled.
const WAITING: u8 = 0;
/// It was sent to the database.
const SENT: u8 = 1;
/// The client was told that nothing was done, and nothing will be.
const CANCELLED: u8 = 2;

impl<R: Batchable> BatchQueue<R> {
    /// A queue with so many connections to the database of `engine`, open until
    /// `closing` turns true or the queue is dropped; requests that wait then are still
    /// run. Users may hold `quota` tasks each.
    pub fn open(
        name: &'static str,
        engine: &Engine,
        quota: u32,
        connections: usize,
        closing: watch::Receiver<bool>,
    ) -> (Self, JoinHandle<()>) {
        let metrics = metrics::QueueMetrics::new(name);
        let (sender, receiver) = mpsc::channel(QUEUE_CAPACITY);
        let connection = |_| Connection::new(engine, quota);
        let connections = (0..connections).map(connection).collect();
        let worker = Worker::new(receiver, connections, closing, metrics.clone());
        let queue = Self {
            sender,
            metrics,
            name,
            database: engine.name(),
        };
        (queue, tokio::spawn(worker.run()))
    }

    /// Waits for the response, at most [`REQUEST_TIMEOUT`].
    pub async fn submit(&self, request: R) -> Result<R::Response, TaskError> {
        let span = traces::query(self.database, self.name);
        let response = self.respond(request, span.clone()).await;
        if response.as_ref().is_err_and(TaskError::is_fault) {
            traces::failed(&span);
        }
        response
    }

    async fn respond(&self, request: R, span: Span) -> Result<R::Response, TaskError> {
        let deadline = Instant::now() + REQUEST_TIMEOUT;
        let stage = Arc::new(AtomicU8::new(WAITING));
        let (sender, response) = oneshot::channel();
        let reply = Reply {
            sender,
            stage: Arc::clone(&stage),
        };
        let pending = Pending {
            request,
            reply,
            span,
        };
        self.metrics.enqueued();
        self.sender.try_send(pending).map_err(|refused| {
            self.metrics.dequeued(1);
            TaskError::Unavailable(match refused {
                mpsc::error::TrySendError::Full(_) => "too many requests wait".to_owned(),
                mpsc::error::TrySendError::Closed(_) => "the store is closed".to_owned(),
            })
        })?;
        let lost = |cause: &str| Err(R::ACCESS.error(Fate::Unknown, &cause));
        match timeout_at(deadline, response).await {
            Ok(Ok(response)) => response,
            Ok(Err(_)) => lost("the batch panicked"),
            Err(_) if stage.swap(CANCELLED, Ordering::AcqRel) == WAITING => Err(
                TaskError::Unavailable("no batch took it within the time limit".to_owned()),
            ),
            Err(_) => lost("no response within the time limit"),
        }
    }
}

impl<T> Reply<T> {
    /// Marks the request as sent; false where it was cancelled.
    fn mark_sent(&self) -> bool {
        let stage = &self.stage;
        let sent = stage.compare_exchange(WAITING, SENT, Ordering::AcqRel, Ordering::Acquire);
        !self.sender.is_closed() && sent.is_ok()
    }

    /// Removes the mark: the database has rolled back what was sent.
    fn mark_waiting(&self) {
        let stage = &self.stage;
        let _ = stage.compare_exchange(SENT, WAITING, Ordering::AcqRel, Ordering::Acquire);
    }

    fn send(self, response: Result<T, TaskError>) {
        // A client that disconnected is told nothing.
        let _ = self.sender.send(response);
    }
}
