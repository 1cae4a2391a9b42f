//! CORS (the Fetch standard, "CORS protocol"). poem's own middleware rejects a
//! same-origin POST with 403, and so "Try it out" in `/docs`, and sends no `Vary`.

use poem::{
    Request, Response,
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
        header::{
            ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS,
            ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
            ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
            ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
        },
    },
};

const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE";
const REQUEST_HEADERS: &str = "authorization, content-type, x-request-id, traceparent, tracestate";
const EXPOSED_HEADERS: &str = "Location, Retry-After, WWW-Authenticate, X-Request-Id, \
     RateLimit, RateLimit-Policy";
/// How long a browser may cache a preflight, in seconds: two hours, the maximum that
/// Chromium honours.
const MAX_AGE: &str = "7200";

/// The origins whose pages may read responses.
pub struct Cors {
    origins: Vec<HeaderValue>,
}

impl Cors {
    /// Allows `origins`, each exactly as a browser sends it.
    #[must_use]
    pub fn new(origins: &[String]) -> Self {
        Self {
            origins: origins.iter().filter_map(|o| o.parse().ok()).collect(),
        }
    }

    /// The request's origin, if it is allowed.
    #[must_use]
    pub fn allowed_origin(&self, request: &HeaderMap) -> Option<HeaderValue> {
        let origin = request.get(ORIGIN)?;
        self.origins.contains(origin).then(|| origin.clone())
    }

    /// The response to a preflight: an OPTIONS with `Origin` and
    /// `Access-Control-Request-Method`. `None` for any other request. An origin that is
    /// not allowed gets a response without permission, which the browser enforces.
    #[must_use]
    pub fn preflight(&self, request: &Request) -> Option<Response> {
        let headers = request.headers();
        let preflight = request.method() == Method::OPTIONS
            && headers.contains_key(ORIGIN)
            && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        if !preflight {
            return None;
        }
        let mut response = Response::builder().status(StatusCode::NO_CONTENT).finish();
        if self.allowed_origin(headers).is_some() {
            // Any header is allowed: none of them changes what a request may do.
            let requested = headers.get(ACCESS_CONTROL_REQUEST_HEADERS).cloned();
            let requested = requested.unwrap_or(HeaderValue::from_static(REQUEST_HEADERS));
            let fixed = |text| HeaderValue::from_static(text);
            let permissions: [(HeaderName, HeaderValue); 3] = [
                (ACCESS_CONTROL_ALLOW_METHODS, fixed(METHODS)),
                (ACCESS_CONTROL_ALLOW_HEADERS, requested),
                (ACCESS_CONTROL_MAX_AGE, fixed(MAX_AGE)),
            ];
            response.headers_mut().extend(permissions);
        }
        response.headers_mut().append(
            VARY,
            HeaderValue::from_static(
                "Access-Control-Request-Method, Access-Control-Request-Headers",
            ),
        );
        Some(response)
    }

    /// Lets pages of `origin` read `response`. `Vary: Origin` is always added, so that a
    /// cache keeps the responses for different origins apart.
    pub fn add_headers(origin: Option<HeaderValue>, response: &mut Response) {
        let headers = response.headers_mut();
        headers.append(VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = origin {
            let fixed = |text| HeaderValue::from_static(text);
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, fixed("true"));
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, fixed(EXPOSED_HEADERS));
        }
    }
}
