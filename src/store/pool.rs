//! What the connection pools of both engines have in common.

use std::time::Duration;

use sea_orm::{ConnectOptions, DatabaseConnection};

/// The connections of batches and of transactions: 9 that the batch queues keep,
/// and one beside them.
pub const BATCHES: u32 = 10;
/// The connections for migrations and health checks.
pub const CONTROL: u32 = 2;
/// How long to wait for a connection. The driver's 30 s would leave requests
/// hanging long after a restart of the server.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);

/// The options of a pool of so many connections.
pub fn options(url: &str, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .sqlx_logging(false);
    options
}

/// Closes every connection of a pool.
pub async fn close(pool: &DatabaseConnection) {
    if let Err(error) = pool.close_by_ref().await {
        tracing::warn!(%error, "a connection did not close");
    }
}
