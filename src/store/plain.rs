//! The plain path: operations off the hot path, as sea-orm queries in one
//! transaction.
//!
//! Every query starts from [`OwnerTasks`], which filters by the owner: none can forget
//! whose tasks it concerns. A write locks the owner's count first, as batches do, to
//! avoid deadlocks with them.

use futures_util::future::BoxFuture;
use sea_orm::{
    ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, ExprTrait, QueryFilter, QuerySelect,
    Select, UpdateMany,
    sea_query::{Expr, IntoCondition},
};
use tokio::time::timeout;

use super::{
    Store,
    batch::REQUEST_TIMEOUT,
    entity::{count, task},
    error::{Access, Fate, Progress},
    owned::{Owned, owned_by},
};
use crate::{api::tasks::TaskError, auth::User};

/// The tasks of one user, in one transaction.
pub struct OwnerTasks {
    transaction: DatabaseTransaction,
    owned: Owned<()>,
}

impl Store {
    /// Runs `work` on the user's tasks in one transaction and commits, or rolls
    /// everything back. Takes at most 2.4 s. For operations off the hot path: each takes
    /// a connection and a commit of its own.
    pub async fn transaction<T, W>(
        &self,
        user: &User,
        access: Access,
        work: W,
    ) -> Result<T, TaskError>
    where
        T: Send + 'static,
        W: for<'t> FnOnce(&'t OwnerTasks) -> BoxFuture<'t, Result<T, DbErr>> + Send + 'static,
    {
        self.check_migrated()?;
        let (store, owned) = (self.clone(), owned_by(user, ()));
        // In a task of its own: acquiring a connection is not cancel-safe, and a client
        // that disconnects must not cost one.
        let transaction = tokio::spawn(async move {
            // Until the commit nothing is kept, whatever fails.
            let not_committed = |error: DbErr| {
                let fate = Fate::of_orm(&error, Progress::Uncommitted);
                access.error(fate, &error)
            };
            let safe = store.check_statements().await;
            safe.map_err(|error| TaskError::Unavailable(error.to_string()))?;
            let transaction = store.engine().begin().await.map_err(not_committed)?;
            let tasks = OwnerTasks { transaction, owned };
            if access == Access::Write {
                tasks.lock().await.map_err(not_committed)?;
            }
            let done = work(&tasks).await.map_err(not_committed)?;
            let committed = tasks.transaction.commit().await;
            committed.map_err(|error| {
                let fate = Fate::of_orm(&error, Progress::Committing);
                access.error(fate, &error)
            })?;
            Ok(done)
        });
        match timeout(REQUEST_TIMEOUT, transaction).await {
            Ok(Ok(done)) => done,
            Ok(Err(error)) => Err(access.error(Fate::Unknown, &error)),
            Err(_) => Err(access.error(Fate::Unknown, &"no response within the time limit")),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the entry of the plain path: each query names the owner"
)]
impl OwnerTasks {
    /// Runs queries.
    #[must_use]
    pub fn transaction(&self) -> &DatabaseTransaction {
        &self.transaction
    }

    /// A query of the owner's tasks.
    #[must_use]
    pub fn select(&self) -> Select<task::Entity> {
        task::Entity::find().filter(self.owns())
    }

    /// An update of the owner's tasks. It must move `updated_at`.
    #[must_use]
    pub fn update(&self) -> UpdateMany<task::Entity> {
        task::Entity::update_many().filter(self.owns())
    }

    /// Removes those of the owner's tasks that match, and says how many they were.
    pub async fn delete(&self, matching: impl IntoCondition) -> Result<u64, DbErr> {
        let delete = task::Entity::delete_many().filter(self.owns());
        let deleted = delete
            .filter(matching.into_condition())
            .exec(&self.transaction)
            .await?
            .rows_affected;
        let tasks = Expr::col(count::Column::Tasks).sub(i64::try_from(deleted).unwrap_or(i64::MAX));
        count::Entity::update_many()
            .col_expr(count::Column::Tasks, tasks)
            .filter(count::Column::UserId.eq(self.owned.owner().as_str()))
            .exec(&self.transaction)
            .await?;
        Ok(deleted)
    }

    async fn lock(&self) -> Result<(), DbErr> {
        let count = count::Entity::find_by_id(self.owned.owner().as_str());
        count.lock_exclusive().one(&self.transaction).await?;
        Ok(())
    }

    fn owns(&self) -> Expr {
        task::Column::UserId.eq(self.owned.owner().as_str())
    }
}
