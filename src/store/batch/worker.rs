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

use super::{pending::Pending, writers::Writers};
use crate::{
    api::tasks::TaskError,
    auth::User,
    store::{
        connection::{BatchError, Batchable, Connection},
        engine::shard_of,
        error::Access,
        requests::Outcome,
    },
    telemetry::{metrics, traces},
};

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
    /// Reads that were in a batch which failed, each to be run alone.
    alone: VecDeque<Pending<R>>,
    free: Vec<Connection>,
    running: FuturesUnordered<BoxFuture<'static, Finished<R>>>,
    last_start: Instant,
    /// The users whose tasks running batches write, also those of other queues.
    writers: Writers,
    metrics: metrics::QueueMetrics,
}

/// A batch that has run.
struct Finished<R: Batchable> {
    connection: Connection,
    /// The users whose tasks it wrote.
    writers: HashSet<User>,
    /// Members that may succeed alone.
    alone: Vec<Pending<R>>,
}

impl<R: Batchable> Worker<R> {
    pub(super) fn new(
        receiver: mpsc::Receiver<Pending<R>>,
        connections: Vec<Connection>,
        closing: watch::Receiver<bool>,
        writers: Writers,
        metrics: metrics::QueueMetrics,
    ) -> Self {
        Self {
            receiver,
            closing,
            waiting: VecDeque::new(),
            alone: VecDeque::new(),
            free: connections,
            running: FuturesUnordered::new(),
            last_start: Instant::now(),
            writers,
            metrics,
        }
    }

