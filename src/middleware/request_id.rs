//! `X-Request-Id`: names a request in the logs and to the client.

use poem::http::{HeaderMap, HeaderName, HeaderValue};
use uuid::{ContextV7, Timestamp, Uuid};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

thread_local! {
    /// The counter of ids within a millisecond. `Uuid::now_v7` has one for the process,
    /// behind a mutex.
    static CONTEXT: ContextV7 = const { ContextV7::new() };
}

/// A new id (RFC 9562, section 5.7), unique by its random part, and in the order of time
/// on one thread.
fn generate() -> String {
    let timestamp = CONTEXT.with(|context| Timestamp::now(context));
    Uuid::new_v7(timestamp).to_string()
}

/// The id that the client or a proxy sent, if it is safe in a log line, or a new one.
pub fn choose(request: &HeaderMap) -> String {
    let is_safe = |id: &&str| {
        let mut bytes = id.bytes();
        (8..=64).contains(&id.len()) && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let sent = request.get(REQUEST_ID).and_then(|id| id.to_str().ok());
    sent.filter(is_safe).map_or_else(generate, str::to_owned)
}

/// Adds the id to a response.
pub fn add_header(response: &mut HeaderMap, id: &str) {
    if let Ok(id) = HeaderValue::from_str(id) {
        response.insert(REQUEST_ID, id);
    }
}
