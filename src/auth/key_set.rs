//! The cache of one key set: when to download it, how long to keep it, and how
//! few requests an issuer sees however many come here. Knows nothing of HTTP and
//! of tokens' claims.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use parking_lot::{Mutex, MutexGuard};
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};
use tracing::{Instrument, Span};

use super::{fetch::FetchError, jwk::Key, keys::Keys};
use crate::{
    duration::whole_seconds,
    telemetry::{metrics, traces},
};

/// How long key sets are kept and how often an issuer is asked. The default is
/// the contract's; tests shorten it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeySetTimes {
    /// How long a set is used without asking again: 5 minutes. In the last fifth
    /// of it a request starts the download and does not wait for it.
    pub fresh: Duration,
    /// How old a set may grow while downloads fail: 24 hours.
    pub stale: Duration,
    /// How long one download may take, connection and body together: 5 seconds.
    pub timeout: Duration,
    /// How far apart two downloads are that tokens without a fitting key cause,
    /// and two that fail while a set is at hand: 30 seconds.
    pub refetch: Duration,
    /// How long to wait after the first failure while no set is at hand: 1 second.
    /// It doubles with each failure.
    pub first_retry: Duration,
    /// The longest such wait: 5 seconds.
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

/// What is known of one key set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySetStatus {
    /// Its address, without user, password and query.
    pub url: String,
    /// The number of usable keys at hand.
    pub keys: usize,
    /// Why the latest download failed, if it did. Keys may be at hand all the same.
    pub problem: Option<String>,
}

/// No key at hand, and none to be had before this much time has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unavailable {
    pub(super) retry_after: Duration,
}

/// A download of the set.
pub(super) type Fetch =
    Box<dyn Fn() -> BoxFuture<'static, Result<Vec<Key>, FetchError>> + Send + Sync>;

/// One key set, cached.
pub(super) struct KeySet(Arc<Shared>);

struct Shared {
    url: String,
    times: KeySetTimes,
    fetch: Fetch,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    good: Option<Arc<Keys>>,
    /// Open while a download is under way.
    flight: Option<watch::Receiver<()>>,
    failures: u32,
    problem: Option<String>,
    /// After a failure: no download before this.
    next_attempt: Option<Instant>,
    /// No download on behalf of a token without a fitting key before this.
    next_refetch: Option<Instant>,
}

impl KeySet {
    pub(super) fn new(url: String, times: KeySetTimes, fetch: Fetch) -> Self {
        Self(Arc::new(Shared {
            url,
            times,
            fetch,
            state: Mutex::default(),
        }))
    }

    /// The keys to judge a token by. Waits for a download only if there are no
    /// keys, or if they are no longer fresh and the issuer is not known to fail.
    pub(super) async fn current(&self) -> Result<Arc<Keys>, Unavailable> {
        let flight = {
            let now = Instant::now();
            let mut state = self.0.state(now);
            match state.good.clone() {
                None => self.0.start(&mut state, now),
                Some(keys) => {
                    let age = now - keys.as_of;
                    if age < self.0.times.fresh * 4 / 5 {
                        return Ok(keys);
                    }
                    let flight = self.0.start(&mut state, now);
                    if age < self.0.times.fresh || state.failures > 0 {
                        return Ok(keys);
                    }
                    flight
                }
            }
        };
        landing(flight).await;

        let now = Instant::now();
        let state = self.0.state(now);
        state.good.clone().ok_or_else(|| Unavailable {
            retry_after: Duration::from_secs(whole_seconds(
                state.next_attempt.unwrap_or(now) - now,
            )),
        })
    }

