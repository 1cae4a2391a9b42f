//! What the operator can see of single requests: traces of OpenTelemetry, sent over
//! OTLP to a collector where one is configured. Without one, nothing here costs more
//! than a look at a flag. Every room may trace here; imports none of them but the
//! configuration.
//!
//! The spans follow OpenTelemetry's semantic conventions for HTTP servers and
//! database clients, without what a client chose: no path, query, address or user
//! agent. `user` is the short name that the log has for a user, and `request.id` the
//! id that the user was shown.

use std::{
    fmt::Display,
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use opentelemetry::{
    Context, KeyValue,
    propagation::TextMapPropagator,
    trace::{TraceContextExt, TracerProvider},
};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_otlp::{WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    propagation::TraceContextPropagator,
    trace::{Sampler, SdkTracerProvider, SpanData, SpanExporter},
};
use reqwest::{Method, blocking::Client, header::HeaderMap, redirect::Policy};
use secrecy::ExposeSecret;
use tracing::{Span, Subscriber, field::Empty};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::{Layer, filter::Targets, registry::LookupSpan};

use crate::config::{Sampling, TracesConfig};

/// The target of the spans that are sent. They are of the level TRACE, so that they
/// are not even made where nobody collects them.
const TARGET: &str = "tasks_api::traces";
/// How long the collector may take for what is sent to it.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long it may take for the last of it, when the service stops.
const FAREWELL: Duration = Duration::from_secs(2);

static PROVIDER: OnceLock<SdkTracerProvider> = OnceLock::new();

/// The collector cannot be talked to, whatever it says.
#[derive(Debug, thiserror::Error)]
#[error("OTEL_EXPORTER_OTLP_ENDPOINT: {0}")]
pub struct SetupError(String);

/// Begins to send traces. To be called once, and outside of a runtime: a thread of
/// its own does the sending.
///
/// What comes faster than it can be sent is dropped, beyond 2,048 spans: nothing
/// waits for a collector.
pub fn layer<S>(
    config: &TracesConfig,
    environment: impl Display,
) -> Result<impl Layer<S>, SetupError>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let exporter = exporter(config)?;
    let resource = Resource::builder()
        .with_service_name(config.service_name.clone())
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attribute(KeyValue::new(
            "deployment.environment.name",
            environment.to_string(),
        ))
        .build();
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_sampler(sampler(config.sampling))
        .with_resource(resource)
        .build();
    let tracer = provider.tracer(env!("CARGO_PKG_NAME"));
    let layer = tracing_opentelemetry::layer()
        .with_tracer(tracer)
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_target(false)
        .with_level(false);
    let _ = PROVIDER.set(provider);
    let ours = Targets::new().with_target(TARGET, tracing::Level::TRACE);
    Ok(layer.with_filter(ours))
}

fn exporter(
    config: &TracesConfig,
) -> Result<Reported<opentelemetry_otlp::SpanExporter>, SetupError> {
    let client = Client::builder()
        .redirect(Policy::none())
        .timeout(TIMEOUT)
        .build()
        .map_err(|error| SetupError(error.to_string()))?;
    let headers = config.headers.iter();
    let headers = headers.map(|(name, value)| (name.clone(), value.expose_secret().to_owned()));
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_http_client(client)
        .with_endpoint(config.endpoint.as_str())
        .with_headers(headers.collect())
        .with_timeout(TIMEOUT)
        .build()
        .map_err(|error| SetupError(error.to_string()))?;
    Ok(Reported {
        exporter,
        fails: AtomicBool::new(false),
    })
}

fn sampler(sampling: Sampling) -> Sampler {
    let share = Sampler::TraceIdRatioBased(sampling.share);
    if sampling.follows_parent {
        Sampler::ParentBased(Box::new(share))
    } else {
        share
    }
}

