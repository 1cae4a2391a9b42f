//! What is recorded of each request: log line, metrics and trace.

use poem::{Request, http::StatusCode};
use tracing::{Instrument, Span, instrument::Instrumented};

use super::route::Entry;
use crate::{
    api::security::RequestContext,
    telemetry::{metrics, traces},
};

/// Target of the line of each request. A line costs as much as the request itself, so
/// that at the default level only server errors have one.
const TARGET: &str = "tasks_api::access";

/// The record of one request, until its response.
pub struct AccessLog {
    measured: metrics::Request,
    log: Span,
    trace: Span,
    is_health_check: bool,
}

impl AccessLog {
    /// Starts the record; `route` is where the request goes.
    pub fn begin(request: &Request, route: &Entry, id: &str) -> Self {
        let method = request.method();
        let measured = metrics::Request::begin(route.operation(method));
        let trace = if route.is_health_check() {
            // They would be nearly all traces of a service with little load.
            Span::none()
        } else {
            let template = route.is_known().then_some(route.template);
            traces::request(method, template, id, request.headers())
        };
        let log = tracing::info_span!("request", %id, %method, route = route.template);
        Self {
            measured,
            log,
            trace,
            is_health_check: route.is_health_check(),
        }
    }

    /// Puts what `response` logs and traces into the request's spans.
    pub fn instrument<F: Future>(&self, response: F) -> Instrumented<Instrumented<F>> {
        let logged = response.instrument(self.log.clone());
        logged.instrument(self.trace.clone())
    }

    /// Records the response. A failure has a line unless it is logged elsewhere: `warns` is
    /// false, or it is a health check's, where the change is what matters.
    pub fn finish<H: ?Sized>(self, status: StatusCode, context: &RequestContext<H>, warns: bool) {
        let status = status.as_u16();
        let latency_ms = self.measured.finish(status).as_secs_f64() * 1000.0;
        let user = || context.log_name();
        self.log.in_scope(|| {
            if status >= 500 && warns && !self.is_health_check {
                tracing::warn!(target: TARGET, status, latency_ms, user = user(), "response");
            } else {
                tracing::debug!(target: TARGET, status, latency_ms, user = user(), "response");
            }
        });
        traces::finish_request(&self.trace, status, user);
    }
}
