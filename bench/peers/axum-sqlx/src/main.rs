//! The yardstick: the same API, hand-written on axum and sqlx. Each request runs one
//! statement, prepared once per connection of the pool, and nothing else.

mod auth;
mod problem;
mod tasks;

use std::{env, sync::Arc};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    routing::{get, patch},
    serve::ListenerExt,
};
use sqlx::{PgPool, postgres::PgPoolOptions};
use tokio::net::TcpListener;

use crate::{auth::Verifier, problem::Problem};

#[derive(Clone)]
pub struct App {
    pool: PgPool,
    verifier: Arc<Verifier>,
    tasks_per_user: i64,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let setting = |name: &str, default: &str| env::var(name).unwrap_or_else(|_| default.to_owned());
    let pool = PgPoolOptions::new()
        .max_connections(setting("POOL", "32").parse()?)
        // The pool's default. The benchmark can turn it off to measure its cost.
        .test_before_acquire(setting("PING", "on") == "on")
        .connect(&env::var("DATABASE_URL")?)
        .await?;
    let app = App {
        pool,
        verifier: Arc::new(Verifier::new(&env::var("BETTER_AUTH_SECRET")?)),
        tasks_per_user: setting("TASKS_PER_USER", "10000").parse()?,
    };
    let router = Router::new()
        .route("/api/tasks", get(tasks::list).post(tasks::create))
        .route(
            "/api/tasks/{id}",
            get(tasks::get).put(tasks::update).delete(tasks::delete),
        )
        .route("/api/tasks/{id}/complete", patch(tasks::complete))
        .fallback(async || Problem::NOT_FOUND)
        .layer(DefaultBodyLimit::max(128 * 1024))
        .with_state(app);

    let port = setting("PORT", "8000");
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    // Without it a response may wait for the client's delayed acknowledgement.
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, router)
        .with_graceful_shutdown(async {
            let _ = tokio::signal::ctrl_c().await;
        })
        .await?;
    Ok(())
}
