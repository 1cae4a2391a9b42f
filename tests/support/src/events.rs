//! A reader of server-sent events that accepts nothing but what the service documents.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;
use tokio::time::timeout;

/// How long a test waits for the next part of a stream.
const LIMIT: Duration = Duration::from_mins(1);

/// A part of a stream.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// A comment.
    Comment,
    /// How long to wait before the next connection, in milliseconds.
    Retry(u64),
    /// An event: its id, and its data.
    Event(String, Value),
}

/// The text of a stream, as far as it was received.
#[derive(Debug, Default)]
pub struct Parser {
    text: Vec<u8>,
    items: VecDeque<Item>,
}

impl Parser {
    /// Adds received bytes; panics on what the service does not document.
    pub fn push(&mut self, bytes: &[u8]) {
        self.text.extend_from_slice(bytes);
        while let Some(end) = self.text.windows(2).position(|two| two == b"\n\n") {
            let block: Vec<_> = self.text.drain(..end + 2).collect();
            let block = String::from_utf8(block).expect("UTF-8");
            self.items.extend(items(block.trim_end_matches('\n')));
        }
    }

    /// The next part that is whole.
    pub fn item(&mut self) -> Option<Item> {
        self.items.pop_front()
    }
}

fn items(block: &str) -> Vec<Item> {
    let lines: Vec<_> = block.lines().collect();
    if let [event, id, data] = lines[..] {
        let field = |line: &str, name: &str| {
            let value = line.strip_prefix(name);
            value.unwrap_or_else(|| panic!("{line:?}")).to_owned()
        };
        assert_eq!(field(event, "event: "), "changes");
        let data: Value = serde_json::from_str(&field(data, "data: ")).expect("JSON");
        let id = field(id, "id: ");
        assert_eq!(data["cursor"], id);
        return vec![Item::Event(id, data)];
    }
    let item = |line: &str| match line.strip_prefix("retry: ") {
        Some(retry) => Item::Retry(retry.parse().expect("a number")),
        None if line == ":" => Item::Comment,
        None => panic!("{line:?}"),
    };
    lines.into_iter().map(item).collect()
}

/// A stream of the service.
pub struct Events {
    response: Response,
    parser: Parser,
}

/// A request for a stream at `url`, after the cursor, which goes into `Last-Event-ID`.
pub fn request(url: &str, token: &str, since: Option<&str>) -> RequestBuilder {
    let client = Client::builder().build().expect("a client");
    let request = client.request(Method::GET, format!("{url}/api/events"));
    let request = request.bearer_auth(token);
    match since {
        Some(since) => request.header("last-event-id", since),
        None => request,
    }
}

impl Events {
    /// Opens a stream on a connection of its own; panics unless the status is 200.
    pub async fn open(url: &str, token: &str, since: Option<&str>) -> Self {
        let response = request(url, token, since).send().await.expect("a response");
        Self::of(response)
    }

    /// The stream of a response; panics unless it is one.
    pub fn of(response: Response) -> Self {
        assert_eq!(response.status(), StatusCode::OK);
        let parser = Parser::default();
        Self { response, parser }
    }

    /// The next part of the stream; nothing at its end. The error is that of a connection that
    /// broke.
    pub async fn next(&mut self) -> Result<Option<Item>, reqwest::Error> {
        loop {
            if let Some(item) = self.parser.item() {
                return Ok(Some(item));
            }
            let chunk = timeout(LIMIT, self.response.chunk()).await;
            match chunk.expect("a part of the stream in time")? {
                Some(bytes) => self.parser.push(&bytes),
                None => return Ok(None),
            }
        }
    }

    /// The next event; nothing at the end of the stream, however it ends.
    pub async fn event(&mut self) -> Option<Value> {
        loop {
            match self.next().await {
                Ok(Some(Item::Event(_, data))) => return Some(data),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return None,
            }
        }
    }
}

/// A copy of a user's tasks, which follows the rules of `listChanges`.
#[derive(Debug, Default)]
pub struct Replica {
    /// The tasks by their ids.
    pub tasks: BTreeMap<i64, Value>,
    versions: BTreeMap<i64, i64>,
    /// Where it is.
    pub cursor: Option<String>,
}

impl Replica {
    /// Applies a page; returns how many entries were new.
    pub fn apply(&mut self, page: &Value) -> usize {
        let number = |entry: &Value, member: &str| entry[member].as_i64().expect("a number");
        let entries = |member: &str| page[member].as_array().expect("an array").clone();
        let mut count = 0;
        for (is_deleted, entries) in [(false, entries("tasks")), (true, entries("deleted"))] {
            for entry in entries {
                let (id, version) = (number(&entry, "id"), number(&entry, "version"));
                if self
                    .versions
                    .get(&id)
                    .is_some_and(|known| *known >= version)
                {
                    continue;
                }
                count += 1;
                self.versions.insert(id, version);
                if is_deleted {
                    self.tasks.remove(&id);
                } else {
                    self.tasks.insert(id, entry);
                }
            }
        }
        self.cursor = page["cursor"].as_str().map(str::to_owned);
        count
    }

    /// The tasks as a list has them, newest first.
    pub fn list(&self) -> Vec<Value> {
        self.tasks.values().rev().cloned().collect()
    }
}
