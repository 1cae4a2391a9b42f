//! The other end of a batch queue: makes batches of what waits and runs them on the
//! queue's connections.

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

use super::pending::{Pending, Reply};
use crate::{
    api::tasks::TaskError,
    store::{
        connection::{BatchError, Batchable, Connection},
        requests::Outcome,
    },
    telemetry::{metrics, traces},
};

/// The most requests in one batch: beyond it a larger batch gains nothing, and its
/// members wait for one another.
const BATCH_SIZE: usize = 128;
/// How long a batch holds back the next one, which then runs beside it.
const HOLD_BACK: Duration = Duration::from_millis(3);
/// Connections are closed after so long without a request, so that a server that
/// scales to zero may.
const IDLE_TIMEOUT: Duration = Duration::from_mins(4);

/// Takes what waits in a queue, a batch at a time.
pub(super) struct Worker<R: Batchable> {
    receiver: mpsc::Receiver<Pending<R>>,
    closing: watch::Receiver<bool>,
    /// Requests that have left the channel, in their order.
    waiting: VecDeque<Pending<R>>,
    free: Vec<Connection>,
    running: FuturesUnordered<BoxFuture<'static, Finished>>,
    last_start: Instant,
    /// The rows that running batches write.
    rows: HashSet<i64>,
    metrics: metrics::QueueMetrics,
}

/// A batch that has run: its connection, and the rows that it wrote.
type Finished = (Connection, Vec<i64>);

impl<R: Batchable> Worker<R> {
    pub(super) fn new(
        receiver: mpsc::Receiver<Pending<R>>,
        connections: Vec<Connection>,
        closing: watch::Receiver<bool>,
        metrics: metrics::QueueMetrics,
    ) -> Self {
        Self {
            receiver,
            closing,
            waiting: VecDeque::new(),
            free: connections,
            running: FuturesUnordered::new(),
            last_start: Instant::now(),
            rows: HashSet::new(),
            metrics,
        }
    }

    /// Runs until the queue is dropped or closing; requests that wait then are still
    /// run.
    pub(super) async fn run(mut self) {
        while self.running.len() + self.waiting.len() > 0 || self.wait_for_first().await {
            while self.may_start() {
                if !self.start() {
                    break;
                }
            }
            // Requests that arrive meanwhile are left in the channel: a wake-up for
            // each of them would cost more than it gains.
            let held_back = self.last_start + HOLD_BACK;
            tokio::select! {
                biased;
                Some((connection, rows)) = self.running.next() => {
                    self.free.push(connection);
                    for row in rows {
                        self.rows.remove(&row);
                    }
                }
                () = sleep_until(held_back.max(Instant::now() + HOLD_BACK / 2)), if !self.free.is_empty() => {}
            }
        }
        self.close_connections().await;
    }

    /// Waits for a request; false at the end.
    async fn wait_for_first(&mut self) -> bool {
        let mut first = Vec::new();
        loop {
            let received = async {
                tokio::select! {
                    biased;
                    received = self.receiver.recv_many(&mut first, BATCH_SIZE) => return received,
                    _ = self.closing.wait_for(|closing| *closing) => {}
                }
                self.receiver.close();
                self.receiver.recv_many(&mut first, BATCH_SIZE).await
            };
            if let Ok(received) = timeout(IDLE_TIMEOUT, received).await {
                self.waiting.extend(first);
                return received > 0;
            }
            self.close_connections().await;
        }
    }

    async fn close_connections(&mut self) {
        for connection in &mut self.free {
            connection.close().await;
        }
    }

    fn may_start(&self) -> bool {
        let waiting = self.waiting.len() + self.receiver.len();
        let is_held_back = !self.running.is_empty() && self.last_start.elapsed() < HOLD_BACK;
        !self.free.is_empty() && waiting > 0 && (!is_held_back || waiting >= BATCH_SIZE)
    }

