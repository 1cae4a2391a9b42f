//! The keys of one fetch, and which of them are tried on a token. Pure: no clock
//! and no network.

use tokio::time::Instant;

use super::{jwk::Key, jws::Jws};

/// The most keys that are tried on one token. It bounds the cost of a forged token
/// under a set of many keys without ids.
const MAX_TRIES: usize = 16;

/// The keys of one fetch.
pub(super) struct Keys {
    pub(super) keys: Vec<Key>,
    /// When the fetch began: it contains whatever the issuer published before.
    pub(super) requested_at: Instant,
}

/// The result of checking a signature, from worst to best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SignatureCheck {
    NoMatchingKey,
    Invalid,
    Valid,
}

impl Keys {
    /// Tries the keys of the token's algorithm that have its `kid` or, if none has
    /// it, those without an id. Without a `kid`, which is only a hint (RFC 7515,
    /// section 4.1.4), all keys of the algorithm are tried.
    pub(super) fn check(&self, token: &Jws<'_>) -> SignatureCheck {
        let fits = |key: &&Key| key.algorithms.contains(&token.algorithm);
        let has_kid = self.keys.iter().filter(fits).any(|key| key.id == token.kid);
        let candidates = self
            .keys
            .iter()
            .filter(fits)
            .filter(|key| match &token.kid {
                None => true,
                Some(_) if has_kid => key.id == token.kid,
                Some(_) => key.id.is_none(),
            });
        let mut result = SignatureCheck::NoMatchingKey;
        for key in candidates.take(MAX_TRIES) {
            if token.is_signed_by(&key.material) {
                return SignatureCheck::Valid;
            }
            result = SignatureCheck::Invalid;
        }
        result
    }
}
