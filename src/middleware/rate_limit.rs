//! Rate limits: of an address before anything else is looked at, of a user
//! once it is known who sends, and of an address whose tokens are refused.
//!
//! The last one is judged after the verifier: a good token passes, whatever its
//! neighbours behind the same address do. What that costs, a verification for
//! each bad token, the limit of the address bounds.
//!
//! Answers say where the client stands in `RateLimit-Policy` and `RateLimit`
//! (draft-ietf-httpapi-ratelimit-headers), lists of structured fields (RFC
//! 9651): `q` requests in a window of `w` seconds; `r` are left to be sent at
//! once, and in `t` seconds there are more.

mod bounded;
mod client_address;
mod limit;

use std::{
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use poem::{
    Request,
    http::{HeaderMap, HeaderName, HeaderValue},
};
use sha2::{Digest, Sha256};

use self::{
    bounded::Key,
    client_address::{TrustedProxies, counted, neighbourhood, peer},
    limit::{Limit, Standing},
};
use crate::{
    api::{rest::problem::Problem, security::Admission},
    auth::User,
    config::LimitsConfig,
    telemetry::metrics,
};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STANDING: HeaderName = HeaderName::from_static("ratelimit");

/// An address, or where there are too many, its neighbourhood.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum AddressKey {
    Own(IpAddr),
    Shared(IpAddr),
}

impl AddressKey {
    fn new(address: IpAddr) -> Self {
        Self::Own(counted(address))
    }
}

impl Key for AddressKey {
    fn neighbourhood(&self) -> Option<Self> {
        match self {
            Self::Own(address) => Some(Self::Shared(neighbourhood(*address))),
            Self::Shared(_) => None,
        }
    }
}

/// A user, in so many bytes however long the subject is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct UserKey([u8; 32]);

impl UserKey {
    fn new(user: &User) -> Self {
        Self(Sha256::digest(user.subject().as_bytes()).into())
    }
}

impl Key for UserKey {
    fn neighbourhood(&self) -> Option<Self> {
        None
    }
}

/// The limits of this process; clones share their counts.
#[derive(Clone, Default)]
pub struct Limits(Arc<Shared>);

#[derive(Default)]
struct Shared {
    proxies: TrustedProxies,
    warned: AtomicBool,
    user: Option<Limit<UserKey>>,
    address: Option<Limit<AddressKey>>,
    failed_auth: Option<Limit<AddressKey>>,
}

impl Limits {
    /// The limits that the configuration describes; the default has none.
    #[must_use]
    pub fn new(config: &LimitsConfig) -> Self {
        Self(Arc::new(Shared {
            proxies: TrustedProxies::new(&config.trusted_proxies),
            warned: AtomicBool::new(false),
            user: config.per_user.map(|rate| Limit::new("user", rate)),
            address: config.per_address.map(|rate| Limit::new("address", rate)),
            failed_auth: config
                .failed_auth
                .map(|rate| Limit::new("failed-auth", rate)),
        }))
    }

    /// The visit that a request is; `None` where nothing limits it: under
    /// `/api` alone is there anything to use up.
    #[must_use]
    pub fn visit(&self, request: &Request) -> Option<Arc<Visit>> {
        let limits = &self.0;
        let by_address = limits.address.is_some() || limits.failed_auth.is_some();
        let limited = by_address || limits.user.is_some();
        let path = request.uri().path();
        let ours = path == "/api" || path.starts_with("/api/");
        (limited && ours).then(|| {
            let peer = peer(request);
            if by_address && limits.proxies.misses(peer, request.headers()) {
                self.warn_of_a_proxy(peer);
            }
            let address = limits.proxies.client(peer, request.headers());
            Arc::new(Visit {
                limits: self.clone(),
                address: AddressKey::new(address),
                standings: Mutex::default(),
            })
        })
    }

    /// Says once that what looks like a proxy is not trusted: then everyone
    /// behind it counts on one address.
    fn warn_of_a_proxy(&self, peer: IpAddr) {
        if !self.0.warned.swap(true, Relaxed) {
            tracing::warn!(
                %peer,
                "requests come with X-Forwarded-For from an address that TRUSTED_PROXIES does \
                 not name: all of them count on that address"
            );
        }
    }
}

/// One request on its way, and where it leaves its client.
pub struct Visit {
    limits: Limits,
    address: AddressKey,
    standings: Mutex<Vec<Standing>>,
}

impl Visit {
    /// Counts the request on its address.
    pub fn arrive(&self) -> Result<(), Problem> {
        self.count(self.limits.0.address.as_ref(), &self.address)
    }

    /// Says in the answer where its client stands, the closest limit first.
    pub fn decorate(&self, headers: &mut HeaderMap) {
        let standings = self.standings.lock();
        let standings = standings.unwrap_or_else(PoisonError::into_inner);
        if standings.is_empty() {
            return;
        }
        let closest_first = || standings.iter().rev();
        let policies: Vec<_> = closest_first().map(|s| s.policy.to_string()).collect();
        let items: Vec<_> = closest_first().map(Standing::item).collect();
        for (name, list) in [(POLICY, policies), (STANDING, items)] {
            if let Ok(value) = HeaderValue::try_from(list.join(", ")) {
                headers.insert(name, value);
            }
        }
    }

    fn count<K: Key>(&self, limit: Option<&Limit<K>>, key: &K) -> Result<(), Problem> {
        let Some(limit) = limit else { return Ok(()) };
        let standing = limit.count(key);
        let (name, refused) = (standing.name, standing.refused);
        let mut standings = self
            .standings
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        standings.push(standing);
        match refused {
            None => Ok(()),
            Some(wait) => {
                tracing::debug!(limit = name, "one request too many");
                metrics::limit_hit(name);
                Err(Problem::rate_limited(wait))
            }
        }
    }
}

impl Admission for Visit {
    fn token_accepted(&self, user: &User) -> Result<(), Problem> {
        self.count(self.limits.0.user.as_ref(), &UserKey::new(user))
    }

    fn token_refused(&self) -> Result<(), Problem> {
        self.count(self.limits.0.failed_auth.as_ref(), &self.address)
    }
}
