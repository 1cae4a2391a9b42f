//! Connection timeouts, and the socket that reports progress to them. Nothing here
//! knows HTTP: the server marks where a request begins and ends, and bytes read and
//! written say the rest.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, sleep_until},
};

/// How long a client may take to send the head of a request: from its first byte,
/// and on a new connection from the accept.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection is kept without a request in progress and without a write.
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);
/// How long a client may accept no byte of a response.
const STALL_TIMEOUT: Duration = Duration::from_secs(20);

struct State {
    in_flight: usize,
    /// The head of a request is expected or incomplete.
    in_head: bool,
    /// HTTP/2 sends frames of its own between requests: a byte begins no head.
    multiplexed: bool,
    deadline: Instant,
    /// When the client stopped accepting bytes.
    stalled: Option<Instant>,
}

impl State {
    /// All responses are made, and no byte of a further request has arrived.
    fn is_idle(&self) -> bool {
        self.in_flight == 0 && !self.in_head
    }
}

/// Timeout state of one connection; clones share it.
#[derive(Clone)]
pub struct ConnectionTimer(Arc<Mutex<State>>);

/// Which kind of timeout a connection reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expired {
    /// No request was in progress: the connection can be closed gracefully.
    Idle,
    /// The client was too slow: nothing more would reach it.
    Stuck,
}

