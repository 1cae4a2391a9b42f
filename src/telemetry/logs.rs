//! Log lines on standard error, because standard output belongs to the commands:
//! text in development, one JSON object per line elsewhere.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

use crate::config::{Config, Environment};

/// Libraries that warn of what a client does: a flood of reset streams would be one of log
/// lines. Their errors are shown.
const QUIET: &str = "h2=error,hyper=error,hyper_util=error,rustls_platform_verifier=off";

/// The filter that the configuration names. The libraries of [`QUIET`] log errors alone,
/// unless the configuration names them, or wants `debug` or more of everything.
pub fn filter(config: &Config) -> EnvFilter {
    EnvFilter::new(with_quiet_libraries(&config.log_filter))
}

fn with_quiet_libraries(configured: &str) -> String {
    let mut directives = configured.split(',').map(str::trim);
    let wants_all = directives.any(|directive| {
        let names = ["debug", "trace", "4", "5"];
        names
            .iter()
            .any(|name| directive.eq_ignore_ascii_case(name))
    });
    if wants_all {
        configured.to_owned()
    } else {
        // Of two directives for one target, the later one wins.
        format!("{QUIET},{configured}")
    }
}

/// The layer that writes log lines.
pub fn layer(config: &Config) -> Box<dyn Layer<Registry> + Send + Sync> {
    // Where nobody reads the log, the layer would report that to standard error by `eprintln!`,
    // which panics.
    let lines = fmt::layer().with_writer(stderr).log_internal_errors(false);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_of_the_http_edge_warn_only_where_the_filter_asks_for_it() {
        for (configured, expected) in [
            (
                "info",
                &["h2=error", "hyper=error", "hyper_util=error", "info"][..],
            ),
            ("info,tasks_api::access=debug", &["h2=error", "info"]),
            ("warn", &["h2=error", "warn"]),
            ("info,h2=debug", &["h2=debug", "hyper=error", "info"]),
            (
                "h2::proto=warn,info",
                &["h2::proto=warn", "h2=error", "info"],
            ),
        ] {
            let filter = EnvFilter::new(with_quiet_libraries(configured)).to_string();
            let directives: Vec<_> = filter.split(',').collect();
            for each in expected {
                assert!(directives.contains(each), "{configured}: {filter}");
            }
        }
        for configured in ["debug", "TRACE", "sqlx=off, debug", "5"] {
            assert_eq!(with_quiet_libraries(configured), configured);
        }
    }
}
