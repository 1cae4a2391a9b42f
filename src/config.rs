//! What the operator sets: read from the environment, or from `.env` in the
//! working directory where the environment is silent. Imports no room.
//!
//! Every error names the variable, what it got (unless that is a secret) and
//! what it wants, and all errors come at once.

mod limits;
mod traces;

use std::{collections::HashMap, fmt, str::FromStr, time::Duration};

use secrecy::SecretString;
use tracing_subscriber::EnvFilter;
use url::Url;

pub use self::{
    limits::LimitsConfig,
    traces::{Sampling, TracesConfig},
};

/// The least length of `BETTER_AUTH_SECRET` outside development, in bytes: as
/// long as the output of the hash (RFC 7518, section 3.2).
pub const SECRET_BYTES: usize = 32;

/// Where the service runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Environment {
    /// On a developer's machine: works without any configuration.
    Development,
    /// Like production, before production.
    Staging,
    /// For real users: refuses to start with anything unsafe.
    Production,
}

impl FromStr for Environment {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "development" => Ok(Self::Development),
            "staging" => Ok(Self::Staging),
            "production" => Ok(Self::Production),
            _ => Err(()),
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Development => "development",
            Self::Staging => "staging",
            Self::Production => "production",
        })
    }
}

/// The configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// `ENVIRONMENT`.
    pub environment: Environment,
    /// `HOST`: a name or an address to listen on.
    pub host: String,
    /// `PORT`; 0 takes a free one.
    pub port: u16,
    /// `DATABASE_URL`, as given; it may hold a password.
    pub database_url: SecretString,
    /// `BETTER_AUTH_SECRET`: turns HS256 tokens on.
    pub better_auth_secret: Option<SecretString>,
    /// The origin of `BETTER_AUTH_URL` (RFC 6454, section 6.2).
    pub better_auth_origin: Option<String>,
    /// `JWKS_URL`, or what `BETTER_AUTH_URL` implies: turns key sets on.
    pub key_set_urls: Vec<Url>,
    /// `JWT_ISSUER`; empty where not set.
    pub issuers: Vec<String>,
    /// `JWT_AUDIENCE`; empty where not set.
    pub audiences: Vec<String>,
    /// `CORS_ORIGINS`: exact origins.
    pub cors_origins: Vec<String>,
    /// `TASKS_PER_USER`: the most tasks that a user may hold.
    pub tasks_per_user: u32,
    /// `RATE_LIMIT_…` and `TRUSTED_PROXIES`.
    pub limits: LimitsConfig,
    /// `STOP_DELAY`: how long requests are still taken once a stop was asked for and
    /// readiness says no, so that a balancer can look elsewhere first.
    pub stop_delay: Duration,
    /// `METRICS_PORT`: where the metrics are read, on `HOST`; 0 takes a free one.
    pub metrics_port: Option<u16>,
    /// `OTEL_…`: where traces go, if anywhere.
    pub traces: Option<TracesConfig>,
    /// `RUST_LOG`: a filter of `tracing-subscriber`.
    pub log_filter: String,
}

/// One thing that is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: {message}")]
pub struct ConfigError {
    /// The variable to change.
    pub variable: &'static str,
    /// What it got, unless that is a secret, and what it wants.
    pub message: String,
}

/// Everything that is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration is not usable:")?;
        self.0.iter().try_for_each(|e| write!(f, "\n  {e}"))
    }
}

impl std::error::Error for ConfigErrors {}

impl Config {
    /// Reads the environment and `.env`.
    pub fn from_env() -> Result<Self, ConfigErrors> {
        Self::read(environment_and_file()?)
    }