/// Sends what is left, at the end, and waits for the collector at most two seconds.
pub async fn finish() {
    let finish = || {
        let provider = PROVIDER.get()?;
        // What went wrong was logged as it did.
        provider.shutdown_with_timeout(FAREWELL).ok()
    };
    let _ = tokio::task::spawn_blocking(finish).await;
}

/// An exporter that logs when it begins to fail and when it no longer does: the
/// library would log each batch.
#[derive(Debug)]
struct Reported<E> {
    exporter: E,
    fails: AtomicBool,
}

impl<E: SpanExporter> SpanExporter for Reported<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let sent = self.exporter.export(batch).await;
        let failed = self.fails.swap(sent.is_err(), Ordering::Relaxed);
        match sent {
            Err(error) if !failed => tracing::warn!(%error, "traces are lost"),
            Ok(()) if failed => tracing::info!("traces are sent again"),
            _ => {}
        }
        Ok(())
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

/// The span of a request to `route`, if it is to a known one: a part of the trace
/// that its `traceparent` names (W3C Trace Context), or the first of a new one.
#[must_use]
pub fn request(
    method: &Method,
    route: Option<&'static str>,
    id: &str,
    headers: &HeaderMap,
) -> Span {
    if PROVIDER.get().is_none() {
        return Span::none();
    }
    let method = word(method);
    let name = match (method, route) {
        (Some(method), Some(route)) => format!("{method} {route}"),
        (method, route) => method.or(route).unwrap_or("HTTP").to_owned(),
    };
    let span = tracing::trace_span!(
        target: TARGET,
        parent: None,
        "request",
        otel.name = name,
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = method.unwrap_or("_OTHER"),
        http.route = route,
        http.response.status_code = Empty,
        request.id = id,
        user = Empty,
    );
    // From nothing, so that no context of this thread is taken for the client's.
    let sent = HeaderExtractor(headers);
    let parent = TraceContextPropagator::new().extract_with_context(&Context::new(), &sent);
    if parent.span().span_context().is_valid() {
        // It fails for a span that is not to be sent.
        let _ = span.set_parent(parent);
    }
    span
}

/// The method, where it is one of the standard's (RFC 9110, section 9, and RFC 5789):
/// others are a client's choice.
fn word(method: &Method) -> Option<&str> {
    let known = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
        Method::CONNECT,
        Method::TRACE,
    ];
    known.contains(method).then(|| method.as_str())
}

/// The end of a request, on its span.
pub fn answered(span: &Span, status: u16, user: impl FnOnce() -> Option<String>) {
    if span.is_none() {
        return;
    }
    span.record("http.response.status_code", i64::from(status));
    if let Some(user) = user() {
        span.record("user", user);
    }
    if status >= 500 {
        span.record("otel.status_code", "ERROR");
    }
}

/// The span of what a request asks of the database: from the moment it waits for
/// its turn to the answer.
#[must_use]
pub fn query(system: &'static str, lane: &'static str) -> Span {
    tracing::trace_span!(
        target: TARGET,
        "query",
        otel.name = format!("{lane} tasks"),
        otel.kind = "client",
        otel.status_code = Empty,
        db.system.name = system,
        db.collection.name = "tasks",
        db.operation.name = lane,
        db.operation.batch.size = Empty,
    )
}

/// The moment at which a query is sent, together with others.
pub fn sent(query: &Span, batch: usize) {
    if query.is_none() {
        return;
    }
    tracing::trace!(target: TARGET, parent: query, "sent");
    // The conventions want it only where there is a batch.
    if batch > 1 {
        query.record(
            "db.operation.batch.size",
            i64::try_from(batch).unwrap_or(i64::MAX),
        );
    }
}

/// The failure of a query, or of a download.
pub fn failed(span: &Span) {
    span.record("otel.status_code", "ERROR");
}

/// The span of the download of a key set, which the request that needs it waits for.
#[must_use]
pub fn download() -> Span {
    tracing::trace_span!(
        target: TARGET,
        "download",
        otel.name = "download key set",
        otel.kind = "client",
        otel.status_code = Empty,
    )
}
