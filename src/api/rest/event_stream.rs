//! Server-sent events (the HTML standard, section 9.2): their text, and the response.

use std::{io, time::Duration};

use futures_util::{Stream, StreamExt, stream::BoxStream};
use hyper::body::Bytes;
use poem::{
    Body, IntoResponse, Response,
    http::{StatusCode, header::CACHE_CONTROL},
};

/// The media type of a stream of events.
pub const MEDIA_TYPE: &str = "text/event-stream";
/// How long a client should wait before it connects again. Browsers wait some 3 s by default,
/// longer than an event takes.
const RECONNECT_AFTER: Duration = Duration::from_secs(1);
/// The text of an event is handed on in pieces of at least this size, in bytes. So a small
/// event is one piece, and whatever it is read from is released at once.
const PIECE: usize = 16 * 1024;

/// Keeps proxies from holding events back (nginx) and from changing them, as a compression
/// that waits for more text does.
const NO_BUFFERING: (&str, &str) = ("x-accel-buffering", "no");
const NO_TRANSFORM: &str = "no-store, no-transform";

/// A comment, which clients ignore: it tells both sides, and proxies, that the connection is
/// alive.
pub const COMMENT: Bytes = Bytes::from_static(b":\n\n");

/// The text before the first event: a comment, so that proxies and clients get the head at
/// once, and how long to wait after the end.
#[must_use]
pub fn opening() -> Bytes {
    let retry = RECONNECT_AFTER.as_millis();
    format!(":\nretry: {retry}\n\n").into()
}

/// The response of a stream that has begun. An error breaks it off: a client drops an event
/// without its end.
pub fn response(pieces: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Response {
    Response::builder()
        .status(StatusCode::OK)
        .content_type(MEDIA_TYPE)
        .header(CACHE_CONTROL, NO_TRANSFORM)
        .header(NO_BUFFERING.0, NO_BUFFERING.1)
        .body(Body::from_bytes_stream(pieces))
        .into_response()
}

/// An event that is being sent. Its data is made while the client reads.
pub struct Event {
    before: Option<String>,
    data: BoxStream<'static, io::Result<Vec<u8>>>,
}

impl Event {
    /// An event of this name, with this id and with data that has no line break.
    #[must_use]
    pub fn new(name: &str, id: &str, data: BoxStream<'static, io::Result<Vec<u8>>>) -> Self {
        Self {
            before: Some(format!("event: {name}\nid: {id}\ndata: ")),
            data,
        }
    }

    /// The next piece of the text, and whether it is the last one.
    pub async fn next(&mut self) -> io::Result<(Bytes, bool)> {
        let mut piece = self.before.take().map_or_else(Vec::new, String::into_bytes);
        while piece.len() < PIECE {
            let Some(data) = self.data.next().await else {
                piece.extend_from_slice(b"\n\n");
                return Ok((piece.into(), true));
            };
            piece.extend_from_slice(&data?);
        }
        Ok((piece.into(), false))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    fn event(parts: Vec<io::Result<Vec<u8>>>) -> Event {
        Event::new("changes", "a1", stream::iter(parts).boxed())
    }

    #[tokio::test]
    async fn a_small_event_is_one_piece() {
        let mut event = event(vec![Ok(b"{".to_vec()), Ok(b"}".to_vec())]);

        let (piece, is_last) = event.next().await.unwrap();
        assert_eq!(piece, "event: changes\nid: a1\ndata: {}\n\n");
        assert!(is_last);
    }

    #[tokio::test]
    async fn a_large_event_is_made_piece_by_piece_and_ends_once() {
        let part = || Ok(vec![b'x'; PIECE]);
        let mut event = event(vec![part(), part(), Ok(b"y".to_vec())]);
        let mut pieces = Vec::new();
        while let (piece, false) = event.next().await.unwrap() {
            pieces.push(piece.len());
        }
        let before = "event: changes\nid: a1\ndata: ".len();
        assert_eq!(pieces, [before + PIECE, PIECE]);
    }

    #[tokio::test]
    async fn an_error_leaves_an_event_without_its_end() {
        let mut event = event(vec![Ok(b"{".to_vec()), Err(io::Error::other("gone"))]);

        event.next().await.unwrap_err();
    }
}
