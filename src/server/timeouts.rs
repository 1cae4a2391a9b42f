//! Connection timeouts. Nothing here knows HTTP: the server marks where a request begins,
//! its response reports the bytes that the client takes, and the socket reports reads and
//! writes.
//!
//! A request is in progress until the last byte of its response has left for the socket.
//! Only these bytes extend its deadline. HTTP/2 frames that move no byte of a body (PING,
//! SETTINGS, a window for another stream) extend nothing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Poll, Waker, ready},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};

/// How long a client may take to send the head of a request: from its first byte,
/// and on a new connection from the accept.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a client may take no byte of a response that is ready.
const STALL_TIMEOUT: Duration = Duration::from_secs(20);
/// What one byte of a response that the client takes adds to its deadline, up to
/// [`STALL_TIMEOUT`]: 512 bytes a second are enough, one byte a second is not.
const TIME_PER_BYTE: Duration = Duration::from_millis(2);
/// How long a request may wait for its handler. Each part of the handler has a shorter
/// timeout of its own.
const HANDLER_TIMEOUT: Duration = Duration::from_mins(1);
/// How long a graceful close may take once no request is in progress.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// How long the other requests of an HTTP/2 connection may take once one is stuck.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

/// A request in progress.
struct Exchange {
    id: u64,
    /// The request, and the parts of its response that are not taken yet.
    holders: usize,
    /// Part of a response is ready: the client has to take it.
    is_clients_turn: bool,
    deadline: Instant,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    /// Room is needed: as if the idle timeout had expired.
    Evicted,
    /// The connection is closed once no request is in progress.
    Closing,
    /// A request is stuck: the others may take until then.
    Draining(Instant),
}

struct State {
    keep_alive: Duration,
    exchanges: Vec<Exchange>,
    next_id: u64,
    /// The head of a request is expected or incomplete.
    in_head: bool,
    /// HTTP/2 sends frames of its own between requests: a byte begins no head.
    multiplexed: bool,
    /// End of the timeout that applies while no request is in progress.
    deadline: Instant,
    /// Since when no request is in progress.
    idle_since: Instant,
    /// When the client stopped accepting bytes.
    stalled: Option<Instant>,
    phase: Phase,
    waker: Option<Waker>,
}

impl State {
    /// No request is in progress, and no byte of a further one has arrived.
    fn is_idle(&self) -> bool {
        self.exchanges.is_empty() && !self.in_head
    }

    fn is_closing(&self) -> bool {
        matches!(self.phase, Phase::Closing | Phase::Draining(_))
    }

    fn deadline(&self) -> (Instant, Expired) {
        let deadlines = || self.exchanges.iter().map(|exchange| exchange.deadline);
        let (deadline, expired) = match (self.phase, deadlines().min()) {
            (Phase::Evicted, None) => (self.deadline, Expired::Idle),
            (Phase::Open, None) if !self.in_head => (self.deadline, Expired::Idle),
            (_, None) => (self.deadline, Expired::Stuck),
            // The last of the requests that still progress.
            (Phase::Draining(end), Some(first)) => {
                let last = deadlines().max().unwrap_or(first);
                (last.min(end), Expired::Stuck)
            }
            (_, Some(first)) if self.multiplexed => (first, Expired::StuckRequest),
            (_, Some(first)) => (first, Expired::Stuck),
        };
        match self.stalled.map(|since| since + STALL_TIMEOUT) {
            Some(stall) if stall < deadline => (stall, Expired::Stuck),
            _ => (deadline, expired),
        }
    }
}

struct Shared {
    state: Mutex<State>,
    /// The next read looks for bytes in the socket that nothing has reported yet.
    probe: AtomicBool,
}

/// Timeout state of one connection; clones share it.
#[derive(Clone)]
pub struct ConnectionTimer(Arc<Shared>);

/// Which kind of timeout a connection reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expired {
    /// No request was in progress: the connection can be closed gracefully.
    Idle,
    /// The client was too slow: nothing more would reach it.
    Stuck,
    /// One request of several on the connection is stuck.
    StuckRequest,
}

