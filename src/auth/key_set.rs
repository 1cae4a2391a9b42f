//! The cache of one key set: when to fetch it and how long to keep it. It bounds the
//! requests to an issuer whatever the traffic here. Knows neither HTTP nor claims.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use parking_lot::{Mutex, MutexGuard};
use thiserror::Error;
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};
use tracing::{Instrument, Span};

use super::{
    fetch::FetchError,
    jwk::{Keys, ParsedSet},
};
use crate::{
    duration::whole_seconds,
    telemetry::{metrics, traces},
};

/// How long key sets are cached and how often they are fetched. The defaults are
/// the contract's; tests shorten them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeySetTimes {
    /// How long a set is used without a new fetch: 5 minutes. In the last fifth of it
    /// a request starts the fetch in the background.
    pub fresh: Duration,
    /// How long a set is used while fetches fail: 24 hours.
    pub stale: Duration,
    /// The timeout of one fetch, connection and body together: 5 seconds.
    pub timeout: Duration,
    /// The least time between two fetches that tokens without a matching key trigger,
    /// and between two that fail while a set is cached: 30 seconds.
    pub refetch: Duration,
    /// The first retry delay while no set is cached: 1 second. It doubles with each
    /// failure.
    pub first_retry: Duration,
    /// The longest such delay: 5 seconds.
    pub last_retry: Duration,
}

impl Default for KeySetTimes {
    fn default() -> Self {
        Self {
            fresh: Duration::from_mins(5),
            stale: Duration::from_hours(24),
            timeout: Duration::from_secs(5),
            refetch: Duration::from_secs(30),
            first_retry: Duration::from_secs(1),
            last_retry: Duration::from_secs(5),
        }
    }
}

/// The status of one key set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySetStatus {
    /// Its URL, without user, password and query.
    pub url: String,
    /// The number of usable keys in the cache.
    pub keys: usize,
    /// The kind of each cached key that is not usable, and why: `EC P-521 ES512 (its type,
    /// curve or algorithm is not supported)`. Each once, at most 64.
    pub skipped: Vec<String>,
    /// The error of the latest fetch, if it failed. The cache may still hold keys.
    pub problem: Option<String>,
}

/// Key sets are configured, and none of them has a usable key.
#[derive(Clone, Debug, Error)]
#[error("no key set has a usable key")]
pub struct KeySetsUnavailable {
    /// The status of each configured set.
    pub key_sets: Vec<KeySetStatus>,
}

/// Fetches the set.
pub(super) type Fetch =
    Box<dyn Fn() -> BoxFuture<'static, Result<ParsedSet, FetchError>> + Send + Sync>;

/// A channel that closes when the task of a fetch ends, a panic included, so that nothing
/// waits forever.
type Fetching = watch::Receiver<()>;

/// One key set, cached.
pub(super) struct KeySet {
    url: String,
    times: KeySetTimes,
    fetch: Fetch,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The last good set.
    keys: Option<Arc<Keys>>,
    fetching: Option<Fetching>,
    /// Consecutive failures.
    failures: u32,
    problem: Option<String>,
    /// After a failure: no fetch before this.
    next_attempt: Option<Instant>,
    /// No fetch for a token without a matching key before this.
    next_refetch: Option<Instant>,
}

impl KeySet {
    pub(super) fn new(url: String, times: KeySetTimes, fetch: Fetch) -> Self {
        Self {
            url,
            times,
            fetch,
            state: Mutex::default(),
        }
    }

    /// The keys to verify a token with. Waits for a fetch only if there are no keys,
    /// or if they are no longer fresh and the last fetch succeeded. Fails if there are no
    /// keys, with the time after which to retry: whole seconds, at least one.
    pub(super) async fn current(self: &Arc<Self>) -> Result<Arc<Keys>, Duration> {
        let fetching = {
            let now = Instant::now();
            let mut state = self.state(now);
            match state.keys.clone() {
                None => self.start_fetch(&mut state, now),
                Some(keys) => {
                    let age = now - keys.requested_at;
                    if age < self.times.fresh * 4 / 5 {
                        return Ok(keys);
                    }
                    let fetching = self.start_fetch(&mut state, now);
                    if age < self.times.fresh || state.failures > 0 {
                        return Ok(keys);
                    }
                    fetching
                }
            }
        };
        finished(fetching).await;

        let now = Instant::now();
        let state = self.state(now);
        state.keys.clone().ok_or_else(|| {
            let retry_after = state.next_attempt.unwrap_or(now) - now;
            Duration::from_secs(whole_seconds(retry_after))
        })
    }