    /// Reads the variables that `lookup` knows. A blank value is none.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigErrors> {
        let mut reader = Reader::new(lookup);
        let environment = reader.parse(
            "ENVIRONMENT",
            Environment::Development,
            "development, staging or production",
        );
        let better_auth_url = reader.urls("BETTER_AUTH_URL");
        if better_auth_url.len() > 1 {
            reader.refuse("BETTER_AUTH_URL", "wants one URL; JWKS_URL takes several");
        }
        let origin = better_auth_url
            .first()
            .map(|url| url.origin().ascii_serialization());
        let mut key_set_urls = reader.urls("JWKS_URL");
        if let (true, Some(origin)) = (key_set_urls.is_empty(), &origin) {
            key_set_urls.extend(Url::parse(&format!("{origin}/api/auth/jwks")));
        }
        let config = Self {
            environment,
            host: reader.host(),
            port: reader.port(),
            database_url: reader.text("DATABASE_URL", "sqlite://data/tasks.db").into(),
            better_auth_secret: reader.secret(environment),
            better_auth_origin: origin,
            key_set_urls,
            issuers: reader.list("JWT_ISSUER"),
            audiences: reader.list("JWT_AUDIENCE"),
            cors_origins: reader.origins("CORS_ORIGINS", "http://localhost:3000"),
            tasks_per_user: reader.parse(
                "TASKS_PER_USER",
                10_000,
                "a whole number from 0 to 4294967295",
            ),
            limits: LimitsConfig::read(&mut reader, environment),
            stop_delay: reader.stop_delay(environment),
            metrics_port: reader.metrics_port(),
            traces: TracesConfig::read(&mut reader),
            log_filter: reader.log_filter("RUST_LOG", "info"),
        };
        if config
            .metrics_port
            .is_some_and(|port| port != 0 && port == config.port)
        {
            reader.refuse("METRICS_PORT", "wants another port than PORT");
        }
        if environment != Environment::Development && !config.verifies_tokens() {
            reader.refuse(
                "BETTER_AUTH_URL",
                format!(
                    "wants the URL of the application that signs the users in; in {environment} \
                     this, JWKS_URL or BETTER_AUTH_SECRET must be set"
                ),
            );
        }
        if reader.errors.is_empty() {
            Ok(config)
        } else {
            Err(ConfigErrors(reader.errors))
        }
    }

    /// Whether any source of token keys is configured.
    #[must_use]
    pub fn verifies_tokens(&self) -> bool {
        self.better_auth_secret.is_some() || !self.key_set_urls.is_empty()
    }
}

/// `HOST` and `PORT` alone, for who only asks the running service: whatever else
/// is set, or missing, is no matter then.
pub fn address_from_env() -> Result<(String, u16), ConfigErrors> {
    let mut reader = Reader::new(environment_and_file()?);
    let address = (reader.host(), reader.port());
    if reader.errors.is_empty() {
        Ok(address)
    } else {
        Err(ConfigErrors(reader.errors))
    }
}

fn environment_and_file() -> Result<impl Fn(&str) -> Option<String>, ConfigErrors> {
    let file = read_env_file().map_err(|error| ConfigErrors(vec![error]))?;
    Ok(move |name: &str| std::env::var(name).ok().or_else(|| file.get(name).cloned()))
}

/// The variables of `.env`; none where there is no such file.
fn read_env_file() -> Result<HashMap<String, String>, ConfigError> {
    // The library's own words would repeat the line, and with it a secret.
    let refuse = |message: &str| ConfigError {
        variable: ".env",
        message: message.to_owned(),
    };
    let lines = match dotenvy::from_path_iter(".env") {
        Ok(lines) => lines,
        Err(error) if error.not_found() => return Ok(HashMap::new()),
        Err(_) => return Err(refuse("cannot be read")),
    };
    lines
        .enumerate()
        .map(|(index, entry)| {
            entry.map_err(|_| {
                refuse(&format!(
                    "entry {} is not of the form NAME=value",
                    index + 1
                ))
            })
        })
        .collect()
}

struct Reader<L> {
    lookup: L,
    errors: Vec<ConfigError>,
}

impl<L: Fn(&str) -> Option<String>> Reader<L> {
    fn new(lookup: L) -> Self {
        Self {
            lookup,
            errors: Vec::new(),
        }
    }

    /// The value, trimmed; a blank one is none.
    fn value(&self, variable: &str) -> Option<String> {
        let value = (self.lookup)(variable)?.trim().to_owned();
        (!value.is_empty()).then_some(value)
    }

