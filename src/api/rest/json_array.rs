//! A JSON array as the body of a response: in one piece, or in chunks that are made
//! while the client reads.

use std::{
    fmt::{Debug, Formatter},
    io,
    marker::PhantomData,
    sync::{Arc, OnceLock},
};

use futures_util::{Stream, StreamExt, stream::BoxStream};
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
    problem::Problem,
};

/// A JSON array: the body of a response with status 200, documented like
/// `Json<Vec<T>>`.
pub struct JsonArray<T>(Elements<T>);

enum Elements<T> {
    InMemory(Arc<Encoded<T>>),
    Chunks {
        chunks: BoxStream<'static, io::Result<Chunk<T>>>,
        /// The number of bytes of all chunks, where it is known.
        length: Option<usize>,
    },
}

/// Elements in memory, and their JSON text, which is made once for all responses that
/// share it.
#[derive(Debug)]
pub struct Encoded<T> {
    elements: Vec<T>,
    json: OnceLock<Result<Bytes, String>>,
}

impl<T> From<Vec<T>> for Encoded<T> {
    fn from(elements: Vec<T>) -> Self {
        Self {
            elements,
            json: OnceLock::new(),
        }
    }
}

/// A part of the JSON text of an array.
#[derive(Debug)]
pub struct Chunk<T> {
    json: Vec<u8>,
    /// The array has no element before the end of this chunk.
    is_empty: bool,
    elements: PhantomData<fn(&T)>,
}

impl<T: Serialize> Chunk<T> {
    /// The first chunk of an array.
    #[must_use]
    pub fn first() -> Self {
        Self {
            json: vec![b'['],
            is_empty: true,
            elements: PhantomData,
        }
    }

    /// A chunk after others, one of which holds an element.
    #[must_use]
    pub fn next() -> Self {
        Self {
            json: Vec::new(),
            is_empty: false,
            elements: PhantomData,
        }
    }

    /// Adds an element.
    pub fn push(&mut self, element: &T) -> serde_json::Result<()> {
        if !std::mem::take(&mut self.is_empty) {
            self.json.push(b',');
        }
        serde_json::to_writer(&mut self.json, element)
    }

    /// Ends the array.
    pub fn finish(&mut self) {
        self.json.push(b']');
    }

    /// The size in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.json.len()
    }
}

impl<T> JsonArray<T> {
    /// The response of elements in memory, with `Content-Length`.
    #[must_use]
    pub fn in_memory(elements: Arc<Encoded<T>>) -> Self {
        Self(Elements::InMemory(elements))
    }

    /// The response of one chunk, with `Content-Length`. `held` is dropped when the
    /// client has read it or disconnected.
    pub fn one_chunk(chunk: Chunk<T>, held: impl Send + 'static) -> Self
    where
        T: 'static,
    {
        let length = Some(chunk.json.len());
        let chunks = futures_util::stream::unfold((Some(chunk), held), async |(chunk, held)| {
            Some((Ok(chunk?), (None, held)))
        });
        let chunks = chunks.boxed();
        Self(Elements::Chunks { chunks, length })
    }

    /// The response of chunks that are made when the client has read the ones before.
    /// An error breaks the response off: the client sees an incomplete body, never a
    /// valid array that is too short.
    pub fn chunks(chunks: impl Stream<Item = io::Result<Chunk<T>>> + Send + 'static) -> Self {
        let chunks = chunks.boxed();
        let length = None;
        Self(Elements::Chunks { chunks, length })
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
            Elements::InMemory(encoded) => {
                let json = encoded.json.get_or_init(|| {
                    let json = serde_json::to_vec(&encoded.elements);
                    json.map(Bytes::from).map_err(|error| error.to_string())
                });
                match json {
                    Ok(json) => response.body(json.clone()),
                    Err(error) => Problem::internal(error).into_response(),
                }
            }
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
    use futures_util::stream;

    use super::*;

    fn chunk(mut chunk: Chunk<u8>, elements: &[u8], is_last: bool) -> Chunk<u8> {
        for element in elements {
            chunk.push(element).unwrap();
        }
        if is_last {
            chunk.finish();
        }
        chunk
    }

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
                    chunk(Chunk::next(), &[3], false),
                    chunk(Chunk::next(), &[], true),
                ],
                "[1,2,3]",
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
        let memory = |elements: &Arc<_>| JsonArray::in_memory(Arc::clone(elements));
        let elements = Arc::new(Encoded::from(vec![1, 2]));

        assert_eq!(length(one(&held)).as_deref(), Some("5"));
        let response = one(&held).into_response();
        assert_eq!(Arc::strong_count(&held), 2, "held until it is read");
        assert_eq!(response.into_body().into_string().await.unwrap(), "[1,2]");
        assert_eq!(Arc::strong_count(&held), 1);
        assert_eq!(text(memory(&elements)).await.unwrap(), "[1,2]");
        assert_eq!(text(memory(&elements)).await.unwrap(), "[1,2]");
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
