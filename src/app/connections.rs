//! The limits on client connections: as configured, as far as open files allow.

use std::num::NonZeroU32;

use crate::{
    config::Config,
    server::{ConnectionLimits, raise_open_files},
    telemetry::metrics,
};

/// Open files that are no client connections: the database's, listeners, logs.
const OTHER_FILES: usize = 256;
/// Connections to the port of the metrics, which only the operator's network reaches.
const MAX_METRICS_CONNECTIONS: usize = 64;

/// The limits of the API's connections. Raises the limit of open files, and stays below
/// it if it is lower than `MAX_CONNECTIONS` needs.
pub fn api(config: &Config) -> ConnectionLimits {
    let configured = usize::try_from(config.max_connections).unwrap_or(usize::MAX);
    let per_address = config.max_connections_per_address.map(NonZeroU32::get);
    let mut limits = ConnectionLimits {
        keep_alive: config.keep_alive,
        total: configured,
        per_address: per_address.and_then(|limit| usize::try_from(limit).ok()),
        trusted_proxies: config.rate_limits.trusted_proxies.clone(),
        counted: true,
    };
    let wanted = limits.most_open() + OTHER_FILES;
    let open_files = raise_open_files(wanted as u64);
    let open_files = open_files.and_then(|limit| usize::try_from(limit).ok());
    if let Some(open_files) = open_files.filter(|&limit| limit < wanted) {
        // With few open files, the connections get half of them.
        let available = open_files.saturating_sub(OTHER_FILES).max(open_files / 2);
        limits.reduce_to(available);
        tracing::warn!(
            open_files,
            wanted,
            max_connections = limits.total,
            "the limit of open files (RLIMIT_NOFILE) is too low for MAX_CONNECTIONS={configured}: \
             fewer connections are accepted"
        );
    }
    metrics::max_client_connections(limits.total);
    limits
}

/// The limits of the connections to the port of the metrics.
pub fn metrics(config: &Config) -> ConnectionLimits {
    ConnectionLimits {
        keep_alive: config.keep_alive,
        total: MAX_METRICS_CONNECTIONS,
        per_address: None,
        trusted_proxies: Vec::new(),
        counted: false,
    }
}
