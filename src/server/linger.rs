//! Closes a connection so that the last response reaches a client that is still sending
//! (RFC 9112, section 9.6).
//!
//! If a socket is closed with bytes that were not read, the kernel resets the connection,
//! and the client loses the response: it sees a broken pipe instead of 413 or 401. So the
//! write side is closed first, and what still arrives is read and discarded, until the
//! client closes its side, or a limit is reached.

use std::{
    io::{self, IoSlice},
    mem::MaybeUninit,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep_until},
};

use super::timeouts::ConnectionTimer;

/// How long a closing connection is read in all: 20 MB at 16 Mbit/s.
const MAX_TIME: Duration = Duration::from_secs(10);
/// How long nothing may arrive: one retransmission on a slow path.
const MAX_PAUSE: Duration = Duration::from_secs(2);
/// How many bytes are discarded.
const MAX_DISCARDED: usize = 32 * 1024 * 1024;
/// How many bytes are read at once.
const BUFFER: usize = 16 * 1024;

/// A socket whose shutdown lingers, unless the server closes the connection between
/// requests: then no body is on its way, and the connection's place is needed.
pub struct Lingering<S> {
    io: S,
    timer: ConnectionTimer,
    /// The client closed its side.
    ended: bool,
    closing: Option<Closing>,
}

/// The state once the write side is closed.
struct Closing {
    until: Instant,
    discarded: usize,
    pause: Pin<Box<Sleep>>,
}

impl<S> Lingering<S> {
    /// Wraps an open socket.
    pub fn new(io: S, timer: ConnectionTimer) -> Self {
        Self {
            io,
            timer,
            ended: false,
            closing: None,
        }
    }
}

impl Closing {
    fn begin() -> Self {
        let now = Instant::now();
        Self {
            until: now + MAX_TIME,
            discarded: 0,
            pause: Box::pin(sleep_until(now + MAX_PAUSE)),
        }
    }

    /// Resolves when nothing more should be read.
    fn poll_discard(
        &mut self,
        mut io: impl AsyncRead + Unpin,
        context: &mut Context<'_>,
    ) -> Poll<()> {
        let mut buffer = [MaybeUninit::uninit(); BUFFER];
        let mut arrived = false;
        while self.discarded < MAX_DISCARDED {
            let mut buffer = ReadBuf::uninit(&mut buffer);
            match Pin::new(&mut io).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    self.discarded += buffer.filled().len();
                    arrived = true;
                }
                // The client closed the connection, or it is broken.
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => {
                    if arrived {
                        let deadline = (Instant::now() + MAX_PAUSE).min(self.until);
                        self.pause.as_mut().reset(deadline);
                    }
                    return self.pause.as_mut().poll(context);
                }
            }
        }
        Poll::Ready(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lingering<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let (before, room) = (buffer.filled().len(), buffer.remaining());
        ready!(Pin::new(&mut self.io).poll_read(context, buffer))?;
        self.ended |= buffer.filled().len() == before && room > 0;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Lingering<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, buffer)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.closing.is_none() {
            ready!(Pin::new(&mut this.io).poll_shutdown(context))?;
        }
        if !this.ended && !this.timer.is_closing() {
            let closing = this.closing.get_or_insert_with(Closing::begin);
            ready!(closing.poll_discard(&mut this.io, context));
            this.ended = true;
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::{
        io::{AsyncWriteExt, DuplexStream, duplex},
        time::sleep,
    };

    use super::*;

    /// How long a closing connection is read, and how many bytes, while `client` runs.
    async fn discard<F: Future>(client: impl FnOnce(DuplexStream) -> F) -> (Duration, usize) {
        let (ours, theirs) = duplex(64 * 1024);
        let began = Instant::now();
        let mut closing = Closing::begin();
        let mut ours = ours;
        let read = poll_fn(|context| closing.poll_discard(&mut ours, context));
        tokio::select! {
            () = read => {}
            () = async { client(theirs).await; std::future::pending::<()>().await } => {}
        }
        (began.elapsed(), closing.discarded)
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_closes_ends_it_at_once() {
        let (took, discarded) = discard(async |mut client| {
            client.write_all(&vec![0; 1_000_000]).await.unwrap();
        })
        .await;

        assert_eq!((took, discarded), (Duration::ZERO, 1_000_000));
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_client_is_waited_for_two_seconds() {
        let (took, _) = discard(async |client| (sleep(MAX_TIME).await, client)).await;

        assert!(
            (MAX_PAUSE..MAX_PAUSE + Duration::from_millis(5)).contains(&took),
            "{took:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_drips_is_read_for_ten_seconds() {
        let (took, discarded) = discard(async |mut client| {
            loop {
                client.write_all(b"x").await.unwrap();
                sleep(Duration::from_secs(1)).await;
            }
        })
        .await;

        assert!(
            (MAX_TIME..MAX_TIME + Duration::from_millis(5)).contains(&took),
            "{took:?}"
        );
        assert!((9..=11).contains(&discarded));
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_read_up_to_the_limit() {
        let (_, discarded) = discard(
            async |mut client| {
                while client.write_all(&[0; BUFFER]).await.is_ok() {}
            },
        )
        .await;

        assert!((MAX_DISCARDED..MAX_DISCARDED + BUFFER).contains(&discarded));
    }
}
