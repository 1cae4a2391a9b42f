//! The configuration: read from the environment, or from `.env` in the working
//! directory for variables that the environment does not set.
//!
//! `variables` is the table of all variables. All errors are reported at once; each names
//! the variable, what was read (unless that is secret) and what is expected.

mod env_file;
mod origin;
mod reader;
mod traces;
mod variables;

use std::{
    net::IpAddr,
    num::{NonZeroU32, NonZeroUsize},
    thread,
    time::Duration,
};

use ipnet::IpNet;
use secrecy::SecretString;
use tracing_subscriber::EnvFilter;
use url::Url;

use self::{
    env_file::environment_and_file,
    reader::{Reader, http_url},
    variables::{
        BETTER_AUTH_SECRET, BETTER_AUTH_URL, CORS_ORIGINS, DATABASE_CONNECTIONS, DATABASE_URL,
        ENVIRONMENT, HOST, JWKS_URL, JWT_AUDIENCE, JWT_ISSUER, KEEP_ALIVE_SECONDS, MAX_CONNECTIONS,
        MAX_CONNECTIONS_PER_ADDRESS, METRICS_PORT, PORT, RATE_LIMIT_FAILED_AUTH,
        RATE_LIMIT_PER_ADDRESS, RATE_LIMIT_PER_USER, RUST_LOG, STOP_DELAY, TASKS_PER_USER,
        TRASH_DAYS, TRUSTED_PROXIES, WORKERS,
    },
};
pub use self::{
    origin::{AllowedOrigin, LOCAL_ORIGINS},
    reader::{ConfigError, ConfigErrors},
    traces::{Sampling, TracesConfig},
    variables::{Environment, VARIABLES, Variable},
};

/// The least length of `BETTER_AUTH_SECRET` outside development, in bytes: the
/// length of the hash (RFC 7518, section 3.2).
pub const MIN_SECRET_BYTES: usize = 32;

const PORT_NUMBER: &str = "a port number from 0 to 65535";

/// The configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// `ENVIRONMENT`.
    pub environment: Environment,
    /// `HOST`: the name or address to listen on.
    pub host: String,
    /// `PORT`; 0 picks a free one.
    pub port: u16,
    /// `DATABASE_URL`, unparsed; it may contain a password.
    pub database_url: SecretString,
    /// `DATABASE_CONNECTIONS`: their maximum number.
    pub database_connections: u32,
    /// `BETTER_AUTH_SECRET`, not trimmed: enables HS256 tokens.
    pub better_auth_secret: Option<SecretString>,
    /// The origin of `BETTER_AUTH_URL` (RFC 6454, section 6.2).
    pub better_auth_origin: Option<String>,
    /// `JWKS_URL`, or the URL that `BETTER_AUTH_URL` implies: enables key sets.
    pub key_set_urls: Vec<Url>,
    /// `JWT_ISSUER`; empty if unset.
    pub issuers: Vec<String>,
    /// `JWT_AUDIENCE`; empty if unset.
    pub audiences: Vec<String>,
    /// `CORS_ORIGINS`.
    pub cors_origins: Vec<AllowedOrigin>,
    /// `TASKS_PER_USER`: the quota.
    pub tasks_per_user: u32,
    /// `TRASH_DAYS`: for how many days deleted tasks are remembered.
    pub trash_days: u32,
    /// `RATE_LIMIT_…` and `TRUSTED_PROXIES`.
    pub rate_limits: RateLimitConfig,
    /// `MAX_CONNECTIONS` of clients.
    pub max_connections: u32,
    /// `MAX_CONNECTIONS_PER_ADDRESS` of a client; `None` for no limit.
    pub max_connections_per_address: Option<NonZeroU32>,
    /// `KEEP_ALIVE_SECONDS`: how long a connection without a request is kept.
    pub keep_alive: Duration,
    /// `WORKERS`: the threads that serve requests.
    pub workers: NonZeroUsize,
    /// `STOP_DELAY`: how long requests are accepted after a stop signal.
    pub stop_delay: Duration,
    /// `METRICS_PORT`: the port of the metrics on `HOST`; 0 picks a free one.
    pub metrics_port: Option<u16>,
    /// `OTEL_…`: the export of traces; `None` without an endpoint.
    pub traces: Option<TracesConfig>,
    /// `RUST_LOG`: a filter of `tracing-subscriber`.
    pub log_filter: String,
}

