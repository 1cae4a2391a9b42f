//! Handlers of `/health/live` (the process runs) and `/health/ready` (requests can be
//! served), for orchestrators and load balancers. Neither needs a token.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use futures_util::future::BoxFuture;
use poem::{Response, handler, http::header::CACHE_CONTROL, web::Data};

use crate::api::rest::problem::Problem;

/// A check of something that requests need. The error says what is missing, and is
/// public: anyone may read it.
pub type Check = Arc<dyn Fn() -> BoxFuture<'static, Result<(), &'static str>> + Send + Sync>;

/// Whether this instance can serve requests.
#[derive(Clone)]
pub struct Readiness {
    checks: Vec<Check>,
    stopping: Arc<AtomicBool>,
}

impl Readiness {
    /// Ready if every check passes.
    #[must_use]
    pub fn new(checks: Vec<Check>) -> Self {
        Self {
            checks,
            stopping: Arc::default(),
        }
    }

    /// From now on not ready, so that load balancers send no more requests.
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
