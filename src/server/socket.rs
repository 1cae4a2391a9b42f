//! The socket of a connection. It reports reads and writes to the [`ConnectionTimer`], and
//! is closed so that the client loses neither a response nor a request.

use std::{
    io::{self, IoSlice},
    mem::MaybeUninit,
    pin::Pin,
    sync::LazyLock,
    task::{Context, Poll, ready},
    time::Duration,
};

use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::TcpStream,
    runtime::Handle,
    sync::Semaphore,
    time::timeout,
};

use super::timeouts::ConnectionTimer;

/// How long a connection that the server closed waits for the client's close.
const LINGER_TIMEOUT: Duration = Duration::from_secs(1);
/// Maximum number of connections that wait so.
static LINGERING: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(256));

/// A socket with a [`ConnectionTimer`].
pub struct TimedStream {
    /// `None` only while it is dropped.
    stream: Option<TcpStream>,
    timer: ConnectionTimer,
    /// The client has closed its side.
    is_at_end: bool,
}

impl TimedStream {
    /// A socket that reports to `timer`.
    pub fn new(stream: TcpStream, timer: ConnectionTimer) -> Self {
        Self {
            stream: Some(stream),
            timer,
            is_at_end: false,
        }
    }

    fn stream(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        let stream = self.stream.as_mut().map(Pin::new);
        stream.ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Whether the kernel holds bytes of the client. The runtime may not know of them yet.
    fn has_unread_bytes(&self) -> bool {
        let mut byte = [MaybeUninit::uninit()];
        let peeked = (self.stream.as_ref()).map(|stream| SockRef::from(stream).peek(&mut byte));
        matches!(peeked, Some(Ok(1..)))
    }
}

/// A stalled connection is reset: otherwise the kernel would keep retransmitting what is
/// left in its send buffer. One that the server closes lingers: bytes that arrive after
/// the close would make the kernel send a reset, and the client would not know whether
/// its request was served (RFC 9112, section 9.6).
impl Drop for TimedStream {
    fn drop(&mut self) {
        let Some(stream) = self.stream.take() else {
            return;
        };
        if self.timer.is_stalled() {
            // It fails on a socket that is closed already: nothing is left to reset.
            let _ = stream.set_zero_linger();
        } else if self.timer.is_closing()
            && !self.is_at_end
            && let (Ok(handle), Ok(permit)) = (Handle::try_current(), LINGERING.try_acquire())
        {
            handle.spawn(async move {
                let _ = timeout(LINGER_TIMEOUT, linger(stream)).await;
                drop(permit);
            });
        }
    }
}

/// Closes the sending side, then reads until the client closes the other one.
async fn linger(mut stream: TcpStream) -> io::Result<()> {
    stream.shutdown().await?;
    while stream.read(&mut [0; 4096]).await? > 0 {}
    Ok(())
}

impl AsyncRead for TimedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.timer.take_probe() && self.has_unread_bytes() {
            self.timer.on_late_bytes();
        }
        let before = buffer.filled().len();
        ready!(self.stream()?.poll_read(context, buffer))?;
        if buffer.filled().len() > before {
            self.timer.on_read();
        } else {
            self.is_at_end = true;
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
        let written = self.stream()?.poll_write_vectored(context, buffers);
        match &written {
            Poll::Ready(_) => self.timer.on_write(),
            Poll::Pending => self.timer.on_blocked_write(),
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_shutdown(context)
    }
}
