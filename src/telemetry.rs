//! Logs, metrics and traces: set up by [`start`], ended by [`traces::flush`]. Every room
//! may record here; this room imports the configuration alone.

mod logs;
pub mod metrics;
pub mod traces;

use tracing_subscriber::{Layer, layer::SubscriberExt, registry, util::SubscriberInitExt};

pub use self::logs::log_panics;
use crate::config::{Config, ConfigError, TracesConfig};

/// Starts logging, and traces where `traces` names a collector. Must be called outside of
/// a runtime. A second call in one process, as in tests, changes nothing.
pub fn start(config: &Config, traces: Option<&TracesConfig>) -> Result<(), ConfigError> {
    let lines = logs::layer(config);
    let filter = logs::filter(config);
    let _ = match traces {
        // A filter of the whole registry costs less than one of a layer.
        None => registry().with(lines).with(filter).try_init(),
        // A trace holds spans that the log's filter would leave out.
        Some(traces) => registry()
            .with(lines.with_filter(filter))
            .with(traces::layer(traces, config.environment)?)
            .try_init(),
    };
    Ok(())
}
