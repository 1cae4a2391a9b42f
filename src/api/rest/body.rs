//! Request bodies: the limits on their size and time, and the JSON object in
//! them.

use std::time::Duration;

use http_body_util::{BodyExt, LengthLimitError, Limited, combinators::BoxBody};
use poem::{
    Request, RequestBody,
    http::{
        HeaderMap,
        header::{CONTENT_ENCODING, CONTENT_TYPE},
    },
};
use serde_json::{Map, Value};
use tokio::time::timeout;

use crate::api::rest::{
    object,
    problem::{Problem, ProblemType},
};

/// The media type of every body but a problem's.
pub const JSON: &str = "application/json";

/// The media type of a merge patch (RFC 7396).
pub const MERGE_PATCH: &str = "application/merge-patch+json";

/// Maximum size of a request body, in bytes.
const MAX_SIZE: usize = 128 * 1024;
/// Maximum time for a body to arrive: the largest at 5 KiB/s.
const ARRIVAL_TIMEOUT: Duration = Duration::from_secs(25);

/// Reads the JSON object in a body of one of these media types. [`JSON`] alone stands for
/// every suffix `+json` as well. An empty body is an object without fields, so that the
/// problem names the first required field.
pub async fn read_object(
    request: &Request,
    body: &mut RequestBody,
    media_types: &[&str],
) -> poem::Result<Map<String, Value>> {
    // poem's own way reads through a buffer of 4 KiB, for which the future of each operation
    // has room.
    let body = Limited::new(BoxBody::from(body.take()?), MAX_SIZE);
    let body = timeout(ARRIVAL_TIMEOUT, body.collect()).await;
    let body = body.map_err(|_| Problem::new(ProblemType::RequestTimeout))?;
    let body = body.map_err(|error| {
        if error.is::<LengthLimitError>() {
            Problem::new(ProblemType::ContentTooLarge)
        } else {
            Problem::invalid_field("body", "must be complete")
        }
    })?;
    let body = body.to_bytes();
    if body.is_empty() {
        return Ok(Map::new());
    }
    check_media_type(request.headers(), media_types)?;
    Ok(object::parse(&body)?)
}

fn check_media_type(headers: &HeaderMap, media_types: &[&str]) -> Result<(), Problem> {
    let problem = Problem::new(ProblemType::UnsupportedMediaType);
    let texts = |name| {
        let values = headers.get_all(name).into_iter();
        values.map(|value| value.to_str().unwrap_or(""))
    };
    if texts(CONTENT_ENCODING).any(|coding| !coding.eq_ignore_ascii_case("identity")) {
        return Err(problem.with_detail("The body must not be compressed."));
    }
    // Exactly one: of two types, a proxy may have checked the other.
    let mut types = texts(CONTENT_TYPE);
    match (types.next(), types.next()) {
        (Some(content_type), None) if is_one_of(content_type, media_types) => Ok(()),
        _ => Err(problem),
    }
}

/// Whether a content type is one of these; for [`JSON`] alone also one with the suffix
/// `+json` (RFC 6839, section 3.1). Where a merge patch is expected, another suffix may stand
/// for another kind of patch (RFC 6902).
fn is_one_of(content_type: &str, media_types: &[&str]) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let essence = essence.to_ascii_lowercase();
    let has_suffix = essence.starts_with("application/") && essence.ends_with("+json");
    media_types.contains(&essence.as_str()) || (media_types == [JSON] && has_suffix)
}
