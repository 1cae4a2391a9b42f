//! The body of a response as HTTP sends it: in slices, each of which keeps its request in
//! progress until it has left for the socket.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use hyper::body::{Body, Buf, Bytes, Frame, SizeHint};

use super::timeouts::InProgress;

/// Maximum length of a slice, in bytes. It is the default limit of an HTTP/2 frame (RFC
/// 9113, section 6.5.2), and what a stream without a window keeps waiting.
pub const MAX_SLICE: usize = 16 * 1024;

/// A body whose bytes are counted when the client takes them. Bytes are shared, not
/// copied. Length and trailers are those of `inner`.
pub struct ResponseBody<B> {
    inner: B,
    /// What `inner` returned, less the slices that were handed on.
    rest: Bytes,
    request: InProgress,
    /// The response to HEAD ends with its head.
    is_omitted: bool,
}

impl<B> ResponseBody<B> {
    /// The body of the response to `request`, which is ready now.
    pub fn new(inner: B, request: InProgress) -> Self {
        request.ready();
        Self {
            inner,
            rest: Bytes::new(),
            request,
            is_omitted: false,
        }
    }

    /// Sends no byte of it, as the response to HEAD wants (RFC 9110, section 9.3.2). hyper
    /// does so by itself over HTTP/1.1 alone.
    #[must_use]
    pub fn omitted(self) -> Self {
        Self {
            is_omitted: true,
            ..self
        }
    }

    fn slice(&mut self) -> Frame<Slice> {
        let length = self.rest.len().min(MAX_SLICE);
        Frame::data(Slice {
            bytes: self.rest.split_to(length),
            request: self.request.clone(),
        })
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for ResponseBody<B> {
    type Data = Slice;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Slice>, B::Error>>> {
        if !self.rest.is_empty() {
            return Poll::Ready(Some(Ok(self.slice())));
        }
        let polled = Pin::new(&mut self.inner).poll_frame(context);
        if polled.is_pending() {
            self.request.waiting();
        }
        let polled = ready!(polled);
        self.request.ready();
        Poll::Ready(polled.map(|frame| {
            let frame = frame?;
            Ok(match frame.into_data() {
                Ok(bytes) => {
                    self.rest = bytes;
                    self.slice()
                }
                Err(frame) => Frame::trailers(frame.into_trailers().unwrap_or_default()),
            })
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.is_omitted || self.rest.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (inner, rest) = (self.inner.size_hint(), self.rest.len() as u64);
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower() + rest);
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}

/// A part of a response. Its request is in progress until it is dropped.
pub struct Slice {
    bytes: Bytes,
    request: InProgress,
}

impl Buf for Slice {
    fn remaining(&self) -> usize {
        self.bytes.len()
    }

    fn chunk(&self) -> &[u8] {
        &self.bytes
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        self.request.taken(count);
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::VecDeque, convert::Infallible, future::poll_fn, time::Duration};

    use hyper::HeaderMap;

    use super::*;
    use crate::server::timeouts::ConnectionTimer;

    /// A body of these frames; it knows its end and, if told, its length.
    struct Frames(VecDeque<Frame<Bytes>>, Option<u64>);

    impl Body for Frames {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            let frame = self.0.pop_front();
            let length = frame
                .as_ref()
                .and_then(Frame::data_ref)
                .map_or(0, Bytes::len);
            self.1 = self.1.map(|all| all - length as u64);
            Poll::Ready(frame.map(Ok))
        }

        fn is_end_stream(&self) -> bool {
            self.0.is_empty()
        }

        fn size_hint(&self) -> SizeHint {
            self.1.map_or_else(SizeHint::new, SizeHint::with_exact)
        }
    }

    fn timer() -> ConnectionTimer {
        ConnectionTimer::new(Duration::from_secs(10), Duration::from_secs(75))
    }

    async fn next(body: &mut ResponseBody<Frames>) -> Option<Frame<Slice>> {
        let frame = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await;
        frame.map(Result::unwrap)
    }

    #[tokio::test]
    async fn slices_share_the_bytes_and_keep_the_length() {
        let bytes = Bytes::from(vec![7; 40_000]);
        let frames = [Frame::data(bytes.clone()), Frame::data(Bytes::from("end"))];
        let frames = Frames(frames.into(), Some(40_003));
        let timer = timer();
        let mut body = ResponseBody::new(frames, timer.begin_request(false));

        let (mut lengths, mut taken) = (Vec::new(), 0);
        while !body.is_end_stream() {
            assert_eq!(body.size_hint().exact(), Some(40_003 - taken as u64));
            let slice = next(&mut body).await.unwrap().into_data().ok().unwrap();
            if taken < 40_000 {
                assert_eq!(slice.chunk().as_ptr(), bytes[taken..].as_ptr(), "a copy");
            }
            taken += slice.remaining();
            lengths.push(slice.remaining());
        }
        assert_eq!(lengths, [MAX_SLICE, MAX_SLICE, 40_000 - 2 * MAX_SLICE, 3]);
        assert!(next(&mut body).await.is_none());
    }

    #[tokio::test]
    async fn trailers_and_empty_bodies_pass() {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", "1".parse().unwrap());
        let frames = [Frame::data(Bytes::new()), Frame::trailers(trailers.clone())];
        let timer = timer();
        let frames = Frames(frames.into(), None);
        let mut body = ResponseBody::new(frames, timer.begin_request(true));

        let data = next(&mut body).await.unwrap().into_data().ok().unwrap();
        assert_eq!(data.remaining(), 0);
        let last = next(&mut body).await.unwrap().into_trailers().ok();
        assert_eq!(last, Some(trailers));
        assert!(body.is_end_stream() && body.size_hint().exact().is_none());

        let empty = ResponseBody::new(Frames([].into(), Some(0)), timer.begin_request(true));
        assert!(empty.is_end_stream());
        assert_eq!(empty.size_hint().exact(), Some(0));
    }

    #[tokio::test]
    async fn the_request_is_in_progress_until_its_last_slice_is_dropped() {
        let timer = timer();
        let frames = [Frame::data(Bytes::from(vec![7; MAX_SLICE + 1]))];
        let frames = Frames(frames.into(), None);
        let mut body = ResponseBody::new(frames, timer.begin_request(true));

        let slices = [next(&mut body).await, next(&mut body).await];
        drop(body);
        let [first, last] = slices.map(|s| s.unwrap().into_data().ok().unwrap());
        drop(first);
        assert!(timer.idle_since().is_none());
        drop(last);
        assert!(timer.idle_since().is_some());
    }
}
