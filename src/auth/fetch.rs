//! One download of a key set, with its limits. When to download is the cache's
//! business; must not import it.

use std::{error::Error, sync::Arc};

use reqwest::{Client, StatusCode, header::ACCEPT, redirect::Policy};
use thiserror::Error;
use url::{Host, Url};

use super::{
    SetupError,
    jwk::{self, Key},
};

/// The longest key set that is read, in bytes. A real one has one to ten.
const MAX_LENGTH: usize = 256 * 1024;

/// Why there is no new key set.
#[derive(Debug, Error)]
pub(super) enum FetchError {
    #[error("{0}")]
    Connection(String),
    #[error("it answered too slowly")]
    TimedOut,
    #[error("it answered with status {0}, not 200")]
    Status(StatusCode),
    #[error("its answer is longer than 256 KiB")]
    TooLong,
    #[error("its answer is not a JSON Web Key Set")]
    NotAKeySet,
    #[error("its key set has no usable key")]
    NoUsableKey,
}

impl From<reqwest::Error> for FetchError {
    fn from(error: reqwest::Error) -> Self {
        // The address may hold a password, and what went wrong is in the sources.
        let error = error.without_url();
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        Self::Connection(text)
    }
}

/// Where a key set is.
pub(super) struct Endpoint {
    client: Client,
    url: Url,
}

impl Endpoint {
    pub(super) fn new(url: Url) -> Result<Arc<Self>, SetupError> {
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(SetupError::KeySetUrl(without_secrets(&url)));
        }
        // A redirect could lead anywhere, and fetches are minutes apart: no
        // connection is worth keeping.
        let mut client = Client::builder()
            .redirect(Policy::none())
            .referer(false)
            .pool_max_idle_per_host(0)
            .user_agent(concat!("tasks-api/", env!("CARGO_PKG_VERSION")));
        if is_loopback(&url) {
            client = client.no_proxy();
        }
        let client = client
            .build()
            .map_err(|error| SetupError::HttpClient(error.to_string()))?;
        Ok(Arc::new(Self { client, url }))
    }

    /// The address as it may be logged.
    pub(super) fn name(&self) -> String {
        without_secrets(&self.url)
    }

    /// Downloads the set. The caller bounds the time.
    pub(super) async fn fetch(&self) -> Result<Vec<Key>, FetchError> {
        let request = self
            .client
            .get(self.url.clone())
            .header(ACCEPT, "application/json");
        let mut response = request.send().await?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status(response.status()));
        }
        // Counted as it arrives, whatever `Content-Length` promised.
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > MAX_LENGTH {
                return Err(FetchError::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        let keys = jwk::read_set(&body).ok_or(FetchError::NotAKeySet)?;
        if keys.is_empty() {
            Err(FetchError::NoUsableKey)
        } else {
            Ok(keys)
        }
    }
}

/// A proxy of the environment cannot reach this machine's own loopback.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(domain)) => domain == "localhost" || domain.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The address without user, password, query and fragment.
fn without_secrets(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // These fail on addresses that cannot hold either.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_logged_without_its_secrets() {
        let url =
            Url::parse("https://ana:hunter2@issuer.test:8443/jwks?key=s3cret#s3cret").unwrap();
        assert_eq!(without_secrets(&url), "https://issuer.test:8443/jwks");
    }
}
