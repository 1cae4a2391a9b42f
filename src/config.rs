//! The configuration: read from the environment, or from `.env` in the working
//! directory for variables that the environment does not set. Imports no room.
//!
//! `variables` is the table of all variables. Every error names the variable, what
//! was read (unless that is secret) and what is expected; all errors are reported at
//! once.

mod env_file;
mod environment;
mod error;
mod rate_limits;
mod reader;
mod traces;
mod variables;

use std::time::Duration;

use secrecy::SecretString;
use tracing_subscriber::EnvFilter;
use url::Url;

use self::{
    env_file::environment_and_file,
    reader::{Reader, http_url},
    variables::{
        BETTER_AUTH_SECRET, BETTER_AUTH_URL, CORS_ORIGINS, DATABASE_URL, ENVIRONMENT, HOST,
        JWKS_URL, JWT_AUDIENCE, JWT_ISSUER, METRICS_PORT, PORT, RUST_LOG, STOP_DELAY,
        TASKS_PER_USER,
    },
};
pub use self::{
    environment::Environment,
    error::{ConfigError, ConfigErrors},
    rate_limits::RateLimitConfig,
    traces::{Sampling, TracesConfig},
    variables::{DefaultValue, VARIABLES, Variable},
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
    /// `BETTER_AUTH_SECRET`: enables HS256 tokens.
    pub better_auth_secret: Option<SecretString>,
    /// The origin of `BETTER_AUTH_URL` (RFC 6454, section 6.2).
    pub better_auth_origin: Option<String>,
    /// `JWKS_URL`, or the URL that `BETTER_AUTH_URL` implies: enables key sets.
    pub key_set_urls: Vec<Url>,
    /// `JWT_ISSUER`; empty if unset.
    pub issuers: Vec<String>,
    /// `JWT_AUDIENCE`; empty if unset.
    pub audiences: Vec<String>,
    /// `CORS_ORIGINS`: exact origins.
    pub cors_origins: Vec<String>,
    /// `TASKS_PER_USER`: the quota.
    pub tasks_per_user: u32,
    /// `RATE_LIMIT_…` and `TRUSTED_PROXIES`.
    pub rate_limits: RateLimitConfig,
    /// `STOP_DELAY`: how long requests are still accepted after a stop signal, while
    /// readiness is 503, so that a load balancer can remove the instance first.
    pub stop_delay: Duration,
    /// `METRICS_PORT`: the port of the metrics on `HOST`; 0 picks a free one.
    pub metrics_port: Option<u16>,
    /// `OTEL_…`: the export of traces; `None` without an endpoint.
    pub traces: Option<TracesConfig>,
    /// `RUST_LOG`: a filter of `tracing-subscriber`.
    pub log_filter: String,
}

impl Config {
    /// Reads the environment and `.env`.
    pub fn from_env() -> Result<Self, ConfigErrors> {
        Self::read(environment_and_file()?)
    }

    /// Reads the variables through `lookup`. A blank value is as if unset.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigErrors> {
        let mut reader = Reader::new(&lookup);
        let environment = reader.parse(ENVIRONMENT, "development, staging or production");
        reader.environment = environment;
        let better_auth_url = reader.urls(BETTER_AUTH_URL);
        if better_auth_url.len() > 1 {
            reader.reject(BETTER_AUTH_URL, "wants one URL; JWKS_URL takes several");
        }
        let origin = better_auth_url
            .first()
            .map(|url| url.origin().ascii_serialization());
        let mut key_set_urls = reader.urls(JWKS_URL);
        if let (true, Some(origin)) = (key_set_urls.is_empty(), &origin) {
            key_set_urls.extend(Url::parse(&format!("{origin}/api/auth/jwks")));
        }
        let config = Self {
            environment,
            host: reader.text(HOST),
            port: reader.parse(PORT, PORT_NUMBER),
            database_url: reader.text(DATABASE_URL).into(),
            better_auth_secret: better_auth_secret(&mut reader),
            better_auth_origin: origin,
            key_set_urls,
            issuers: reader.list(JWT_ISSUER),
            audiences: reader.list(JWT_AUDIENCE),
            cors_origins: reader.parse_list(CORS_ORIGINS, origin_of),
            tasks_per_user: reader.parse(TASKS_PER_USER, "a whole number from 0 to 4294967295"),
            rate_limits: RateLimitConfig::read(&mut reader),
            stop_delay: stop_delay(&mut reader),
            metrics_port: reader.parse_with(METRICS_PORT, PORT_NUMBER, |text| text.parse().ok()),
            traces: TracesConfig::read(&mut reader),
            log_filter: log_filter(&mut reader),
        };
        if config
            .metrics_port
            .is_some_and(|port| port != 0 && port == config.port)
        {
            reader.reject(METRICS_PORT, "wants another port than PORT");
        }
        if environment != Environment::Development && !config.verifies_tokens() {
            reader.reject(
                BETTER_AUTH_URL,
                format!(
                    "wants the URL of the application that signs the users in; in {environment} \
                     this, JWKS_URL or BETTER_AUTH_SECRET must be set"
                ),
            );
        }
        reader.finish(config)
    }

    /// Whether a secret or a key set is configured.
    #[must_use]
    pub fn verifies_tokens(&self) -> bool {
        self.better_auth_secret.is_some() || !self.key_set_urls.is_empty()
    }
}

/// `HOST` and `PORT` only, for a client of the running service: other variables may
/// be invalid or missing.
pub fn address_from_env() -> Result<(String, u16), ConfigErrors> {
    let lookup = environment_and_file()?;
    let mut reader = Reader::new(&lookup);
    let address = (reader.text(HOST), reader.parse(PORT, PORT_NUMBER));
    reader.finish(address)
}

fn better_auth_secret(reader: &mut Reader) -> Option<SecretString> {
    let secret = reader.value(BETTER_AUTH_SECRET)?;
    let (got, environment) = (secret.len(), reader.environment);
    if environment != Environment::Development && got < MIN_SECRET_BYTES {
        reader.reject(
            BETTER_AUTH_SECRET,
            format!("got {got} bytes, wants at least {MIN_SECRET_BYTES} in {environment}"),
        );
    }
    Some(secret.into())
}

/// The origin as a browser sends it (RFC 6454, section 6.2).
fn origin_of(text: &str) -> Result<String, String> {
    match http_url(text) {
        Ok(url) if url.path() == "/" && url.query().is_none() => {
            Ok(url.origin().ascii_serialization())
        }
        Ok(_) => Err(format!(
            "got {text:?}, wants the origin alone, without a path"
        )),
        Err(got) => Err(format!(
            "{got}, wants origins like https://app.example.com, separated by commas"
        )),
    }
}

fn stop_delay(reader: &mut Reader) -> Duration {
    let seconds = reader.parse_with(STOP_DELAY, "whole seconds from 0 to 300", |text| {
        text.parse().ok().filter(|seconds| *seconds <= 300)
    });
    Duration::from_secs(seconds.unwrap_or_default())
}

fn log_filter(reader: &mut Reader) -> String {
    let wants = "a filter like info or tasks_api=debug";
    let is_filter = |text: &str| EnvFilter::try_new(text).is_ok().then(|| text.to_owned());
    let filter = reader.parse_with(RUST_LOG, wants, is_filter);
    filter.unwrap_or_default()
}

#[cfg(test)]
mod tests;
