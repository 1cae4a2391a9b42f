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

/// How long a client may acknowledge nothing of what was sent. The kernel's own limit is some 15
/// minutes, in which a phone that changes networks leaves many streams of events behind.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNACKNOWLEDGED: Duration = Duration::from_mins(1);

/// Sets what every connection needs: each write is sent at once, and a client that is gone is
/// noticed.
pub fn configure(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    SockRef::from(stream).set_tcp_user_timeout(Some(UNACKNOWLEDGED))?;
    Ok(())
}

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

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, io::Write};

    use tokio::{net::TcpListener, time::sleep};

    use super::*;

    /// A connection whose idle time is over, and its client.
    async fn expired() -> (std::net::TcpStream, TimedStream, ConnectionTimer) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let timer = ConnectionTimer::new(Duration::from_secs(10), Duration::ZERO);
        let mut stream = TimedStream::new(stream, timer.clone());
        drop(timer.begin_request(false));
        // The runtime knows now that there is nothing to read.
        assert!(poll_once(&mut stream).await.is_pending());
        (client, stream, timer)
    }

    async fn poll_once(stream: &mut TimedStream) -> Poll<usize> {
        let mut bytes = [0; 16];
        let mut buffer = ReadBuf::new(&mut bytes);
        poll_fn(|context| {
            let polled = Pin::new(&mut *stream).poll_read(context, &mut buffer);
            Poll::Ready(polled.map(|read| {
                read.unwrap();
                buffer.filled().len()
            }))
        })
        .await
    }

    #[tokio::test]
    async fn a_request_is_found_that_the_runtime_does_not_know_of_yet() {
        let (mut client, mut stream, timer) = expired().await;
        timer.probe();
        let _ = poll_once(&mut stream).await;
        assert!(timer.is_expired_idle(), "nothing has arrived");

        client.write_all(b"GET").unwrap();
        timer.probe();
        let known = poll_once(&mut stream).await;

        assert!(known.is_pending());
        assert!(!timer.is_expired_idle());
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    #[tokio::test]
    async fn a_client_that_acknowledges_nothing_for_a_minute_is_given_up() {
        let (_client, stream, _timer) = expired().await;
        let stream = stream.stream.as_ref().unwrap();

        configure(stream).unwrap();

        let limit = SockRef::from(stream).tcp_user_timeout().unwrap();
        assert_eq!(limit, Some(Duration::from_mins(1)));
        assert!(stream.nodelay().unwrap());
    }

    #[tokio::test]
    async fn bytes_after_the_servers_close_cause_no_reset() {
        let (mut client, stream, timer) = expired().await;
        timer.close();
        drop(stream);

        for _ in 0..3 {
            sleep(Duration::from_millis(20)).await;
            client.write_all(b"GET").unwrap();
        }
        let mut end = [0; 1];
        assert_eq!(std::io::Read::read(&mut client, &mut end).unwrap(), 0);
    }
}
