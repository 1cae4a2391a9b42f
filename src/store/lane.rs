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

use std::{
    collections::{HashSet, VecDeque},
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use sea_orm::DbErr;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
    time::{Instant, sleep_until, timeout, timeout_at},
};

use super::{
    DatabaseKind, TIME_LIMIT,
    error::{Work, is_fault_of_one},
    link::{Broken, Link},
};
use crate::api::tasks::TaskError;

/// The most requests in one statement: beyond it a larger batch gains nothing,
/// and its members wait for one another.
const BATCH: usize = 128;
/// The most requests that wait. At a thousand batches a second it is emptied
/// long before their time is up; more than that would wait in vain.
const QUEUE: usize = 2048;
/// How long a batch keeps the others waiting before one of them may go beside it.
const PATIENCE: Duration = Duration::from_millis(3);
/// A connection that nobody needed for so long is returned, so that a server
/// that sleeps when idle may.
const IDLE: Duration = Duration::from_mins(4);

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
}

struct Ticket<R: Request> {
    request: R,
    reply: Reply<R::Answer>,
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
    pub fn open(links: Vec<Link>, closing: watch::Receiver<bool>) -> (Self, JoinHandle<()>) {
        let (queue, queued) = mpsc::channel(QUEUE);
        let worker = Worker {
            queue: queued,
            closing,
            waiting: VecDeque::new(),
            free: links,
            running: FuturesUnordered::new(),
            youngest: Instant::now(),
            rows: HashSet::new(),
        };
        (Self { queue }, tokio::spawn(worker.work()))
    }

