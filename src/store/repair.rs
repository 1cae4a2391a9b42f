//! Finds and repairs what rows leave behind that were not written by the service: wrong
//! counts of tasks, and sequences that would give a number again. The service may run
//! meanwhile, and moves a sequence that is behind by itself, when a creation finds the id
//! taken. After a restore from a backup, gives the sequences a new life.

use std::time::Duration;

use sea_orm::{ConnectionTrait, DbErr, Statement};
use tokio::time::timeout;

use super::{
    Store,
    clock::born,
    engine::Engine,
    error::StoreError,
    migrate::LOCK_TIMEOUT,
    owned::{Inconsistent, Owner},
};

/// How long a check of all tasks may take, and a repair.
const CHECK_TIMEOUT: Duration = Duration::from_mins(5);
/// How long a creation may wait until its owner's sequence was moved.
const MOVE_TIMEOUT: Duration = Duration::from_secs(1);

/// The state of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Consistency {
    /// How many users have a count that is not the number of their tasks.
    pub miscounted: u64,
    /// How many users have a sequence that is behind an id or a version of theirs.
    pub behind: u64,
}

impl Store {
    /// Compares the counts and the sequences of all users with their tasks. Changes nothing
    /// and locks nothing; reads all tasks.
    pub async fn check_consistency(&self) -> Result<Consistency, StoreError> {
        let check = timeout(CHECK_TIMEOUT, Inconsistent::find(self.engine().control()));
        let found = check.await.map_err(|_| StoreError::timed_out())??;
        Ok(Consistency {
            miscounted: found.miscounted,
            behind: found.behind,
        })
    }

    /// Corrects the counts, and moves the sequences that are behind. Returns what was wrong.
    /// Writes wait while the tasks of the users in question are counted.
    pub async fn repair(&self) -> Result<Consistency, StoreError> {
        let repair = timeout(CHECK_TIMEOUT, repair(self.engine()));
        Ok(repair.await.map_err(|_| StoreError::timed_out())??)
    }
}

impl Store {
    /// Marks every sequence as another one than before, since a restored backup gives
    /// numbers again that clients have seen. Returns how many sequences there are.
    pub async fn resync(&self) -> Result<u64, StoreError> {
        let database = self.engine().control();
        #[expect(clippy::disallowed_methods, reason = "concerns all owners")]
        let resync = Statement::from_sql_and_values(
            database.get_database_backend(),
            "UPDATE user_sequences SET born = $1",
            [born().into()],
        );
        let resync = timeout(CHECK_TIMEOUT, database.execute_raw(resync));
        let resynced = resync.await.map_err(|_| StoreError::timed_out())??;
        Ok(resynced.rows_affected())
    }
}

/// Moves the sequence of an owner behind the ids and versions that are stored, and counts the
/// tasks anew. Returns whether a creation may succeed now.
pub(super) async fn move_sequence(engine: &Engine, owner: Owner<'_>) -> bool {
    let moved = timeout(MOVE_TIMEOUT, catch_up(engine, owner)).await;
    let moved = moved.map_err(|_| StoreError::timed_out());
    match moved.and_then(|moved| Ok(moved?)) {
        Ok(is_moved) => {
            if is_moved {
                let message = "a user's sequence was behind the ids of tasks that another program \
                               stored, and was moved";
                tracing::warn!("{message}");
            }
            true
        }
        Err(error) => {
            tracing::error!(%error, "a user's sequence is behind the ids of tasks");
            false
        }
    }
}

async fn catch_up(engine: &Engine, owner: Owner<'_>) -> Result<bool, DbErr> {
    let transaction = engine.begin().await?;
    // Locks the row, also where it is not behind: the count is exact.
    let moved = engine.catch_up(&transaction, &[owner]).await?;
    engine.recount(&transaction, &[owner]).await?;
    transaction.commit().await?;
    Ok(moved > 0)
}

async fn repair(engine: &Engine) -> Result<Consistency, DbErr> {
    // Before the lock, since it reads all tasks.
    let found = Inconsistent::find(engine.control()).await?;
    let owners = found.owners();
    if owners.is_empty() {
        let (miscounted, behind) = (0, 0);
        return Ok(Consistency { miscounted, behind });
    }
    let transaction = engine.begin_exclusive(LOCK_TIMEOUT).await?;
    engine.lock_all_sequences(&transaction).await?;
    let miscounted = engine.recount(&transaction, &owners).await?;
    let behind = engine.catch_up(&transaction, &owners).await?;
    transaction.commit().await?;
    Ok(Consistency { miscounted, behind })
}
