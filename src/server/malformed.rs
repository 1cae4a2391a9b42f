//! Heads of HTTP/1.1 requests that hyper cannot parse. It responds to them by itself, with
//! an empty body, and no handler sees them. Here the endpoint makes that response: it is
//! called with a request that has [`MalformedHead`] in its extensions.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_util::future::BoxFuture;
use poem::{
    Endpoint, Request, Response,
    http::{StatusCode, Uri},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Marks a request that stands for a head that could not be parsed, and the status of its
/// response: 400, or 431 where it is too large. The connection is closed after it.
#[derive(Debug, Clone, Copy)]
pub struct MalformedHead(pub StatusCode);

/// The statuses of hyper's own responses (`Http1Transaction::on_error`). 414 cannot occur: a
/// target that long exceeds the size of the whole head, which is 431.
const STATUSES: [StatusCode; 2] = [
    StatusCode::BAD_REQUEST,
    StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
];

/// A socket on which `respond` replaces hyper's own responses.
pub struct MalformedHeads<S, R> {
    io: S,
    respond: R,
    state: State,
}

enum State {
    Unchanged,
    Making(BoxFuture<'static, Option<Vec<u8>>>),
    /// The response, and how much of it was written.
    Writing(Vec<u8>, usize),
    /// A connection has one such response: it is its last one.
    Done,
}

/// What `endpoint` responds to a malformed head, as bytes; `date` is hyper's header line.
/// `None` if it knows no such response: it has another status.
pub async fn respond<E>(endpoint: &E, status: StatusCode, date: String) -> Option<Vec<u8>>
where
    E: Endpoint<Output = Response>,
{
    let request = Request::builder().uri(Uri::from_static("*"));
    let request = request.extension(MalformedHead(status)).finish();
    let response = endpoint.get_response(request).await;
    if response.status() != status {
        return None;
    }
    let (parts, body) = response.into_parts();
    let body = body.into_bytes().await.ok()?;
    let mut bytes = format!("HTTP/1.1 {status}\r\n{date}\r\n").into_bytes();
    for (name, value) in &parts.headers {
        bytes.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    let length = format!("content-length: {}\r\n\r\n", body.len());
    bytes.extend([length.as_bytes(), &body].concat());
    Some(bytes)
}

/// The status and the `date` line of a response that hyper made. Every response of ours
/// has a body or another status, and no body of ours can hold these lines: JSON escapes
/// their ends.
fn own_response(buffers: &[IoSlice<'_>]) -> Option<(StatusCode, String)> {
    let mut buffers = buffers.iter().filter(|buffer| !buffer.is_empty());
    let (head, None) = (buffers.next()?, buffers.next()) else {
        return None;
    };
    let rest = head.strip_prefix(b"HTTP/1.1 4")?;
    let head = str::from_utf8(rest).ok()?.strip_suffix("\r\n\r\n")?;
    let status = StatusCode::try_from(format!("4{}", head.get(..2)?).as_str()).ok()?;
    let mut lines = head.split("\r\n").skip(1);
    let known = ["content-length: 0", "connection: close"];
    let date = lines.clone().find(|line| line.starts_with("date: "))?;
    let is_own = lines.all(|line| line == date || known.contains(&line));
    (is_own && STATUSES.contains(&status)).then(|| (status, date.to_owned()))
}

impl<S, R> MalformedHeads<S, R>
where
    R: Fn(StatusCode, String) -> BoxFuture<'static, Option<Vec<u8>>>,
{
    /// Wraps a socket.
    pub fn new(io: S, respond: R) -> Self {
        Self {
            io,
            respond,
            state: State::Unchanged,
        }
    }
}

impl<S: AsyncRead + Unpin, R: Unpin> AsyncRead for MalformedHeads<S, R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl<S, R> AsyncWrite for MalformedHeads<S, R>
where
    S: AsyncWrite + Unpin,
    R: Fn(StatusCode, String) -> BoxFuture<'static, Option<Vec<u8>>> + Unpin,
{
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
        let this = &mut *self;
        loop {
            this.state = match &mut this.state {
                State::Unchanged => match own_response(buffers) {
                    Some((status, date)) => State::Making((this.respond)(status, date)),
                    None => return Pin::new(&mut this.io).poll_write_vectored(context, buffers),
                },
                State::Making(response) => match ready!(response.as_mut().poll(context)) {
                    Some(bytes) => State::Writing(bytes, 0),
                    None => State::Done,
                },
                State::Writing(bytes, written) if *written < bytes.len() => {
                    let rest = &bytes[*written..];
                    let more = ready!(Pin::new(&mut this.io).poll_write(context, rest))?;
                    if more == 0 {
                        return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                    }
                    *written += more;
                    continue;
                }
                State::Writing(..) => {
                    this.state = State::Done;
                    let replaced = buffers.iter().map(|buffer| buffer.len()).sum();
                    return Poll::Ready(Ok(replaced));
                }
                State::Done => {
                    return Pin::new(&mut this.io).poll_write_vectored(context, buffers);
                }
            };
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(buffers: &[&str]) -> Option<u16> {
        let buffers: Vec<_> = buffers
            .iter()
            .map(|text| IoSlice::new(text.as_bytes()))
            .collect();
        own_response(&buffers).map(|(status, date)| {
            assert_eq!(date, "date: now");
            status.as_u16()
        })
    }

    #[test]
    fn only_responses_that_hyper_made_are_replaced() {
        let bad = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\ndate: now\r\n\r\n";
        let close = bad.replace("date", "connection: close\r\ndate");
        let large = bad.replace("400 Bad Request", "431 Request Header Fields Too Large");

        assert_eq!(status(&[bad]), Some(400));
        assert_eq!(status(&["", bad]), Some(400));
        assert_eq!(status(&[&close]), Some(400));
        assert_eq!(status(&[&large]), Some(431));
        for other in [
            &bad.replace("400 Bad Request", "404 Not Found"),
            &bad.replace("400 Bad Request", "200 OK"),
            &bad.replace("length: 0", "length: 7"),
            &bad.replace("date", "x-request-id: 7\r\ndate"),
            &bad.replace("date: now\r\n", ""),
            &format!("{bad}more"),
            "HTTP/1.1 4",
            "",
        ] {
            assert_eq!(status(&[other]), None, "{other}");
        }
        assert_eq!(status(&[bad, "more"]), None);
        assert_eq!(status(&[]), None);
    }
}