/// The rate limits, in requests per minute; `None` for no limit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RateLimitConfig {
    /// `RATE_LIMIT_PER_USER`: requests of one user.
    pub per_user: Option<NonZeroU32>,
    /// `RATE_LIMIT_PER_ADDRESS`: requests of one client address.
    pub per_address: Option<NonZeroU32>,
    /// `RATE_LIMIT_FAILED_AUTH`: requests of one client address with an invalid token.
    pub failed_auth: Option<NonZeroU32>,
    /// `TRUSTED_PROXIES`: proxies whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: Vec<IpNet>,
}

impl Config {
    /// Reads the environment and `.env`.
    pub fn from_env() -> Result<Self, ConfigErrors> {
        Reader::run(&environment_and_file()?, Self::read_all)
    }

    /// Reads the variables through `lookup`. A blank value is as if unset.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigErrors> {
        Reader::run(&|name| Ok(lookup(name)), Self::read_all)
    }

    fn read_all(reader: &mut Reader) -> Self {
        let environment = reader.parse(ENVIRONMENT, "development, staging or production");
        reader.environment = environment;
        let url = |text: &str| http_url(text, "an http or https URL");
        let better_auth_urls = reader.parse_list(BETTER_AUTH_URL, url);
        if better_auth_urls.len() > 1 {
            reader.reject(BETTER_AUTH_URL, "wants one URL; JWKS_URL takes several");
        }
        let better_auth_url = better_auth_urls.first();
        let mut key_set_urls = reader.parse_list(JWKS_URL, url);
        if key_set_urls.is_empty() {
            key_set_urls.extend(better_auth_url.and_then(|url| url.join("/api/auth/jwks").ok()));
        }
        let config = Self {
            environment,
            host: reader.text(HOST),
            port: reader.parse(PORT, PORT_NUMBER),
            database_url: reader.text(DATABASE_URL).into(),
            database_connections: reader.parse_with(
                DATABASE_CONNECTIONS,
                "a whole number from 8 to 10000",
                |text| {
                    let number = text.parse().ok();
                    number.filter(|number| (8..=10_000).contains(number))
                },
            ),
            better_auth_secret: better_auth_secret(reader),
            better_auth_origin: better_auth_url.map(|url| url.origin().ascii_serialization()),
            key_set_urls,
            issuers: reader.list(JWT_ISSUER),
            audiences: reader.list(JWT_AUDIENCE),
            cors_origins: reader.parse_list(CORS_ORIGINS, AllowedOrigin::parse),
            tasks_per_user: reader.parse(TASKS_PER_USER, "a whole number from 0 to 4294967295"),
            trash_days: reader.parse_with(TRASH_DAYS, "whole days from 1 to 3650", |text| {
                text.parse().ok().filter(|days| (1..=3650).contains(days))
            }),
            rate_limits: RateLimitConfig {
                per_user: rate(reader, RATE_LIMIT_PER_USER),
                per_address: rate(reader, RATE_LIMIT_PER_ADDRESS),
                failed_auth: rate(reader, RATE_LIMIT_FAILED_AUTH),
                trusted_proxies: reader.parse_list(TRUSTED_PROXIES, network),
            },
            max_connections: reader.parse_with(
                MAX_CONNECTIONS,
                "a whole number from 1 to 1000000",
                |text| {
                    let number = text.parse().ok();
                    number.filter(|number| (1..=1_000_000).contains(number))
                },
            ),
            max_connections_per_address: number_or_off(
                reader,
                MAX_CONNECTIONS_PER_ADDRESS,
                "a whole number; 0 or off for no limit",
            ),
            keep_alive: reader.parse_with(
                KEEP_ALIVE_SECONDS,
                "whole seconds from 1 to 86400",
                |text| {
                    let seconds = text.parse().ok();
                    let seconds = seconds.filter(|seconds| (1..=86_400).contains(seconds));
                    seconds.map(Duration::from_secs)
                },
            ),
            workers: workers(reader),
            stop_delay: reader.parse_with(STOP_DELAY, "whole seconds from 0 to 300", |text| {
                let seconds = text.parse().ok().filter(|seconds| *seconds <= 300);
                seconds.map(Duration::from_secs)
            }),
            metrics_port: reader.parse_with(METRICS_PORT, PORT_NUMBER, |text| {
                text.parse().ok().map(Some)
            }),
            traces: TracesConfig::read(reader),
            log_filter: reader.parse_with(
                RUST_LOG,
                "a filter like info or tasks_api=debug",
                |text| EnvFilter::try_new(text).is_ok().then(|| text.to_owned()),
            ),
        };
        if config.port != 0 && config.metrics_port == Some(config.port) {
            reader.reject(METRICS_PORT, "wants another port than PORT");
        }
        if environment != Environment::Development && !config.verifies_tokens() {
            let message = format!(
                "wants the URL of the application that signs the users in; in {environment} this, \
                 JWKS_URL or BETTER_AUTH_SECRET must be set"
            );
            reader.reject(BETTER_AUTH_URL, message);
        }
        config
    }

    /// Whether a secret or a key set is configured.
    #[must_use]
    pub fn verifies_tokens(&self) -> bool {
        self.better_auth_secret.is_some() || !self.key_set_urls.is_empty()
    }
}