    /// Starts a batch of what waits; false where all of that must wait on for a row
    /// that is being written.
    fn start(&mut self) -> bool {
        while self.waiting.len() < 2 * BATCH_SIZE
            && let Ok(pending) = self.receiver.try_recv()
        {
            self.waiting.push_back(pending);
        }
        let Some(mut connection) = self.free.pop() else {
            return false;
        };
        let (batch, rows) = self.take_batch();
        if batch.is_empty() {
            self.free.push(connection);
            return false;
        }
        self.metrics.dequeued(batch.len());
        self.metrics.batch(batch.len());
        for pending in &batch {
            traces::sent(&pending.span, batch.len());
        }
        self.rows.extend(&rows);
        self.last_start = Instant::now();
        self.running.push(Box::pin(async move {
            let run = AssertUnwindSafe(run(batch, &mut connection)).catch_unwind();
            // The members learn of it by the loss of their replies; the panic hook has
            // logged what and where.
            if run.await.is_err() {
                connection.abandon();
            }
            (connection, rows)
        }));
        true
    }

    /// The members of the next batch, and the rows that they write.
    fn take_batch(&mut self) -> (Vec<Pending<R>>, Vec<i64>) {
        let mut batch = Vec::new();
        let mut rows = Vec::new();
        // Rows that an earlier request waits for are taken as well: order is kept.
        let mut taken = self.rows.clone();
        let mut later = VecDeque::new();
        for pending in self.waiting.drain(..) {
            let row = pending.request.row();
            let is_free = row.is_none_or(|row| taken.insert(row));
            if is_free && batch.len() < BATCH_SIZE {
                rows.extend(row);
                batch.push(pending);
            } else {
                later.push_back(pending);
            }
        }
        self.waiting = later;
        (batch, rows)
    }
}

/// Runs a batch, and members of it alone where it could not be run for all: no member
/// pays for another one's fault.
async fn run<R: Batchable>(batch: Vec<Pending<R>>, connection: &mut Connection) {
    let members = batch
        .into_iter()
        .map(|member| (member.request, member.reply));
    for (request, reply) in run_once(members.collect(), connection).await {
        reply.mark_waiting();
        for (_, reply) in run_once(vec![(request, reply)], connection).await {
            let cause = "a batch of one has no outcome";
            reply.send(Err(TaskError::Internal(cause.to_owned())));
        }
    }
}

/// Runs a batch, and returns the members that may succeed alone.
async fn run_once<R: Batchable>(
    mut members: Vec<(R, Reply<R::Response>)>,
    connection: &mut Connection,
) -> Vec<(R, Reply<R::Response>)> {
    members.retain(|(_, reply)| reply.mark_sent());
    if members.is_empty() {
        return members;
    }
    let (requests, replies): (Vec<_>, Vec<_>) = members.into_iter().unzip();
    let outcomes = send(&requests, connection).await;
    let members = requests.into_iter().zip(replies);
    match outcomes {
        Ok(outcomes) => {
            let mut alone = Vec::new();
            for ((request, reply), outcome) in members.zip(outcomes) {
                match outcome {
                    Outcome::Done(response) => reply.send(Ok(response)),
                    Outcome::Refused(error) => reply.send(Err(error)),
                    Outcome::RetryAlone => alone.push((request, reply)),
                }
            }
            alone
        }
        Err(BatchError::Failed(failure)) if members.len() > 1 && failure.concerns_one_member() => {
            members.collect()
        }
        Err(error) => {
            members.for_each(|(_, reply)| reply.send(Err(error.explain(R::ACCESS))));
            Vec::new()
        }
    }
}

/// Sends a batch to the database. Reads whose connection broke are sent once more on
/// a new one: a restart of the server goes unnoticed.
async fn send<R: Batchable>(
    batch: &[R],
    connection: &mut Connection,
) -> Result<Vec<Outcome<R::Response>>, BatchError> {
    match connection.run(batch).await {
        Err(BatchError::Failed(failure)) if R::ACCESS.may_repeat(&failure) => {
            connection.run(batch).await
        }
        done => done,
    }
}