    /// Keys other than `seen`, for a token of a request that came at `arrived` and
    /// found no fitting key in them: keys may have been rotated, or their ids
    /// reused. `None` if there are none, or if it is too early to ask again.
    pub(super) async fn newer(&self, seen: &Arc<Keys>, arrived: Instant) -> Option<Arc<Keys>> {
        let other = |state: &State| state.good.clone().filter(|keys| !Arc::ptr_eq(keys, seen));
        let flight = {
            let now = Instant::now();
            let mut state = self.0.state(now);
            if let Some(keys) = other(&state) {
                return Some(keys);
            }
            if seen.as_of >= arrived {
                return None;
            }
            match state.flight() {
                Some(flight) => flight,
                None if state.next_refetch.is_some_and(|next| now < next) => return None,
                None => {
                    let flight = self.0.start(&mut state, now)?;
                    state.next_refetch = Some(now + self.0.times.refetch);
                    flight
                }
            }
        };
        landing(Some(flight)).await;
        other(&self.0.state(Instant::now()))
    }

    pub(super) fn status(&self) -> KeySetStatus {
        let state = self.0.state(Instant::now());
        KeySetStatus {
            url: self.0.url.clone(),
            keys: state.good.as_ref().map_or(0, |keys| keys.keys.len()),
            problem: state.problem.clone(),
        }
    }
}

impl Shared {
    /// The state at `now`: keys past all use are forgotten.
    fn state(&self, now: Instant) -> MutexGuard<'_, State> {
        let mut state = self.state.lock();
        state
            .good
            .take_if(|keys| now.duration_since(keys.as_of) >= self.times.stale);
        state
    }

    /// The download under way, or a new one, or `None` if it is too early for one.
    ///
    /// It runs in a task of its own: a client that hangs up ends its request, not
    /// the download that others wait for.
    fn start(self: &Arc<Self>, state: &mut State, now: Instant) -> Option<watch::Receiver<()>> {
        if let Some(flight) = state.flight() {
            return Some(flight);
        }
        if state.next_attempt.is_some_and(|next| now < next) {
            return None;
        }
        // Stands only if the task dies without landing.
        state.next_attempt = Some(now + self.times.first_retry);
        let (done, flight) = watch::channel(());
        state.flight = Some(flight.clone());
        let shared = Arc::clone(self);
        let span = traces::download();
        let download = async move {
            let outcome = timeout(shared.times.timeout, (shared.fetch)())
                .await
                .unwrap_or(Err(FetchError::TimedOut));
            if outcome.is_err() {
                traces::failed(&Span::current());
            }
            shared.land(now, outcome);
            drop(done);
        };
        tokio::spawn(download.instrument(span));
        Some(flight)
    }

    fn land(&self, began: Instant, outcome: Result<Vec<Key>, FetchError>) {
        let now = Instant::now();
        let mut state = self.state(now);
        metrics::key_set_fetched(&self.url, outcome.is_ok());
        match outcome {
            Ok(keys) => {
                if state.good.is_none() || state.failures > 0 {
                    tracing::info!(url = self.url, keys = keys.len(), "key set fetched");
                }
                state.good = Some(Arc::new(Keys { keys, as_of: began }));
                state.failures = 0;
                state.problem = None;
                state.next_attempt = None;
            }
            Err(error) => {
                let wait = if state.good.is_some() {
                    self.times.refetch
                } else {
                    let doubled = self.times.first_retry * 2_u32.pow(state.failures.min(8));
                    doubled.min(self.times.last_retry)
                };
                tracing::warn!(
                    url = self.url,
                    %error,
                    last_good_set_serves = state.good.is_some(),
                    "the key set could not be fetched"
                );
                state.failures = state.failures.saturating_add(1);
                state.problem = Some(error.to_string());
                state.next_attempt = Some(now + wait);
            }
        }
    }
}

impl State {
    /// The download under way. Its channel closes when its task ends, by whatever
    /// cause, so that none is waited for in vain.
    fn flight(&self) -> Option<watch::Receiver<()>> {
        self.flight
            .clone()
            .filter(|flight| flight.has_changed().is_ok())
    }
}

async fn landing(flight: Option<watch::Receiver<()>>) {
    if let Some(mut flight) = flight {
        // Nothing is ever sent: this ends with an error when the task drops the sender.
        let _ = flight.changed().await;
    }
}

#[cfg(test)]
mod tests;
