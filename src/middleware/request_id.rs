//! `X-Request-Id`: names a request in the logs and to the client.

use poem::http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id that the client or a proxy sent, if it is safe in a log line, or a new one.
pub fn choose(request: &HeaderMap) -> String {
    let is_safe = |id: &&str| {
        let mut bytes = id.bytes();
        (8..=64).contains(&id.len()) && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let sent = request.get(REQUEST_ID).and_then(|id| id.to_str().ok());
    sent.filter(is_safe)
        .map_or_else(|| Uuid::now_v7().to_string(), str::to_owned)
}

/// Adds the id to a response.
pub fn add_header(response: &mut HeaderMap, id: &str) {
    if let Ok(id) = HeaderValue::from_str(id) {
        response.insert(REQUEST_ID, id);
    }
}
