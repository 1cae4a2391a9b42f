//! One rate limit: requests per minute for each key, by the generic cell rate algorithm
//! (GCRA) of the crate `governor`.

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock, Reference},
    middleware::StateInformationMiddleware,
};

use super::bounded::{Bounded, Key};
use crate::duration::whole_seconds;

/// How often counts that are fresh again are evicted, in nanoseconds.
const EVICTION_INTERVAL: u64 = 1_000_000_000;
/// Fewer counts than this are not evicted.
const EVICTION_THRESHOLD: usize = 1_000;
/// Minimum burst, unless a minute's quota is less.
const MIN_BURST: NonZeroU32 = NonZeroU32::new(10).unwrap();

/// A limit. An idle key may burst: a tenth of a minute's quota, which refills evenly at
/// the quota's rate.
pub struct Limit<C: Clock = DefaultClock> {
    name: &'static str,
    policy: Arc<str>,
    quota: Quota,
    limiter: RateLimiter<Key, Bounded, C, StateInformationMiddleware>,
    start: C::Instant,
    evicted: AtomicU64,
}

/// The status of a limit for one key, after a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitStatus {
    /// The item of `RateLimit-Policy`.
    pub policy: Arc<str>,
    /// Name of the limit.
    pub name: &'static str,
    /// Number of requests that would be accepted now.
    pub remaining: u32,
    /// Seconds until `remaining` grows.
    pub reset: u64,
    /// When to retry; `None` if the request is within the limit.
    pub retry_after: Option<Duration>,
}

impl LimitStatus {
    /// The item of `RateLimit`.
    #[must_use]
    pub fn item(&self) -> String {
        format!("\"{}\";r={};t={}", self.name, self.remaining, self.reset)
    }
}

impl<C: Clock> Limit<C> {
    /// `per_minute` requests for each key.
    #[must_use]
    pub fn new(name: &'static str, per_minute: NonZeroU32, clock: C) -> Self {
        let tenth = NonZeroU32::new(per_minute.get() / 10).unwrap_or(MIN_BURST);
        let burst = tenth.max(MIN_BURST).min(per_minute);
        let quota = Quota::per_minute(per_minute).allow_burst(burst);
        Self {
            name,
            policy: format!("\"{name}\";q={per_minute};w=60").into(),
            quota,
            start: clock.now(),
            limiter: RateLimiter::new(quota, Bounded::default(), clock),
            evicted: AtomicU64::new(0),
        }
    }

    /// Counts a request of `key`; one over the limit is not counted.
    pub fn count(&self, key: &Key) -> LimitStatus {
        self.evict_fresh();
        let (remaining, wait, retry_after) = match self.limiter.check_key(key) {
            Ok(state) => {
                let remaining = state.remaining_burst_capacity();
                let used = self.quota.burst_size().get().saturating_sub(remaining);
                // With none left, the next one is what a client waits for.
                let steps = if remaining == 0 { 1 } else { used };
                (remaining, self.quota.replenish_interval() * steps, None)
            }
            Err(exceeded) => {
                let wait = exceeded.wait_time_from(self.limiter.clock().now());
                (0, wait, Some(wait))
            }
        };
        LimitStatus {
            policy: Arc::clone(&self.policy),
            name: self.name,
            remaining,
            reset: whole_seconds(wait),
            retry_after,
        }
    }