    /// Runs until the queue is dropped or closing; requests that wait then are still
    /// run.
    pub(super) async fn run(mut self) {
        while self.running.len() + self.waiting.len() + self.alone.len() > 0
            || self.wait_for_first().await
        {
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
                Some(finished) = self.running.next() => {
                    self.free.push(finished.connection);
                    self.alone.extend(finished.alone);
                    self.writers.remove(&finished.writers);
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
                    received = self.receiver.recv_many(&mut first, R::BATCH_SIZE) => return received,
                    _ = self.closing.wait_for(|closing| *closing) => {}
                }
                self.receiver.close();
                self.receiver.recv_many(&mut first, R::BATCH_SIZE).await
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
        let may_start = waiting > 0 && (!is_held_back || waiting >= R::BATCH_SIZE);
        !self.free.is_empty() && (may_start || !self.alone.is_empty())
    }

    /// Starts a batch of what waits; false where all of that must wait on for batches of the
    /// same users.
    fn start(&mut self) -> bool {
        while self.waiting.len() < 2 * R::BATCH_SIZE
            && let Ok(pending) = self.receiver.try_recv()
        {
            self.waiting.push_back(pending);
        }
        let Some(mut connection) = self.free.pop() else {
            return false;
        };
        let (batch, writers) = match self.alone.pop_front() {
            Some(alone) => (vec![alone], HashSet::new()),
            None => self.take_batch(connection.shards()),
        };
        if batch.is_empty() {
            self.free.push(connection);
            return false;
        }
        self.metrics.batch(batch.len());
        for pending in &batch {
            traces::sent(&pending.span, batch.len());
        }
        self.last_start = Instant::now();
        self.running.push(Box::pin(async move {
            let run = AssertUnwindSafe(run(batch, &mut connection)).catch_unwind();
            // The members learn of it by the loss of their replies; the panic hook has
            // logged what and where.
            let alone = run.await.unwrap_or_else(|_| {
                connection.abandon();
                Vec::new()
            });
            Finished {
                connection,
                writers,
                alone,
            }
        }));
        true
    }

    /// The members of the next batch, and the users whose tasks they write, who are in one of
    /// `shards`.
    fn take_batch(&mut self, shards: u32) -> (Vec<Pending<R>>, HashSet<User>) {
        let waiting = std::mem::take(&mut self.waiting);
        let ((batch, later), writers) = self.writers.add(|busy| {
            let (mut batch, mut later) = (Vec::new(), VecDeque::new());
            let mut writers = HashSet::new();
            // Places that an earlier request waits for are taken as well: order is kept.
            let mut taken = HashSet::new();
            let mut batch_shard = None;
            for pending in waiting {
                let writer = pending.request.writer().cloned();
                let place = writer.clone().zip(pending.request.place());
                let is_free = place.is_none_or(|place| taken.insert(place))
                    && !writer.as_ref().is_some_and(|writer| busy.contains(writer));
                if is_free
                    && batch.len() < R::BATCH_SIZE
                    && is_of_shard(&mut batch_shard, writer.as_ref(), shards)
                {
                    writers.extend(writer);
                    batch.push(pending);
                } else {
                    later.push_back(pending);
                }
            }
            ((batch, later), writers)
        });
        self.waiting = later;
        self.metrics.dequeued(batch.len());
        (batch, writers)
    }
}

/// Whether `writer` is in the shard of the batch, which the first one decides. Reads have none.
fn is_of_shard(batch: &mut Option<u32>, writer: Option<&User>, shards: u32) -> bool {
    let Some(writer) = writer.filter(|_| shards > 1) else {
        return true;
    };
    let shard = shard_of(writer.subject(), shards);
    *batch.get_or_insert(shard) == shard
}

/// Runs a batch, and members of it alone where it could not be run for all: no member
/// pays for another one's fault. Writes follow at once, so that writes to one row keep
/// their order. Reads are returned: one that is slow again should not delay the others,
/// which any connection may run.
async fn run<R: Batchable>(batch: Vec<Pending<R>>, connection: &mut Connection) -> Vec<Pending<R>> {
    let alone = run_once(batch, connection).await;
    for pending in &alone {
        pending.reply.mark_waiting();
    }
    if R::ACCESS == Access::Read {
        return alone;
    }
    for pending in alone {
        for pending in run_once(vec![pending], connection).await {
            let cause = "a batch of one has no outcome";
            let error = TaskError::Internal(cause.to_owned());
            pending.reply.send(Err(error));
        }
    }
    Vec::new()
}

/// Runs a batch, and returns the members that may succeed alone.
async fn run_once<R: Batchable>(
    mut members: Vec<Pending<R>>,
    connection: &mut Connection,
) -> Vec<Pending<R>> {
    members.retain(|member| member.reply.mark_sent());
    if members.is_empty() {
        return members;
    }
    let (requests, replies): (Vec<_>, Vec<_>) = members
        .into_iter()
        .map(|member| (member.request, (member.reply, member.span)))
        .unzip();
    let outcomes = send(&requests, connection).await;
    let members = requests.into_iter().zip(replies);
    let mut alone = Vec::new();
    let mut retry = |request, (reply, span)| {
        alone.push(Pending {
            request,
            reply,
            span,
        });
    };
    match outcomes {
        Ok(outcomes) => {
            for ((request, member), outcome) in members.zip(outcomes) {
                match outcome {
                    Outcome::Done(response) => member.0.send(Ok(response)),
                    Outcome::Refused(error) => member.0.send(Err(error)),
                    Outcome::RetryAlone => retry(request, member),
                }
            }
        }
        Err(error) if members.len() > 1 && error.concerns_one_member(R::ACCESS) => {
            members.for_each(|(request, member)| retry(request, member));
        }
        Err(error) => {
            members.for_each(|(_, member)| member.0.send(Err(error.explain(R::ACCESS))));
        }
    }
    alone
}

/// Sends a batch to the database. Reads whose connection broke, and what has a plan that is
/// out of date, are sent once more on a new one: a restart of the server, and a changed
/// column, go unnoticed. So is a request of which the cause of the failure was removed.
async fn send<R: Batchable>(
    batch: &[R],
    connection: &mut Connection,
) -> Result<Vec<Outcome<R::Response>>, BatchError> {
    match connection.run(batch).await {
        Err(BatchError::Failed(failure))
            if R::ACCESS.may_repeat(&failure) || connection.heal(batch, &failure).await =>
        {
            connection.run(batch).await
        }
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::user;

    #[tokio::test]
    async fn a_batch_is_of_the_shard_of_its_first_writer() {
        let (ana, eve) = (user("ana").await, user("user 12").await);
        let shards = 4;
        assert_ne!(
            shard_of(ana.subject(), shards),
            shard_of(eve.subject(), shards)
        );
        let mut batch = None;

        assert!(is_of_shard(&mut batch, None, shards), "a read");
        assert!(is_of_shard(&mut batch, Some(&ana), shards));
        assert!(!is_of_shard(&mut batch, Some(&eve), shards));
        assert!(is_of_shard(&mut batch, Some(&ana), shards));
        let mut batch = None;
        assert!(
            [&ana, &eve]
                .iter()
                .all(|one| is_of_shard(&mut batch, Some(one), 1))
        );
    }
}
