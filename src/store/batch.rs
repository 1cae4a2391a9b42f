//! Natural batching: requests queue at a lane; whatever waits while a batch is
//! under way, and never anything that would have to be waited for, becomes the
//! next batch, which shares its statements. Alone, a request is a batch of one and
//! loses nothing; in a crowd, one round trip and one commit serve many.
//!
//! A lane owns a few connections. It uses one as long as batches are quick, since
//! large batches cost least; a further one where a full batch waits, or where the
//! batch under way takes long (a long list, a slow disk).
//!
//! A client that goes away cannot stop a statement half-way, and the queue's
//! bound is the back-pressure: what does not fit is refused at once.

mod worker;

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use sea_orm::DbErr;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
    time::{Instant, timeout_at},
};
use tracing::Span;

use self::worker::Worker;
use super::{DatabaseKind, TIME_LIMIT, connection::Link, error::Work};
use crate::{
    api::tasks::TaskError,
    telemetry::{metrics, traces},
};

/// The most requests that wait. At a thousand batches a second it is emptied
/// long before their time is up; more than that would wait in vain.
const QUEUE: usize = 2048;

/// A kind of request whose members can share a statement.
pub trait Request: Clone + Send + Sync + Sized + 'static {
    /// What one of them is answered.
    type Answer: Send + 'static;
    /// Whether its loss leaves a doubt.
    const WORK: Work;

    /// What no two members of a batch may both touch: the later one waits for the
    /// next batch, so that writes to one row keep their order.
    fn row(&self, _kind: DatabaseKind) -> Option<i64> {
        None
    }

    /// Carries out a batch: an answer for each member, in their order.
    fn run(
        batch: &[Self],
        link: &mut Link,
    ) -> impl Future<Output = Result<Vec<Outcome<Self::Answer>>, DbErr>> + Send;
}

/// What a batch says to one of its members.
#[derive(Debug)]
pub enum Outcome<A> {
    /// It is done.
    Done(A),
    /// It was refused, and nothing was written for it.
    Refused(TaskError),
    /// Nothing was written for it, and only a batch of its own can tell why.
    Alone,
}

/// Where requests of one kind wait. A clone is another way in.
#[derive(Clone)]
pub struct Lane<R: Request> {
    queue: mpsc::Sender<Ticket<R>>,
    measured: metrics::Lane,
    name: &'static str,
    kind: DatabaseKind,
}

struct Ticket<R: Request> {
    request: R,
    reply: Reply<R::Answer>,
    /// Where the trace tells when it was sent.
    span: Span,
}

struct Reply<A> {
    answer: oneshot::Sender<Result<A, TaskError>>,
    stage: Arc<AtomicU8>,
}

/// The request may still be taken back.
const WAITING: u8 = 0;
/// It is on its way to the database.
const SENT: u8 = 1;
/// The client was told that nothing was done, and nothing will be.
const GIVEN_UP: u8 = 2;

impl<R: Request> Lane<R> {
    /// A lane on these connections, until `closing` turns true or the lane is
    /// dropped; what waits then is still carried out.
    pub fn open(
        name: &'static str,
        kind: DatabaseKind,
        links: Vec<Link>,
        closing: watch::Receiver<bool>,
    ) -> (Self, JoinHandle<()>) {
        let measured = metrics::Lane::new(name);
        let (queue, queued) = mpsc::channel(QUEUE);
        let worker = Worker::new(queued, links, closing, measured.clone());
        let lane = Self {
            queue,
            measured,
            name,
            kind,
        };
        (lane, tokio::spawn(worker.work()))
    }

    /// Waits for the answer, at most [`TIME_LIMIT`].
    pub async fn ask(&self, request: R) -> Result<R::Answer, TaskError> {
        let span = traces::query(self.kind.name(), self.name);
        let answer = self.answer(request, span.clone()).await;
        if answer.as_ref().is_err_and(TaskError::is_fault) {
            traces::failed(&span);
        }
        answer
    }

    async fn answer(&self, request: R, span: Span) -> Result<R::Answer, TaskError> {
        let deadline = Instant::now() + TIME_LIMIT;
        let stage = Arc::new(AtomicU8::new(WAITING));
        let (answer, answered) = oneshot::channel();
        let reply = Reply {
            answer,
            stage: Arc::clone(&stage),
        };
        let ticket = Ticket {
            request,
            reply,
            span,
        };
        self.measured.waits();
        self.queue.try_send(ticket).map_err(|refused| {
            self.measured.left(1);
            TaskError::Unavailable(match refused {
                mpsc::error::TrySendError::Full(_) => "too many requests wait".to_owned(),
                mpsc::error::TrySendError::Closed(_) => "the store is closed".to_owned(),
            })
        })?;
        match timeout_at(deadline, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(R::WORK.broken_off("the worker died")),
            Err(_) if stage.swap(GIVEN_UP, Ordering::AcqRel) == WAITING => Err(
                TaskError::Unavailable("it was not its turn within the time limit".to_owned()),
            ),
            Err(_) => Err(R::WORK.broken_off("no answer within the time limit")),
        }
    }
}

impl<A> Reply<A> {
    /// Marks the request as sent; false where the client has given up.
    fn send_off(&self) -> bool {
        let stage = &self.stage;
        let sent = stage.compare_exchange(WAITING, SENT, Ordering::AcqRel, Ordering::Acquire);
        !self.answer.is_closed() && sent.is_ok()
    }

    /// Takes the mark back: the database has undone what was sent.
    fn take_back(&self) {
        let stage = &self.stage;
        let _ = stage.compare_exchange(SENT, WAITING, Ordering::AcqRel, Ordering::Acquire);
    }

    fn give(self, answer: Result<A, TaskError>) {
        // A client that has gone is told nothing.
        let _ = self.answer.send(answer);
    }
}
