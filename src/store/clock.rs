//! The time of a write.

use chrono::{DateTime, SubsecRound, Utc};

/// Now, in whole microseconds, the resolution of `PostgreSQL`. A clock may be set back:
/// the statements, which know the row's last time, move `updated_at` in any case.
pub fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(6)
}