impl ConnectionTimer {
    /// Starts the timer of a new connection: how long the client may take to send the
    /// first head, and how long the connection is kept without a request.
    #[must_use]
    pub fn new(head_timeout: Duration, keep_alive: Duration) -> Self {
        let now = Instant::now();
        Self(Arc::new(Shared {
            state: Mutex::new(State {
                keep_alive,
                exchanges: Vec::new(),
                next_id: 0,
                in_head: true,
                multiplexed: false,
                deadline: now + head_timeout,
                idle_since: now,
                stalled: None,
                phase: Phase::Open,
                waker: None,
            }),
            probe: AtomicBool::new(false),
        }))
    }

    /// Marks a request as in progress until all clones of the returned guard are dropped.
    #[must_use]
    pub fn begin_request(&self, multiplexed: bool) -> InProgress {
        let mut state = self.0.state.lock();
        let id = state.next_id;
        state.next_id += 1;
        state.in_head = false;
        state.multiplexed = multiplexed;
        state.exchanges.push(Exchange {
            id,
            holders: 1,
            is_clients_turn: false,
            deadline: Instant::now() + HANDLER_TIMEOUT,
        });
        InProgress {
            timer: self.clone(),
            id,
        }
    }

    /// The connection is being closed: it ends shortly after the last request.
    pub fn close(&self) {
        self.enter(Phase::Closing);
    }

    /// [`ConnectionTimer::close`] because a request is stuck: its deadline counts no more.
    pub fn drain(&self) {
        self.enter(Phase::Draining(Instant::now() + DRAIN_TIMEOUT));
    }

    fn enter(&self, phase: Phase) {
        let mut state = self.0.state.lock();
        state.phase = phase;
        state.deadline = Instant::now() + CLOSE_TIMEOUT;
    }

    /// Since when no request is in progress; `None` while one is.
    #[must_use]
    pub fn idle_since(&self) -> Option<Instant> {
        let state = self.0.state.lock();
        state.exchanges.is_empty().then_some(state.idle_since)
    }

    /// Expires the connection as soon as no request is in progress.
    pub fn evict(&self) {
        let mut state = self.0.state.lock();
        if state.is_closing() {
            return;
        }
        state.phase = Phase::Evicted;
        if state.exchanges.is_empty() {
            state.deadline = Instant::now();
        }
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }

    /// Makes the next read of the socket look for bytes that have just arrived.
    pub fn probe(&self) {
        self.0.probe.store(true, Relaxed);
    }

    /// Whether [`ConnectionTimer::probe`] was called since the last call.
    pub fn take_probe(&self) -> bool {
        self.0.probe.load(Relaxed) && self.0.probe.swap(false, Relaxed)
    }

    /// Whether the connection is idle, and its time is over.
    #[must_use]
    pub fn is_expired_idle(&self) -> bool {
        let (deadline, expired) = self.0.state.lock().deadline();
        expired == Expired::Idle && deadline <= Instant::now()
    }

    /// Whether the client stopped accepting bytes.
    #[must_use]
    pub fn is_stalled(&self) -> bool {
        self.0.state.lock().stalled.is_some()
    }