    /// Evicts the counts of keys that were idle for as long as their burst takes to refill:
    /// they equal fresh ones. At most once per second, about a millisecond at
    /// [`MAX_KEYS`](super::bounded::MAX_KEYS), in place of a background task.
    fn evict_fresh(&self) {
        let now = self.limiter.clock().now().duration_since(self.start);
        let (now, last) = (now.as_u64(), self.evicted.load(Relaxed));
        let due = now.saturating_sub(last) >= EVICTION_INTERVAL;
        let swap = || self.evicted.compare_exchange(last, now, Relaxed, Relaxed);
        if due && swap().is_ok() && self.limiter.len() > EVICTION_THRESHOLD {
            self.limiter.retain_recent();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        net::{IpAddr, Ipv4Addr},
        thread,
    };

    use governor::clock::FakeRelativeClock;

    use super::*;
    use crate::middleware::rate_limit::bounded::{MAX_KEYS, MAX_SHARED_KEYS};

    fn limit(per_minute: u32) -> (Limit<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        let per_minute = NonZeroU32::new(per_minute).unwrap();
        let limit = Limit::new("test", per_minute, clock.clone());
        (limit, clock)
    }

    fn address(number: u32) -> Key {
        Key::address(IpAddr::V4(Ipv4Addr::from_bits(number)))
    }

    fn accepted(limit: &Limit<FakeRelativeClock>, key: &Key) -> usize {
        let mut statuses = (0..100_000).map(|_| limit.count(key));
        statuses.position(|s| s.retry_after.is_some()).unwrap()
    }

    #[test]
    fn the_burst_is_a_tenth_of_the_quota_at_least_ten_and_never_more_than_it() {
        for (per_minute, burst) in [
            (1, 1),
            (9, 9),
            (10, 10),
            (60, 10),
            (109, 10),
            (600, 60),
            (3_000, 300),
            (u32::MAX, u32::MAX / 10),
        ] {
            let (limit, _) = limit(per_minute);
            assert_eq!(limit.quota.burst_size().get(), burst, "{per_minute}");
            if burst < 1_000 {
                assert_eq!(accepted(&limit, &address(1)), burst as usize);
            }
        }
    }

    #[test]
    fn a_used_burst_refills_at_the_rate_of_the_quota() {
        let (limit, clock) = limit(600);
        let (ana, bo) = (address(1), address(2));

        assert_eq!(accepted(&limit, &ana), 60);
        assert_eq!(accepted(&limit, &bo), 60, "each key has a count of its own");
        for (wait, expected) in [(99, 0), (1, 1), (1_000, 10), (2_550, 25), (50, 1)] {
            clock.advance(Duration::from_millis(wait));
            assert_eq!(accepted(&limit, &ana), expected, "after {wait} ms");
        }
        clock.advance(Duration::from_hours(1));
        assert_eq!(accepted(&limit, &ana), 60);
        let mut minute = 0;
        for _ in 0..600 {
            clock.advance(Duration::from_millis(100));
            minute += accepted(&limit, &ana);
        }
        assert_eq!(minute, 600, "the quota, in the minute after the burst");
    }

    #[test]
    fn a_status_has_the_remaining_requests_and_the_time_to_the_next() {
        let (limit, clock) = limit(30);
        let ana = address(1);

        let first = limit.count(&ana);
        assert_eq!(&*first.policy, "\"test\";q=30;w=60");
        assert_eq!(first.item(), "\"test\";r=9;t=2");
        assert_eq!(limit.count(&ana).item(), "\"test\";r=8;t=4");
        clock.advance(Duration::from_millis(2_500));
        assert_eq!(limit.count(&ana).item(), "\"test\";r=8;t=4");
        let last = (0..8).map(|_| limit.count(&ana)).last().unwrap();
        assert_eq!(last.item(), "\"test\";r=0;t=2");
        let exceeded = limit.count(&ana);
        assert_eq!(exceeded.retry_after, Some(Duration::from_millis(1_500)));
        assert_eq!(exceeded.item(), "\"test\";r=0;t=2", "rounded up");
    }

    #[test]
    fn fifty_threads_get_the_burst_and_no_more() {
        let (limit, _) = limit(600);
        let (limit, ana) = (&limit, &address(1));

        let passed: usize = thread::scope(|scope| {
            let attempts = || {
                (0..20)
                    .filter(|_| limit.count(ana).retry_after.is_none())
                    .count()
            };
            let threads: Vec<_> = (0..50).map(|_| scope.spawn(attempts)).collect();
            threads.into_iter().map(|t| t.join().unwrap()).sum()
        });

        assert_eq!(passed, 60);
    }

    #[test]
    fn a_million_addresses_are_bounded_in_memory_and_evicted() {
        let (limit, clock) = limit(3_000);

        let mut passed = 0;
        for number in 0..1_000_000_u32 {
            // Spread over all networks, each once.
            let key = address(number.wrapping_mul(2_654_435_761));
            passed += usize::from(limit.count(&key).retry_after.is_none());
        }

        // The clock stands still, so that no count is fresh again. Keys without a count
        // of their own are still limited, by a shared one, and the last ones by one for all.
        assert_eq!(limit.limiter.len(), MAX_KEYS + MAX_SHARED_KEYS + 1);
        assert!((MAX_KEYS..1_000_000).contains(&passed), "{passed}");
        let (known, newcomer) = (address(0), address(7));
        assert!(limit.count(&known).remaining > 0);
        assert!(limit.count(&newcomer).retry_after.is_some());

        clock.advance(Duration::from_mins(1));
        assert_eq!(limit.count(&newcomer).remaining, 299);
        assert_eq!(limit.limiter.len(), 1);
    }
}
