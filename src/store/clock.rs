//! The time of a write.

use chrono::{DateTime, SubsecRound, Utc};

/// Now, in whole microseconds: what `PostgreSQL` keeps. A clock may be set back;
/// that `updated_at` moves on all the same is the statement's care, which knows
/// the row's last time.
pub fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(6)
}
