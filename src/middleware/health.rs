//! Handlers of `/health/live` (the process runs) and `/health/ready` (requests can be
//! served), for orchestrators and load balancers. Neither needs a token.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use futures_util::{FutureExt, future::BoxFuture};
use poem::{Response, handler, http::header::CACHE_CONTROL, web::Data};

use crate::api::rest::problem::{Problem, ProblemType};

/// Whether this instance can serve requests; clones share it.
#[derive(Clone)]
pub struct Readiness(Arc<Inner>);

struct Inner {
    check: Box<dyn Fn() -> BoxFuture<'static, Result<(), &'static str>> + Send + Sync>,
    stopping: AtomicBool,
}

impl Readiness {
    /// Ready while `check` passes. Its error says what is missing, and is public: anyone
    /// may read it.
    pub fn new<F>(check: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), &'static str>> + Send + 'static,
    {
        Self(Arc::new(Inner {
            check: Box::new(move || check().boxed()),
            stopping: AtomicBool::new(false),
        }))
    }

    /// From now on not ready, so that load balancers send no more requests.
    pub fn stop(&self) {
        self.0.stopping.store(true, Relaxed);
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
    let not_ready =
        |missing: &'static str| Problem::new(ProblemType::Unavailable).with_detail(missing);
    if readiness.0.stopping.load(Relaxed) {
        return Err(not_ready("This instance is stopping.").into());
    }
    (readiness.0.check)().await.map_err(not_ready)?;
    Ok(healthy("ready"))
}
