//! A JSON array as the body of a response: in one piece, or in chunks that are made
//! while the client reads.

use std::{
    fmt::{Debug, Formatter},
    io,
    marker::PhantomData,
};

use futures_util::{
    Stream, StreamExt,
    stream::{self, BoxStream},
};
use hyper::body::Bytes;
use poem::{
    Body, IntoResponse, Response,
    http::{StatusCode, header::CONTENT_LENGTH},
};
use poem_openapi::{
    ApiResponse,
    registry::{MetaResponses, Registry},
};
use serde::Serialize;
use tracing::Span;

use crate::api::rest::{
    body::JSON,
    json::{Described, Json},
};

/// A JSON array: the body of a response with status 200, documented like
/// `Json<Vec<T>>`.
pub struct JsonArray<T>(Elements, PhantomData<T>);

enum Elements {
    InMemory(Bytes),
    Chunks {
        chunks: BoxStream<'static, io::Result<Chunk>>,
        /// The number of bytes of all chunks, where it is known.
        length: Option<usize>,
    },
}

/// An element of an array.
pub trait Element: Serialize {
    /// Adds its JSON text, which is that of [`Serialize`].
    fn write(&self, json: &mut Vec<u8>) -> serde_json::Result<()> {
        serde_json::to_writer(json, self)
    }
}

/// A part of the JSON text of an array.
#[derive(Debug)]
pub struct Chunk {
    json: Vec<u8>,
    /// The array has no element before the end of this chunk.
    is_empty: bool,
}

impl Chunk {
    /// The first chunk of an array.
    #[must_use]
    pub fn first() -> Self {
        Self {
            json: vec![b'['],
            is_empty: true,
        }
    }

    /// A chunk after others, which hold so many elements.
    #[must_use]
    pub fn after(elements: usize) -> Self {
        Self {
            json: Vec::new(),
            is_empty: elements == 0,
        }
    }

    /// Adds an element.
    pub fn push(&mut self, element: &impl Element) -> serde_json::Result<()> {
        if !std::mem::take(&mut self.is_empty) {
            self.json.push(b',');
        }
        element.write(&mut self.json)
    }

    /// Ends the array.
    pub fn finish(&mut self) {
        self.json.push(b']');
    }

    /// Text that is sent as it is.
    fn text(text: impl Into<Vec<u8>>) -> Self {
        Self {
            json: text.into(),
            is_empty: true,
        }
    }

    /// The size in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.json.len()
    }
}

impl<T> JsonArray<T> {
    /// The response of a whole text in memory, with `Content-Length`.
    #[must_use]
    pub fn in_memory(json: impl Into<Bytes>) -> Self {
        Self(Elements::InMemory(json.into()), PhantomData)
    }

    /// The response of one chunk, with `Content-Length`. `held` is dropped when the
    /// client has read it or disconnected.
    pub fn one_chunk(chunk: Chunk, held: impl Send + 'static) -> Self {
        let length = Some(chunk.json.len());
        let chunks = stream::unfold((Some(chunk), held), async |(chunk, held)| {
            Some((Ok(chunk?), (None, held)))
        });
        let chunks = chunks.boxed();
        Self(Elements::Chunks { chunks, length }, PhantomData)
    }

    /// The response of chunks that are made when the client has read the ones before.
    /// An error breaks the response off: the client sees an incomplete body, never a
    /// valid array that is too short.
    pub fn chunks(chunks: impl Stream<Item = io::Result<Chunk>> + Send + 'static) -> Self {
        let chunks = chunks.boxed();
        let length = None;
        Self(Elements::Chunks { chunks, length }, PhantomData)
    }

    /// The response with text around the array: an object of which it is a member. The text
    /// behind it is made when all elements are there.
    #[must_use]
    pub fn within(self, before: &str, after: impl FnOnce() -> String + Send + 'static) -> Self
    where
        T: Serialize + Send + Sync + 'static,
    {
        let before = Chunk::text(before);
        let (chunks, length) = match self.0 {
            Elements::InMemory(json) => {
                let length = Some(json.len());
                (
                    stream::once(async { Ok(Chunk::text(json)) }).boxed(),
                    length,
                )
            }
            Elements::Chunks { chunks, length } => (chunks, length),
        };
        let (after, length): (BoxStream<'static, _>, _) = match length {
            Some(length) => {
                let after = Chunk::text(after());
                let length = before.size() + length + after.size();
                (stream::once(async { Ok(after) }).boxed(), Some(length))
            }
            None => (
                stream::once(async { Ok(Chunk::text(after())) }).boxed(),
                None,
            ),
        };
        let before = stream::once(async { Ok(before) });
        let chunks = before.chain(chunks).chain(after).boxed();
        Self(Elements::Chunks { chunks, length }, PhantomData)
    }
}

impl<T: Serialize + Send + Sync + 'static> JsonArray<T> {
    /// The text in chunks.
    #[must_use]
    pub fn into_chunks(self) -> BoxStream<'static, io::Result<Vec<u8>>> {
        match self.0 {
            Elements::InMemory(json) => stream::once(async move { Ok(json.to_vec()) }).boxed(),
            Elements::Chunks { chunks, .. } => {
                let chunks = chunks.map(|chunk| chunk.map(|chunk| chunk.json));
                chunks.boxed()
            }
        }
    }
}

