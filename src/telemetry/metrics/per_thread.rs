//! Metrics that every request changes. Each thread has its own, which only a reader of the
//! metrics adds up: on many cores a shared counter costs each request the transfer of its
//! cache line, and a shared family that of its lock as well.

use std::{cell::OnceCell, collections::HashMap, fmt, hash::Hash, sync::Arc};

use parking_lot::Mutex;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, MetricEncoder, NoLabelSet},
    metrics::MetricType::{Counter, Gauge, Histogram},
};

/// Upper bounds in seconds, from half a millisecond to the request timeout.
pub const SECONDS: [f64; 13] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 30.0,
];
/// Upper bounds in requests, from one to the largest batch.
pub const SIZES: [f64; 8] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];

/// `N` labels: names and values.
pub type Labels<const N: usize> = [(&'static str, &'static str); N];

/// The labels of a counted request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OperationStatus {
    pub operation: &'static str,
    pub status: u16,
}

/// What one thread has recorded. Its levels may be negative: one thread puts a request into
/// a queue, and another one takes it.
#[derive(Default)]
pub struct Recorded {
    pub requests: HashMap<OperationStatus, u64>,
    pub durations: HashMap<Labels<1>, Distribution<{ SECONDS.len() }>>,
    pub in_flight: i64,
    pub batch_sizes: HashMap<Labels<1>, Distribution<{ SIZES.len() }>>,
    pub queued: HashMap<Labels<1>, i64>,
    pub connections: HashMap<Labels<1>, i64>,
}

type Shared = Arc<Mutex<Recorded>>;

/// Of all threads, also of those that have ended.
static THREADS: Mutex<Vec<Shared>> = Mutex::new(Vec::new());

thread_local! {
    static OWN: OnceCell<Shared> = const { OnceCell::new() };
}

/// Records something on this thread.
pub fn record(change: impl FnOnce(&mut Recorded)) {
    // A thread that is ending, whose own are gone already, records nothing.
    let _ = OWN.try_with(|own| {
        let own = own.get_or_init(|| {
            let own = Shared::default();
            THREADS.lock().push(Arc::clone(&own));
            own
        });
        // Only a reader of the metrics locks it as well.
        change(&mut own.lock());
    });
}

impl Recorded {
    /// What all threads have recorded.
    fn total() -> Self {
        let mut total = Self::default();
        for thread in THREADS.lock().iter() {
            let own = thread.lock();
            add(&mut total.requests, &own.requests, |a, b| *a += b);
            add(&mut total.durations, &own.durations, Distribution::add);
            add(&mut total.batch_sizes, &own.batch_sizes, Distribution::add);
            add(&mut total.queued, &own.queued, |a, b| *a += b);
            add(&mut total.connections, &own.connections, |a, b| *a += b);
            total.in_flight += own.in_flight;
        }
        total
    }
}

fn add<L: Clone + Eq + Hash, V: Default>(
    total: &mut HashMap<L, V>,
    own: &HashMap<L, V>,
    add: impl Fn(&mut V, &V),
) {
    for (labels, value) in own {
        add(total.entry(labels.clone()).or_default(), value);
    }
}

/// A histogram with `N` upper bounds, and a bucket beyond them.
#[derive(Clone, Copy)]
pub struct Distribution<const N: usize> {
    sum: f64,
    buckets: [u64; N],
    beyond: u64,
}

impl<const N: usize> Default for Distribution<N> {
    fn default() -> Self {
        Self {
            sum: 0.0,
            buckets: [0; N],
            beyond: 0,
        }
    }
}

impl<const N: usize> Distribution<N> {
    /// Counts a value. The bounds must be those that it is read with.
    pub fn observe(&mut self, bounds: &[f64; N], value: f64) {
        self.sum += value;
        let bucket = bounds.iter().position(|bound| value <= *bound);
        *bucket.map_or(&mut self.beyond, |index| &mut self.buckets[index]) += 1;
    }

    fn add(&mut self, other: &Self) {
        self.sum += other.sum;
        self.beyond += other.beyond;
        for (own, other) in self.buckets.iter_mut().zip(other.buckets) {
            *own += other;
        }
    }

    fn encode(&self, bounds: &[f64; N], mut encoder: MetricEncoder) -> fmt::Result {
        let buckets = bounds.iter().copied().zip(self.buckets);
        // The encoder writes the largest number as infinity.
        let buckets: Vec<_> = buckets.chain([(f64::MAX, self.beyond)]).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        encoder.encode_histogram::<NoLabelSet>(self.sum, count, &buckets, None)
    }
}

/// Adds up what the threads have recorded, for a reader.
#[derive(Debug)]
pub struct AllThreads;

impl Collector for AllThreads {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let all = Recorded::total();
        let requests = "Completed requests.";
        let requests = encoder.encode_descriptor("requests", requests, None, Counter)?;
        each(requests, &all.requests, |mut one, value| {
            one.encode_counter::<NoLabelSet, _, u64>(value, None)
        })?;

        let name = "request_duration_seconds";
        let durations = "Time from the head of a request to the response.";
        let durations = encoder.encode_descriptor(name, durations, None, Histogram)?;
        each(durations, &all.durations, |one, value| {
            value.encode(&SECONDS, one)
        })?;

        let in_flight = "Requests in progress.";
        encoder
            .encode_descriptor("requests_in_flight", in_flight, None, Gauge)?
            .encode_gauge(&all.in_flight)?;

        let sizes = "Requests per statement.";
        let sizes = encoder.encode_descriptor("batch_size", sizes, None, Histogram)?;
        each(sizes, &all.batch_sizes, |one, value| {
            value.encode(&SIZES, one)
        })?;

        let queued = "Requests that wait for a statement.";
        let queued = encoder.encode_descriptor("queue_depth", queued, None, Gauge)?;
        each(queued, &all.queued, |mut one, value| {
            one.encode_gauge(value)
        })?;

        let connections = "Database connections of requests: open, and of those busy.";
        let connections =
            encoder.encode_descriptor("database_connections", connections, None, Gauge)?;
        each(connections, &all.connections, |mut one, value| {
            one.encode_gauge(value)
        })
    }
}

/// Encodes the value of each set of labels.
fn each<L: EncodeLabelSet, V>(
    mut encoder: MetricEncoder,
    values: &HashMap<L, V>,
    encode: impl Fn(MetricEncoder, &V) -> fmt::Result,
) -> fmt::Result {
    for (labels, value) in values {
        encode(encoder.encode_family(labels)?, value)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    const LABELS: Labels<1> = [("test", "threads")];

    #[test]
    fn what_threads_record_adds_up_also_after_they_end() {
        for _ in 0..4 {
            let thread = thread::spawn(|| {
                record(|thread| *thread.queued.entry(LABELS).or_default() += 3);
            });
            thread.join().unwrap();
        }
        // As where a queue's worker is on another thread.
        record(|thread| *thread.queued.entry(LABELS).or_default() -= 2);

        assert_eq!(Recorded::total().queued[&LABELS], 10);
    }

    #[test]
    fn a_value_is_in_the_first_bucket_whose_bound_is_not_less() {
        let bounds = [1.0, 2.0];
        let (mut one, mut other) = (Distribution::default(), Distribution::default());
        for value in [0.5, 1.0, 1.5] {
            one.observe(&bounds, value);
        }
        for value in [2.0, 2.5] {
            other.observe(&bounds, value);
        }
        one.add(&other);

        assert_eq!((one.buckets, one.beyond), ([2, 2], 1));
        assert!((one.sum - 7.5).abs() < 1e-9);
    }
}
