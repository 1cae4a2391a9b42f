//! The cache of verified tokens: a client sends the same token with every request,
//! and an `EdDSA` signature costs 40 µs, as much as all the rest of a small read.
//!
//! The key of an entry is the token's SHA-256 digest; the token is not stored. An
//! entry is valid until the token expires, and only while the keys that verified it
//! are the current ones: any newer fetch of the key set invalidates it. Rejections
//! are not cached, so invalid tokens evict no valid ones.

use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};

use super::{
    jwk::Keys,
    key_set::KeySet,
    user::{Session, User},
};

/// The most tokens in the cache, some 200 bytes each. With more active tokens, the
/// least used ones are evicted and verified again.
const CAPACITY: usize = 32_768;

/// The SHA-256 digest of a token.
pub(super) type Fingerprint = [u8; 32];

/// The key source that verified a token.
pub(super) enum VerifiedBy {
    /// The shared secret, which never changes while the process runs.
    Secret,
    /// These keys of this key set.
    KeySet(Arc<KeySet>, Arc<Keys>),
}

/// A verified token.
pub(super) struct VerifiedToken {
    pub(super) user: User,
    pub(super) verified_by: VerifiedBy,
    /// When it was verified, since 1970. If the clock is set back before
    /// that, `nbf` and `iat` must be checked again.
    pub(super) verified_at: Duration,
    /// When it stops being valid: its `exp` and the leeway, since 1970.
    pub(super) expires_at: Duration,
}

impl VerifiedToken {
    pub(super) fn session(&self) -> Session {
        Session {
            user: self.user.clone(),
            expires: UNIX_EPOCH + self.expires_at,
        }
    }
}

/// Recently verified tokens.
pub(super) struct TokenCache(Cache<Fingerprint, Arc<VerifiedToken>>);

impl TokenCache {
    pub(super) fn new() -> Self {
        Self(Cache::new(CAPACITY))
    }

    pub(super) fn fingerprint(token: &str) -> Fingerprint {
        Sha256::digest(token.as_bytes()).into()
    }

    /// The session of a cached token that is still valid at `now`.
    pub(super) async fn get(&self, fingerprint: &Fingerprint, now: Duration) -> Option<Session> {
        let token = self.0.get(fingerprint)?;
        let is_valid = (token.verified_at..token.expires_at).contains(&now)
            && match &token.verified_by {
                VerifiedBy::Secret => true,
                // `current` also starts the renewal of a set that is about to expire.
                VerifiedBy::KeySet(set, keys) => Arc::ptr_eq(&set.current().await.ok()?, keys),
            };
        if !is_valid {
            self.0.remove(fingerprint);
            return None;
        }
        Some(token.session())
    }

    pub(super) fn insert(&self, fingerprint: Fingerprint, token: VerifiedToken) {
        self.0.insert(fingerprint, Arc::new(token));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verified() -> VerifiedToken {
        VerifiedToken {
            user: User {
                subject: "ana".into(),
            },
            verified_by: VerifiedBy::Secret,
            verified_at: Duration::from_secs(100),
            expires_at: Duration::from_secs(200),
        }
    }

    #[tokio::test]
    async fn a_token_is_cached_from_its_verification_to_its_last_second() {
        for (now, is_cached) in [(99, false), (100, true), (199, true), (200, false)] {
            let cache = TokenCache::new();
            let token = TokenCache::fingerprint("a.b.c");
            cache.insert(token, verified());

            let user = cache.get(&token, Duration::from_secs(now)).await;

            assert_eq!(user.is_some(), is_cached, "{now}");
        }
    }

    #[tokio::test]
    async fn another_token_is_not_cached() {
        let cache = TokenCache::new();
        cache.insert(TokenCache::fingerprint("a.b.c"), verified());

        let other = TokenCache::fingerprint("a.b.d");

        assert!(cache.get(&other, Duration::from_secs(150)).await.is_none());
    }

    #[test]
    fn the_cache_is_bounded() {
        let cache = TokenCache::new();

        for n in 0..2 * CAPACITY {
            let token = TokenCache::fingerprint(&n.to_string());
            cache.insert(token, verified());
        }

        assert!(cache.0.len() <= CAPACITY);
    }
}
