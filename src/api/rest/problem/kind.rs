//! The table of problems: a row is all there is to a kind.

use poem::http::StatusCode;

/// The kinds of problem: a row of this table is all there is to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The input breaks a rule.
    InvalidRequest,
    /// No token, or none that is accepted.
    Unauthorized,
    /// The user holds as many tasks as they may.
    QuotaExceeded,
    /// Nothing is there, or nothing of the user's.
    NotFound,
    /// The resource has no such method.
    MethodNotAllowed,
    /// The request did not arrive in time.
    RequestTimeout,
    /// The body is too large.
    ContentTooLarge,
    /// The body is not JSON.
    UnsupportedMediaType,
    /// Too many requests.
    RateLimited,
    /// A fault of ours.
    Internal,
    /// Something that is needed is out of reach; nothing was written.
    Unavailable,
    /// The connection broke after a write was sent.
    OutcomeUnknown,
}

impl Kind {
    /// Every kind, in the order of the statuses.
    pub const ALL: [Self; 12] = [
        Self::InvalidRequest,
        Self::Unauthorized,
        Self::QuotaExceeded,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::ContentTooLarge,
        Self::UnsupportedMediaType,
        Self::RateLimited,
        Self::Internal,
        Self::Unavailable,
        Self::OutcomeUnknown,
    ];

    /// Status, last part of the type, title, and what it says of a request.
    const fn row(self) -> (u16, &'static str, &'static str, &'static str) {
        match self {
            Self::InvalidRequest => (
                400,
                "invalid-request",
                "Invalid request",
                "The input breaks a rule: `errors` names each field and what it must be.",
            ),
            Self::Unauthorized => (
                401,
                "unauthorized",
                "Unauthorized",
                "No bearer token was sent, or none that is accepted. Expired, forged and malformed \
                 tokens look alike.",
            ),
            Self::QuotaExceeded => (
                403,
                "quota-exceeded",
                "Quota exceeded",
                "The user holds as many tasks as they may; delete some first.",
            ),
            Self::NotFound => (
                404,
                "not-found",
                "Not found",
                "Nothing is there. Another user's task looks like no task.",
            ),
            Self::MethodNotAllowed => (
                405,
                "method-not-allowed",
                "Method not allowed",
                "The resource does not have this method; the `Allow` header lists those it has.",
            ),
            Self::RequestTimeout => (
                408,
                "request-timeout",
                "Request timeout",
                "The request did not arrive in time.",
            ),
            Self::ContentTooLarge => (
                413,
                "content-too-large",
                "Content too large",
                "The body is larger than 128 KiB.",
            ),
            Self::UnsupportedMediaType => (
                415,
                "unsupported-media-type",
                "Unsupported media type",
                "The body does not say that it is JSON, or it is compressed.",
            ),
            Self::RateLimited => (
                429,
                "rate-limited",
                "Too many requests",
                "Too many requests; `Retry-After` says in how many seconds to come back.",
            ),
            Self::Internal => (
                500,
                "internal-error",
                "Internal error",
                "A fault of the service; `request_id` finds it in the logs.",
            ),
            Self::Unavailable => (
                503,
                "service-unavailable",
                "Service unavailable",
                "The database or the key set is out of reach, and nothing was written. \
                 `Retry-After` says in how many seconds to try again. Of type \
                 `/problems/outcome-unknown`: a write was sent, and the connection broke before \
                 the answer; read before you write again.",
            ),
            Self::OutcomeUnknown => (
                503,
                "outcome-unknown",
                "Outcome unknown",
                "A write was sent to the database, and the connection broke before the answer: it \
                 may or may not have happened. Read before you write again.",
            ),
        }
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(self) -> u16 {
        self.row().0
    }

    /// The stable URI reference that a client branches on.
    #[must_use]
    pub fn uri(self) -> String {
        format!("/problems/{}", self.slug())
    }

    /// The last part of [`Kind::uri`].
    #[must_use]
    pub const fn slug(self) -> &'static str {
        self.row().1
    }

    /// The kind's name for a person.
    #[must_use]
    pub const fn title(self) -> &'static str {
        self.row().2
    }

    /// What it says of a request, for the document.
    #[must_use]
    pub const fn description(self) -> &'static str {
        self.row().3
    }

    /// The kind of a failure of which only the status is known.
    pub(super) fn of_status(status: StatusCode) -> Self {
        Self::ALL
            .into_iter()
            .find(|kind| kind.status() == status.as_u16())
            .unwrap_or(if status.is_client_error() {
                Self::InvalidRequest
            } else {
                Self::Internal
            })
    }
}
