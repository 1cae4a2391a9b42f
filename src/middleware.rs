//! The outermost layer: every request passes it first and every answer last.
//! It gives each request an id and a span, keeps a panic from costing more than
//! its own request, and makes every failure a problem with the right headers.

pub mod cors;
pub mod framing;
pub mod health;
pub mod rate_limit;

use std::{
    borrow::Cow,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::FutureExt;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use poem::{
    Endpoint, IntoResponse, Request, Response,
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri,
        header::{
            ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, REFERRER_POLICY,
            STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
        },
    },
};
use tokio::time::timeout;
use tracing::{Instrument, Span};
use uuid::Uuid;

use self::{
    cors::Cors,
    rate_limit::{Limits, Visit},
};
use crate::{
    api::{
        rest::{
            body,
            problem::{self, Problem},
        },
        security::{Admission, Caller},
        spec,
        tasks::TaskError,
    },
    config::{Config, Environment},
    telemetry::{metrics, traces},
};

/// The name of the header that names an answer in the logs.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// How long a request may take in all. Each of its parts has a shorter limit of
/// its own: this one is for what nobody thought of.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// What a page may load that an answer is mistaken for: nothing. The pages of
/// `/docs` have a policy of their own.
const NO_PAGE: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
/// For a year browsers ask for this host by https alone (RFC 6797).
const HTTPS_ALONE: HeaderValue = HeaderValue::from_static("max-age=31536000; includeSubDomains");

/// What the operator sets of this layer.
#[derive(Clone)]
pub struct Settings {
    /// Who may read answers from another origin.
    pub cors: Cors,
    /// How many requests are too many.
    pub limits: Limits,
    /// Whether browsers are to come by https alone.
    pub https_alone: bool,
}

impl Settings {
    /// As the configuration has them.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self {
            cors: Cors::new(&config.cors_origins),
            limits: Limits::new(&config.limits),
            https_alone: config.environment != Environment::Development,
        }
    }
}

/// An endpoint behind the outermost layer.
pub struct Front<E> {
    inner: E,
    settings: Settings,
}

impl<E: Endpoint> Front<E> {
    /// Puts the layer around `inner`.
    pub fn new(inner: E, settings: Settings) -> Self {
        Self { inner, settings }
    }

    async fn answer(
        &self,
        mut request: Request,
        visit: Option<Arc<Visit>>,
        request_id: &str,
    ) -> Response {
        if let Err(problem) = framing::refuse(&request) {
            let answer = problem::finish(problem.into_response(), request_id, || None);
            // What stands behind it may be a part of it.
            return answer.with_header(CONNECTION, "close").into_response();
        }
        let path = request.uri().path().to_owned();
        if let Some(preflight) = self.settings.cors.preflight(&request) {
            return preflight;
        }
        if let Some(visit) = visit {
            if let Err(problem) = visit.arrive() {
                body::drain(request.take_body()).await;
                return problem::finish(problem.into_response(), request_id, || None);
            }
            let admission: Arc<dyn Admission> = visit;
            request.extensions_mut().insert(admission);
        }
        if request.method() == Method::OPTIONS && !allowed_methods(&path).is_empty() {
            return StatusCode::NO_CONTENT
                .with_header(ALLOW, allow(&path))
                .into_response();
        }
        if request.method() == Method::HEAD {
            // Answered like GET; the server leaves the body away (RFC 9110, 9.3.2).
            request.set_method(Method::GET);
        }
        let writes = !request.method().is_safe();
        let answer = AssertUnwindSafe(self.inner.get_response(request)).catch_unwind();
        let response = match timeout(REQUEST_TIMEOUT, answer).await {
            Ok(Ok(response)) => response,
            // The hook of `telemetry` has logged what and where.
            Ok(Err(_)) => Problem::internal("a request handler panicked").into_response(),
            Err(_) => Problem::from(if writes {
                TaskError::OutcomeUnknown("not done within the time of a request".to_owned())
            } else {
                TaskError::Unavailable("not done within the time of a request".to_owned())
            })
            .into_response(),
        };
        problem::finish(response, request_id, || Some(allow(&path)))
    }
}

impl<E: Endpoint> Endpoint for Front<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let started = Instant::now();
        let request_id = request_id(request.headers());
        make_canonical(&mut request);
        let route = route(request.uri().path());
        let operation = operation(route, request.method());
        let measured = metrics::Request::begin(operation);
        let trace = if operation == HEALTH {
            // Of a quiet service, that would be nearly all.
            Span::none()
        } else {
            let route = Some(route).filter(|route| *route != UNKNOWN);
            traces::request(request.method(), route, &request_id, request.headers())
        };
        let span = tracing::info_span!(
            "request",
            id = %request_id,
            method = %request.method(),
            route,
        );
        let caller = Arc::new(Caller::default());
        request.extensions_mut().insert(Arc::clone(&caller));
        let origin = self.settings.cors.allowed_origin(request.headers());
        let visit = self.settings.limits.visit(&request);
        let answer = self.answer(request, visit.clone(), &request_id);
        let answer = answer.instrument(span.clone());
        let mut response = answer.instrument(trace.clone()).await;

        Cors::decorate(origin, &mut response);
        let headers = response.headers_mut();
        if let Some(visit) = visit {
            visit.decorate(headers);
        }
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.entry(CONTENT_SECURITY_POLICY).or_insert(NO_PAGE);
        if self.settings.https_alone {
            headers.insert(STRICT_TRANSPORT_SECURITY, HTTPS_ALONE);
        }
        // Tasks are private, and a problem is of the moment: no cache keeps them.
        let no_store = HeaderValue::from_static("no-store");
        headers.entry(CACHE_CONTROL).or_insert(no_store);
        if let Ok(id) = HeaderValue::from_str(&request_id) {
            headers.insert(REQUEST_ID, id);
        }
        span.in_scope(|| log(response.status(), started, &caller));
        measured.finish(response.status().as_u16());
        traces::finish_request(&trace, response.status().as_u16(), || caller.log_name());
        Ok(response)
    }
}

