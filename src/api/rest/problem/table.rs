//! The table of problem types: a row is all that a type consists of.

use poem::http::StatusCode;
use serde_json::{Value, json};

/// A row of the table.
#[derive(Debug)]
pub struct Row {
    /// The HTTP status.
    pub status: u16,
    /// The last part of the type's URI reference.
    pub slug: &'static str,
    /// The type's name for a person (RFC 9457, section 3.1.3).
    pub title: &'static str,
    /// What the type means, for the document.
    pub description: &'static str,
    /// The `detail` of a problem that has nothing more specific to say.
    pub detail: &'static str,
    /// The headers of every response of this type.
    pub headers: &'static [Header],
    /// Which operations document a response of this type.
    pub documented: Documented,
}

/// A header of every response of one problem type.
#[derive(Debug)]
pub struct Header {
    /// Its name, in the case that the document shows.
    pub name: &'static str,
    /// Its value where the problem does not set one.
    pub default: &'static str,
    /// What it means, for the document.
    pub description: &'static str,
    /// The schema of its value, for the document.
    pub schema: fn() -> Value,
    /// An example of its value, for the document.
    pub example: fn() -> Value,
}

/// Which operations document a response of a problem type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Documented {
    /// All of them.
    Everywhere,
    /// Those with a body or a query parameter.
    WithInput,
    /// Those with a body.
    WithBody,
    /// Those with a parameter in the path.
    WithPathParameter,
    /// Those that create a resource: status 201.
    Creating,
    /// Those whose contract lists it.
    ByOperation,
    /// None of them.
    Nowhere,
}

const WWW_AUTHENTICATE: Header = Header {
    name: "WWW-Authenticate",
    default: "Bearer",
    description: "`Bearer`, with `error=\"invalid_token\"` if a token was sent (RFC 6750).",
    schema: || json!({"type": "string"}),
    example: || json!("Bearer error=\"invalid_token\""),
};

const RETRY_AFTER: Header = Header {
    name: "Retry-After",
    default: "2",
    description: "Seconds to wait before a retry.",
    schema: || json!({"type": "integer", "minimum": 1}),
    example: || json!(2),
};

const ALLOW: Header = Header {
    name: "Allow",
    default: "",
    description: "The methods that the resource supports (RFC 9110, section 10.2.1).",
    schema: || json!({"type": "string"}),
    example: || json!("GET, POST"),
};

/// What is missing may still arrive, so the connection cannot be used again
/// (RFC 9110, section 15.5.9).
const CONNECTION: Header = Header {
    name: "Connection",
    default: "close",
    description: "`close`.",
    schema: || json!({"type": "string"}),
    example: || json!("close"),
};

macro_rules! problem_types {
    ($($name:ident $row:tt)*) => {
        /// The types of problem, in the order of their statuses.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[expect(missing_docs, reason = "the descriptions are in the rows")]
        pub enum ProblemType {
            $($name,)*
        }

        impl ProblemType {
            /// Every type.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The type's row of the table.
            #[must_use]
            pub const fn row(self) -> &'static Row {
                match self {
                    $(Self::$name => &Row $row,)*
                }
            }
        }
    };
}

