//! One download of a key set, with its limits. The cache decides when to fetch.

use std::{error::Error, iter::successors, sync::OnceLock};

use reqwest::{Client, StatusCode, header::ACCEPT, redirect::Policy};
use thiserror::Error;
use url::{Host, Position, Url};

use super::{
    error::SetupError,
    jwk::{self, ParsedSet},
};
use crate::tls;

/// The longest key set that is read, in bytes. A real one has 1 to 10 keys.
const MAX_LENGTH: usize = 256 * 1024;
/// What helps where the issuer's certificate is of an authority that is not known.
const MORE_AUTHORITIES: &str = "SSL_CERT_FILE names the file of those that are known";

/// Why a key set could not be fetched.
#[derive(Debug, Error)]
pub(super) enum FetchError {
    #[error("{0}")]
    Connection(String),
    #[error("the request timed out")]
    TimedOut,
    #[error("it responded with status {0}, not 200")]
    Status(StatusCode),
    #[error("its response is longer than 256 KiB")]
    TooLong,
    #[error("its response is not a JSON Web Key Set")]
    NotAKeySet,
    #[error("its key set has no usable key{}", skipped_suffix(.0))]
    NoUsableKey(Vec<String>),
}

/// The keys that are skipped, to end a sentence about a key set.
fn skipped_suffix(skipped: &[String]) -> String {
    if skipped.is_empty() {
        return String::new();
    }
    format!("; skipped: {}", skipped.join(", "))
}

impl From<reqwest::Error> for FetchError {
    /// What is wrong with TLS, or all causes; without the URL, which may contain a password.
    fn from(error: reqwest::Error) -> Self {
        let error = error.without_url();
        if let Some(found) = tls::explain(&error, MORE_AUTHORITIES) {
            return Self::Connection(found);
        }
        let causes = successors(Some(&error as &dyn Error), |&cause| cause.source());
        let texts: Vec<_> = causes.map(ToString::to_string).collect();
        Self::Connection(texts.join(": "))
    }
}

/// Where a key set is, and the client that downloads it.
pub(super) struct Source {
    url: Url,
    client: OnceLock<Client>,
}

impl Source {
    /// The key set at `url`. Without known certificate authorities, a client of HTTPS cannot
    /// be built: then each download tries again, and says what is missing.
    pub(super) fn new(url: Url) -> Result<Self, SetupError> {
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(SetupError::KeySetUrl(redacted(&url)));
        }
        let client = client(&url).map_or_else(|_| OnceLock::new(), OnceLock::from);
        Ok(Self { url, client })
    }

    /// Downloads the set. The caller sets the timeout.
    pub(super) async fn fetch(&self) -> Result<ParsedSet, FetchError> {
        let client = if let Some(client) = self.client.get() {
            client
        } else {
            let client = client(&self.url)?;
            self.client.get_or_init(|| client)
        };
        fetch(client, self.url.clone()).await
    }
}

fn client(url: &Url) -> Result<Client, reqwest::Error> {
    // A redirect could lead anywhere. Fetches are minutes apart, so no idle connection is kept.
    let mut client = Client::builder()
        .redirect(Policy::none())
        .referer(false)
        .pool_max_idle_per_host(0)
        .user_agent(concat!("tasks-api/", env!("CARGO_PKG_VERSION")));
    // A proxy from the environment cannot reach the loopback of this machine.
    if is_loopback(url) {
        client = client.no_proxy();
    }
    // Plain HTTP needs no certificates, which an image may lack.
    if url.scheme() == "http" {
        client = client.tls_certs_only([]);
    }
    client.build()
}

async fn fetch(client: &Client, url: Url) -> Result<ParsedSet, FetchError> {
    let request = client.get(url).header(ACCEPT, "application/json");
    let mut response = request.send().await?;
    if response.status() != StatusCode::OK {
        return Err(FetchError::Status(response.status()));
    }
    // `Content-Length` is not trusted.
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > MAX_LENGTH {
            return Err(FetchError::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    match jwk::parse_set(&body) {
        None => Err(FetchError::NotAKeySet),
        Some(set) if set.keys.is_empty() => Err(FetchError::NoUsableKey(set.skipped)),
        Some(set) => Ok(set),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(domain)) => domain == "localhost" || domain.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The URL without user, password, query and fragment, for the log.
pub(super) fn redacted(url: &Url) -> String {
    let scheme = &url[..Position::BeforeUsername];
    let host_and_path = &url[Position::BeforeHost..Position::AfterPath];
    format!("{scheme}{host_and_path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_logged_without_its_secrets() {
        let url =
            Url::parse("https://ana:hunter2@issuer.test:8443/jwks?key=s3cret#s3cret").unwrap();
        assert_eq!(redacted(&url), "https://issuer.test:8443/jwks");
    }
}
