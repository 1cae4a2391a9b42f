//! `tasks-api health`: asks the running service how it is, for an image that has
//! no shell and no other HTTP client. Needs `HOST` and `PORT` alone.

use std::{
    error::Error,
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use reqwest::{Client, redirect::Policy};
use serde_json::Value;

use crate::{
    app::StartError,
    config::{self, ConfigError, ConfigErrors},
};

/// How long the service may take to answer: a database that hangs is found out
/// in less.
const TIME_LIMIT: Duration = Duration::from_secs(3);

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// `/health/live`: does the process run?
    Live,
    /// `/health/ready`: should it be sent requests?
    Ready,
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Live => "live",
            Self::Ready => "ready",
        })
    }
}

/// Asks, and prints one line. Whatever is wrong, the exit code is 1: container
/// runtimes keep 2 for themselves.
pub async fn run(question: Question) -> Result<(), StartError> {
    match ask(question).await {
        Ok(found) => {
            println!("{question}: {found}");
            Ok(())
        }
        Err(found) => Err(StartError::Failed(format!("not {question}: {found}"))),
    }
}

async fn ask(question: Question) -> Result<String, String> {
    let (host, port) = config::address_from_env().map_err(|errors| on_one_line(&errors))?;
    if port == 0 {
        return Err("PORT is 0: which free port the service took is not known here".to_owned());
    }
    let url = format!("http://{}:{port}/health/{question}", reachable(&host));
    let answer = client()?.get(&url).send().await;
    let answer = answer.map_err(|error| format!("{url}: {}", cause(&error)))?;
    let status = answer.status();
    let found = format!("{url} answered {}", status.as_u16());
    if status.is_success() {
        return Ok(found);
    }
    let problem: Value = match answer.bytes().await {
        Ok(body) => serde_json::from_slice(&body).unwrap_or_default(),
        Err(_) => Value::Null,
    };
    Err(match problem["detail"].as_str() {
        Some(detail) => format!("{found}: {detail}"),
        None => found,
    })
}

fn client() -> Result<Client, String> {
    let client = Client::builder()
        .timeout(TIME_LIMIT)
        .redirect(Policy::none())
        // The service is on this machine, and speaks no TLS: no proxy of the
        // environment lies between, and no certificate is worth loading.
        .no_proxy()
        .tls_certs_only([]);
    client.build().map_err(|error| error.to_string())
}

/// What to connect to where the service listens on `host`: on every address
/// means on the loopback as well.
fn reachable(host: &str) -> String {
    match host.parse() {
        Ok(IpAddr::V4(Ipv4Addr::UNSPECIFIED)) => Ipv4Addr::LOCALHOST.to_string(),
        Ok(IpAddr::V6(Ipv6Addr::UNSPECIFIED)) => format!("[{}]", Ipv6Addr::LOCALHOST),
        Ok(IpAddr::V6(address)) => format!("[{address}]"),
        _ => host.to_owned(),
    }
}

/// Why there is no answer, in the innermost and plainest words.
fn cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer in {} seconds", TIME_LIMIT.as_secs());
    }
    let mut cause: &dyn Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

fn on_one_line(errors: &ConfigErrors) -> String {
    let errors: Vec<_> = errors.0.iter().map(ConfigError::to_string).collect();
    errors.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_is_asked_at_the_loopback() {
        let table = [
            ("127.0.0.1", "127.0.0.1"),
            ("0.0.0.0", "127.0.0.1"),
            ("::", "[::1]"),
            ("::1", "[::1]"),
            ("10.0.0.7", "10.0.0.7"),
            ("fd00::7", "[fd00::7]"),
            ("localhost", "localhost"),
        ];
        for (host, asked) in table {
            assert_eq!(reachable(host), asked);
        }
    }
}