impl ConnectionTimer {
    /// Starts the timer of a new connection.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            in_flight: 0,
            in_head: true,
            multiplexed: false,
            deadline: Instant::now() + HEAD_TIMEOUT,
            stalled: None,
        })))
    }

    /// Marks a request as in progress until the returned guard is dropped.
    pub fn begin_request(&self, multiplexed: bool) -> InFlight {
        let mut state = self.0.lock();
        state.in_flight += 1;
        state.in_head = false;
        state.multiplexed = multiplexed;
        state.deadline = Instant::now() + IDLE_TIMEOUT;
        InFlight(self.clone())
    }

    fn on_read(&self) {
        let mut state = self.0.lock();
        if state.is_idle() && !state.multiplexed {
            state.in_head = true;
            state.deadline = Instant::now() + HEAD_TIMEOUT;
        }
    }

    fn on_write(&self) {
        let mut state = self.0.lock();
        state.stalled = None;
        if !state.in_head {
            state.deadline = Instant::now() + IDLE_TIMEOUT;
        }
    }

    fn on_blocked_write(&self) {
        self.0.lock().stalled.get_or_insert_with(Instant::now);
    }

    fn deadline(&self) -> (Instant, Expired) {
        let state = self.0.lock();
        match state.stalled.map(|since| since + STALL_TIMEOUT) {
            Some(stall) if stall < state.deadline => (stall, Expired::Stuck),
            _ if state.is_idle() => (state.deadline, Expired::Idle),
            _ => (state.deadline, Expired::Stuck),
        }
    }

    /// Resolves at the deadline. Events that bring the deadline forward happen in the
    /// connection's own task. That task must be the one that polls this future: the
    /// deadline is only read again when polled.
    pub fn expired(&self) -> impl Future<Output = Expired> {
        let mut sleep = Box::pin(sleep_until(self.deadline().0));
        std::future::poll_fn(move |context| {
            loop {
                let (deadline, expired) = self.deadline();
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

/// Guard of a request in progress.
pub struct InFlight(ConnectionTimer);

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut state = self.0.0.lock();
        state.in_flight -= 1;
        if state.in_flight == 0 {
            state.deadline = Instant::now() + IDLE_TIMEOUT;
        }
    }
}

/// A socket that reports reads and writes to its [`ConnectionTimer`]. A stalled
/// connection is reset on drop: otherwise the kernel would keep retransmitting what
/// is left in its send buffer.
pub struct TimedStream {
    /// The socket.
    pub stream: TcpStream,
    /// What it reports to.
    pub timer: ConnectionTimer,
}

impl Drop for TimedStream {
    fn drop(&mut self) {
        if self.timer.0.lock().stalled.is_some() {
            // It fails on a socket that is closed already: nothing is left to reset.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for TimedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        if buffer.filled().len() > before {
            self.timer.on_read();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for TimedStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(buffer)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, buffers);
        match &written {
            Poll::Ready(_) => self.timer.on_write(),
            Poll::Pending => self.timer.on_blocked_write(),
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{advance, timeout};

    use super::*;

    /// Time from now until the timer expires, and how it expires.
    async fn end(timer: &ConnectionTimer) -> (Duration, Expired) {
        let now = Instant::now();
        let expired = timeout(Duration::from_hours(1), timer.expired()).await;
        (now.elapsed(), expired.unwrap())
    }

    /// The timer has a resolution of about a millisecond.
    #[track_caller]
    fn assert_end((after, how): (Duration, Expired), limit: Duration, expected: Expired) {
        assert!(
            after >= limit && after < limit + Duration::from_millis(5),
            "{after:?}"
        );
        assert_eq!(how, expected);
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_connection_has_the_head_timeout() {
        assert_end(
            end(&ConnectionTimer::new()).await,
            HEAD_TIMEOUT,
            Expired::Stuck,
        );
    }

    #[tokio::test(start_paused = true)]
    async fn dripped_bytes_do_not_extend_the_head_timeout() {
        let timer = ConnectionTimer::new();
        advance(Duration::from_secs(9)).await;
        timer.on_read();
        assert_end(end(&timer).await, Duration::from_secs(1), Expired::Stuck);
    }

    #[tokio::test(start_paused = true)]
    async fn between_requests_a_connection_is_idle_until_a_byte_arrives() {
        let timer = ConnectionTimer::new();
        drop(timer.begin_request(false));
        assert_end(end(&timer).await, IDLE_TIMEOUT, Expired::Idle);

        let timer = ConnectionTimer::new();
        drop(timer.begin_request(false));
        timer.on_read();
        assert_end(end(&timer).await, HEAD_TIMEOUT, Expired::Stuck);
    }

    #[tokio::test(start_paused = true)]
    async fn a_byte_that_arrives_while_waiting_brings_the_deadline_forward() {
        let timer = ConnectionTimer::new();
        drop(timer.begin_request(false));
        let mut expired = Box::pin(timer.expired());
        assert!(timeout(Duration::from_secs(5), &mut expired).await.is_err());
        timer.on_read();
        let now = Instant::now();
        assert_eq!(expired.await, Expired::Stuck);
        assert!(now.elapsed() < HEAD_TIMEOUT + Duration::from_millis(5));
    }

    #[tokio::test(start_paused = true)]
    async fn http_2_frames_between_requests_begin_no_head() {
        let timer = ConnectionTimer::new();
        drop(timer.begin_request(true));
        timer.on_read();
        assert_end(end(&timer).await, IDLE_TIMEOUT, Expired::Idle);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_body_does_not_start_the_head_timeout() {
        let timer = ConnectionTimer::new();
        let _request = timer.begin_request(false);
        timer.on_read();
        assert_end(end(&timer).await, IDLE_TIMEOUT, Expired::Stuck);
    }

    #[tokio::test(start_paused = true)]
    async fn one_of_two_requests_keeps_the_connection_busy() {
        let timer = ConnectionTimer::new();
        let (first, _second) = (timer.begin_request(true), timer.begin_request(true));
        drop(first);
        assert_end(end(&timer).await, IDLE_TIMEOUT, Expired::Stuck);
    }

    #[tokio::test(start_paused = true)]
    async fn writes_extend_the_deadline_and_blocked_writes_start_the_stall_timeout() {
        let timer = ConnectionTimer::new();
        drop(timer.begin_request(false));
        advance(Duration::from_secs(50)).await;
        timer.on_write();
        advance(Duration::from_secs(50)).await;
        timer.on_blocked_write();
        advance(Duration::from_secs(1)).await;
        timer.on_blocked_write();
        // The stall counts from the first blocked write; the idle timeout is sooner.
        assert_end(end(&timer).await, Duration::from_secs(9), Expired::Idle);

        timer.on_write();
        timer.on_blocked_write();
        assert_end(end(&timer).await, STALL_TIMEOUT, Expired::Stuck);
    }
}