    /// Waits for the answer, at most [`TIME_LIMIT`].
    pub async fn ask(&self, request: R) -> Result<R::Answer, TaskError> {
        let deadline = Instant::now() + TIME_LIMIT;
        let stage = Arc::new(AtomicU8::new(WAITING));
        let (answer, answered) = oneshot::channel();
        let reply = Reply {
            answer,
            stage: Arc::clone(&stage),
        };
        let ticket = Ticket { request, reply };
        self.queue.try_send(ticket).map_err(|refused| {
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

struct Worker<R: Request> {
    queue: mpsc::Receiver<Ticket<R>>,
    closing: watch::Receiver<bool>,
    /// What has left the queue, in its order.
    waiting: VecDeque<Ticket<R>>,
    free: Vec<Link>,
    running: FuturesUnordered<BoxFuture<'static, Done>>,
    /// When the last batch began.
    youngest: Instant,
    /// What the batches under way write.
    rows: HashSet<i64>,
}

/// A batch that was carried out: its connection, and what it wrote.
type Done = (Link, Vec<i64>);

impl<R: Request> Worker<R> {
    async fn work(mut self) {
        while self.running.len() + self.waiting.len() > 0 || self.wait_for_first().await {
            while self.may_begin() {
                if !self.begin() {
                    break;
                }
            }
            // Requests that come meanwhile are left in the queue: to be woken by
            // each of them would cost more than it gains.
            let patience = self.youngest + PATIENCE;
            tokio::select! {
                biased;
                Some((link, rows)) = self.running.next() => {
                    self.free.push(link);
                    for row in rows {
                        self.rows.remove(&row);
                    }
                }
                () = sleep_until(patience.max(Instant::now() + PATIENCE / 2)), if !self.free.is_empty() => {}
            }
        }
        for link in &mut self.free {
            link.close().await;
        }
    }

    /// Waits until there is something to do; false at the end.
    async fn wait_for_first(&mut self) -> bool {
        let mut first = Vec::new();
        loop {
            let received = async {
                tokio::select! {
                    biased;
                    received = self.queue.recv_many(&mut first, BATCH) => return received,
                    _ = self.closing.wait_for(|closing| *closing) => {}
                }
                self.queue.close();
                self.queue.recv_many(&mut first, BATCH).await
            };
            match timeout(IDLE, received).await {
                Ok(received) => {
                    self.waiting.extend(first);
                    return received > 0;
                }
                Err(_) => {
                    for link in &mut self.free {
                        link.close().await;
                    }
                }
            }
        }
    }

    fn may_begin(&self) -> bool {
        let waiting = self.waiting.len() + self.queue.len();
        let held_up = self.running.is_empty() || self.youngest.elapsed() >= PATIENCE;
        !self.free.is_empty() && waiting > 0 && (held_up || waiting >= BATCH)
    }

    /// Begins a batch of what waits; false where all of that must wait on for a
    /// row that is being written.
    fn begin(&mut self) -> bool {
        while self.waiting.len() < 2 * BATCH
            && let Ok(ticket) = self.queue.try_recv()
        {
            self.waiting.push_back(ticket);
        }
        let Some(mut link) = self.free.pop() else {
            return false;
        };
        let mut batch = Vec::new();
        let mut rows = Vec::new();
        // Also rows that an earlier one waits for: the order is kept.
        let mut taken = self.rows.clone();
        let mut later = VecDeque::new();
        for ticket in self.waiting.drain(..) {
            let row = ticket.request.row(link.kind());
            let free = row.is_none_or(|row| taken.insert(row));
            if free && batch.len() < BATCH {
                rows.extend(row);
                batch.push(ticket);
            } else {
                later.push_back(ticket);
            }
        }
        self.waiting = later;
        if batch.is_empty() {
            self.free.push(link);
            return false;
        }
        self.rows.extend(&rows);
        self.youngest = Instant::now();
        self.running.push(Box::pin(async move {
            let carried_out = AssertUnwindSafe(carry_out(batch, &mut link)).catch_unwind();
            // Whoever was in it is told by the loss of its reply; the hook of
            // `telemetry` has logged what and where.
            if carried_out.await.is_err() {
                link.drop_connection();
            }
            (link, rows)
        }));
        true
    }
}

async fn carry_out<R: Request>(batch: Vec<Ticket<R>>, link: &mut Link) {
    let sent = batch.into_iter().filter(|ticket| ticket.reply.send_off());
    let (requests, replies): (Vec<_>, Vec<_>) = sent
        .map(|Ticket { request, reply }| (request, reply))
        .unzip();
    if requests.is_empty() {
        return;
    }
    let mut alone = Vec::new();
    match run(&requests, link).await {
        Ok(outcomes) => {
            let members = requests.into_iter().zip(replies).zip(outcomes);
            for ((request, reply), outcome) in members {
                match outcome {
                    Outcome::Done(answer) => reply.give(Ok(answer)),
                    Outcome::Refused(error) => reply.give(Err(error)),
                    Outcome::Alone => alone.push((request, reply)),
                }
            }
        }
        Err(Broken::Failed(error)) if requests.len() > 1 && is_fault_of_one(&error) => {
            alone.extend(requests.into_iter().zip(replies));
        }
        Err(broken) => {
            for reply in replies {
                reply.give(Err(broken.explain(R::WORK)));
            }
        }
    }
    for (request, reply) in alone {
        reply.take_back();
        carry_out_alone(request, reply, link).await;
    }
}

/// One request as a batch of its own, so that it pays for no one's fault but
/// its own.
async fn carry_out_alone<R: Request>(request: R, reply: Reply<R::Answer>, link: &mut Link) {
    if !reply.send_off() {
        return;
    }
    let answer = match run(std::slice::from_ref(&request), link).await {
        Ok(outcomes) => match outcomes.into_iter().next() {
            Some(Outcome::Done(answer)) => Ok(answer),
            Some(Outcome::Refused(error)) => Err(error),
            Some(Outcome::Alone) | None => Err(TaskError::Internal(
                "a batch of one had no answer".to_owned(),
            )),
        },
        Err(broken) => Err(broken.explain(R::WORK)),
    };
    reply.give(answer);
}

/// Runs a batch. A read whose connection broke is run once more on a new one:
/// a restart of the server goes unnoticed.
async fn run<R: Request>(batch: &[R], link: &mut Link) -> Result<Vec<Outcome<R::Answer>>, Broken> {
    let first = link.run(async |link| R::run(batch, link).await).await;
    match first {
        Err(Broken::Failed(error)) if R::WORK.may_repeat(&error) => {
            link.run(async |link| R::run(batch, link).await).await
        }
        done => done,
    }
}

impl Broken {
    /// What to say to each member of a batch without answers.
    fn explain(&self, work: Work) -> TaskError {
        match self {
            Self::NotConnected(error) => Work::Read.failed(error),
            Self::Failed(error) => work.failed(error),
            Self::Silent => work.broken_off("no answer within the time limit"),
        }
    }
}
