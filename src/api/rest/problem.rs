//! The one error body (RFC 9457) and the only place where a failure becomes an
//! HTTP answer.
//!
//! A [`Problem`] travels as data of its response until the outermost layer
//! ([`finish`]) writes it down with the request id; a failure of the framework,
//! which carries none, becomes a problem there by its status.

mod kind;
mod refused;

use std::{borrow::Cow, time::Duration};

use poem::{
    Body, IntoResponse, Response,
    http::{
        HeaderValue, StatusCode,
        header::{ALLOW, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
    },
};
use poem_openapi::{Object, types::Example};
use serde::Serialize;

pub use self::{
    kind::Kind,
    refused::{Filter, Id, Input, Quota, Reason, Refused},
};
use crate::{api::tasks::TaskError, duration::whole_seconds};

/// The media type of every problem (RFC 9457, section 3).
pub const PROBLEM_JSON: &str = "application/problem+json";

/// How long a client had better wait where nothing better is known.
const RETRY: Duration = Duration::from_secs(2);

const INTERNAL: &str = "Something went wrong on our side; the request id finds it in the logs.";

/// The body of every answer of status 400 and above (RFC 9457).
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename = "Problem", example)]
pub struct ProblemBody {
    /// What kind of problem this is; stable, to branch on.
    #[oai(rename = "type", validator(pattern = "^/problems/[a-z-]+$"))]
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind's name.
    pub title: String,
    /// The status of the answer.
    #[oai(validator(minimum(value = "400"), maximum(value = "599")))]
    pub status: i32,
    /// One sentence for a person about this very case.
    pub detail: String,
    /// What is wrong with which field; with invalid input only.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<Vec<FieldError>>,
    /// The answer's `X-Request-Id`, to quote to the operator; with status 500
    /// and above only.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, Object, Serialize)]
#[oai(example)]
pub struct FieldError {
    /// The field's name in the body, the query parameter's name, or `body`.
    pub field: String,
    /// What it must be, as a predicate: it reads on from the field's name.
    pub message: String,
}

impl Example for ProblemBody {
    fn example() -> Self {
        Problem::invalid(vec![FieldError::example()]).body(None)
    }
}

impl Example for FieldError {
    fn example() -> Self {
        Self {
            field: "title".to_owned(),
            message: "must be 1 to 200 characters long".to_owned(),
        }
    }
}

/// A failure as a client sees it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{detail}")]
pub struct Problem {
    kind: Kind,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    retry_after: Option<Duration>,
    token_sent: bool,
    allow: Option<String>,
}

impl Problem {
    fn new(kind: Kind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            errors: Vec::new(),
            retry_after: None,
            token_sent: false,
            allow: None,
        }
    }

    /// A body of this kind as the document shows it.
    #[must_use]
    pub fn example(kind: Kind) -> ProblemBody {
        let id = Some("019f0a7e-5b0c-7c3e-9d54-2f6b8c1a7e90");
        match kind {
            Kind::InvalidRequest => ProblemBody::example(),
            Kind::Unauthorized => Self::token_invalid().body(id),
            Kind::QuotaExceeded => Self::from(TaskError::QuotaExceeded { limit: 10_000 }).body(id),
            Kind::NotFound => Self::no_such_task(7).body(id),
            Kind::ContentTooLarge => Self::content_too_large().body(id),
            Kind::UnsupportedMediaType => Self::not_json().body(id),
            Kind::Internal => Self::new(kind, INTERNAL).body(id),
            Kind::Unavailable => Self::unavailable(RETRY).body(id),
            _ => Self::new(kind, kind.description()).body(id),
        }
    }

