//! Rate limits under `/api`: of an address before anything else is read, of a user once
//! the token is verified, and of an address whose tokens are rejected.
//!
//! The last one counts after verification, so that a valid token passes whatever its
//! neighbours behind the same address do. The limit of the address bounds how many
//! verifications that costs.
//!
//! Responses carry `RateLimit-Policy` and `RateLimit`
//! (draft-ietf-httpapi-ratelimit-headers), lists of structured fields (RFC 9651): a
//! quota of `q` requests in a window of `w` seconds; `r` requests remain now, and in
//! `t` seconds there are more.

mod bounded;
mod client_address;
mod limit;

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use parking_lot::Mutex;
use poem::{
    Request,
    http::{HeaderMap, HeaderName, HeaderValue},
};
use sha2::{Digest, Sha256};

use self::{
    bounded::Key,
    client_address::{AddressKey, TrustedProxies, peer},
    limit::{Limit, LimitStatus},
};
use crate::{
    api::{rest::problem::Problem, security::TokenHooks},
    auth::User,
    config::LimitsConfig,
    telemetry::metrics,
};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STATUS: HeaderName = HeaderName::from_static("ratelimit");

/// A user, hashed: keys of one size, however long the subjects are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct UserKey([u8; 32]);

impl UserKey {
    fn new(user: &User) -> Self {
        Self(Sha256::digest(user.subject().as_bytes()).into())
    }
}

impl Key for UserKey {
    fn shared(&self) -> Option<Self> {
        None
    }
}

/// The limits of this process, with their counts.
pub struct RateLimits {
    proxies: TrustedProxies,
    warned: AtomicBool,
    user: Option<Limit<UserKey>>,
    address: Option<Limit<AddressKey>>,
    failed_auth: Option<Limit<AddressKey>>,
}

impl RateLimits {
    /// The limits that the configuration describes.
    #[must_use]
    pub fn new(config: &LimitsConfig) -> Self {
        let by_address = |name, rate: Option<_>| rate.map(|rate| Limit::new(name, rate));
        Self {
            proxies: TrustedProxies::new(&config.trusted_proxies),
            warned: AtomicBool::new(false),
            user: config.per_user.map(|rate| Limit::new("user", rate)),
            address: by_address("address", config.per_address),
            failed_auth: by_address("failed-auth", config.failed_auth),
        }
    }

    /// The check of one request; `None` without limits and outside of `/api`.
    #[must_use]
    pub fn check(self: &Arc<Self>, request: &Request) -> Option<RateLimitCheck> {
        let by_address = self.address.is_some() || self.failed_auth.is_some();
        let limited = by_address || self.user.is_some();
        let path = request.uri().path();
        let is_api = path == "/api" || path.starts_with("/api/");
        (limited && is_api).then(|| {
            let peer = peer(request);
            if by_address && self.proxies.is_unlisted_proxy(peer, request.headers()) {
                self.warn_once(peer);
            }
            let address = self.proxies.client(peer, request.headers());
            RateLimitCheck {
                limits: Arc::clone(self),
                address: AddressKey::new(address),
                statuses: Mutex::default(),
            }
        })
    }

    fn warn_once(&self, peer: IpAddr) {
        if !self.warned.swap(true, Relaxed) {
            tracing::warn!(
                %peer,
                "X-Forwarded-For from an address that TRUSTED_PROXIES does not list: all clients \
                 behind it share one rate limit"
            );
        }
    }
}

/// The limits that one request is counted on.
pub struct RateLimitCheck {
    limits: Arc<RateLimits>,
    address: AddressKey,
    statuses: Mutex<Vec<LimitStatus>>,
}

impl RateLimitCheck {
    /// Counts the request on its address.
    pub fn count_address(&self) -> Result<(), Problem> {
        self.count(self.limits.address.as_ref(), &self.address)
    }

    /// Adds the status of each limit to the response, the last one counted first.
    pub fn add_headers(&self, response: &mut HeaderMap) {
        let statuses = self.statuses.lock();
        if statuses.is_empty() {
            return;
        }
        let last_first = || statuses.iter().rev();
        let policies: Vec<_> = last_first().map(|s| s.policy.to_string()).collect();
        let items: Vec<_> = last_first().map(LimitStatus::item).collect();
        for (name, list) in [(POLICY, policies), (STATUS, items)] {
            if let Ok(value) = HeaderValue::try_from(list.join(", ")) {
                response.insert(name, value);
            }
        }
    }

    fn count<K: Key>(&self, limit: Option<&Limit<K>>, key: &K) -> Result<(), Problem> {
        let Some(limit) = limit else { return Ok(()) };
        let status = limit.count(key);
        let (name, retry_after) = (status.name, status.retry_after);
        self.statuses.lock().push(status);
        match retry_after {
            None => Ok(()),
            Some(wait) => {
                tracing::debug!(limit = name, "rate limit exceeded");
                metrics::limit_hit(name);
                Err(Problem::rate_limited(wait))
            }
        }
    }
}

impl TokenHooks for Option<RateLimitCheck> {
    fn accepted(&self, user: &User) -> Result<(), Problem> {
        let Some(check) = self else { return Ok(()) };
        check.count(check.limits.user.as_ref(), &UserKey::new(user))
    }

    fn rejected(&self) -> Result<(), Problem> {
        let Some(check) = self else { return Ok(()) };
        check.count(check.limits.failed_auth.as_ref(), &check.address)
    }
}
