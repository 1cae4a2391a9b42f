//! One rate limit: requests per minute for each key, by the generic cell rate algorithm
//! (GCRA, ITU-T I.371).

use std::{
    num::NonZeroU32,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use super::bounded::{Counts, Key};
use crate::duration::whole_seconds;

/// Minimum burst, unless a minute's quota is less.
const MIN_BURST: u32 = 10;

/// A limit. An idle key may burst: a tenth of a minute's quota, which refills evenly at
/// the quota's rate.
pub struct Limit {
    name: &'static str,
    policy: Arc<str>,
    burst: u32,
    /// Time in which one request refills.
    interval: Duration,
    counts: Mutex<Counts>,
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
    /// Seconds until `remaining` is the burst again; where it is 0, until it grows.
    pub reset: u64,
    /// When to retry; `None` if the request is within the limit.
    pub retry_after: Option<Duration>,
}

impl LimitStatus {
    /// The item of `RateLimit`.
    pub fn item(&self) -> String {
        format!("\"{}\";r={};t={}", self.name, self.remaining, self.reset)
    }
}

impl Limit {
    /// `per_minute` requests for each key.
    pub fn new(name: &'static str, per_minute: NonZeroU32) -> Self {
        let quota = per_minute.get();
        Self {
            name,
            policy: format!("\"{name}\";q={quota};w=60").into(),
            burst: (quota / 10).max(MIN_BURST).min(quota),
            interval: Duration::from_mins(1) / quota,
            counts: Mutex::new(Counts::new()),
        }
    }

    /// Counts a request of `key`; one over the limit is not counted.
    pub fn count(&self, key: &Key, now: Instant) -> LimitStatus {
        let mut counts = self.counts.lock();
        let fresh_at = counts.fresh_at(key, now);
        let next = now.max(*fresh_at) + self.interval;
        let used = next - now;
        let excess = used.saturating_sub(self.interval * self.burst);
        let (remaining, wait) = if excess.is_zero() {
            *fresh_at = next;
            let used = used.as_nanos().div_ceil(self.interval.as_nanos());
            let used = u32::try_from(used).unwrap_or(self.burst);
            let remaining = self.burst - used;
            // With none left, the next one is what a client waits for.
            let steps = if remaining == 0 { 1 } else { used };
            (remaining, self.interval * steps)
        } else {
            (0, excess)
        };
        LimitStatus {
            policy: Arc::clone(&self.policy),
            name: self.name,
            remaining,
            reset: whole_seconds(wait),
            retry_after: (!excess.is_zero()).then_some(excess),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        net::{IpAddr, Ipv4Addr},
        thread,
    };

    use super::*;
    use crate::middleware::rate_limit::bounded::{MAX_KEYS, MAX_SHARED_KEYS};

    fn limit(per_minute: u32) -> (Limit, Instant) {
        let limit = Limit::new("test", NonZeroU32::new(per_minute).unwrap());
        (limit, Instant::now())
    }

    fn address(number: u32) -> Key {
        Key::address(IpAddr::V4(Ipv4Addr::from_bits(number)))
    }

    fn accepted(limit: &Limit, key: &Key, now: Instant) -> usize {
        let mut statuses = (0..100_000).map(|_| limit.count(key, now));
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
            let (limit, now) = limit(per_minute);
            assert_eq!(limit.burst, burst, "{per_minute}");
            if burst < 1_000 {
                assert_eq!(accepted(&limit, &address(1), now), burst as usize);
            }
        }
    }

    #[test]
    fn a_used_burst_refills_at_the_rate_of_the_quota() {
        let (limit, mut now) = limit(600);
        let (ana, bo) = (address(1), address(2));

        assert_eq!(accepted(&limit, &ana, now), 60);
        assert_eq!(
            accepted(&limit, &bo, now),
            60,
            "each key has a count of its own"
        );
        for (wait, expected) in [(99, 0), (1, 1), (1_000, 10), (2_550, 25), (50, 1)] {
            now += Duration::from_millis(wait);
            assert_eq!(accepted(&limit, &ana, now), expected, "after {wait} ms");
        }
        now += Duration::from_hours(1);
        assert_eq!(accepted(&limit, &ana, now), 60);
        let mut minute = 0;
        for _ in 0..600 {
            now += Duration::from_millis(100);
            minute += accepted(&limit, &ana, now);
        }
        assert_eq!(minute, 600, "the quota, in the minute after the burst");
    }

    #[test]
    fn a_status_has_the_remaining_requests_and_the_time_to_the_next() {
        let (limit, mut now) = limit(30);
        let ana = address(1);

        let first = limit.count(&ana, now);
        assert_eq!(&*first.policy, "\"test\";q=30;w=60");
        assert_eq!(first.item(), "\"test\";r=9;t=2");
        assert_eq!(limit.count(&ana, now).item(), "\"test\";r=8;t=4");
        now += Duration::from_millis(2_500);
        assert_eq!(limit.count(&ana, now).item(), "\"test\";r=8;t=4");
        let last = (0..8).map(|_| limit.count(&ana, now)).last().unwrap();
        assert_eq!(last.item(), "\"test\";r=0;t=2");
        let exceeded = limit.count(&ana, now);
        assert_eq!(exceeded.retry_after, Some(Duration::from_millis(1_500)));
        assert_eq!(exceeded.item(), "\"test\";r=0;t=2", "rounded up");
    }

    #[test]
    fn fifty_threads_get_the_burst_and_no_more() {
        let (limit, now) = limit(600);
        let (limit, ana) = (&limit, &address(1));

        let passed: usize = thread::scope(|scope| {
            let attempts = || {
                (0..20)
                    .filter(|_| limit.count(ana, now).retry_after.is_none())
                    .count()
            };
            let threads: Vec<_> = (0..50).map(|_| scope.spawn(attempts)).collect();
            threads.into_iter().map(|t| t.join().unwrap()).sum()
        });

        assert_eq!(passed, 60);
    }

    #[test]
    fn a_million_addresses_are_bounded_in_memory_and_evicted() {
        let (limit, mut now) = limit(3_000);

        let mut passed = 0;
        for number in 0..1_000_000_u32 {
            // Spread over all networks, each once.
            let key = address(number.wrapping_mul(2_654_435_761));
            passed += usize::from(limit.count(&key, now).retry_after.is_none());
        }

        // The clock stands still, so that no count is fresh again. Keys without a count
        // of their own are still limited, by a shared one, and the last ones by one for all.
        assert_eq!(
            limit.counts.lock().fresh_at.len(),
            MAX_KEYS + MAX_SHARED_KEYS + 1
        );
        assert!((MAX_KEYS..1_000_000).contains(&passed), "{passed}");
        let (known, newcomer) = (address(0), address(7));
        assert!(limit.count(&known, now).remaining > 0);
        assert!(limit.count(&newcomer, now).retry_after.is_some());

        now += Duration::from_mins(1);
        assert_eq!(limit.count(&newcomer, now).remaining, 299);
        assert_eq!(limit.counts.lock().fresh_at.len(), 1);
    }
}