    /// 400: the fields in `errors`; the first of them makes the sentence.
    #[must_use]
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let detail = errors.first().map_or_else(
            || "The request is invalid.".to_owned(),
            |first| format!("{} {}", first.field, first.message),
        );
        Self {
            errors,
            ..Self::new(Kind::InvalidRequest, detail)
        }
    }

    /// 400: one field.
    #[must_use]
    pub fn invalid_field(field: &str, message: impl Into<String>) -> Self {
        Self::invalid(vec![FieldError {
            field: field.to_owned(),
            message: message.into(),
        }])
    }

    /// 401: no token was sent.
    #[must_use]
    pub fn token_missing() -> Self {
        Self::new(
            Kind::Unauthorized,
            "Send a token: Authorization: Bearer <JWT>.",
        )
    }

    /// 401: a token was sent, and is not accepted. Why is for the log.
    #[must_use]
    pub fn token_invalid() -> Self {
        Self {
            token_sent: true,
            ..Self::new(Kind::Unauthorized, "The token is not accepted.")
        }
    }

    /// 404: the user has no task of this id.
    #[must_use]
    pub fn no_such_task(id: impl std::fmt::Display) -> Self {
        Self::new(Kind::NotFound, format!("No task has the id {id}."))
    }

    /// 404: no route.
    #[must_use]
    pub fn no_such_resource() -> Self {
        Self::new(Kind::NotFound, "Nothing is at this address.")
    }

    /// 405: the methods that there are, for `Allow`.
    #[must_use]
    pub fn method_not_allowed(allow: String) -> Self {
        Self {
            allow: Some(allow),
            ..Self::new(
                Kind::MethodNotAllowed,
                "This address does not have that method.",
            )
        }
    }

    /// 408.
    #[must_use]
    pub fn request_timeout() -> Self {
        Self::new(Kind::RequestTimeout, Kind::RequestTimeout.description())
    }

    /// 413.
    #[must_use]
    pub fn content_too_large() -> Self {
        Self::new(
            Kind::ContentTooLarge,
            "The body must not be larger than 128 KiB.",
        )
    }

    /// 415: the body does not say that it is JSON.
    #[must_use]
    pub fn not_json() -> Self {
        Self::new(
            Kind::UnsupportedMediaType,
            "The body must be JSON and say so: Content-Type: application/json.",
        )
    }

    /// 415: the body is compressed.
    #[must_use]
    pub fn compressed() -> Self {
        Self::new(
            Kind::UnsupportedMediaType,
            "The body must not be compressed.",
        )
    }

    /// 429: one request too many, and when there may be another.
    #[must_use]
    pub fn rate_limited(retry_after: Duration) -> Self {
        Self {
            retry_after: Some(retry_after),
            ..Self::new(
                Kind::RateLimited,
                "Too many requests; try again in a moment.",
            )
        }
    }

    /// 500. The cause goes to the log, never to the client.
    #[must_use]
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "internal error");
        Self::new(Kind::Internal, INTERNAL)
    }

    /// 503, and nothing was written.
    #[must_use]
    pub fn unavailable(retry_after: Duration) -> Self {
        Self {
            retry_after: Some(retry_after),
            ..Self::new(
                Kind::Unavailable,
                "Something that the service needs is out of reach; try again in a moment.",
            )
        }
    }

    /// 503 of the readiness check: what is missing.
    #[must_use]
    pub fn not_ready(missing: &'static str) -> Self {
        Self {
            retry_after: Some(RETRY),
            ..Self::new(Kind::Unavailable, missing)
        }
    }

    /// A failure of which only the status is known, as the framework makes them.
    #[must_use]
    pub fn of_status(status: StatusCode) -> Self {
        let kind = Kind::of_status(status);
        match kind {
            Kind::NotFound => Self::no_such_resource(),
            Kind::Unavailable => Self::unavailable(RETRY),
            Kind::Internal => Self::internal(format_args!("an answer of status {status}")),
            _ => Self::new(kind, kind.description()),
        }
    }

    /// The body. `request_id` is repeated with status 500 and above.
    fn body(&self, request_id: Option<&str>) -> ProblemBody {
        let status = self.kind.status();
        ProblemBody {
            kind: self.kind.uri(),
            title: self.kind.title().to_owned(),
            status: i32::from(status),
            detail: self.detail.clone().into_owned(),
            errors: (!self.errors.is_empty()).then(|| self.errors.clone()),
            request_id: request_id.filter(|_| status >= 500).map(str::to_owned),
        }
    }

    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The answer; a problem of status 500 and above repeats `request_id`.
    fn response(&self, request_id: &str) -> Response {
        // Strings and numbers alone: this cannot fail.
        let bytes = serde_json::to_vec(&self.body(Some(request_id))).unwrap_or_default();
        let mut response = Response::builder()
            .status(self.status())
            .body(Body::from_vec(bytes));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if self.kind == Kind::Unauthorized {
            // RFC 6750, section 3: `error` only once a token was sent.
            headers.insert(
                WWW_AUTHENTICATE,
                HeaderValue::from_static(if self.token_sent {
                    "Bearer error=\"invalid_token\""
                } else {
                    "Bearer"
                }),
            );
        }
        if self.kind == Kind::RequestTimeout {
            // RFC 9110, section 15.5.9: what is missing may still come.
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if let Some(wait) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
        }
        if let Some(allow) = self.allow.as_deref().and_then(|a| a.parse().ok()) {
            headers.insert(ALLOW, allow);
        }
        response
    }
}

impl From<TaskError> for Problem {
    fn from(error: TaskError) -> Self {
        match error {
            TaskError::NotFound { id } => Self::no_such_task(id),
            TaskError::QuotaExceeded { limit } => Self::new(
                Kind::QuotaExceeded,
                format!("You hold {limit} tasks, as many as you may; delete some first."),
            ),
            TaskError::Unavailable(cause) => {
                tracing::warn!(%cause, "the database is out of reach");
                Self::unavailable(RETRY)
            }
            TaskError::OutcomeUnknown(cause) => {
                tracing::warn!(%cause, "a write was sent, its outcome is unknown");
                Self {
                    retry_after: Some(RETRY),
                    ..Self::new(Kind::OutcomeUnknown, Kind::OutcomeUnknown.description())
                }
            }
            TaskError::Internal(cause) => Self::internal(cause),
        }
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

/// The last word on an answer: a problem gets the request id, and a failure
/// that is no problem yet becomes one. `allowed_methods` is what the address
/// has, for the `Allow` of a 405.
pub fn finish(
    response: Response,
    request_id: &str,
    allowed_methods: impl FnOnce() -> Option<String>,
) -> Response {
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    match response.extensions().get::<Problem>() {
        Some(problem) => problem.response(request_id),
        None if status == StatusCode::METHOD_NOT_ALLOWED => {
            Problem::method_not_allowed(allowed_methods().unwrap_or_default()).response(request_id)
        }
        None => Problem::of_status(status).response(request_id),
    }
}
