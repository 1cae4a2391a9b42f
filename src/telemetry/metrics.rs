//! Metrics in the `OpenMetrics` 1.0 text format: recorded where the event happens,
//! read by the operator's Prometheus.
//!
//! No label holds a value that a client can choose. Operations, queues, limits and
//! kinds are fixed texts of this program, and a status is one that it returns.

mod per_thread;

use std::{
    collections::BTreeMap,
    sync::{LazyLock, atomic::AtomicU64},
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use poem::{Endpoint, EndpointExt, Response, Route, get, handler, http::header::CONTENT_TYPE};
use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family, gauge::Gauge, info::Info},
    registry::{Metric, Registry},
};

use self::per_thread::{AllThreads, Labels, OperationStatus, SECONDS, SIZES, record};

const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Those that no request changes, or few do; [`per_thread`] has the others.
struct Metrics {
    database_errors: Family<Labels<1>, Counter>,
    /// A family, so that no value is exported before the first fetch.
    key_set_age: Family<Labels<0>, Gauge<f64, AtomicU64>>,
    key_set_fetches: Family<Labels<1>, Counter>,
    limits_hit: Family<Labels<1>, Counter>,
    creations_replayed: Counter,
    trash_purged: Family<Labels<1>, Counter>,
    event_streams: Gauge,
    events_sent: Counter,
    client_connections: Gauge,
    max_client_connections: Gauge,
    /// When each key set was last fetched, by its URL.
    key_sets: Mutex<BTreeMap<String, Instant>>,
    registry: Registry,
}

static METRICS: LazyLock<Metrics> = LazyLock::new(|| {
    let mut registry = Registry::with_prefix("tasks_api");
    let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
    registry.register("build", "Version of the program", version);
    registry.register_collector(Box::new(AllThreads));
    let errors = "Failed batches: not connected, refused, lost or too slow";
    let limits = "Requests over a rate limit, connections over a limit of connections";
    let replayed = "Creations that an earlier request with the same key had done";
    let key_set_age = "Age of the oldest key set in use";
    let r = &mut registry;
    Metrics {
        database_errors: add(r, "database_errors", errors),
        key_set_age: add(r, "key_set_age_seconds", key_set_age),
        key_set_fetches: add(r, "key_set_fetches", "Fetches of a key set"),
        limits_hit: add(r, "limits_hit", limits),
        creations_replayed: add(r, "creations_replayed", replayed),
        trash_purged: add(r, "trash_purged", "Deleted tasks that were purged"),
        event_streams: add(r, "event_streams", "Open streams of changes"),
        events_sent: add(r, "events_sent", "Events that streams of changes have sent"),
        client_connections: add(r, "connections", "Open client connections"),
        max_client_connections: add(r, "connections_max", "Limit of client connections"),
        key_sets: Mutex::default(),
        registry,
    }
});

/// Registers a metric; its clones share their values.
fn add<M: Metric + Clone + Default>(registry: &mut Registry, name: &str, help: &str) -> M {
    let metric = M::default();
    registry.register(name, help, metric.clone());
    metric
}

#[handler]
fn read() -> Response {
    let oldest = METRICS.key_sets.lock().values().min().copied();
    if let Some(oldest) = oldest {
        let age = METRICS.key_set_age.get_or_create(&[]);
        age.set(oldest.elapsed().as_secs_f64());
    }
    let mut text = String::new();
    // Writing to a `String` cannot fail.
    let _ = encode(&mut text, &METRICS.registry);
    Response::builder()
        .header(CONTENT_TYPE, MEDIA_TYPE)
        .body(text)
}

/// `/metrics` and no other path, for a port that only the operator's network reaches.
#[must_use]
pub fn endpoint() -> impl Endpoint<Output = Response> + 'static {
    Route::new().at("/metrics", get(read)).map_to_response()
}

/// A request in progress, until it is finished or dropped because the client is gone.
pub struct Request {
    operation: &'static str,
    began: Instant,
}

impl Request {
    /// Starts the measurement.
    #[must_use]
    pub fn begin(operation: &'static str) -> Self {
        record(|thread| thread.in_flight += 1);
        Self {
            operation,
            began: Instant::now(),
        }
    }

