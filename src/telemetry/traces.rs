//! Traces of single requests: OpenTelemetry spans, sent over OTLP where a collector
//! is configured. Without one, a span costs the check of a flag.
//!
//! The spans follow OpenTelemetry's semantic conventions for HTTP servers and
//! database clients, without what a client chose: no path, query, address or user
//! agent. `user` is the user's name in the log, and `request.id` the value of the
//! response's `X-Request-Id`.

use std::{
    error::Error,
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

use crate::{
    config::{ConfigError, TracesConfig},
    tls,
};

/// Target of the exported spans. Their level is TRACE, so that without a collector they
/// are disabled and never created.
const TARGET: &str = "tasks_api::traces";
/// How long one export to the collector may take.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the last export may take when the service stops.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

static PROVIDER: OnceLock<SdkTracerProvider> = OnceLock::new();

/// Starts the exporter and returns the layer that feeds it. Must be called once, and
/// outside of a runtime: the exporter is a thread with a blocking client.
///
/// No request waits for a collector: beyond 2,048 queued spans, new ones are dropped.
pub fn layer<S>(
    config: &TracesConfig,
    environment: impl Display,
) -> Result<impl Layer<S>, ConfigError>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let exporter = exporter(config).map_err(|error| ConfigError {
        variable: "OTEL_EXPORTER_OTLP_ENDPOINT",
        message: tls::explain(&*error, "https needs one").unwrap_or_else(|| error.to_string()),
    })?;
    let resource = Resource::builder()
        .with_service_name(config.service_name.clone())
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attribute(KeyValue::new(
            "deployment.environment.name",
            environment.to_string(),
        ))
        .build();
    let mut sampler = Sampler::TraceIdRatioBased(config.sampling.share);
    if config.sampling.follows_parent {
        sampler = Sampler::ParentBased(Box::new(sampler));
    }
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_sampler(sampler)
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
    let only_ours = Targets::new().with_target(TARGET, tracing::Level::TRACE);
    Ok(layer.with_filter(only_ours))
}

fn exporter(config: &TracesConfig) -> Result<impl SpanExporter + use<>, Box<dyn Error>> {
    let mut client = Client::builder()
        .redirect(Policy::none())
        .timeout(EXPORT_TIMEOUT);
    // Plain HTTP needs no certificates, which an image may lack.
    if config.endpoint.scheme() == "http" {
        client = client.tls_certs_only([]);
    }
    let client = client.build()?;
    let headers = config.headers.iter();
    let headers = headers.map(|(name, value)| (name.clone(), value.expose_secret().to_owned()));
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_http_client(client)
        .with_endpoint(config.endpoint.as_str())
        .with_headers(headers.collect())
        .with_timeout(EXPORT_TIMEOUT)
        .build()?;
    Ok(LogOnce {
        exporter,
        failing: AtomicBool::new(false),
    })
}

/// Exports the remaining spans; waits for the collector for two seconds at most.
pub async fn flush() {
    let flush = || {
        let provider = PROVIDER.get()?;
        // The exporter has logged an error when it occurred.
        provider.shutdown_with_timeout(FLUSH_TIMEOUT).ok()
    };
    let _ = tokio::task::spawn_blocking(flush).await;
}

/// An exporter that logs when exports begin to fail and when they succeed again. The
/// library would log every failed batch.
#[derive(Debug)]
struct LogOnce<E> {
    exporter: E,
    failing: AtomicBool,
}

impl<E: SpanExporter> SpanExporter for LogOnce<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let sent = self.exporter.export(batch).await;
        let failed = self.failing.swap(sent.is_err(), Ordering::Relaxed);
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

/// The span of a request; `route` is the matched template, if any. The span continues
/// the trace of the request's `traceparent` (W3C Trace Context), or begins a new one.
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
    let method = standard_name(method);
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
    // An empty context, so that this thread's own is not taken for the client's.
    let sent = HeaderExtractor(headers);
    let parent = TraceContextPropagator::new().extract_with_context(&Context::new(), &sent);
    if parent.span().span_context().is_valid() {
        // It fails for a span that is not exported.
        let _ = span.set_parent(parent);
    }
    span
}

/// The method if it is a standard one (RFC 9110, section 9, and RFC 5789): a client
/// may have chosen any other.
fn standard_name(method: &Method) -> Option<&str> {
    match method.as_str() {
        method @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS" | "CONNECT"
        | "TRACE") => Some(method),
        _ => None,
    }
}

/// Records status and user on the span of a request.
pub fn finish_request(span: &Span, status: u16, user: impl FnOnce() -> Option<String>) {
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

/// The span of one request's query, from its place in the queue to its result.
/// `operation` is the name of the queue. What no request waits for has none: it would be a trace
/// of its own, such as each poll for streams of changes.
#[must_use]
pub fn query(system: &'static str, operation: &'static str) -> Span {
    if Span::current().is_none() {
        return Span::none();
    }
    tracing::trace_span!(
        target: TARGET,
        "query",
        otel.name = format!("{operation} tasks"),
        otel.kind = "client",
        otel.status_code = Empty,
        db.system.name = system,
        db.collection.name = "tasks",
        db.operation.name = operation,
        db.operation.batch.size = Empty,
    )
}

/// Records on `query` that it is sent to the database now, in a batch of this size.
pub fn sent(query: &Span, batch: usize) {
    if query.is_none() {
        return;
    }
    tracing::trace!(target: TARGET, parent: query, "sent");
    // The conventions require it only for a batch of two or more.
    if batch > 1 {
        query.record(
            "db.operation.batch.size",
            i64::try_from(batch).unwrap_or(i64::MAX),
        );
    }
}

/// Marks a query or a download as failed.
pub fn failed(span: &Span) {
    span.record("otel.status_code", "ERROR");
}

/// The span of a key set download, in the trace of the request that waits for it.
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
