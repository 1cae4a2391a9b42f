//! The keys of one download, and which of them is tried on a token. Knows no time
//! and no network.

use tokio::time::Instant;

use super::{jwk::Key, jws::Compact};

/// The most keys that are tried on one token, so that a set of many keys without
/// ids is no lever for those who send forged tokens.
const MAX_TRIES: usize = 16;

/// The keys of one download.
pub(super) struct Keys {
    pub(super) keys: Vec<Key>,
    /// When the download began: what the issuer published before is in it.
    pub(super) as_of: Instant,
}

/// What a set of keys says of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Match {
    NoKey,
    Bad,
    Good,
}

impl Keys {
    /// Tries the keys of the token's algorithm that have its `kid` or, if none has
    /// it, those that have no id; all of them if the token has no `kid`, which is
    /// but a hint (RFC 7515, section 4.1.4).
    pub(super) fn check(&self, token: &Compact<'_>) -> Match {
        let fits = |key: &&Key| key.algorithms.contains(&token.algorithm);
        let named = self.keys.iter().filter(fits).any(|key| key.id == token.kid);
        let candidates = self
            .keys
            .iter()
            .filter(fits)
            .filter(|key| match &token.kid {
                None => true,
                Some(_) if named => key.id == token.kid,
                Some(_) => key.id.is_none(),
            });
        let mut outcome = Match::NoKey;
        for key in candidates.take(MAX_TRIES) {
            if token.is_signed_by(&key.material) {
                return Match::Good;
            }
            outcome = Match::Bad;
        }
        outcome
    }
}
