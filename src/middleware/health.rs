//! `/health/live` (the process) and `/health/ready` (what a request needs),
//! for orchestrators and balancers; neither asks for a token.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use poem::{Response, handler, http::header::CACHE_CONTROL, web::Data};

use crate::api::rest::problem::Problem;

/// A check of what requests need; the error says what is missing, in words that
/// anyone may read.
pub type Check =
    Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), &'static str>> + Send>> + Send + Sync>;

/// Whether this instance should be sent requests.
#[derive(Clone)]
pub struct Readiness {
    checks: Vec<Check>,
    stopping: Arc<AtomicBool>,
}

impl Readiness {
    /// Ready where every check passes.
    #[must_use]
    pub fn new(checks: Vec<Check>) -> Self {
        Self {
            checks,
            stopping: Arc::default(),
        }
    }

    /// From now on a balancer should look elsewhere.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    async fn missing(&self) -> Option<&'static str> {
        if self.stopping.load(Ordering::Relaxed) {
            return Some("This instance is stopping.");
        }
        for check in &self.checks {
            if let Err(missing) = check().await {
                return Some(missing);
            }
        }
        None
    }
}

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
    match readiness.missing().await {
        None => Ok(healthy("ready")),
        Some(missing) => Err(Problem::not_ready(missing).into()),
    }
}
