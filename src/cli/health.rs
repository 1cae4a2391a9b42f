//! `tasks-api health`: checks the running service, for an image that has no shell and no
//! other HTTP client. It needs `HOST` and `PORT` alone.

use std::{
    error::Error,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use reqwest::{Client, redirect::Policy};
use serde_json::Value;

use crate::{app::error::StartError, config};

/// How long the response may take. Readiness detects a hanging database in less.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Requests `/health/live` or `/health/ready`, and returns a line. Every failure exits
/// with 1: container runtimes reserve 2.
pub async fn run(live: bool) -> Result<String, StartError> {
    let probe = if live { "live" } else { "ready" };
    match request(probe).await {
        Ok(found) => Ok(format!("{probe}: {found}\n")),
        Err(found) => Err(StartError::Failed(format!("not {probe}: {found}"))),
    }
}

async fn request(probe: &str) -> Result<String, String> {
    let (host, port) = config::address_from_env().map_err(|errors| {
        let errors: Vec<_> = errors.0.iter().map(ToString::to_string).collect();
        errors.join("; ")
    })?;
    if port == 0 {
        return Err("PORT is 0: the port that the service chose is unknown".to_owned());
    }
    let url = format!("http://{}:{port}/health/{probe}", reachable(&host));
    let client = Client::builder()
        .timeout(TIMEOUT)
        .redirect(Policy::none())
        // The service is on this machine and speaks no TLS: the environment's proxy is
        // not for it, and no certificate needs to be loaded.
        .no_proxy()
        .tls_certs_only([])
        .build()
        .map_err(|error| error.to_string())?;
    let response = client.get(&url).send().await;
    let response = response.map_err(|error| format!("{url}: {}", root_cause(&error)))?;
    let status = response.status();
    let found = format!("{url} returned {}", status.as_u16());
    if status.is_success() {
        return Ok(found);
    }
    let body = response.bytes().await.unwrap_or_default();
    let problem: Value = serde_json::from_slice(&body).unwrap_or_default();
    Err(match problem["detail"].as_str() {
        Some(detail) => format!("{found}: {detail}"),
        None => found,
    })
}

/// The address to connect to where the service listens on `host`: the loopback for an
/// unspecified one.
fn reachable(host: &str) -> String {
    match host.parse() {
        Ok(IpAddr::V4(Ipv4Addr::UNSPECIFIED)) => Ipv4Addr::LOCALHOST.to_string(),
        Ok(IpAddr::V6(Ipv6Addr::UNSPECIFIED)) => format!("[{}]", Ipv6Addr::LOCALHOST),
        Ok(IpAddr::V6(address)) => format!("[{address}]"),
        _ => host.to_owned(),
    }
}

/// Why there is no response: the innermost error, which names the cause in plain words.
fn root_cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no response within {} seconds", TIMEOUT.as_secs());
    }
    let mut cause: &dyn Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unspecified_host_is_reached_at_the_loopback() {
        let table = [
            ("127.0.0.1", "127.0.0.1"),
            ("0.0.0.0", "127.0.0.1"),
            ("::", "[::1]"),
            ("::1", "[::1]"),
            ("10.0.0.7", "10.0.0.7"),
            ("fd00::7", "[fd00::7]"),
            ("localhost", "localhost"),
        ];
        for (host, expected) in table {
            assert_eq!(reachable(host), expected);
        }
    }
}