problem_types! {
    InvalidRequest {
        status: 400,
        slug: "invalid-request",
        title: "Invalid request",
        description: "The request is invalid. `errors` names each invalid field and its rule.",
        detail: "The request is invalid.",
        headers: &[],
        documented: Documented::WithInput,
    }
    Unauthorized {
        status: 401,
        slug: "unauthorized",
        title: "Unauthorized",
        description: "The bearer token is missing or not accepted. The response is the same for \
                      expired, forged and malformed tokens.",
        detail: "The token is not accepted.",
        headers: &[WWW_AUTHENTICATE],
        documented: Documented::Everywhere,
    }
    QuotaExceeded {
        status: 403,
        slug: "quota-exceeded",
        title: "Quota exceeded",
        description: "The user has reached the quota. Delete something before you create more.",
        detail: "You have reached your quota. Delete something before you create more.",
        headers: &[],
        documented: Documented::Creating,
    }
    NotFound {
        status: 404,
        slug: "not-found",
        title: "Not found",
        description: "The resource does not exist, or it belongs to another user. The response is \
                      the same in both cases.",
        detail: "There is no resource at this address.",
        headers: &[],
        documented: Documented::WithPathParameter,
    }
    MethodNotAllowed {
        status: 405,
        slug: "method-not-allowed",
        title: "Method not allowed",
        description: "The resource does not support this method. The `Allow` header lists those \
                      that it supports.",
        detail: "This resource does not support that method.",
        headers: &[ALLOW],
        documented: Documented::Nowhere,
    }
    RequestTimeout {
        status: 408,
        slug: "request-timeout",
        title: "Request timeout",
        description: "The body of the request did not arrive in time, and nothing was written. \
                      Send the request again, on a new connection.",
        detail: "The request did not arrive in time.",
        headers: &[CONNECTION],
        documented: Documented::Everywhere,
    }
    CursorExpired {
        status: 410,
        slug: "cursor-expired",
        title: "Cursor expired",
        description: "The cursor is from before an erase or a restored backup, of another user, or \
                      older than deletions are remembered. Start without it.",
        detail: "The changes since this cursor are no longer known. Start without it.",
        headers: &[],
        documented: Documented::ByOperation,
    }
    AlreadyDeleted {
        status: 410,
        slug: "already-deleted",
        title: "Already deleted",
        description: "What an earlier request with this `Idempotency-Key` created was deleted since. \
                      Nothing was created.",
        detail: "What this key created was deleted since.",
        headers: &[],
        documented: Documented::ByOperation,
    }
    VersionConflict {
        status: 412,
        slug: "version-conflict",
        title: "Version conflict",
        description: "The resource is in another state than `If-Match` names, and nothing was \
                      written. `current` is the resource as it is.",
        detail: "The resource is in another state than If-Match names.",
        headers: &[],
        documented: Documented::ByOperation,
    }
    ContentTooLarge {
        status: 413,
        slug: "content-too-large",
        title: "Content too large",
        description: "The body is larger than 128 KiB.",
        detail: "The body must not be larger than 128 KiB.",
        headers: &[],
        documented: Documented::Everywhere,
    }
    UnsupportedMediaType {
        status: 415,
        slug: "unsupported-media-type",
        title: "Unsupported media type",
        description: "The `Content-Type` of the body is not JSON, or the body is compressed.",
        detail: "The body must be JSON and say so: Content-Type: application/json.",
        headers: &[],
        documented: Documented::WithBody,
    }
    KeyReused {
        status: 422,
        slug: "key-reused",
        title: "Key reused",
        description: "The `Idempotency-Key` was used for a request with another body. Nothing was \
                      created.",
        detail: "The Idempotency-Key was used for a request with another body.",
        headers: &[],
        documented: Documented::ByOperation,
    }
    RateLimited {
        status: 429,
        slug: "rate-limited",
        title: "Too many requests",
        description: "Too many requests. `Retry-After` is the number of seconds to wait before \
                      the next one.",
        detail: "Too many requests; try again in a moment.",
        headers: &[RETRY_AFTER],
        documented: Documented::Everywhere,
    }
    HeadTooLarge {
        status: 431,
        slug: "head-too-large",
        title: "Request header fields too large",
        description: "The head of the request is larger than 64 KiB, or has more than 100 header \
                      fields.",
        detail: "The head of a request may have 64 KiB and 100 header fields.",
        headers: &[],
        documented: Documented::Nowhere,
    }
    Internal {
        status: 500,
        slug: "internal-error",
        title: "Internal error",
        description: "An error in the service. `request_id` identifies it in the logs.",
        detail: "Something went wrong on our side. The request id identifies it in the logs.",
        headers: &[],
        documented: Documented::Everywhere,
    }
    Unavailable {
        status: 503,
        slug: "service-unavailable",
        title: "Service unavailable",
        description: "The database or the key set is unreachable, or too many requests are in \
                      progress, and nothing was written. `Retry-After` is the number of seconds \
                      to wait before a retry. With type \
                      `/problems/outcome-unknown`, a write was sent and the connection broke \
                      before the response: read before you write again.",
        detail: "A dependency of the service is unreachable; try again in a moment.",
        headers: &[RETRY_AFTER],
        documented: Documented::Everywhere,
    }
    OutcomeUnknown {
        status: 503,
        slug: "outcome-unknown",
        title: "Outcome unknown",
        description: "A write was sent to the database, and the connection broke before the \
                      response: the write may or may not have happened. Read before you write \
                      again.",
        detail: "The write may or may not have happened. Read before you write again.",
        headers: &[RETRY_AFTER],
        documented: Documented::Nowhere,
    }
}

impl ProblemType {
    /// The stable URI reference that a client branches on (RFC 9457, section
    /// 3.1.1).
    #[must_use]
    pub fn uri(self) -> String {
        format!("/problems/{}", self.row().slug)
    }

    /// The types of a status, the general one first.
    pub fn of_status(status: u16) -> impl Iterator<Item = Self> {
        let types = Self::ALL.iter().copied();
        types.filter(move |problem| problem.row().status == status)
    }

    /// The type of a failure of which only the status is known.
    pub(super) fn from_status(status: StatusCode) -> Self {
        match Self::of_status(status.as_u16()).next() {
            Some(kind) => kind,
            None if status.is_client_error() => Self::InvalidRequest,
            None => Self::Internal,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_type_has_a_uri_of_its_own_that_the_document_allows() {
        let uris: BTreeSet<_> = ProblemType::ALL.iter().map(|kind| kind.uri()).collect();

        assert_eq!(uris.len(), ProblemType::ALL.len());
        for uri in uris {
            let slug = uri.strip_prefix("/problems/").unwrap();
            assert!(slug.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'));
        }
    }

    #[test]
    fn types_are_in_the_order_of_their_statuses_and_share_no_documented_one() {
        let statuses = |types: &[ProblemType]| -> Vec<_> {
            types.iter().map(|kind| kind.row().status).collect()
        };
        let documented = |kind: &&ProblemType| {
            !matches!(
                kind.row().documented,
                Documented::Nowhere | Documented::ByOperation
            )
        };
        let documented: Vec<_> = ProblemType::ALL
            .iter()
            .filter(documented)
            .copied()
            .collect();

        assert!(statuses(ProblemType::ALL).is_sorted());
        assert!(statuses(&documented).is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn a_status_without_a_type_is_the_fault_of_one_side() {
        let from = ProblemType::from_status;

        assert_eq!(from(StatusCode::NOT_FOUND), ProblemType::NotFound);
        assert_eq!(from(StatusCode::IM_A_TEAPOT), ProblemType::InvalidRequest);
        assert_eq!(from(StatusCode::BAD_GATEWAY), ProblemType::Internal);
        assert_eq!(
            from(StatusCode::SERVICE_UNAVAILABLE),
            ProblemType::Unavailable
        );
    }
}
