//! What a rate limit remembers, bounded in memory whoever comes: beyond a
//! number of keys, newcomers share the count of their neighbourhood, and beyond
//! a number of those, one count for all.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use governor::{
    nanos::Nanos,
    state::{StateStore, keyed::ShrinkableKeyedStateStore},
};

/// The most keys with a count of their own.
pub const KEYS: usize = 100_000;
/// The most neighbourhoods that share one.
pub const NEIGHBOURHOODS: usize = 10_000;

/// Something to count requests on.
pub trait Key: Clone + Eq + Hash {
    /// What it shares a count with where there are too many to tell apart;
    /// `None` where that is everything.
    fn neighbourhood(&self) -> Option<Self>;
}

/// The counts; clones share them.
#[derive(Debug)]
pub struct Bounded<K>(Arc<Mutex<Counts<K>>>);

/// The GCRA's state of each count: the time at which it is a fresh one again.
#[derive(Debug)]
struct Counts<K> {
    own: HashMap<K, Nanos>,
    shared: HashMap<K, Nanos>,
    all: Option<Nanos>,
}

impl<K> Clone for Bounded<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K> Default for Bounded<K> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Counts {
            own: HashMap::new(),
            shared: HashMap::new(),
            all: None,
        })))
    }
}

impl<K> Bounded<K> {
    fn lock(&self) -> MutexGuard<'_, Counts<K>> {
        // Nothing panics under the lock, and a count is whole at any time.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether `counts`, which may hold `most`, has or can have one of `key`.
fn holds<K: Key>(counts: &HashMap<K, Nanos>, most: usize, key: &K) -> bool {
    counts.len() < most || counts.contains_key(key)
}

impl<K: Key> StateStore for Bounded<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut counts = self.lock();
        if holds(&counts.own, KEYS, key) {
            let (answer, state) = decide(counts.own.get(key).copied())?;
            counts.own.insert(key.clone(), state);
            return Ok(answer);
        }
        let neighbourhood = key.neighbourhood();
        if let Some(key) = neighbourhood.filter(|k| holds(&counts.shared, NEIGHBOURHOODS, k)) {
            let (answer, state) = decide(counts.shared.get(&key).copied())?;
            counts.shared.insert(key, state);
            return Ok(answer);
        }
        let (answer, state) = decide(counts.all)?;
        counts.all = Some(state);
        Ok(answer)
    }
}

impl<K: Key> ShrinkableKeyedStateStore<K> for Bounded<K> {
    fn retain_recent(&self, drop_below: Nanos) {
        let mut counts = self.lock();
        counts.own.retain(|_, state| *state > drop_below);
        counts.shared.retain(|_, state| *state > drop_below);
    }

    fn len(&self) -> usize {
        let counts = self.lock();
        counts.own.len() + counts.shared.len()
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
