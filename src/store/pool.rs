//! What the connection pools of both engines have in common, and how the connections are
//! shared out.

use std::time::Duration;

use sea_orm::{ConnectOptions, DatabaseConnection};

/// The connections of an instance without another limit: one set of queues at its best.
pub const DEFAULT_CONNECTIONS: u32 = 12;
/// The connections for migrations and health checks.
pub const CONTROL: u32 = 2;
/// The connection for transactions.
const PLAIN: usize = 1;
/// The most connections of one queue. A further one would run batches that are smaller.
const GETS: usize = 2;
const SHORT_LISTS: usize = 2;
const PAGES: usize = 2;
/// How long to wait for a connection. The driver's 30 s would leave requests
/// hanging long after a restart of the server.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);

/// How an instance's connections are shared out: to the pages of long lists, and to sets
/// of queues for gets, short lists and writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shares {
    /// The sets of queues, at most one for each worker thread.
    pub sets: usize,
    /// The connections of each queue of a set.
    pub gets: usize,
    pub short_lists: usize,
    pub writes: usize,
    /// The connections for the pages of long lists.
    pub pages: usize,
}

impl Shares {
    /// Shares `connections` out to `workers` threads, where a queue may write on `most_writes`
    /// connections at once.
    pub fn of(connections: u32, workers: usize, most_writes: usize) -> Self {
        let connections = usize::try_from(connections.saturating_sub(CONTROL)).unwrap_or(0);
        let rest = connections.saturating_sub(PLAIN);
        let pages = if rest < GETS + SHORT_LISTS + PAGES {
            1
        } else {
            PAGES
        };
        let rest = rest.saturating_sub(pages);
        let sets = (rest / 3).clamp(1, workers.max(1));
        // Writes first: a commit waits for the disk, while a read keeps its thread busy.
        let each = rest / sets;
        let writes = (each / 2).clamp(1, most_writes);
        let gets = ((each - writes.min(each)) / 2).clamp(1, GETS);
        let short_lists = each.saturating_sub(writes + gets).clamp(1, SHORT_LISTS);
        Self {
            sets,
            gets,
            short_lists,
            writes,
            pages,
        }
    }
}

/// The options of a pool of so many connections.
pub fn options(url: &str, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .sqlx_logging(false);
    options
}

/// Closes every connection of a pool.
pub async fn close(pool: &DatabaseConnection) {
    if let Err(error) = pool.close_by_ref().await {
        tracing::warn!(%error, "a connection did not close");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_worker_has_the_connections_of_a_queue_at_its_best() {
        for connections in [DEFAULT_CONNECTIONS, 40, 10_000] {
            let shares = Shares::of(connections, 1, 3);

            assert_eq!((shares.sets, shares.pages), (1, 2));
            let queues = (shares.gets, shares.short_lists, shares.writes);
            assert_eq!(queues, (2, 2, 3));
        }
    }

    #[test]
    fn the_shares_never_exceed_the_limit_and_leave_no_queue_without_a_connection() {
        for connections in 8..200 {
            for workers in 1..40 {
                for writers in [1, 3] {
                    let shares = Shares::of(connections, workers, writers);
                    let set = shares.gets + shares.short_lists + shares.writes;
                    let used = CONTROL as usize + PLAIN + shares.pages + shares.sets * set;
                    let case = format!("{connections}, {workers}, {writers}: {shares:?}");

                    assert!(used <= connections as usize, "{case}");
                    assert!(
                        shares.gets.min(shares.short_lists).min(shares.writes) > 0,
                        "{case}"
                    );
                    assert!((1..=workers).contains(&shares.sets), "{case}");
                    assert!(shares.writes <= writers, "{case}");
                }
            }
        }
    }

    #[test]
    fn each_worker_has_a_set_while_connections_last() {
        let sets = |connections, workers| Shares::of(connections, workers, 3).sets;

        assert_eq!((sets(40, 8), sets(40, 16), sets(64, 16)), (8, 11, 16));
        assert_eq!(Shares::of(40, 8, 3).writes, 2);
    }
}
