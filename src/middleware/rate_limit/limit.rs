//! One rate limit: so many requests a minute for each key, by the generic cell
//! rate algorithm of the crate `governor`.

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
    state::keyed::ShrinkableKeyedStateStore,
};

use super::bounded::{Bounded, Key};
use crate::duration::whole_seconds;

/// How often counts that are fresh again are thrown away, in nanoseconds.
const SWEEP: u64 = 1_000_000_000;
/// Fewer counts than this are not worth the sweep.
const FEW: usize = 1_000;
/// The least burst, where a minute's quota is not less.
const LEAST_BURST: u32 = 10;

/// A limit. A key that was idle may send its burst at once, a tenth of its
/// minute's quota; that refills evenly, at the quota's rate.
pub struct Limit<K: Key, C: Clock = DefaultClock> {
    name: &'static str,
    policy: Arc<str>,
    burst: u32,
    /// After how long one more request is let through.
    interval: Duration,
    limiter: RateLimiter<K, Bounded<K>, C, StateInformationMiddleware>,
    counts: Bounded<K>,
    start: C::Instant,
    swept: AtomicU64,
}

/// Where a key stands after a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The item of `RateLimit-Policy`.
    pub policy: Arc<str>,
    /// The limit's name.
    pub name: &'static str,
    /// How many requests would be let through now.
    pub remaining: u32,
    /// When there is more to be had, in seconds.
    pub reset: u64,
    /// When to come back, where the request is one too many.
    pub refused: Option<Duration>,
}

impl Standing {
    /// The item of `RateLimit`.
    #[must_use]
    pub fn item(&self) -> String {
        format!("\"{}\";r={};t={}", self.name, self.remaining, self.reset)
    }
}

impl<K: Key> Limit<K> {
    /// `per_minute` requests of each key.
    #[must_use]
    pub fn new(name: &'static str, per_minute: NonZeroU32) -> Self {
        Self::with_clock(name, per_minute, DefaultClock::default())
    }
}

impl<K: Key, C: Clock> Limit<K, C> {
    /// By another clock.
    #[must_use]
    pub fn with_clock(name: &'static str, per_minute: NonZeroU32, clock: C) -> Self {
        let least = per_minute.min(NonZeroU32::MIN.saturating_add(LEAST_BURST - 1));
        let burst = NonZeroU32::new(per_minute.get() / 10).map_or(least, |tenth| tenth.max(least));
        let quota = Quota::per_minute(per_minute).allow_burst(burst);
        let counts = Bounded::default();
        Self {
            name,
            policy: format!("\"{name}\";q={per_minute};w=60").into(),
            burst: burst.get(),
            interval: quota.replenish_interval(),
            start: clock.now(),
            limiter: RateLimiter::new(quota, counts.clone(), clock),
            counts,
            swept: AtomicU64::new(0),
        }
    }

    /// Counts a request of `key`, unless it is one too many.
    pub fn count(&self, key: &K) -> Standing {
        self.sweep();
        let standing = |remaining, wait: Duration, refused| Standing {
            policy: Arc::clone(&self.policy),
            name: self.name,
            remaining,
            reset: whole_seconds(wait),
            refused,
        };
        match self.limiter.check_key(key) {
            Ok(state) => {
                let remaining = state.remaining_burst_capacity();
                let used = self.burst.saturating_sub(remaining);
                // With none left, what matters is the next one.
                let steps = if remaining == 0 { 1 } else { used };
                standing(remaining, self.interval * steps, None)
            }
            Err(refused) => {
                let wait = refused.wait_time_from(self.limiter.clock().now());
                standing(0, wait, Some(wait))
            }
        }
    }

