//! The counts of a rate limit, bounded in memory. Beyond [`MAX_KEYS`], new addresses share
//! a count with their network; beyond [`MAX_SHARED_KEYS`] more, one count is for all.

use std::{collections::HashMap, net::IpAddr};

use governor::{
    nanos::Nanos,
    state::{StateStore, keyed::ShrinkableKeyedStateStore},
};
use ipnet::IpNet;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use crate::auth::User;

/// Maximum number of keys, before new ones share a count.
pub const MAX_KEYS: usize = 100_000;
/// Maximum number of shared counts on top of that.
pub const MAX_SHARED_KEYS: usize = 10_000;

/// What requests are counted on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Key {
    /// A user, hashed: keys of one size, however long the subjects are.
    User([u8; 32]),
    /// An IPv4 address or the /64 of an IPv6 one, the least that one customer gets (RFC
    /// 6177).
    Address(IpAddr),
    /// The /24 or /48 of an address.
    Network(IpAddr),
    /// Everything that no other key counts.
    All,
}

impl Key {
    /// The key of a user.
    #[must_use]
    pub fn user(user: &User) -> Self {
        Self::User(Sha256::digest(user.subject().as_bytes()).into())
    }

    /// The key of an address.
    #[must_use]
    pub fn address(address: IpAddr) -> Self {
        Self::Address(masked(address, 32, 64))
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

/// The GCRA state of each key: the time at which its count is fresh again.
#[derive(Default)]
pub struct Bounded(Mutex<HashMap<Key, Nanos>>);

impl StateStore for Bounded {
    type Key = Key;

    fn measure_and_replace<T, F, E>(&self, key: &Key, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut counts = self.0.lock();
        let fits = |key: &Key, max| counts.len() < max || counts.contains_key(key);
        let mut key = key.clone();
        if !fits(&key, MAX_KEYS) {
            key = key.shared();
            if !fits(&key, MAX_KEYS + MAX_SHARED_KEYS) {
                key = Key::All;
            }
        }
        let (decision, state) = decide(counts.get(&key).copied())?;
        counts.insert(key, state);
        Ok(decision)
    }
}

impl ShrinkableKeyedStateStore<Key> for Bounded {
    fn retain_recent(&self, drop_below: Nanos) {
        self.0.lock().retain(|_, state| *state > drop_below);
    }

    fn len(&self) -> usize {
        self.0.lock().len()
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
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
