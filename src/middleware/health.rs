//! Handlers of `/health/live` (the process runs) and `/health/ready` (requests can be
//! served), for orchestrators and load balancers. Neither needs a token.

use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use parking_lot::Mutex;
use poem::{Response, handler, http::header::CACHE_CONTROL, web::Data};
use tokio::time::Instant;

use crate::api::rest::problem::{Problem, ProblemType};

/// How long the result of a check is shared. Load balancers check every few seconds; a
/// flood of checks must not become one of database queries.
const SHARED_FOR: Duration = Duration::from_millis(500);

/// Nothing, or what is missing: a sentence that is public.
type Outcome = Result<(), &'static str>;

/// Whether this instance can serve requests; clones share it.
#[derive(Clone)]
pub struct Readiness(Arc<Inner>);

struct Inner {
    check: Box<dyn Fn() -> BoxFuture<'static, Outcome> + Send + Sync>,
    stopping: AtomicBool,
    checks: Mutex<Checks>,
}

#[derive(Default)]
struct Checks {
    last: Option<(Instant, Outcome)>,
    running: Option<Shared<BoxFuture<'static, Outcome>>>,
}

impl Readiness {
    /// Ready while `check` passes. Its error says what is missing, and is public: anyone
    /// may read it.
    pub fn new<F>(check: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        Self(Arc::new(Inner {
            check: Box::new(move || check().boxed()),
            stopping: AtomicBool::new(false),
            checks: Mutex::default(),
        }))
    }

    /// From now on not ready, so that load balancers send no more requests.
    pub fn stop(&self) {
        self.0.stopping.store(true, Relaxed);
    }

    /// The result of the check in progress, or of one that ended a moment ago.
    async fn check(&self) -> Outcome {
        let running = {
            let mut checks = self.0.checks.lock();
            if let Some((ended, outcome)) = checks.last
                && ended.elapsed() < SHARED_FOR
            {
                return outcome;
            }
            let running = checks.running.get_or_insert_with(|| self.start());
            running.clone()
        };
        running.await
    }

    /// Starts a check, which ends even if every client that waits for it is gone.
    fn start(&self) -> Shared<BoxFuture<'static, Outcome>> {
        let this = self.clone();
        let check = tokio::spawn(async move {
            // The panic hook logs a panic.
            let outcome = AssertUnwindSafe(async { (this.0.check)().await }).catch_unwind();
            let outcome = outcome.await.unwrap_or(Err(FAILED));
            let mut checks = this.0.checks.lock();
            checks.last = Some((Instant::now(), outcome));
            checks.running = None;
            outcome
        });
        check
            .map(|ended| ended.unwrap_or(Err(FAILED)))
            .boxed()
            .shared()
    }
}

/// What is missing where the check itself failed.
const FAILED: &str = "The check failed.";

fn healthy(status: &'static str) -> Response {
    Response::builder()
        .content_type("application/json")
        .header(CACHE_CONTROL, "no-store")
        .body(format!("{{\"status\":\"{status}\"}}"))
}

/// `/health/live`.
#[handler]
pub fn live() -> Response {
    healthy("live")
}

/// `/health/ready`.
#[handler]
pub async fn ready(Data(readiness): Data<&Readiness>) -> poem::Result<Response> {
    let not_ready =
        |missing: &'static str| Problem::new(ProblemType::Unavailable).with_detail(missing);
    if readiness.0.stopping.load(Relaxed) {
        return Err(not_ready("This instance is stopping.").into());
    }
    readiness.check().await.map_err(not_ready)?;
    Ok(healthy("ready"))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use futures_util::future::join_all;
    use tokio::time::{advance, sleep};

    use super::*;

    /// A readiness whose check takes 100 ms, and the number of checks begun.
    fn counted(outcome: Outcome) -> (Readiness, Arc<AtomicUsize>) {
        let begun = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&begun);
        let readiness = Readiness::new(move || {
            counter.fetch_add(1, Relaxed);
            async move {
                sleep(Duration::from_millis(100)).await;
                outcome
            }
        });
        (readiness, begun)
    }

    #[tokio::test(start_paused = true)]
    async fn concurrent_checks_are_one_and_its_result_is_shared_for_half_a_second() {
        for outcome in [Ok(()), Err("It is away.")] {
            let (readiness, begun) = counted(outcome);

            let checks = join_all((0..1_000).map(|_| readiness.check())).await;
            assert!(checks.iter().all(|seen| *seen == outcome));
            advance(Duration::from_millis(499)).await;
            assert_eq!(readiness.check().await, outcome);
            assert_eq!(begun.load(Relaxed), 1);

            advance(Duration::from_millis(1)).await;
            assert_eq!(readiness.check().await, outcome);
            assert_eq!(begun.load(Relaxed), 2);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_check_ends_although_its_clients_are_gone() {
        let (readiness, begun) = counted(Ok(()));

        let gone = tokio::time::timeout(Duration::from_millis(10), readiness.check());
        assert!(gone.await.is_err());
        sleep(Duration::from_millis(100)).await;

        assert_eq!(readiness.check().now_or_never(), Some(Ok(())));
        assert_eq!(begun.load(Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_check_that_panics_is_not_ready_and_the_next_one_is_made() {
        let panics = Arc::new(AtomicBool::new(true));
        let seen = Arc::clone(&panics);
        let readiness = Readiness::new(move || {
            assert!(!seen.load(Relaxed), "a panic of the test");
            std::future::ready(Ok(()))
        });

        assert_eq!(readiness.check().await, Err(FAILED));
        panics.store(false, Relaxed);
        advance(SHARED_FOR).await;
        assert_eq!(readiness.check().await, Ok(()));
    }
}