    /// Throws the counts away that are no different from fresh ones: of those
    /// who have not come for as long as their burst takes to refill. It costs
    /// about a millisecond in a second at the most, and needs no task.
    fn sweep(&self) {
        let now = self.limiter.clock().now().duration_since(self.start);
        let (now, last) = (now.as_u64(), self.swept.load(Relaxed));
        let due = now.saturating_sub(last) >= SWEEP;
        let swap = || self.swept.compare_exchange(last, now, Relaxed, Relaxed);
        if due && swap().is_ok() && self.counts.len() > FEW {
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
    use crate::middleware::rate_limit::{
        AddressKey,
        bounded::{KEYS, NEIGHBOURHOODS},
    };

    fn limit(per_minute: u32) -> (Limit<AddressKey, FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        let per_minute = NonZeroU32::new(per_minute).unwrap();
        let limit = Limit::with_clock("test", per_minute, clock.clone());
        (limit, clock)
    }

    fn address(number: u32) -> AddressKey {
        AddressKey::new(IpAddr::V4(Ipv4Addr::from_bits(number)))
    }

    fn let_through(limit: &Limit<AddressKey, FakeRelativeClock>, key: &AddressKey) -> usize {
        let mut standings = (0..100_000).map(|_| limit.count(key));
        standings.position(|s| s.refused.is_some()).unwrap()
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
            assert_eq!(limit.burst, burst, "{per_minute}");
            if burst < 1_000 {
                assert_eq!(let_through(&limit, &address(1)), burst as usize);
            }
        }
    }

    #[test]
    fn what_is_used_up_comes_back_at_the_rate_of_the_quota() {
        let (limit, clock) = limit(600);
        let (ana, bo) = (address(1), address(2));

        assert_eq!(let_through(&limit, &ana), 60);
        assert_eq!(
            let_through(&limit, &bo),
            60,
            "each has a count of their own"
        );
        for (wait, expected) in [(99, 0), (1, 1), (1_000, 10), (2_550, 25), (50, 1)] {
            clock.advance(Duration::from_millis(wait));
            assert_eq!(let_through(&limit, &ana), expected, "after {wait} ms");
        }
        clock.advance(Duration::from_hours(1));
        assert_eq!(let_through(&limit, &ana), 60);
        let mut minute = 0;
        for _ in 0..600 {
            clock.advance(Duration::from_millis(100));
            minute += let_through(&limit, &ana);
        }
        assert_eq!(minute, 600, "the quota, in a minute that follows the burst");
    }

    #[test]
    fn a_standing_says_what_is_left_and_when_there_is_more() {
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
        let refused = limit.count(&ana);
        assert_eq!(refused.refused, Some(Duration::from_millis(1_500)));
        assert_eq!(refused.item(), "\"test\";r=0;t=2", "rounded up");
    }

    #[test]
    fn fifty_threads_get_the_burst_and_not_one_more() {
        let (limit, _) = limit(600);
        let (limit, ana) = (&limit, &address(1));

        let passed: usize = thread::scope(|scope| {
            let attempts = || {
                (0..20)
                    .filter(|_| limit.count(ana).refused.is_none())
                    .count()
            };
            let threads: Vec<_> = (0..50).map(|_| scope.spawn(attempts)).collect();
            threads.into_iter().map(|t| t.join().unwrap()).sum()
        });

        assert_eq!(passed, 60);
    }

    #[test]
    fn a_million_addresses_are_bounded_in_memory_and_forgotten() {
        let (limit, clock) = limit(3_000);

        let mut passed = 0;
        for number in 0..1_000_000_u32 {
            // All over the internet, each once.
            let key = address(number.wrapping_mul(2_654_435_761));
            passed += usize::from(limit.count(&key).refused.is_none());
        }

        // At one instant: nothing is fresh again yet. Who has no count of their
        // own shares a neighbourhood's or the last one, and is still counted.
        assert_eq!(limit.counts.len(), KEYS + NEIGHBOURHOODS);
        assert!((KEYS..1_000_000).contains(&passed), "{passed}");
        let (known, newcomer) = (address(0), address(7));
        assert!(limit.count(&known).remaining > 0);
        assert!(limit.count(&newcomer).refused.is_some());

        clock.advance(Duration::from_mins(1));
        assert_eq!(limit.count(&newcomer).remaining, 299);
        assert_eq!(limit.counts.len(), 1);
    }
}
