//! The steps of every request. A request passes them from top to bottom, its response
//! from bottom to top:
//!
//! | step | request | response |
//! |---|---|---|
//! | `request_id` | takes or makes the id | `X-Request-Id` |
//! | `route` | normalizes the path, finds it in the route table | |
//! | `access_log` | begins spans and metrics | log line, metrics, trace |
//! | `headers` | | CSP, HSTS and other security headers |
//! | `rate_limit` | finds the client's address and limits | `RateLimit`, `RateLimit-Policy` |
//! | `cors` | matches the origin | `Access-Control-Allow-Origin` |
//! | `api::rest::problem` | | makes a problem of every failure below |
//! | `unread_body` | keeps a handle on the body | discards a rest, or `Connection: close` |
//! | `in_flight` | counts the request | 503 over the bound |
//! | `framing` | | 400 for an ambiguous request |
//! | `cors` | | 204 for a preflight |
//! | `rate_limit` | counts the request on the address | 429 over the limit |
//! | `route` | | 204 for OPTIONS |
//! | `public_url` | finds the address of the documentation | |
//! | `handler` | calls the handler, HEAD as GET | 503 for a timeout, 500 for a panic |
//!
//! Behind the last step, `api::security` verifies the token. It reports the result to
//! the [`RequestContext`], which counts the request on the user.
//!
//! All of it is one poem layer: with a layer for each step, each would box the future
//! of every request. `health` holds the handlers of the health checks.

mod access_log;
mod cors;
mod framing;
mod handler;
mod headers;
pub mod health;
mod in_flight;
mod public_url;
mod rate_limit;
mod request_id;
mod route;
mod unread_body;

use std::sync::Arc;

use poem::{
    Endpoint, IntoResponse, Request, Response,
    http::{Version, header::CONNECTION},
};

pub use self::route::beside_contract;
use self::{
    access_log::AccessLog,
    cors::Cors,
    in_flight::{InFlight, OverCapacity},
    rate_limit::{RateLimitCheck, RateLimits, TrustedProxies},
    route::Entry,
    unread_body::UnreadBody,
};
use crate::{
    api::{rest::problem, security::RequestContext},
    auth::Verifier,
    config::{Config, Environment},
};

/// An endpoint behind the middleware.
pub struct Middleware<E> {
    inner: E,
    verifier: Verifier,
    cors: Cors,
    rate_limits: Arc<RateLimits>,
    in_flight: InFlight,
    proxies: TrustedProxies,
    /// Whether to send `Strict-Transport-Security`.
    hsts: bool,
}

impl<E: Endpoint> Middleware<E> {
    /// Puts the middleware, as configured, around `inner`, whose tokens `verifier` verifies.
    pub fn new(inner: E, verifier: Verifier, config: &Config) -> Self {
        Self {
            inner,
            verifier,
            cors: Cors::new(&config.cors_origins, config.environment),
            rate_limits: Arc::new(RateLimits::new(&config.rate_limits)),
            in_flight: InFlight::new(),
            proxies: TrustedProxies::new(&config.rate_limits.trusted_proxies),
            hsts: config.environment != Environment::Development,
        }
    }

    /// The steps that run inside the request's spans. The request is borrowed down to the
    /// handler: each `async fn` that owns it has room for it twice, half a kilobyte each, and
    /// its future is moved with that.
    async fn respond(
        &self,
        request: &mut Request,
        id: &str,
        route: &Entry,
        context: Arc<RequestContext<Option<RateLimitCheck>>>,
    ) -> Response {
        let unread = UnreadBody::share(request);
        // An orchestrator that gets no 200 from liveness would restart the service.
        let counted = (!route.is_liveness()).then(|| self.in_flight.begin());
        if let Some(Err(problem)) = counted {
            let mut response = problem::finish(problem.into_response(), id, || None);
            response.extensions_mut().insert(OverCapacity);
            if let Some(unread) = unread {
                unread.close(&mut response);
            }
            return response;
        }
        let mut response = self.handle(request, id, route, context).await;
        if let Some(unread) = unread {
            unread.finish(&mut response).await;
        }
        response
    }

    /// The steps of a request that is counted as in progress.
    async fn handle(
        &self,
        request: &mut Request,
        id: &str,
        route: &Entry,
        context: Arc<RequestContext<Option<RateLimitCheck>>>,
    ) -> Response {
        let finish = |response| problem::finish(response, id, || Some(route.allow.clone()));
        if let Err(mut problem) = framing::check(request) {
            if request.version() <= Version::HTTP_11 {
                // The bytes that follow on this connection may belong to this request.
                problem = problem.with_header(CONNECTION, "close");
            }
            return finish(problem.into_response());
        }
        if let Some(response) = self.cors.preflight(request) {
            return response;
        }
        if let Some(Err(problem)) = context.hooks.as_ref().map(RateLimitCheck::count_address) {
            return finish(problem.into_response());
        }
        if let Some(response) = route.options(request.method()) {
            return response;
        }
        if route.is_documentation() {
            public_url::mark(request, &self.proxies);
        }
        let context: Arc<RequestContext> = context;
        request.extensions_mut().insert(context);
        finish(handler::call(&self.inner, request).await)
    }
}

impl<E: Endpoint> Endpoint for Middleware<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let id = request_id::choose(request.headers());
        route::normalize_path(&mut request);
        let route = route::find(request.uri().path());
        let log = AccessLog::begin(&request, route, &id);
        let origin = self.cors.allowed_origin(request.headers());
        let check = self.rate_limits.check(&request);
        let context = Arc::new(RequestContext::new(self.verifier.clone(), check));

        let response = self.respond(&mut request, &id, route, Arc::clone(&context));
        let mut response = log.instrument(response).await;

        let headers = response.headers_mut();
        Cors::add_headers(origin, headers);
        if let Some(check) = &context.hooks {
            check.add_headers(headers);
        }
        headers::add_headers(headers, self.hsts);
        request_id::add_header(headers, &id);
        let is_logged = response.extensions().get::<OverCapacity>().is_none();
        log.finish(response.status(), &context, is_logged);
        Ok(response)
    }
}
