//! What the operator can see in numbers: counted where it happens, read in the
//! Prometheus (`OpenMetrics` 1.0) text format. Every room may count here; imports
//! none of them.
//!
//! No label holds what a client can choose: operations, lanes, limits and kinds
//! are words of this program, and a status is one that it answers.

use std::{
    collections::BTreeMap,
    sync::{
        LazyLock, Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU64},
    },
    time::Instant,
};

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::Registry,
};

/// The media type of [`text`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds in seconds: half a millisecond to the time of a whole request.
const SECONDS: [f64; 13] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 30.0,
];
/// Upper bounds in requests: one to the most that share a statement.
const SIZES: [f64; 8] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];

type Word = &'static str;
type NoLabels = [(Word, Word); 0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    operation: Word,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Operation {
    operation: Word,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfLane {
    lane: Word,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct State {
    state: Word,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    kind: Word,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: Word,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Limit {
    limit: Word,
}

struct Metrics {
    requests: Family<Answered, Counter>,
    durations: Family<Operation, Histogram, fn() -> Histogram>,
    in_flight: Gauge,
    batch_sizes: Family<OfLane, Histogram, fn() -> Histogram>,
    queued: Family<OfLane, Gauge>,
    connections: Family<State, Gauge>,
    database_errors: Family<Kind, Counter>,
    key_set_fetches: Family<Outcome, Counter>,
    /// When each key set was last downloaded, by its place.
    key_sets: Mutex<BTreeMap<String, Instant>>,
    /// Without labels: there is none until a key set was downloaded.
    key_set_age: Family<NoLabels, Gauge<f64, AtomicU64>>,
    limits_hit: Family<Limit, Counter>,
}

static METRICS: LazyLock<Metrics> = LazyLock::new(|| Metrics {
    requests: Family::default(),
    durations: Family::new_with_constructor(|| Histogram::new(SECONDS)),
    in_flight: Gauge::default(),
    batch_sizes: Family::new_with_constructor(|| Histogram::new(SIZES)),
    queued: Family::default(),
    connections: Family::default(),
    database_errors: Family::default(),
    key_set_fetches: Family::default(),
    key_sets: Mutex::default(),
    key_set_age: Family::default(),
    limits_hit: Family::default(),
});

static REGISTRY: LazyLock<Registry> = LazyLock::new(|| {
    let m = &*METRICS;
    let mut registry = Registry::with_prefix("tasks_api");
    let r = &mut registry;
    r.register(
        "requests",
        "Requests that were answered",
        m.requests.clone(),
    );
    r.register(
        "request_duration_seconds",
        "From a request's head to its answer",
        m.durations.clone(),
    );
    r.register(
        "requests_in_flight",
        "Requests under way",
        m.in_flight.clone(),
    );
    r.register(
        "batch_size",
        "Requests that shared a statement",
        m.batch_sizes.clone(),
    );
    r.register(
        "queue_depth",
        "Requests that wait for the database",
        m.queued.clone(),
    );
    r.register(
        "database_connections",
        "Connections that requests use: open, and of those busy",
        m.connections.clone(),
    );
    r.register(
        "database_errors",
        "Batches without answers: not connected, refused, lost or too slow",
        m.database_errors.clone(),
    );
    r.register(
        "key_set_age_seconds",
        "Since the oldest key set in use was downloaded",
        m.key_set_age.clone(),
    );
    r.register(
        "key_set_fetches",
        "Downloads of a key set",
        m.key_set_fetches.clone(),
    );
    r.register(
        "limits_hit",
        "Requests that were one too many",
        m.limits_hit.clone(),
    );
    let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
    r.register("build", "The program", version);
    registry
});

/// Everything that was counted, as text.
#[must_use]
pub fn text() -> String {
    let sets = METRICS
        .key_sets
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    if let Some(oldest) = sets.values().min() {
        METRICS
            .key_set_age
            .get_or_create(&[])
            .set(oldest.elapsed().as_secs_f64());
    }
    drop(sets);
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = encode(&mut text, &REGISTRY);
    text
}

/// A request that is under way, until it is answered or its client is gone.
pub struct Request {
    operation: Word,
    began: Instant,
}

impl Request {
    /// One that begins now.
    #[must_use]
    pub fn begin(operation: Word) -> Self {
        METRICS.in_flight.inc();
        Self {
            operation,
            began: Instant::now(),
        }
    }

    /// It was answered with this status.
    pub fn answered(self, status: u16) {
        let Self { operation, began } = &self;
        let (operation, seconds) = (*operation, began.elapsed().as_secs_f64());
        let answered = Answered { operation, status };
        METRICS.requests.get_or_create(&answered).inc();
        let duration = METRICS.durations.get_or_create(&Operation { operation });
        duration.observe(seconds);
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        METRICS.in_flight.dec();
    }
}

/// What a lane counts: how many wait, and how many go together.
#[derive(Clone)]
pub struct Lane {
    queued: Gauge,
    sizes: Histogram,
}

impl Lane {
    /// The lane of this name.
    #[must_use]
    pub fn new(lane: Word) -> Self {
        let label = OfLane { lane };
        Self {
            queued: METRICS.queued.get_or_create_owned(&label),
            sizes: METRICS.batch_sizes.get_or_create_owned(&label),
        }
    }

    /// A request waits.
    pub fn waits(&self) {
        self.queued.inc();
    }

    /// So many wait no longer.
    pub fn left(&self, requests: usize) {
        self.queued
            .dec_by(i64::try_from(requests).unwrap_or(i64::MAX));
    }

    /// So many share a statement.
    pub fn batch(&self, requests: usize) {
        self.sizes
            .observe(f64::from(u32::try_from(requests).unwrap_or(u32::MAX)));
    }
}

/// A connection that is in this state as long as this lives.
pub struct Connection(Gauge<i64, AtomicI64>);

impl Connection {
    fn new(state: Word) -> Self {
        let gauge = METRICS.connections.get_or_create_owned(&State { state });
        gauge.inc();
        Self(gauge)
    }

    /// It is open.
    #[must_use]
    pub fn open() -> Self {
        Self::new("open")
    }

    /// It carries a batch.
    #[must_use]
    pub fn busy() -> Self {
        Self::new("busy")
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A batch had no answers, for a cause of this kind.
pub fn database_error(kind: Word) {
    METRICS.database_errors.get_or_create(&Kind { kind }).inc();
}

/// A key set was downloaded from this place, or could not be.
pub fn key_set_fetched(place: &str, success: bool) {
    let outcome = if success { "success" } else { "failure" };
    METRICS
        .key_set_fetches
        .get_or_create(&Outcome { outcome })
        .inc();
    if success {
        let mut sets = METRICS
            .key_sets
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        sets.insert(place.to_owned(), Instant::now());
    }
}

/// A request was one too many for this limit.
pub fn limit_hit(limit: Word) {
    METRICS.limits_hit.get_or_create(&Limit { limit }).inc();
}
