//! Request bodies that the handler did not read to their end, because it refused the
//! request. If their rest is short, it is discarded, and the connection can be used again.
//! If not, the response closes the connection; the server then lets it linger, so that the
//! client gets the response.

use std::{
    io,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http_body_util::{BodyExt, combinators::BoxBody};
use hyper::body::{Body, Bytes, Frame, SizeHint};
use parking_lot::Mutex;
use poem::{
    Request, Response,
    http::{
        HeaderValue, Version,
        header::{CONNECTION, EXPECT},
    },
};
use tokio::time::timeout;

/// How much of a body is discarded, and for how long.
#[derive(Clone, Copy)]
struct Limit {
    bytes: usize,
    time: Duration,
}

/// Before the response is sent: a body as large as an accepted one, which mostly arrived
/// with the head.
const SHORT: Limit = Limit {
    bytes: 128 * 1024,
    time: Duration::from_secs(1),
};
/// Beside the response on HTTP/2: as much as `server::linger` does on HTTP/1.1.
const LONG: Limit = Limit {
    bytes: 32 * 1024 * 1024,
    time: Duration::from_secs(10),
};

/// The body of a request, which the handler reads through another handle.
pub struct UnreadBody {
    body: Shared,
    version: Version,
    expects_continue: bool,
}

#[derive(Clone)]
struct Shared(Arc<Mutex<BoxBody<Bytes, io::Error>>>);

impl UnreadBody {
    /// Shares the body of a request; `None` if it has none.
    pub fn share(request: &mut Request) -> Option<Self> {
        let body = request.take_body();
        if body.is_empty() {
            return None;
        }
        let body = Shared(Arc::new(Mutex::new(body.into())));
        request.set_body(poem::Body::from(body.clone().boxed()));
        Some(Self {
            body,
            version: request.version(),
            expects_continue: request.headers().contains_key(EXPECT),
        })
    }

    /// Discards the rest, or makes the response close the connection.
    pub async fn finish(self, response: &mut Response) {
        let is_closed = response.headers().contains_key(CONNECTION);
        if self.body.is_end_stream() || is_closed {
            return;
        }
        // Reading would ask the client to send a body that it holds back (RFC 9110,
        // section 10.1.1).
        let rest = self.body.size_hint().lower();
        let is_short = usize::try_from(rest).is_ok_and(|rest| rest <= SHORT.bytes);
        let is_held_back = self.expects_continue && self.version <= Version::HTTP_11;
        let is_read = is_short && !is_held_back && self.body.clone().discard(SHORT).await;
        if !is_read {
            self.close(response);
        }
    }

    /// Makes the response close the connection, where the server then discards the rest.
    /// On HTTP/2 that would end the other requests: the rest of the stream is discarded
    /// beside the response, since clients take an early reset for a failure.
    pub fn close(self, response: &mut Response) {
        if self.version <= Version::HTTP_11 {
            let headers = response.headers_mut();
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        } else {
            tokio::spawn(self.body.discard(LONG));
        }
    }
}

impl Shared {
    /// Whether the end was reached within the limit.
    async fn discard(self, limit: Limit) -> bool {
        let mut body = pin!(self);
        let read = async {
            let mut rest = limit.bytes;
            while let Some(frame) = body.frame().await {
                let length = frame.map(|frame| frame.data_ref().map_or(0, Bytes::len));
                match length.map(|length| rest.checked_sub(length)) {
                    Ok(Some(left)) => rest = left,
                    Ok(None) | Err(_) => return false,
                }
            }
            true
        };
        timeout(limit.time, read).await.unwrap_or(false)
    }
}

impl Body for Shared {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Pin::new(&mut *self.0.lock()).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.0.lock().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.lock().size_hint()
    }
}