    /// Counts a response of this status; returns how long it took.
    #[must_use]
    pub fn finish(self, status: u16) -> Duration {
        let (operation, elapsed) = (self.operation, self.began.elapsed());
        let labels = OperationStatus { operation, status };
        record(|thread| {
            *thread.requests.entry(labels).or_default() += 1;
            let label = [("operation", operation)];
            let durations = thread.durations.entry(label).or_default();
            durations.observe(&SECONDS, elapsed.as_secs_f64());
        });
        elapsed
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        record(|thread| thread.in_flight -= 1);
    }
}

/// Depth and batch sizes of one queue.
#[derive(Clone, Copy)]
pub struct QueueMetrics(Labels<1>);

impl QueueMetrics {
    /// The metrics of the queue with this name.
    #[must_use]
    pub fn new(queue: &'static str) -> Self {
        // Dashboards know the label as `lane`.
        let queue = Self([("lane", queue)]);
        queue.add(0);
        record(|thread| {
            thread.batch_sizes.entry(queue.0).or_default();
        });
        queue
    }

    fn add(self, requests: i64) {
        record(|thread| *thread.queued.entry(self.0).or_default() += requests);
    }

    /// One request was put into the queue.
    pub fn enqueued(self) {
        self.add(1);
    }

    /// So many requests left the queue.
    pub fn dequeued(self, requests: usize) {
        self.add(-i64::try_from(requests).unwrap_or(i64::MAX));
    }

    /// So many requests share a statement.
    pub fn batch(self, requests: usize) {
        let requests = f64::from(u32::try_from(requests).unwrap_or(u32::MAX));
        record(|thread| {
            let sizes = thread.batch_sizes.entry(self.0).or_default();
            sizes.observe(&SIZES, requests);
        });
    }
}

/// Counts a database connection in a state until it is dropped.
pub struct Connection(Labels<1>);

impl Connection {
    fn new(state: &'static str) -> Self {
        let connection = Self([("state", state)]);
        connection.add(1);
        connection
    }

    fn add(&self, connections: i64) {
        record(|thread| *thread.connections.entry(self.0).or_default() += connections);
    }

    /// An open connection.
    #[must_use]
    pub fn open() -> Self {
        Self::new("open")
    }

    /// A connection that executes a batch.
    #[must_use]
    pub fn busy() -> Self {
        Self::new("busy")
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.add(-1);
    }
}

/// Counts a stream of changes until it is dropped.
pub struct EventStream(());

impl EventStream {
    /// An open stream.
    #[must_use]
    pub fn open() -> Self {
        METRICS.event_streams.inc();
        Self(())
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        METRICS.event_streams.dec();
    }
}

/// Counts an event that a stream of changes has sent.
pub fn event_sent() {
    METRICS.events_sent.inc();
}

/// Counts a client connection until it is dropped.
pub struct ClientConnection(());

impl ClientConnection {
    /// An open connection.
    #[must_use]
    pub fn open() -> Self {
        METRICS.client_connections.inc();
        Self(())
    }
}

impl Drop for ClientConnection {
    fn drop(&mut self) {
        METRICS.client_connections.dec();
    }
}

/// Records the limit of client connections.
pub fn max_client_connections(limit: usize) {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    METRICS.max_client_connections.set(limit);
}

/// Counts a batch that failed for a cause of this kind.
pub fn database_error(kind: &'static str) {
    let errors = &METRICS.database_errors;
    errors.get_or_create(&[("kind", kind)]).inc();
}

/// Counts a fetch of the key set at `url`.
pub fn key_set_fetched(url: &str, success: bool) {
    let outcome = if success { "success" } else { "failure" };
    let fetches = &METRICS.key_set_fetches;
    fetches.get_or_create(&[("outcome", outcome)]).inc();
    if success {
        let mut key_sets = METRICS.key_sets.lock();
        key_sets.insert(url.to_owned(), Instant::now());
    }
}

/// Counts a request or a connection over this limit.
pub fn limit_hit(limit: &'static str) {
    METRICS.limits_hit.get_or_create(&[("limit", limit)]).inc();
}

/// Counts a creation that an earlier request with the same key had done.
pub fn creation_replayed() {
    METRICS.creations_replayed.inc();
}

/// Counts deleted tasks that were purged for a reason: their age, or the quota.
pub fn trash_purged(reason: &'static str, rows: u64) {
    let purged = &METRICS.trash_purged;
    purged.get_or_create(&[("reason", reason)]).inc_by(rows);
}