impl<T> Debug for JsonArray<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JsonArray").finish_non_exhaustive()
    }
}

impl<T: Serialize + Send + Sync + 'static> IntoResponse for JsonArray<T> {
    fn into_response(self) -> Response {
        let response = Response::builder().status(StatusCode::OK);
        let response = response.content_type(JSON);
        match self.0 {
            Elements::InMemory(json) => response.body(json),
            Elements::Chunks { chunks, length } => {
                // By then the request's own line is logged: its status was 200.
                let request = Span::current();
                let chunks = chunks.map(move |chunk| {
                    chunk.map(|chunk| chunk.json).inspect_err(|error| {
                        request.in_scope(|| tracing::warn!(%error, "a response broke off"));
                    })
                });
                let response = match length {
                    Some(length) => response.header(CONTENT_LENGTH, length),
                    None => response,
                };
                response.body(Body::from_bytes_stream(chunks))
            }
        }
    }
}

impl<T> ApiResponse for JsonArray<T>
where
    T: Serialize + Send + Sync + 'static,
    Vec<T>: Described,
{
    fn meta() -> MetaResponses {
        Json::<Vec<T>>::meta()
    }

    fn register(registry: &mut Registry) {
        <Json<Vec<T>> as ApiResponse>::register(registry);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::stream;

    use super::*;

    fn chunk(mut chunk: Chunk, elements: &[u8], is_last: bool) -> Chunk {
        for element in elements {
            chunk.push(element).unwrap();
        }
        if is_last {
            chunk.finish();
        }
        chunk
    }

    impl Element for u8 {}

    async fn text(array: JsonArray<u8>) -> Result<String, poem::error::ReadBodyError> {
        array.into_response().into_body().into_string().await
    }

    fn length(array: JsonArray<u8>) -> Option<String> {
        let response = array.into_response();
        response.header("content-length").map(str::to_owned)
    }

    #[tokio::test]
    async fn chunks_are_one_array() {
        for (parts, expected) in [
            (vec![chunk(Chunk::first(), &[], true)], "[]"),
            (vec![chunk(Chunk::first(), &[1, 2], true)], "[1,2]"),
            (
                vec![
                    chunk(Chunk::first(), &[1, 2], false),
                    chunk(Chunk::after(2), &[3], false),
                    chunk(Chunk::after(3), &[], true),
                ],
                "[1,2,3]",
            ),
            (
                vec![
                    chunk(Chunk::first(), &[], false),
                    chunk(Chunk::after(0), &[1], true),
                ],
                "[1]",
            ),
        ] {
            let array = JsonArray::chunks(stream::iter(parts.into_iter().map(Ok)));
            assert_eq!(text(array).await.unwrap(), expected);
        }
    }

    #[tokio::test]
    async fn an_array_in_one_piece_states_its_length() {
        let held = Arc::new(());
        let one = |held: &Arc<()>| {
            JsonArray::one_chunk(chunk(Chunk::first(), &[1, 2], true), Arc::clone(held))
        };
        let memory = || JsonArray::in_memory("[1,2]");

        assert_eq!(length(one(&held)).as_deref(), Some("5"));
        let response = one(&held).into_response();
        assert_eq!(Arc::strong_count(&held), 2, "held until it is read");
        assert_eq!(response.into_body().into_string().await.unwrap(), "[1,2]");
        assert_eq!(Arc::strong_count(&held), 1);
        assert_eq!(text(memory()).await.unwrap(), "[1,2]");
    }

    #[tokio::test]
    async fn an_array_may_be_a_member_of_an_object() {
        let part = chunk(Chunk::first(), &[1, 2], true);
        let arrays = || {
            let memory = JsonArray::in_memory("[1,2]");
            let parts = [Ok(chunk(Chunk::first(), &[1, 2], true))];
            [memory, JsonArray::chunks(stream::iter(parts))]
        };
        let object = |array: JsonArray<u8>| array.within("{\"a\":", || ",\"b\":0}".to_owned());

        for array in arrays() {
            assert_eq!(text(object(array)).await.unwrap(), r#"{"a":[1,2],"b":0}"#);
        }
        let [memory, parts] = arrays().map(|array| length(object(array)));
        assert_eq!((memory.as_deref(), parts), (Some("17"), None));
        assert_eq!(
            length(object(JsonArray::one_chunk(part, ()))).as_deref(),
            Some("17")
        );
    }

    #[tokio::test]
    async fn an_error_breaks_the_body_off() {
        let parts = [
            Ok(chunk(Chunk::first(), &[1], false)),
            Err(io::Error::other("the database is gone")),
        ];
        text(JsonArray::chunks(stream::iter(parts)))
            .await
            .unwrap_err();
    }
}