    /// Keys newer than `tried`, for a token received at `received_at` that these do not
    /// verify: the issuer may have rotated its keys or reused their ids. `None` if
    /// there are no newer keys, or if it is too early to refetch.
    pub(super) async fn newer(
        self: &Arc<Self>,
        tried: &Arc<Keys>,
        received_at: Instant,
    ) -> Option<Arc<Keys>> {
        let other = |state: &State| state.keys.clone().filter(|keys| !Arc::ptr_eq(keys, tried));
        let fetching = {
            let now = Instant::now();
            let mut state = self.state(now);
            if let Some(keys) = other(&state) {
                return Some(keys);
            }
            if tried.requested_at >= received_at {
                return None;
            }
            match state.fetching() {
                Some(fetching) => fetching,
                None if state.next_refetch.is_some_and(|next| now < next) => return None,
                None => {
                    let fetching = self.start_fetch(&mut state, now)?;
                    state.next_refetch = Some(now + self.times.refetch);
                    fetching
                }
            }
        };
        finished(Some(fetching)).await;
        other(&self.state(Instant::now()))
    }

    pub(super) fn status(&self) -> KeySetStatus {
        let state = self.state(Instant::now());
        KeySetStatus {
            url: self.url.clone(),
            keys: state.keys.as_ref().map_or(0, |keys| keys.usable.len()),
            skipped: state
                .keys
                .as_ref()
                .map_or_else(Vec::new, |keys| keys.skipped.clone()),
            problem: state.problem.clone(),
        }
    }

    /// The state at `now`, without keys that are older than `KeySetTimes::stale`.
    fn state(&self, now: Instant) -> MutexGuard<'_, State> {
        let mut state = self.state.lock();
        state
            .keys
            .take_if(|keys| now.duration_since(keys.requested_at) >= self.times.stale);
        state
    }

    /// The fetch in progress, or a new one, or `None` if it is too early for one.
    ///
    /// It runs in its own task: a client that disconnects cancels its request, not
    /// the fetch that others wait for.
    fn start_fetch(self: &Arc<Self>, state: &mut State, now: Instant) -> Option<Fetching> {
        let fetching = state.fetching();
        if fetching.is_some() || state.next_attempt.is_some_and(|next| now < next) {
            return fetching;
        }
        // Applies only if the task panics: `finish_fetch` replaces it.
        state.next_attempt = Some(now + self.times.first_retry);
        let (done, fetching) = watch::channel(());
        state.fetching = Some(fetching.clone());
        let set = Arc::clone(self);
        let span = traces::download();
        let fetch = async move {
            let outcome = timeout(set.times.timeout, (set.fetch)())
                .await
                .unwrap_or(Err(FetchError::TimedOut));
            if outcome.is_err() {
                traces::failed(&Span::current());
            }
            set.finish_fetch(now, outcome);
            drop(done);
        };
        tokio::spawn(fetch.instrument(span));
        Some(fetching)
    }

    fn finish_fetch(&self, requested_at: Instant, outcome: Result<ParsedSet, FetchError>) {
        let now = Instant::now();
        let mut state = self.state(now);
        metrics::key_set_fetched(&self.url, outcome.is_ok());
        match outcome {
            Ok(ParsedSet { keys, skipped }) => {
                if state.keys.is_none() || state.failures > 0 {
                    tracing::info!(url = self.url, keys = keys.len(), "key set fetched");
                }
                let known = state.keys.as_ref().map(|keys| &keys.skipped);
                if !skipped.is_empty() && known != Some(&skipped) {
                    tracing::warn!(url = self.url, ?skipped, "keys of the key set skipped");
                }
                state.keys = Some(Arc::new(Keys {
                    usable: keys,
                    skipped,
                    requested_at,
                }));
                state.failures = 0;
                state.problem = None;
                state.next_attempt = None;
            }
            Err(error) => {
                let delay = if state.keys.is_some() {
                    self.times.refetch
                } else {
                    let doubled = self.times.first_retry * 2_u32.pow(state.failures.min(8));
                    doubled.min(self.times.last_retry)
                };
                tracing::warn!(
                    url = self.url,
                    %error,
                    has_cached_keys = state.keys.is_some(),
                    "key set fetch failed"
                );
                state.failures = state.failures.saturating_add(1);
                state.problem = Some(error.to_string());
                state.next_attempt = Some(now + delay);
            }
        }
    }
}

impl State {
    /// The fetch in progress.
    fn fetching(&self) -> Option<Fetching> {
        let is_open = |fetching: &Fetching| fetching.has_changed().is_ok();
        self.fetching.clone().filter(is_open)
    }
}

/// Waits for the end of a fetch.
async fn finished(fetching: Option<Fetching>) {
    if let Some(mut fetching) = fetching {
        // Nothing is sent: `changed` fails once the task drops the sender.
        let _ = fetching.changed().await;
    }
}

#[cfg(test)]
mod tests;