    fn host(&self) -> String {
        self.text("HOST", "127.0.0.1")
    }

    fn port(&mut self) -> u16 {
        self.parse("PORT", 8000, "a port number from 0 to 65535")
    }

    fn metrics_port(&mut self) -> Option<u16> {
        self.value("METRICS_PORT")?;
        Some(self.parse("METRICS_PORT", 0, "a port number from 0 to 65535"))
    }

    fn stop_delay(&mut self, environment: Environment) -> Duration {
        let default = match environment {
            Environment::Development => 0,
            Environment::Staging | Environment::Production => 5,
        };
        let wants = "whole seconds from 0 to 300";
        let seconds: u64 = self.parse("STOP_DELAY", default, wants);
        if seconds > 300 {
            self.refuse("STOP_DELAY", format!("got \"{seconds}\", wants {wants}"));
        }
        Duration::from_secs(seconds)
    }

    fn refuse(&mut self, variable: &'static str, message: impl Into<String>) {
        let message = message.into();
        self.errors.push(ConfigError { variable, message });
    }

    fn text(&self, variable: &str, default: &str) -> String {
        self.value(variable).unwrap_or_else(|| default.to_owned())
    }

    fn parse<T: FromStr>(&mut self, variable: &'static str, default: T, wants: &str) -> T {
        let Some(text) = self.value(variable) else {
            return default;
        };
        text.parse().unwrap_or_else(|_| {
            self.refuse(variable, format!("got {text:?}, wants {wants}"));
            default
        })
    }

    fn list(&self, variable: &str) -> Vec<String> {
        let text = self.value(variable).unwrap_or_default();
        let items = text.split(',').map(str::trim);
        items.filter(|i| !i.is_empty()).map(str::to_owned).collect()
    }

    fn urls(&mut self, variable: &'static str) -> Vec<Url> {
        let mut urls = Vec::new();
        for text in self.list(variable) {
            match http_url(&text) {
                Ok(url) => urls.push(url),
                Err(got) => self.refuse(variable, format!("{got}, wants an http or https URL")),
            }
        }
        urls
    }

    fn origins(&mut self, variable: &'static str, default: &str) -> Vec<String> {
        let mut origins = Vec::new();
        for text in self.text(variable, default).split(',').map(str::trim) {
            let url = http_url(text).map_err(|got| {
                format!("{got}, wants origins like https://app.example.com, separated by commas")
            });
            match url {
                Ok(url) if url.path() == "/" && url.query().is_none() => {
                    origins.push(url.origin().ascii_serialization());
                }
                Ok(_) => self.refuse(
                    variable,
                    format!("got {text:?}, wants the origin alone, without a path"),
                ),
                Err(message) => self.refuse(variable, message),
            }
        }
        origins
    }

    fn secret(&mut self, environment: Environment) -> Option<SecretString> {
        let secret = self.value("BETTER_AUTH_SECRET")?;
        if environment != Environment::Development && secret.len() < SECRET_BYTES {
            let got = secret.len();
            self.refuse(
                "BETTER_AUTH_SECRET",
                format!("got {got} bytes, wants at least {SECRET_BYTES} in {environment}"),
            );
        }
        Some(secret.into())
    }

    fn log_filter(&mut self, variable: &'static str, default: &str) -> String {
        let text = self.text(variable, default);
        if EnvFilter::try_new(&text).is_err() {
            self.refuse(
                variable,
                format!("got {text:?}, wants a filter like info or tasks_api=debug"),
            );
        }
        text
    }
}

/// An http or https URL without credentials; the error says what was got
/// without repeating a password.
fn http_url(text: &str) -> Result<Url, String> {
    match Url::parse(text) {
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            Err("got a URL with a user name or password".to_owned())
        }
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(url),
        _ if text.contains('@') => Err("got something else".to_owned()),
        _ => Err(format!("got {text:?}")),
    }
}

#[cfg(test)]
mod tests;