/// The target of the line for each request. It costs as much as the request
/// itself, so that only faults of ours have it unless it is asked for.
const ACCESS: &str = "tasks_api::access";

fn log(status: StatusCode, started: Instant, caller: &Caller) {
    let latency_ms = started.elapsed().as_secs_f64() * 1000.0;
    let status = status.as_u16();
    if status >= 500 {
        tracing::warn!(target: ACCESS, status, latency_ms, user = caller.log_name(), "answered");
    } else {
        tracing::debug!(target: ACCESS, status, latency_ms, user = caller.log_name(), "answered");
    }
}

/// The id that the client or a proxy gave, where it is plain enough for a log
/// line, or a new one.
fn request_id(headers: &HeaderMap) -> String {
    let plain = |id: &&str| {
        let mut bytes = id.bytes();
        (8..=64).contains(&id.len()) && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let given = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
    given
        .filter(plain)
        .map_or_else(|| Uuid::now_v7().to_string(), str::to_owned)
}

/// The path as the routes know it: without a trailing slash, which serves the
/// same resource (nothing redirects), and, where it is no UTF-8, with U+FFFD in
/// the place of what is none (the framework answers such a path with 400).
fn canonical(path: &str) -> Cow<'_, str> {
    let trimmed = path.trim_end_matches('/');
    let path = if trimmed.is_empty() { path } else { trimmed };
    let decoded = percent_decode_str(path);
    if decoded.clone().decode_utf8().is_ok() {
        return Cow::Borrowed(path);
    }
    let segments = path.split('/').map(|segment| {
        let segment = percent_decode_str(segment).decode_utf8_lossy();
        utf8_percent_encode(&segment, NON_ALPHANUMERIC).to_string()
    });
    Cow::Owned(segments.collect::<Vec<_>>().join("/"))
}

fn make_canonical(request: &mut Request) {
    let path = request.uri().path();
    let canonical = canonical(path);
    if canonical == path {
        return;
    }
    let path_and_query = match request.uri().query() {
        Some(query) => format!("{canonical}?{query}"),
        None => canonical.into_owned(),
    };
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = path_and_query.parse().ok();
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
}

/// Paths beside those of the contract; all of them are read with GET.
const OTHER_PATHS: [&str; 8] = [
    "/",
    "/docs",
    "/docs/{file}",
    "/health/live",
    "/health/ready",
    "/openapi.json",
    "/openapi.yaml",
    "/problems/{kind}",
];

/// What stands in logs for a path that is none of these.
const UNKNOWN: &str = "unknown";
/// What the questions of balancers count as.
const HEALTH: &str = "health";

/// The template that `path` is an instance of, for logs: never the path itself,
/// which holds what a client chose.
fn route(path: &str) -> &'static str {
    let mut contract = spec::ROUTES.iter().map(|route| route.path.as_str());
    contract
        .find(|template| matches(template, path))
        .or_else(|| OTHER_PATHS.into_iter().find(|t| matches(t, path)))
        .unwrap_or(UNKNOWN)
}

/// What a request counts as: the operation's own name in the contract, or a word
/// for what lies beside it.
fn operation(route: &'static str, method: &Method) -> &'static str {
    let mut contract = spec::ROUTES.iter();
    let known = contract.find(|known| known.path == route && known.method == method);
    known.map_or(
        match route {
            "/health/live" | "/health/ready" => HEALTH,
            "/" | "/docs" | "/docs/{file}" | "/problems/{kind}" => "docs",
            "/openapi.json" | "/openapi.yaml" => "document",
            _ => "other",
        },
        |known| known.operation_id,
    )
}

fn allowed_methods(path: &str) -> Vec<Method> {
    let route = route(path);
    let contract = spec::ROUTES.iter().filter(|known| known.path == route);
    let mut methods: Vec<_> = contract.map(|known| known.method.clone()).collect();
    if OTHER_PATHS.contains(&route) {
        methods.push(Method::GET);
    }
    if methods.contains(&Method::GET) {
        methods.push(Method::HEAD);
    }
    methods
}

/// The value of `Allow` (RFC 9110, section 10.2.1).
fn allow(path: &str) -> String {
    let mut methods = allowed_methods(path);
    methods.push(Method::OPTIONS);
    let names: Vec<_> = methods.iter().map(Method::as_str).collect();
    names.join(", ")
}

fn matches(template: &str, path: &str) -> bool {
    let mut segments = path.split('/');
    let same = template.split('/').all(|expected| {
        let segment = segments.next();
        segment.is_some_and(|s| expected.starts_with('{') && !s.is_empty() || expected == s)
    });
    same && segments.next().is_none()
}
