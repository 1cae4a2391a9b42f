//! Log lines on standard error, because standard output belongs to the commands:
//! text in development, one JSON object per line elsewhere.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::{Layer, Registry, fmt};

use crate::config::{Config, Environment};

/// The layer that writes log lines.
pub fn layer(config: &Config) -> Box<dyn Layer<Registry> + Send + Sync> {
    let lines = fmt::layer().with_writer(stderr);
    if config.environment == Environment::Development {
        let ansi = stderr().is_terminal();
        lines.with_ansi(ansi).with_target(false).boxed()
    } else {
        lines.json().flatten_event(true).boxed()
    }
}

/// Logs a panic as one line with its location. The default hook prints several lines
/// and a backtrace, which a JSON log cannot hold.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string);
        let message = panic.payload_as_str().unwrap_or("no message");
        tracing::error!(location, message, "panic");
    }));
}
