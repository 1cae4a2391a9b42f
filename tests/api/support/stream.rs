//! A response that is read while it is made.

use std::{io, time::Duration};

use futures_util::{StreamExt, stream::BoxStream};
use hyper::body::Bytes;
use poem::{Endpoint, http::HeaderMap};
use serde_json::Value;
use tasks_api_test_support::events::{Item, Parser};
use tokio::time::timeout;

use super::{Call, Response, conformance};

/// A stream of events. Every event is checked against the document.
pub struct Stream {
    pub headers: HeaderMap,
    body: BoxStream<'static, io::Result<Bytes>>,
    parser: Parser,
}

impl Call<'_> {
    /// Sends the request; panics unless the response is a stream as the document describes it.
    pub async fn open(self) -> Stream {
        let method = self.request.method().clone();
        let uri = self.request.uri().clone();
        let sent = self.request.headers().clone();
        let response = self.app.endpoint.get_response(self.request).await;
        let (parts, body) = response.into_parts();
        let head = Response {
            status: parts.status,
            headers: parts.headers,
            text: String::new(),
        };
        conformance::check(&method, &uri, &sent, &head)
            .unwrap_or_else(|undocumented| panic!("{method} {uri}: {head:?}: {undocumented}"));
        assert_eq!(head.header("content-type"), "text/event-stream", "{head:?}");
        Stream {
            headers: head.headers,
            body: body.into_bytes_stream().boxed(),
            parser: Parser::default(),
        }
    }
}

impl Stream {
    /// The next part; nothing at the end.
    pub async fn item(&mut self) -> Option<Item> {
        loop {
            if let Some(item) = self.parser.item() {
                if let Item::Event(_, data) = &item {
                    conformance::event(data).unwrap_or_else(|error| panic!("{data}: {error}"));
                }
                return Some(item);
            }
            let next = timeout(Duration::from_mins(1), self.body.next()).await;
            let bytes = next.expect("a part of the stream in time")?;
            self.parser.push(&bytes.expect("a whole stream"));
        }
    }

    /// The data of the next event; nothing at the end.
    pub async fn event(&mut self) -> Option<Value> {
        loop {
            if let Item::Event(_, data) = self.item().await? {
                return Some(data);
            }
        }
    }
}