/// `HOST` and `PORT` only, for a client of the service: other variables may be invalid.
pub fn address_from_env() -> Result<(String, u16), ConfigErrors> {
    Reader::run(&environment_and_file()?, |reader| {
        (reader.text(HOST), reader.parse(PORT, PORT_NUMBER))
    })
}

fn better_auth_secret(reader: &mut Reader) -> Option<SecretString> {
    let secret = reader.untrimmed(BETTER_AUTH_SECRET)?;
    let (got, environment) = (secret.len(), reader.environment);
    if environment != Environment::Development && got < MIN_SECRET_BYTES {
        reader.reject(
            BETTER_AUTH_SECRET,
            format!("got {got} bytes, wants at least {MIN_SECRET_BYTES} in {environment}"),
        );
    }
    Some(secret.into())
}

/// The worker threads. By default, the other half of the cores is left to the kernel's
/// network work, to the threads of the database connections, and to other programs.
fn workers(reader: &mut Reader) -> NonZeroUsize {
    let configured = reader.parse_with(WORKERS, "a whole number from 1 to 1024", |text| {
        let number: Option<NonZeroUsize> = text.parse().ok();
        number.filter(|number| number.get() <= 1024).map(Some)
    });
    // It knows the limits of a container.
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    configured
        .or(NonZeroUsize::new(cores / 2))
        .unwrap_or(NonZeroUsize::MIN)
}

/// Requests per minute.
fn rate(reader: &mut Reader, variable: Variable) -> Option<NonZeroU32> {
    let wants = "requests per minute, a whole number; 0 or off for no limit";
    number_or_off(reader, variable, wants)
}

/// A limit; `None` for 0 and `off`.
fn number_or_off(reader: &mut Reader, variable: Variable, wants: &str) -> Option<NonZeroU32> {
    reader.parse_with(variable, wants, |text| match text {
        "off" => Some(None),
        _ => text.parse().ok().map(NonZeroU32::new),
    })
}

/// A network; a single address is a network of one.
fn network(text: &str) -> Result<IpNet, String> {
    let address = |_| text.parse::<IpAddr>().map(IpNet::from);
    text.parse().or_else(address).map_err(|_| {
        format!("got {text:?}, wants addresses and networks like 10.0.0.0/8, separated by commas")
    })
}

#[cfg(test)]
mod tests;
