//! The counts of a rate limit, bounded in memory. Beyond [`MAX_KEYS`], new addresses share
//! a count with their network; beyond [`MAX_SHARED_KEYS`] more, one count is for all.

use std::{
    collections::HashMap,
    net::IpAddr,
    time::{Duration, Instant},
};

use ipnet::IpNet;
use sha2::{Digest, Sha256};

use crate::{auth::User, server::client_network};

/// Maximum number of keys, before new ones share a count.
pub const MAX_KEYS: usize = 100_000;
/// Maximum number of shared counts on top of that.
pub const MAX_SHARED_KEYS: usize = 10_000;

/// How often counts that are fresh again are evicted.
const EVICTION_INTERVAL: Duration = Duration::from_secs(1);

/// What requests are counted on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Key {
    /// A user, hashed: keys of one size, however long the subjects are.
    User([u8; 32]),
    /// The [`client_network`] of an address.
    Address(IpAddr),
    /// The /24 or /48 of an address.
    Network(IpAddr),
    /// Everything that no other key counts.
    All,
}

impl Key {
    /// The key of a user.
    pub fn user(user: &User) -> Self {
        Self::User(Sha256::digest(user.subject().as_bytes()).into())
    }

    /// The key of an address.
    pub fn address(address: IpAddr) -> Self {
        Self::Address(client_network(address))
    }

    /// The key whose count it shares when there are too many keys.
    fn shared(&self) -> Self {
        match self {
            Self::Address(address) => Self::Network(masked(*address, 24, 48)),
            _ => Self::All,
        }
    }
}

fn masked(address: IpAddr, v4: u8, v6: u8) -> IpAddr {
    let address = address.to_canonical();
    let prefix = if address.is_ipv4() { v4 } else { v6 };
    IpNet::new(address, prefix).map_or(address, |network| network.network())
}

/// The counts of one limit: for each key the time at which its count is fresh again.
pub struct Counts {
    pub(super) fresh_at: HashMap<Key, Instant>,
    evicted: Instant,
}

impl Counts {
    /// No counts yet.
    pub fn new() -> Self {
        Self {
            fresh_at: HashMap::new(),
            evicted: Instant::now(),
        }
    }

    /// The count of `key`, or the one that it shares.
    pub fn fresh_at(&mut self, key: &Key, now: Instant) -> &mut Instant {
        self.evict_fresh(now);
        let counts = &mut self.fresh_at;
        let fits = |key: &Key, max| counts.len() < max || counts.contains_key(key);
        let mut key = key.clone();
        if !fits(&key, MAX_KEYS) {
            key = key.shared();
            if !fits(&key, MAX_KEYS + MAX_SHARED_KEYS) {
                key = Key::All;
            }
        }
        counts.entry(key).or_insert(now)
    }

    /// Evicts counts that are fresh again. At most once per second, about a millisecond at
    /// [`MAX_KEYS`], in place of a background task.
    fn evict_fresh(&mut self, now: Instant) {
        if now - self.evicted >= EVICTION_INTERVAL {
            self.evicted = now;
            self.fresh_at.retain(|_, fresh_at| *fresh_at > now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv6_counts_by_64_bits_and_shares_by_48() {
        for (address, own, shared) in [
            ("203.0.113.7", "203.0.113.7", "203.0.113.0"),
            ("::ffff:203.0.113.7", "203.0.113.7", "203.0.113.0"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::", "2001:db8:1::"),
            ("2001:db8:1:2::", "2001:db8:1:2::", "2001:db8:1::"),
            ("::1", "::", "::"),
        ] {
            let key = Key::address(address.parse().unwrap());
            assert_eq!(key, Key::Address(own.parse().unwrap()));
            assert_eq!(key.shared(), Key::Network(shared.parse().unwrap()));
        }
    }
}
