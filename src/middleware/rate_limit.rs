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
//! `t` seconds the whole burst, or the next request where none remains.

mod bounded;
mod client_address;
mod limit;

use std::{
    sync::{Arc, Once},
    time::Instant,
};

use parking_lot::Mutex;
use poem::{
    Request,
    http::{HeaderMap, HeaderName, HeaderValue},
};

pub use self::client_address::{TrustedProxies, peer};
use self::{
    bounded::Key,
    limit::{Limit, LimitStatus},
};
use crate::{
    api::{
        rest::problem::{Problem, ProblemType},
        security::TokenHooks,
    },
    auth::User,
    config::RateLimitConfig,
    telemetry::metrics,
};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STATUS: HeaderName = HeaderName::from_static("ratelimit");

/// The limits of this process, with their counts.
pub struct RateLimits {
    proxies: TrustedProxies,
    warned: Once,
    user: Option<Limit>,
    address: Option<Limit>,
    failed_auth: Option<Limit>,
}

impl RateLimits {
    /// The limits that the configuration describes.
    pub fn new(config: &RateLimitConfig) -> Self {
        let limit = |name, rate: Option<_>| Some(Limit::new(name, rate?));
        Self {
            proxies: TrustedProxies::new(&config.trusted_proxies),
            warned: Once::new(),
            user: limit("user", config.per_user),
            address: limit("address", config.per_address),
            failed_auth: limit("failed-auth", config.failed_auth),
        }
    }

    /// The check of one request; `None` without limits and outside of `/api`.
    pub fn check(self: &Arc<Self>, request: &Request) -> Option<RateLimitCheck> {
        let by_address = self.address.is_some() || self.failed_auth.is_some();
        let limited = by_address || self.user.is_some();
        let path = request.uri().path();
        let is_api = path == "/api" || path.starts_with("/api/");
        (limited && is_api).then(|| {
            let peer = peer(request);
            if by_address && self.proxies.is_unlisted_proxy(peer, request.headers()) {
                self.warned.call_once(|| {
                    tracing::warn!(
                        %peer,
                        "X-Forwarded-For from an address that TRUSTED_PROXIES does not list: all \
                         clients behind it share one rate limit"
                    );
                });
            }
            let address = self.proxies.client(peer, request.headers());
            RateLimitCheck {
                limits: Arc::clone(self),
                address: Key::address(address),
                statuses: Mutex::default(),
            }
        })
    }
}

/// The limits that one request is counted on.
pub struct RateLimitCheck {
    limits: Arc<RateLimits>,
    address: Key,
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

    fn count(&self, limit: Option<&Limit>, key: &Key) -> Result<(), Problem> {
        let Some(limit) = limit else { return Ok(()) };
        let status = limit.count(key, Instant::now());
        let (name, retry_after) = (status.name, status.retry_after);
        self.statuses.lock().push(status);
        match retry_after {
            None => Ok(()),
            Some(wait) => {
                tracing::debug!(limit = name, "rate limit exceeded");
                metrics::limit_hit(name);
                Err(Problem::new(ProblemType::RateLimited).with_retry_after(wait))
            }
        }
    }
}

impl TokenHooks for Option<RateLimitCheck> {
    fn accepted(&self, user: &User) -> Result<(), Problem> {
        let Some(check) = self else { return Ok(()) };
        check.count(check.limits.user.as_ref(), &Key::user(user))
    }

    fn rejected(&self) -> Result<(), Problem> {
        let Some(check) = self else { return Ok(()) };
        check.count(check.limits.failed_auth.as_ref(), &check.address)
    }
}
