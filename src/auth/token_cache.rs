//! Tokens that were found good, so that a token that comes with every request is
//! not judged anew each time: an `EdDSA` signature costs more than all the rest of
//! a small request.
//!
//! A token is known by its SHA-256 digest, never by itself. What is remembered is
//! good until the token expires, and only while the keys that vouched for it are
//! those in use: any newer download of the key set, even of the same keys, has it
//! judged again. Refusals are not remembered; whoever sends them pays for them.

use std::sync::Arc;

use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};

use super::{User, key_set::KeySet, keys::Keys};

/// The most tokens that are remembered, some 200 bytes each. With more users at
/// once than that, those seen least are judged again.
const CAPACITY: usize = 32_768;

/// The digest that a token is known by.
pub(super) type Fingerprint = [u8; 32];

/// What vouched for a token.
#[derive(Clone)]
pub(super) enum Voucher {
    /// The shared secret, which never changes while the process runs.
    Secret,
    /// These keys of the key set of this number.
    Keys(usize, Arc<Keys>),
}

/// A token that was found good.
#[derive(Clone)]
pub(super) struct Verified {
    pub(super) user: User,
    pub(super) voucher: Voucher,
    /// When it was judged, in seconds since 1970: before that (a clock that was
    /// set back) `nbf` and `iat` might say no.
    pub(super) since: u64,
    /// When it is no longer good: its expiry and the leeway.
    pub(super) until: u64,
}

/// The tokens that were found good lately.
pub(super) struct Remembered(Cache<Fingerprint, Verified>);

impl Remembered {
    pub(super) fn new() -> Self {
        Self(Cache::new(CAPACITY))
    }

    pub(super) fn fingerprint(token: &str) -> Fingerprint {
        Sha256::digest(token.as_bytes()).into()
    }

    /// The user of a token that is still good at `now`.
    pub(super) async fn user(
        &self,
        fingerprint: &Fingerprint,
        now: u64,
        key_sets: &[KeySet],
    ) -> Option<User> {
        let known = self.0.get(fingerprint)?;
        if !(known.since..known.until).contains(&now) {
            self.0.remove(fingerprint);
            return None;
        }
        if let Voucher::Keys(number, keys) = &known.voucher {
            // Asked each time, so that the set is renewed as it would be without us.
            let current = key_sets.get(*number)?.current().await.ok()?;
            if !Arc::ptr_eq(&current, keys) {
                self.0.remove(fingerprint);
                return None;
            }
        }
        Some(known.user)
    }

    pub(super) fn remember(&self, fingerprint: Fingerprint, verified: Verified) {
        self.0.insert(fingerprint, verified);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verified(since: u64, until: u64) -> Verified {
        Verified {
            user: User {
                subject: "ana".into(),
            },
            voucher: Voucher::Secret,
            since,
            until,
        }
    }

    #[tokio::test]
    async fn a_token_is_known_from_its_judgement_to_its_last_second() {
        for (now, known) in [(99, false), (100, true), (199, true), (200, false)] {
            let remembered = Remembered::new();
            let token = Remembered::fingerprint("a.b.c");
            remembered.remember(token, verified(100, 200));

            let user = remembered.user(&token, now, &[]).await;

            assert_eq!(user.is_some(), known, "{now}");
        }
    }

    #[tokio::test]
    async fn another_token_is_not_known() {
        let remembered = Remembered::new();
        remembered.remember(Remembered::fingerprint("a.b.c"), verified(100, 200));

        let other = Remembered::fingerprint("a.b.d");

        assert!(remembered.user(&other, 150, &[]).await.is_none());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let remembered = Remembered::new();

        for n in 0..2 * CAPACITY {
            let token = Remembered::fingerprint(&n.to_string());
            remembered.remember(token, verified(100, 200));
        }

        assert!(remembered.0.len() <= CAPACITY);
    }
}
