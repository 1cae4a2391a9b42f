//! The other end of a lane's queue: makes batches of what waits, and carries them
//! out on the lane's connections.

use std::{
    collections::{HashSet, VecDeque},
    panic::AssertUnwindSafe,
    time::Duration,
};

use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep_until, timeout},
};

use super::{Outcome, Reply, Request, Ticket};
use crate::{
    api::tasks::TaskError,
    store::{
        connection::{Broken, Link},
        error::{Work, is_fault_of_one},
    },
    telemetry::{metrics, traces},
};

/// The most requests in one statement: beyond it a larger batch gains nothing,
/// and its members wait for one another.
const BATCH: usize = 128;
/// How long a batch keeps the others waiting before one of them may go beside it.
const PATIENCE: Duration = Duration::from_millis(3);
/// A connection that nobody needed for so long is returned, so that a server
/// that sleeps when idle may.
const IDLE: Duration = Duration::from_mins(4);

/// Takes what waits in a lane's queue, a batch at a time.
pub(super) struct Worker<R: Request> {
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
    measured: metrics::Lane,
}

/// A batch that was carried out: its connection, and what it wrote.
type Done = (Link, Vec<i64>);

impl<R: Request> Worker<R> {
    pub(super) fn new(
        queue: mpsc::Receiver<Ticket<R>>,
        links: Vec<Link>,
        closing: watch::Receiver<bool>,
        measured: metrics::Lane,
    ) -> Self {
        Self {
            queue,
            closing,
            waiting: VecDeque::new(),
            free: links,
            running: FuturesUnordered::new(),
            youngest: Instant::now(),
            rows: HashSet::new(),
            measured,
        }
    }

    /// Until the lane is dropped, or closing; what waits then is still carried out.
    pub(super) async fn work(mut self) {
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
        self.measured.left(batch.len());
        self.measured.batch(batch.len());
        for ticket in &batch {
            traces::sent(&ticket.span, batch.len());
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
    let (requests, replies): (Vec<_>, Vec<_>) =
        sent.map(|ticket| (ticket.request, ticket.reply)).unzip();
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
