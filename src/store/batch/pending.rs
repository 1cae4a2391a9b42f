//! A request on its way through a batch queue. Client and worker agree, atomically, on
//! whether it was sent: a request that was not can still be cancelled.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering::AcqRel, Ordering::Acquire},
};

use tokio::sync::oneshot;
use tracing::Span;

use crate::{api::tasks::TaskError, store::connection::Batchable};

/// The request may still be cancelled.
const WAITING: u8 = 0;
/// It was sent to the database.
const SENT: u8 = 1;
/// The client was told that nothing was done, and nothing will be.
const CANCELLED: u8 = 2;

/// A request that waits for its batch.
pub struct Pending<R: Batchable> {
    pub request: R,
    pub reply: Reply<R::Response>,
    /// The trace records when it was sent.
    pub span: Span,
}

/// The worker's side of a request.
pub struct Reply<T> {
    sender: oneshot::Sender<Result<T, TaskError>>,
    stage: Arc<AtomicU8>,
}

/// The client's side of a request.
pub struct Response<T> {
    pub receiver: oneshot::Receiver<Result<T, TaskError>>,
    stage: Arc<AtomicU8>,
}

impl<R: Batchable> Pending<R> {
    /// Both sides of a request.
    pub fn new(request: R, span: Span) -> (Self, Response<R::Response>) {
        let (sender, receiver) = oneshot::channel();
        let stage = Arc::new(AtomicU8::new(WAITING));
        let reply = Reply {
            sender,
            stage: Arc::clone(&stage),
        };
        let pending = Self {
            request,
            reply,
            span,
        };
        (pending, Response { receiver, stage })
    }
}

impl<T> Reply<T> {
    /// Marks the request as sent; false where it was cancelled.
    pub fn mark_sent(&self) -> bool {
        let sent = self.stage.compare_exchange(WAITING, SENT, AcqRel, Acquire);
        !self.sender.is_closed() && sent.is_ok()
    }

    /// Removes the mark: the database has rolled back what was sent.
    pub fn mark_waiting(&self) {
        let _ = self.stage.compare_exchange(SENT, WAITING, AcqRel, Acquire);
    }

    /// Sends the response. A client that disconnected is told nothing.
    pub fn send(self, response: Result<T, TaskError>) {
        let _ = self.sender.send(response);
    }
}

impl<T> Response<T> {
    /// Cancels the request; false where it was sent already.
    pub fn cancel(&self) -> bool {
        self.stage.swap(CANCELLED, AcqRel) == WAITING
    }
}
