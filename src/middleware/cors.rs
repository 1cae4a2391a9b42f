//! CORS (the Fetch standard, "CORS protocol"). poem's own middleware rejects a
//! same-origin POST with 403, and so "Try it out" in `/docs`, and sends no `Vary`.

use poem::{
    Request, Response,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
};

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
const REQUEST_HEADERS: HeaderValue =
    HeaderValue::from_static("authorization, content-type, x-request-id, traceparent, tracestate");
const EXPOSED_HEADERS: HeaderValue = HeaderValue::from_static(
    "Location, Retry-After, WWW-Authenticate, X-Request-Id, RateLimit, RateLimit-Policy",
);
/// How long a browser may cache a preflight, in seconds: two hours, the maximum that
/// Chromium honours.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");
const PREFLIGHT_VARY: HeaderValue =
    HeaderValue::from_static("Access-Control-Request-Method, Access-Control-Request-Headers");

/// The origins whose pages may read responses.
pub struct Cors(Vec<HeaderValue>);

impl Cors {
    /// Allows `origins`, each exactly as a browser sends it.
    pub fn new(origins: &[String]) -> Self {
        Self(origins.iter().filter_map(|o| o.parse().ok()).collect())
    }

    /// The request's origin, if it is allowed.
    pub fn allowed_origin(&self, request: &HeaderMap) -> Option<HeaderValue> {
        let origin = request.get(header::ORIGIN)?;
        self.0.contains(origin).then(|| origin.clone())
    }

    /// The response to a preflight: an OPTIONS with `Origin` and
    /// `Access-Control-Request-Method`. `None` for any other request. An origin that is
    /// not allowed gets a response without permission, which the browser enforces.
    pub fn preflight(&self, request: &Request) -> Option<Response> {
        let headers = request.headers();
        let preflight = request.method() == Method::OPTIONS
            && headers.contains_key(header::ORIGIN)
            && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if !preflight {
            return None;
        }
        let mut response = Response::builder().status(StatusCode::NO_CONTENT).finish();
        let permissions = response.headers_mut();
        if self.allowed_origin(headers).is_some() {
            // Any header is allowed: none of them changes what a request may do.
            let requested = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned();
            let requested = requested.unwrap_or(REQUEST_HEADERS);
            permissions.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            permissions.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, requested);
            permissions.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        }
        permissions.append(header::VARY, PREFLIGHT_VARY);
        Some(response)
    }

    /// Lets pages of `origin` read the response. `Vary: Origin` is always added, so that a
    /// cache keeps the responses for different origins apart.
    pub fn add_headers(origin: Option<HeaderValue>, response: &mut HeaderMap) {
        response.append(header::VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = origin {
            let credentials = HeaderValue::from_static("true");
            response.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            response.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, credentials);
            response.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
        }
    }
}
