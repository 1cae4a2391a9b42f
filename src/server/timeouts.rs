//! How long a connection may take for what it does, and a socket that keeps
//! count of it. Nothing here knows HTTP: `server` says when a request begins and
//! ends, and what is read and written says the rest.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep_until},
};

/// How long a client may take to send the head of a request, from its first
/// byte; of a new connection, from its beginning.
pub const HEAD: Duration = Duration::from_secs(10);
/// How long a connection is kept on which no request is under way and nothing
/// is written.
pub const IDLE: Duration = Duration::from_mins(1);
/// How long a client may take no byte of an answer.
pub const STALL: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// A head is awaited, or a part of it is there.
    Head,
    /// A request is answered.
    Request,
    /// The last answer is made, and no byte of a further request is there.
    Idle,
}

struct State {
    phase: Phase,
    in_flight: usize,
    /// HTTP/2 has frames of its own between requests: a byte begins no head.
    multiplexed: bool,
    deadline: Instant,
    /// Since when the client takes nothing.
    stalled: Option<Instant>,
}

/// The patience with one connection; clones are of the same.
#[derive(Clone)]
pub struct Patience(Arc<Mutex<State>>);

/// How a connection's time ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expired {
    /// Nothing was asked for long enough: the client may be told.
    Idle,
    /// It took too long over something: nothing that is said would arrive.
    Stuck,
}

impl Patience {
    /// With a connection that begins.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            phase: Phase::Head,
            in_flight: 0,
            multiplexed: false,
            deadline: Instant::now() + HEAD,
            stalled: None,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request's head has arrived. It is under way until what this returns is
    /// dropped.
    pub fn request(&self, multiplexed: bool) -> InFlight {
        let mut state = self.state();
        state.in_flight += 1;
        state.multiplexed = multiplexed;
        state.phase = Phase::Request;
        state.deadline = Instant::now() + IDLE;
        InFlight(self.clone())
    }

    fn read(&self) {
        let mut state = self.state();
        if state.phase == Phase::Idle && !state.multiplexed {
            state.phase = Phase::Head;
            state.deadline = Instant::now() + HEAD;
        }
    }

    fn wrote(&self) {
        let mut state = self.state();
        state.stalled = None;
        if state.phase != Phase::Head {
            state.deadline = Instant::now() + IDLE;
        }
    }

    fn cannot_write(&self) {
        self.state().stalled.get_or_insert_with(Instant::now);
    }

    fn deadline(&self) -> (Instant, Expired) {
        let state = self.state();
        match state.stalled.map(|since| since + STALL) {
            Some(stall) if stall < state.deadline => (stall, Expired::Stuck),
            _ if state.phase == Phase::Idle => (state.deadline, Expired::Idle),
            _ => (state.deadline, Expired::Stuck),
        }
    }

    /// Resolves when the time is up. What brings the deadline forward happens in
    /// the task of the connection, which must be the one that polls this: then
    /// it is looked at again.
    pub fn expired(&self) -> impl Future<Output = Expired> {
        let mut sleep: Pin<Box<Sleep>> = Box::pin(sleep_until(self.deadline().0));
        std::future::poll_fn(move |context| {
            loop {
                let (deadline, expired) = self.deadline();
                // Only an earlier deadline needs the timer set at once; a later
                // one is seen when the timer fires, which is once a minute.
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

/// A request that is under way.
pub struct InFlight(Patience);

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.in_flight -= 1;
        if state.in_flight == 0 {
            state.phase = Phase::Idle;
            state.deadline = Instant::now() + IDLE;
        }
    }
}

/// A socket that reports what is read and written. One whose client took
/// nothing to the last is reset when it is dropped, so that the system does not
/// go on offering what is left.
pub struct Watched {
    stream: TcpStream,
    patience: Patience,
}

impl Watched {
    /// Reports what is read from and written to `stream` to `patience`.
    pub fn new(stream: TcpStream, patience: Patience) -> Self {
        Self { stream, patience }
    }

    fn report(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &written {
            Poll::Ready(_) => self.patience.wrote(),
            Poll::Pending => self.patience.cannot_write(),
        }
        written
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if self.patience.state().stalled.is_some() {
            // It may be closed already: then there is nothing left to reset.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        if buffer.filled().len() > before {
            self.patience.read();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, buffer);
        self.report(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, buffers);
        self.report(written)
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

    /// How long from now until the patience ends, and how.
    async fn end(patience: &Patience) -> (Duration, Expired) {
        let now = Instant::now();
        let expired = timeout(Duration::from_hours(1), patience.expired()).await;
        (now.elapsed(), expired.unwrap())
    }

    /// Between `limit` and a tick of the timer more.
    #[track_caller]
    fn assert_end((after, how): (Duration, Expired), limit: Duration, expected: Expired) {
        assert!(
            after >= limit && after < limit + Duration::from_millis(5),
            "{after:?}"
        );
        assert_eq!(how, expected);
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_connection_has_the_time_of_a_head() {
        assert_end(end(&Patience::new()).await, HEAD, Expired::Stuck);
    }

    #[tokio::test(start_paused = true)]
    async fn dripped_bytes_of_a_head_win_no_time() {
        let patience = Patience::new();
        advance(Duration::from_secs(9)).await;
        patience.read();
        assert_end(end(&patience).await, Duration::from_secs(1), Expired::Stuck);
    }

    #[tokio::test(start_paused = true)]
    async fn between_requests_a_connection_is_idle_until_a_byte_comes() {
        let patience = Patience::new();
        drop(patience.request(false));
        assert_end(end(&patience).await, IDLE, Expired::Idle);

        let patience = Patience::new();
        drop(patience.request(false));
        patience.read();
        assert_end(end(&patience).await, HEAD, Expired::Stuck);
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_while_it_waits_brings_the_end_forward() {
        let patience = Patience::new();
        drop(patience.request(false));
        let mut expired = Box::pin(patience.expired());
        assert!(timeout(Duration::from_secs(5), &mut expired).await.is_err());
        patience.read();
        let now = Instant::now();
        assert_eq!(expired.await, Expired::Stuck);
        assert!(now.elapsed() < HEAD + Duration::from_millis(5));
    }

    #[tokio::test(start_paused = true)]
    async fn frames_between_requests_of_http_2_begin_no_head() {
        let patience = Patience::new();
        drop(patience.request(true));
        patience.read();
        assert_end(end(&patience).await, IDLE, Expired::Idle);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_is_no_head() {
        let patience = Patience::new();
        let _request = patience.request(false);
        patience.read();
        assert_end(end(&patience).await, IDLE, Expired::Stuck);
    }

    #[tokio::test(start_paused = true)]
    async fn one_request_of_two_keeps_the_connection_busy() {
        let patience = Patience::new();
        let (first, _second) = (patience.request(true), patience.request(true));
        drop(first);
        assert_end(end(&patience).await, IDLE, Expired::Stuck);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_taken_wins_time_and_one_that_is_not_loses_it() {
        let patience = Patience::new();
        drop(patience.request(false));
        advance(Duration::from_secs(50)).await;
        patience.wrote();
        advance(Duration::from_secs(50)).await;
        patience.cannot_write();
        advance(Duration::from_secs(1)).await;
        patience.cannot_write();
        // It stalls from the first time on; the idle limit comes sooner.
        assert_end(end(&patience).await, Duration::from_secs(9), Expired::Idle);

        patience.wrote();
        patience.cannot_write();
        assert_end(end(&patience).await, STALL, Expired::Stuck);
    }
}
