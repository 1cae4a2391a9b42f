//! Logs, metrics and traces: set up by [`start`], ended by [`traces::flush`]. Every room
//! may record here; this room imports the configuration alone.

mod logs;
pub mod metrics;
pub mod traces;

use tracing_subscriber::{
    EnvFilter, Layer, layer::SubscriberExt, registry, util::SubscriberInitExt,
};

use crate::config::{Config, ConfigError};

/// What a process is started for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Process {
    /// One command, whose traces nobody needs.
    Command,
    /// The service: traces are sent, and a panic is one log line.
    Service,
}

/// Starts logging, and for the service also traces where the configuration names a
/// collector. Must be called outside of a runtime. A second call in one process, as
/// in tests, changes nothing.
pub fn start(config: &Config, process: Process) -> Result<(), ConfigError> {
    let lines = logs::layer(config);
    let filter = EnvFilter::new(&config.log_filter);
    let service = process == Process::Service;
    let _ = match config.traces.as_ref().filter(|_| service) {
        // A filter of the whole registry costs less than one of a layer.
        None => registry().with(lines).with(filter).try_init(),
        // A trace holds spans that the log's filter would leave out.
        Some(traces) => registry()
            .with(lines.with_filter(filter))
            .with(traces::layer(traces, config.environment)?)
            .try_init(),
    };
    if service {
        logs::log_panics();
    }
    Ok(())
}
