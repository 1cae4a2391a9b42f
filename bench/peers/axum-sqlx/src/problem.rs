//! The error body (RFC 9457).

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

#[derive(Debug, Clone, Copy)]
pub struct Problem {
    status: StatusCode,
    kind: &'static str,
    title: &'static str,
    detail: &'static str,
    /// The invalid field, if any.
    field: Option<&'static str>,
}

impl Problem {
    pub const UNAUTHORIZED: Self = Self {
        status: StatusCode::UNAUTHORIZED,
        kind: "unauthorized",
        title: "Unauthorized",
        detail: "The token is not accepted.",
        field: None,
    };
    pub const NOT_FOUND: Self = Self {
        status: StatusCode::NOT_FOUND,
        kind: "not-found",
        title: "Not found",
        detail: "No such task.",
        field: None,
    };
    pub const NOT_JSON: Self = Self {
        status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
        kind: "unsupported-media-type",
        title: "Unsupported media type",
        detail: "The body must be JSON and say so: Content-Type: application/json.",
        field: None,
    };
    pub const TOO_LARGE: Self = Self {
        status: StatusCode::PAYLOAD_TOO_LARGE,
        kind: "content-too-large",
        title: "Content too large",
        detail: "The body must not be larger than 128 KiB.",
        field: None,
    };
    pub const QUOTA_EXCEEDED: Self = Self {
        status: StatusCode::FORBIDDEN,
        kind: "quota-exceeded",
        title: "Quota exceeded",
        detail: "You hold as many tasks as you may; delete some first.",
        field: None,
    };

    pub const fn invalid(field: &'static str, detail: &'static str) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            kind: "invalid-request",
            title: "Invalid request",
            detail,
            field: Some(field),
        }
    }
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        eprintln!("database: {error}");
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            kind: "service-unavailable",
            title: "Service unavailable",
            detail: "The database is out of reach; try again in a moment.",
            field: None,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = json!({
            "type": format!("/problems/{}", self.kind),
            "title": self.title,
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        if let Some(field) = self.field {
            body["errors"] = json!([{"field": field, "message": self.detail}]);
        }
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        match self.status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
            }
            _ => {}
        }
        response
    }
}
