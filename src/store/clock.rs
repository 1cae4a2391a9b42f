//! The time of a write. It never stands still, so that `updated_at` moves on
//! every write; `PostgreSQL` sees to the same between instances.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, Utc};

static LAST: AtomicI64 = AtomicI64::new(0);

/// Now, in whole microseconds (what `PostgreSQL` keeps), and later than any time
/// this process was told before.
pub fn now() -> DateTime<Utc> {
    let now = Utc::now().timestamp_micros();
    let last = LAST.fetch_max(now, Ordering::Relaxed);
    let micros = if now > last {
        now
    } else {
        LAST.fetch_add(1, Ordering::Relaxed) + 1
    };
    // In range until the year 262142.
    DateTime::from_timestamp_micros(micros).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, thread};

    #[test]
    fn no_two_writes_have_the_same_time_and_each_thread_sees_it_move() {
        let threads = (0..8).map(|_| {
            thread::spawn(|| {
                let times: Vec<_> = (0..10_000).map(|_| super::now()).collect();
                assert!(times.is_sorted_by(|earlier, later| earlier < later));
                times
            })
        });
        let threads: Vec<_> = threads.collect();

        let times = threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap());
        let times: BTreeSet<_> = times.collect();

        assert_eq!(times.len(), 80_000);
    }
}
