//! Logs: set up once, at the start. Text for a person in development, one JSON
//! object a line elsewhere.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt};

use crate::config::{Config, Environment};

/// Sends log lines to standard error, so that standard output is the command's.
pub fn start(config: &Config) {
    let filter = EnvFilter::new(&config.log_filter);
    let lines = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start is one of a test in the same process, and changes nothing.
    let _ = if config.environment == Environment::Development {
        let ansi = std::io::stderr().is_terminal();
        lines.with_ansi(ansi).with_target(false).try_init()
    } else {
        lines.json().flatten_event(true).try_init()
    };
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
