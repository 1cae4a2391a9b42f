//! The time of a write, and what is random: what tells one life of a sequence from the next,
//! and when a job runs.

use std::time::Duration;

use chrono::{DateTime, SubsecRound, Utc};
use uuid::Uuid;

/// Now, in whole microseconds, the resolution of `PostgreSQL`. A clock may be set back:
/// the statements, which know the row's last time, move `updated_at` in any case.
pub fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(6)
}

/// A random number for a new sequence, in 62 bits. A time would not do: a clock may be set
/// back.
pub fn born() -> i64 {
    let random = Uuid::now_v7().as_u128() & ((1 << 62) - 1);
    i64::try_from(random).unwrap_or_default()
}

/// A random time from nothing to `limit`, which is at most some hours.
pub fn random_up_to(limit: Duration) -> Duration {
    let random = u32::try_from(born() & 0xffff).unwrap_or_default();
    limit * random / 0xffff
}
