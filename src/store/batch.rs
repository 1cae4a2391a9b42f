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

mod pending;
mod worker;
mod writers;

use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{Duration, Instant, timeout_at},
};
use tracing::Span;

pub use self::writers::Writers;
use self::{pending::Pending, worker::Worker};
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

/// The queue for requests of one kind.
pub struct BatchQueue<R: Batchable> {
    sender: mpsc::Sender<Pending<R>>,
    metrics: metrics::QueueMetrics,
    name: &'static str,
    database: &'static str,
}

impl<R: Batchable> BatchQueue<R> {
    /// A queue with so many connections to the database of `engine`, open until
    /// `closing` turns true or the queue is dropped; requests that wait then are still
    /// run. Users may hold `quota` tasks each. Queues with the same `writers` never write
    /// tasks of one user at once.
    pub fn open(
        name: &'static str,
        engine: &Engine,
        quota: u32,
        connections: usize,
        closing: watch::Receiver<bool>,
        writers: Writers,
    ) -> (Self, JoinHandle<()>) {
        let metrics = metrics::QueueMetrics::new(name);
        let (sender, receiver) = mpsc::channel(QUEUE_CAPACITY);
        let connection = |_| Connection::new(engine, quota);
        let connections = (0..connections).map(connection).collect();
        let worker = Worker::new(receiver, connections, closing, writers, metrics);
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
        let (pending, mut response) = Pending::new(request, span);
        self.metrics.enqueued();
        self.sender.try_send(pending).map_err(|refused| {
            self.metrics.dequeued(1);
            TaskError::Unavailable(match refused {
                mpsc::error::TrySendError::Full(_) => "too many requests wait".to_owned(),
                mpsc::error::TrySendError::Closed(_) => "the store is closed".to_owned(),
            })
        })?;
        let lost = |cause: &str| Err(R::ACCESS.error(Fate::Unknown, &cause));
        match timeout_at(deadline, &mut response.receiver).await {
            Ok(Ok(response)) => response,
            Ok(Err(_)) => lost("the batch panicked"),
            Err(_) if response.cancel() => Err(TaskError::Unavailable(
                "no batch took it within the time limit".to_owned(),
            )),
            Err(_) => lost("no response within the time limit"),
        }
    }
}
