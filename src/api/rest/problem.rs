//! Problems (RFC 9457): the body of every failure, and the only place where a
//! failure becomes an HTTP response.
//!
//! A [`Problem`] travels as data of its response until the outermost middleware
//! calls [`finish`], which writes the body with the request id. A failure of the
//! framework carries no problem; `finish` makes one from its status.

mod table;
#[cfg(test)]
mod tests;

use std::{borrow::Cow, time::Duration};

use poem::{
    IntoResponse, Response,
    http::{
        HeaderName, HeaderValue, StatusCode,
        header::{ALLOW, RETRY_AFTER},
    },
};
use poem_openapi::{
    ApiResponse, Object,
    registry::{MetaMediaType, MetaResponse, MetaResponses, Registry},
    types::Type,
};
use serde::Serialize;
use serde_json::Value;

pub use self::table::{Documented, Header, ProblemType, Row};
use crate::duration::whole_seconds;

/// The media type of every problem (RFC 9457, section 3).
pub const PROBLEM_JSON: &str = "application/problem+json";

/// The body of every response with status 400 or above (RFC 9457).
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename = "Problem")]
pub struct ProblemBody {
    /// The type of the problem: a stable identifier to branch on. `ProblemType` lists those
    /// so far.
    #[oai(rename = "type", validator(pattern = "^/problems/[a-z-]+$"))]
    #[serde(rename = "type")]
    pub kind: String,
    /// The name of the type.
    pub title: String,
    /// The HTTP status of the response.
    #[oai(validator(minimum(value = "400"), maximum(value = "599")))]
    pub status: i32,
    /// A sentence for a person about this occurrence of the problem.
    pub detail: String,
    /// The invalid fields. Present for invalid requests only.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<Vec<FieldError>>,
    /// The resource as it is. Present for a version conflict only.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current: Option<Value>,
    /// The `X-Request-Id` of the response, to quote in a report to the operator.
    /// Present with status 500 or above only.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// An invalid field.
#[derive(Debug, Clone, PartialEq, Eq, Object, Serialize)]
pub struct FieldError {
    /// The name of the field in the body or of the query parameter, or `body`.
    pub field: String,
    /// The rule that the value breaks. With the field's name before it, it makes
    /// a sentence.
    pub message: String,
}

/// A failure as a client sees it.
#[derive(Debug, Clone)]
pub struct Problem {
    kind: ProblemType,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    /// Boxed, so that results with problems stay small.
    current: Option<Box<Value>>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem with the detail and the headers of its row.
    #[must_use]
    pub fn new(kind: ProblemType) -> Self {
        Self {
            kind,
            detail: kind.row().detail.into(),
            errors: Vec::new(),
            current: None,
            headers: Vec::new(),
        }
    }

    /// Replaces the detail.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = detail.into();
        self
    }

    /// Adds the resource as it is.
    #[must_use]
    pub fn with_current(mut self, current: impl Serialize) -> Self {
        self.current = serde_json::to_value(current).ok().map(Box::new);
        self
    }

    /// Sets a header of the response. A value that no header can have is left
    /// out.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: impl TryInto<HeaderValue>) -> Self {
        self.headers
            .extend(value.try_into().ok().map(|value| (name, value)));
        self
    }

    /// Sets `Retry-After` (RFC 9110, section 10.2.3): the time after which a retry may
    /// succeed.
    #[must_use]
    pub fn with_retry_after(self, wait: Duration) -> Self {
        self.with_header(RETRY_AFTER, whole_seconds(wait))
    }

    /// 400. The detail is about the first of the fields.
    #[must_use]
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let mut problem = Self::new(ProblemType::InvalidRequest);
        if let Some(FieldError { field, message }) = errors.first() {
            problem.detail = format!("{field} {message}").into();
        }
        problem.errors = errors;
        problem
    }

    /// 400 because of one field.
    #[must_use]
    pub fn invalid_field(field: &str, message: impl Into<String>) -> Self {
        Self::invalid(vec![FieldError {
            field: field.to_owned(),
            message: message.into(),
        }])
    }

    /// 500. The cause is logged and never sent to the client.
    #[must_use]
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "internal error");
        Self::new(ProblemType::Internal)
    }

    /// The body. A problem of status 500 or above repeats `request_id`.
    #[must_use]
    pub fn body(&self, request_id: &str) -> ProblemBody {
        let row = self.kind.row();
        ProblemBody {
            kind: self.kind.uri(),
            title: row.title.to_owned(),
            status: i32::from(row.status),
            detail: self.detail.clone().into_owned(),
            errors: (!self.errors.is_empty()).then(|| self.errors.clone()),
            current: self.current.as_deref().cloned(),
            request_id: (row.status >= 500).then(|| request_id.to_owned()),
        }
    }

    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.kind.row().status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn response(&self, request_id: &str) -> Response {
        // A body of strings and numbers always serializes.
        let bytes = serde_json::to_vec(&self.body(request_id)).unwrap_or_default();
        let mut response = Response::builder()
            .status(self.status())
            .content_type(PROBLEM_JSON)
            .body(bytes);
        let headers = response.headers_mut();
        for header in self.kind.row().headers {
            headers.insert(header.name, HeaderValue::from_static(header.default));
        }
        for (name, value) in &self.headers {
            headers.insert(name, value.clone());
        }
        response
    }
}

impl From<Problem> for poem::Error {
    fn from(problem: Problem) -> Self {
        let mut error = Self::from_status(problem.status());
        error.set_data(problem);
        error
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        poem::Error::from(self).into_response()
    }
}

/// Writes a failure as a problem with the request id; other responses stay as
/// they are. `allowed_methods` gives the value of `Allow` for a 405.
pub fn finish(
    response: Response,
    request_id: &str,
    allowed_methods: impl FnOnce() -> Option<String>,
) -> Response {
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    if let Some(problem) = response.extensions().get::<Problem>() {
        return problem.response(request_id);
    }
    let problem = match ProblemType::from_status(status) {
        ProblemType::Internal => Problem::internal(format_args!("a response of status {status}")),
        kind @ ProblemType::MethodNotAllowed => {
            Problem::new(kind).with_header(ALLOW, allowed_methods().unwrap_or_default())
        }
        kind => Problem::new(kind),
    };
    problem.response(request_id)
}

/// One response that stands for every problem in the framework's document, so that it
/// has the schema. [`Row::documented`] says which problems an operation shows.
impl ApiResponse for Problem {
    fn meta() -> MetaResponses {
        let content = MetaMediaType {
            content_type: PROBLEM_JSON,
            schema: ProblemBody::schema_ref(),
        };
        let default = MetaResponse {
            description: "",
            status: None,
            status_range: None,
            content: vec![content],
            headers: vec![],
        };
        MetaResponses {
            responses: vec![default],
        }
    }

    fn register(registry: &mut Registry) {
        ProblemBody::register(registry);
    }
}
