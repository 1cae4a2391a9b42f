//! CORS (the Fetch standard, "CORS protocol"). poem's own middleware rejects a
//! same-origin POST with 403, and so "Try it out" in `/docs`, and sends no `Vary`.

use std::collections::HashSet;

use parking_lot::Mutex;
use poem::{
    Request, Response,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
};

use crate::config::{AllowedOrigin, Environment, LOCAL_ORIGINS};

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static(
    "authorization, content-type, if-match, if-none-match, idempotency-key, last-event-id, \
     x-request-id, traceparent, tracestate",
);
const EXPOSED_HEADERS: HeaderValue = HeaderValue::from_static(
    "ETag, Link, Location, Idempotency-Replayed, Retry-After, RateLimit, RateLimit-Policy, \
     WWW-Authenticate, X-Request-Id",
);
/// How long a browser may cache a preflight, in seconds: two hours, the maximum that
/// Chromium honours.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");
const PREFLIGHT_VARY: HeaderValue =
    HeaderValue::from_static("Access-Control-Request-Method, Access-Control-Request-Headers");

/// Maximum number of refused origins that are logged, and the maximum length of one.
const MAX_LOGGED: (usize, usize) = (100, 256);

/// The origins whose pages may read responses.
pub struct Cors {
    origins: Vec<AllowedOrigin>,
    /// Whether every port of the developer's machine is allowed.
    allows_local: bool,
    /// The refused origins that were logged.
    logged: Mutex<HashSet<HeaderValue>>,
}

impl Cors {
    /// Allows `origins`, and in development every origin of the developer's machine.
    pub fn new(origins: &[AllowedOrigin], environment: Environment) -> Self {
        Self {
            origins: origins.to_vec(),
            allows_local: environment == Environment::Development,
            logged: Mutex::default(),
        }
    }

    /// The request's origin, if it is allowed.
    pub fn allowed_origin(&self, request: &HeaderMap) -> Option<HeaderValue> {
        let origin = request.get(header::ORIGIN)?;
        let is_allowed = self.origins.iter().any(|o| o.matches(origin.as_bytes()));
        if is_allowed || self.allows_local && is_local(origin.as_bytes()) {
            return Some(origin.clone());
        }
        // Pages of the service itself, such as /docs, need no permission.
        if !is_own(origin.as_bytes(), request.get(header::HOST)) {
            log_once(origin, &mut self.logged.lock());
        }
        None
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

fn is_local(origin: &[u8]) -> bool {
    let mut rests = LOCAL_ORIGINS
        .iter()
        .filter_map(|o| origin.strip_prefix(o.as_bytes()));
    rests.any(|rest| match rest {
        [] => true,
        [b':', port @ ..] => (1..=5).contains(&port.len()) && port.iter().all(u8::is_ascii_digit),
        _ => false,
    })
}

/// Whether the origin has the host of the request. A proxy may have ended TLS, so that
/// the scheme is unknown.
fn is_own(origin: &[u8], host: Option<&HeaderValue>) -> bool {
    let host = host.map_or(&b""[..], HeaderValue::as_bytes);
    let schemes = [&b"https://"[..], b"http://"];
    let mut hosts = schemes.iter().filter_map(|s| origin.strip_prefix(*s));
    hosts.any(|own| own.eq_ignore_ascii_case(host))
}

/// Tells the developer whose page the browser refuses; its own message names no variable.
fn log_once(origin: &HeaderValue, logged: &mut HashSet<HeaderValue>) {
    let (count, length) = MAX_LOGGED;
    let fits = logged.len() < count && origin.len() <= length;
    if fits && logged.insert(origin.clone()) {
        tracing::info!(
            ?origin,
            "pages of this origin may not call: CORS_ORIGINS does not list it"
        );
    }
}
