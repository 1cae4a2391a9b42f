//! Bounds the requests in progress, and so the memory that they take.

use std::{
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use crate::api::rest::problem::{Problem, ProblemType};

/// Maximum number of requests in progress. It is what both queues of the store hold (2,048
/// each): more could not be waiting for anything useful. Their bodies, of 128 KiB at most,
/// take up to 512 MiB, half of the memory that `deploy/` gives the service.
pub const MAX_IN_FLIGHT: usize = 4_096;
/// How often it is logged that the bound is reached.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// Counts the requests in progress.
pub struct InFlight {
    /// Not a semaphore: it would take a lock for each request.
    count: AtomicUsize,
    logged: Mutex<Option<Instant>>,
}

/// A request in progress, until it is dropped.
pub struct Permit<'a>(&'a AtomicUsize);

/// In the extensions of a response to a request over the bound, which has no line in the
/// log: that would be a flood of its own.
#[derive(Clone)]
pub struct OverCapacity;

impl InFlight {
    pub fn new() -> Self {
        Self {
            count: AtomicUsize::new(0),
            logged: Mutex::default(),
        }
    }

    /// Counts a request until the permit is dropped. Over the bound: 503.
    pub fn begin(&self) -> Result<Permit<'_>, Problem> {
        let before = self.count.fetch_add(1, Relaxed);
        let permit = Permit(&self.count);
        if before < MAX_IN_FLIGHT {
            return Ok(permit);
        }
        self.log();
        Err(Problem::new(ProblemType::Unavailable)
            .with_detail("Too many requests are in progress; try again in a moment."))
    }

    fn log(&self) {
        let mut logged = self.logged.lock();
        if logged.is_none_or(|at| at.elapsed() >= LOG_INTERVAL) {
            *logged = Some(Instant::now());
            tracing::warn!(
                limit = MAX_IN_FLIGHT,
                "too many requests in progress: responding 503"
            );
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
