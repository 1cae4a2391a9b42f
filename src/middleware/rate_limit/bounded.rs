//! The counts of a rate limit, bounded in memory. Beyond [`MAX_KEYS`], new keys share a
//! count with their network; beyond [`MAX_SHARED_KEYS`], one count for all.

use std::{collections::HashMap, hash::Hash};

use governor::{
    nanos::Nanos,
    state::{StateStore, keyed::ShrinkableKeyedStateStore},
};
use parking_lot::Mutex;

/// Maximum number of keys with a count of their own.
pub const MAX_KEYS: usize = 100_000;
/// Maximum number of shared counts.
pub const MAX_SHARED_KEYS: usize = 10_000;

/// Something that requests are counted on.
pub trait Key: Clone + Eq + Hash {
    /// The key whose count it shares when there are too many keys; `None` for the count
    /// of all.
    fn shared(&self) -> Option<Self>;
}

/// The counts of one limit.
pub struct Bounded<K>(Mutex<Counts<K>>);

/// GCRA state by key: the time at which the count is fresh again.
struct Counts<K> {
    own: HashMap<K, Nanos>,
    shared: HashMap<K, Nanos>,
    all: Option<Nanos>,
}

impl<K> Default for Bounded<K> {
    fn default() -> Self {
        Self(Mutex::new(Counts {
            own: HashMap::new(),
            shared: HashMap::new(),
            all: None,
        }))
    }
}

/// Whether `counts`, of `max` entries at most, has or can take one for `key`.
fn fits<K: Key>(counts: &HashMap<K, Nanos>, max: usize, key: &K) -> bool {
    counts.len() < max || counts.contains_key(key)
}

impl<K: Key> StateStore for Bounded<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut counts = self.0.lock();
        if fits(&counts.own, MAX_KEYS, key) {
            let (decision, state) = decide(counts.own.get(key).copied())?;
            counts.own.insert(key.clone(), state);
            return Ok(decision);
        }
        let shared = key.shared();
        if let Some(key) = shared.filter(|k| fits(&counts.shared, MAX_SHARED_KEYS, k)) {
            let (decision, state) = decide(counts.shared.get(&key).copied())?;
            counts.shared.insert(key, state);
            return Ok(decision);
        }
        let (decision, state) = decide(counts.all)?;
        counts.all = Some(state);
        Ok(decision)
    }
}

impl<K: Key> ShrinkableKeyedStateStore<K> for Bounded<K> {
    fn retain_recent(&self, drop_below: Nanos) {
        let mut counts = self.0.lock();
        counts.own.retain(|_, state| *state > drop_below);
        counts.shared.retain(|_, state| *state > drop_below);
    }

    fn len(&self) -> usize {
        let counts = self.0.lock();
        counts.own.len() + counts.shared.len()
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
