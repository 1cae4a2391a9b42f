//! Logs, and traces beside them: set up once, at the start. A log is text for a
//! person in development, one JSON object a line elsewhere.

pub mod metrics;
pub mod traces;

use std::io::IsTerminal;

use tracing_subscriber::{
    EnvFilter, Layer, Registry, fmt, layer::SubscriberExt, registry, util::SubscriberInitExt,
};

use self::traces::SetupError;
use crate::config::{Config, Environment};

/// Sends log lines to standard error, so that standard output is the command's.
pub fn start(config: &Config) {
    // A second start is one of a test in the same process, and changes nothing.
    let _ = registry()
        .with(lines(config))
        .with(filter(config))
        .try_init();
}

/// The same, and traces to where the configuration says. To be called outside of a
/// runtime.
pub fn start_with_traces(config: &Config) -> Result<(), SetupError> {
    let Some(to) = &config.traces else {
        start(config);
        return Ok(());
    };
    let traces = traces::layer(to, config.environment)?;
    // Each has a filter of its own: a trace holds what the log leaves out.
    let lines = lines(config).with_filter(filter(config));
    let _ = registry().with(lines).with(traces).try_init();
    Ok(())
}

fn filter(config: &Config) -> EnvFilter {
    EnvFilter::new(&config.log_filter)
}

fn lines(config: &Config) -> Box<dyn Layer<Registry> + Send + Sync> {
    let lines = fmt::layer().with_writer(std::io::stderr);
    if config.environment == Environment::Development {
        let ansi = std::io::stderr().is_terminal();
        lines.with_ansi(ansi).with_target(false).boxed()
    } else {
        lines.json().flatten_event(true).boxed()
    }
}

/// Logs a panic as one line with its place: the default prints several, and a
/// backtrace, to whoever reads standard error.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string);
        let message = panic.payload_as_str().unwrap_or("no message");
        tracing::error!(location, message, "panic");
    }));
}
