//! Cross-origin rules (the Fetch standard, "CORS protocol"), as the contract
//! has them. The framework's own middleware refuses a same-origin POST with
//! 403, and so "Try it out", and sends no `Vary`.

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
/// How long a browser may keep a preflight's answer, in seconds: two hours,
/// the most that any of them honours.
const MAX_AGE: &str = "7200";

/// The origins that may read answers.
#[derive(Debug, Clone)]
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

    /// The request's origin, where it is one of the allowed.
    #[must_use]
    pub fn allowed_origin(&self, request: &HeaderMap) -> Option<HeaderValue> {
        let origin = request.get(ORIGIN)?;
        self.origins.contains(origin).then(|| origin.clone())
    }

    /// The answer to a preflight: an OPTIONS with an origin and the method that
    /// is to come. `None` for any other request. An origin that is not allowed
    /// gets an answer without permission: the browser enforces it.
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
            // "Later request headers as they come": what is asked for is allowed.
            let asked = headers.get(ACCESS_CONTROL_REQUEST_HEADERS).cloned();
            let asked = asked.unwrap_or(HeaderValue::from_static(REQUEST_HEADERS));
            let fixed = |text| HeaderValue::from_static(text);
            let permissions: [(HeaderName, HeaderValue); 3] = [
                (ACCESS_CONTROL_ALLOW_METHODS, fixed(METHODS)),
                (ACCESS_CONTROL_ALLOW_HEADERS, asked),
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

    /// Adds the permission to read `response` where the origin has it, and
    /// `Vary: Origin` always, so that no cache mixes the two up.
    pub fn decorate(origin: Option<HeaderValue>, response: &mut Response) {
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