    /// Whether the server closes the connection.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.0.state.lock().is_closing()
    }

    /// Bytes have arrived.
    pub fn on_read(&self) {
        let mut state = self.0.state.lock();
        if state.is_idle() && !state.multiplexed && !state.is_closing() {
            state.in_head = true;
            state.deadline = Instant::now() + HEAD_TIMEOUT;
        }
    }

    /// Bytes were found by a [`ConnectionTimer::probe`]: a request has just arrived. An
    /// HTTP/2 connection needs no grace: its close says which requests are not served.
    pub fn on_late_bytes(&self) {
        let mut state = self.0.state.lock();
        if state.exchanges.is_empty() && !state.multiplexed && !state.is_closing() {
            state.in_head = true;
            state.deadline = Instant::now() + HEAD_TIMEOUT;
        }
    }

    /// The socket accepted bytes.
    pub fn on_write(&self) {
        self.0.state.lock().stalled = None;
    }

    /// The socket accepts no bytes at present.
    pub fn on_blocked_write(&self) {
        let stalled = &mut self.0.state.lock().stalled;
        stalled.get_or_insert_with(Instant::now);
    }

    /// Resolves at the deadline. The task of the connection must poll it: the deadline is
    /// only read again when polled. Events that bring it forward happen in that task or
    /// wake it.
    pub fn expired(&self) -> impl Future<Output = Expired> {
        let mut sleep = Box::pin(sleep_until(self.0.state.lock().deadline().0));
        std::future::poll_fn(move |context| {
            loop {
                let (deadline, expired) = {
                    let mut state = self.0.state.lock();
                    if !(state.waker.as_ref()).is_some_and(|w| w.will_wake(context.waker())) {
                        state.waker = Some(context.waker().clone());
                    }
                    state.deadline()
                };
                // Resetting the timer on each request would be expensive. A later
                // deadline is noticed when the timer fires, about once a minute.
                if deadline < sleep.deadline() {
                    sleep.as_mut().reset(deadline);
                }
                ready!(sleep.as_mut().poll(context));
                if deadline <= Instant::now() {
                    return Poll::Ready(expired);
                }
                sleep.as_mut().reset(deadline);
            }
        })
    }
}

/// Guard of a request in progress, and of each part of its response. The request is in
/// progress until all of them are dropped.
pub struct InProgress {
    timer: ConnectionTimer,
    id: u64,
}

impl InProgress {
    /// Part of the response is ready: from now on the client has to take it.
    pub fn ready(&self) {
        self.set_turn(true);
    }

    /// The client took what was ready, and has to wait for more.
    pub fn waiting(&self) {
        self.set_turn(false);
    }

    fn set_turn(&self, clients: bool) {
        self.with(|exchange| {
            if exchange.is_clients_turn != clients {
                exchange.is_clients_turn = clients;
                let timeout = if clients {
                    STALL_TIMEOUT
                } else {
                    HANDLER_TIMEOUT
                };
                exchange.deadline = Instant::now() + timeout;
            }
        });
    }

    /// The client took so many bytes of the response.
    pub fn taken(&self, bytes: usize) {
        self.with(|exchange| {
            let more = TIME_PER_BYTE.saturating_mul(u32::try_from(bytes).unwrap_or(u32::MAX));
            let most = Instant::now() + STALL_TIMEOUT;
            // The bytes may leave after the handler was asked for the next ones.
            if exchange.is_clients_turn {
                exchange.deadline = (exchange.deadline + more).min(most);
            }
        });
    }

    fn with(&self, change: impl FnOnce(&mut Exchange)) {
        let mut state = self.timer.0.state.lock();
        let mut exchanges = state.exchanges.iter_mut();
        exchanges.find(|e| e.id == self.id).map(change);
    }
}

impl Clone for InProgress {
    fn clone(&self) -> Self {
        self.with(|exchange| exchange.holders += 1);
        Self {
            timer: self.timer.clone(),
            id: self.id,
        }
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        let mut state = self.timer.0.state.lock();
        let position = state.exchanges.iter().position(|e| e.id == self.id);
        let Some(position) = position else { return };
        state.exchanges[position].holders -= 1;
        if state.exchanges[position].holders > 0 {
            return;
        }
        state.exchanges.swap_remove(position);
        if state.exchanges.is_empty() {
            let now = Instant::now();
            state.idle_since = now;
            state.deadline = match state.phase {
                Phase::Open => now + state.keep_alive,
                Phase::Evicted => now,
                Phase::Closing | Phase::Draining(_) => now + CLOSE_TIMEOUT,
            };
        }
    }
}

#[cfg(test)]
mod tests;
