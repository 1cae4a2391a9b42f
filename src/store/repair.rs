//! Finds and repairs what rows leave behind that were not written by the service: wrong
//! counts of tasks, and a next id that is taken. The service may run meanwhile.

use std::time::Duration;

use sea_orm::DbErr;
use tokio::time::timeout;

pub use super::entity::NextId;
use super::{Store, engine::Engine, error::StoreError, migrate::LOCK_TIMEOUT, owned::Miscounted};

/// How long a check of all tasks may take, and a repair.
const CHECK_TIMEOUT: Duration = Duration::from_mins(5);

/// The state of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Consistency {
    /// How many users have a count that is not the number of their tasks.
    pub miscounted: u64,
    /// The id of the next task.
    pub next_id: NextId,
}

impl Store {
    /// Compares the counts of all users with their tasks, and the next id with theirs.
    /// Changes nothing and locks nothing; reads all tasks.
    pub async fn check_consistency(&self) -> Result<Consistency, StoreError> {
        let engine = self.engine();
        let check = timeout(CHECK_TIMEOUT, async {
            Ok(Consistency {
                miscounted: Miscounted::find(engine.control()).await?.len(),
                next_id: engine.next_id(engine.control()).await?,
            })
        });
        check.await.map_err(|_| StoreError::timed_out())?
    }

    /// Corrects the counts, and sets the next id where it is taken. Returns what was wrong.
    /// Creations and deletions wait while the tasks of the users with a wrong count are
    /// counted.
    pub async fn repair(&self) -> Result<Consistency, StoreError> {
        let repair = timeout(CHECK_TIMEOUT, repair(self.engine()));
        Ok(repair.await.map_err(|_| StoreError::timed_out())??)
    }
}

async fn repair(engine: &Engine) -> Result<Consistency, DbErr> {
    // Before the lock, since it reads all tasks.
    let found = Miscounted::find(engine.control()).await?;
    let next_id = engine.next_id(engine.control()).await?;
    if found.len() == 0 && next_id != NextId::Taken {
        let miscounted = 0;
        return Ok(Consistency {
            miscounted,
            next_id,
        });
    }
    let transaction = engine.begin_exclusive(LOCK_TIMEOUT).await?;
    engine.lock_all_counts(&transaction).await?;
    let miscounted = engine.recount(&transaction, &found.owners()).await?;
    let next_id = engine.next_id(&transaction).await?;
    if next_id == NextId::Taken {
        engine.set_next_id(&transaction).await?;
    }
    transaction.commit().await?;
    Ok(Consistency {
        miscounted,
        next_id,
    })
}
