//! The plain path: operations off the hot path, as sea-orm queries in one
//! transaction.
//!
//! Every query starts from [`OwnerTasks`], which filters by the owner: none can forget
//! whose tasks it concerns. A write locks the owner's sequence first, as batches do, and
//! gives each task that it changes a number of its own.

use futures_util::future::BoxFuture;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, ExprTrait, QueryFilter,
    QuerySelect, QueryTrait, Select,
    sea_query::{
        Expr, IntoCondition, IntoIden, Order, Query, SelectStatement, TableRef, WindowStatement,
    },
};
use tokio::time::timeout;

use super::{
    Store,
    batch::REQUEST_TIMEOUT,
    clock,
    entity::{sequence, task},
    error::{Access, Fate, Progress},
    owned::{Owned, owned_by},
};
use crate::{api::tasks::TaskError, auth::User};

/// The names of a query that numbers tasks, and of its column.
const NUMBERED: &str = "numbered";
const NUMBER: &str = "number";

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
                tasks.sequence().await.map_err(not_committed)?;
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

    /// Sets `values` in those of the owner's tasks that match, and says how many they were.
    /// The values must include `updated_at`.
    pub async fn update(
        &self,
        matching: impl IntoCondition,
        values: impl IntoIterator<Item = (task::Column, Expr)> + Send,
    ) -> Result<u64, DbErr> {
        let Some(before) = self.sequence().await? else {
            return Ok(0);
        };
        let is_numbered = Expr::col((NUMBERED, "id")).equals((task::Entity, task::Column::Id));
        let mut update = task::Entity::update_many()
            .col_expr("version", numbers_after(before))
            .filter(self.owns())
            .filter(is_numbered);
        for (column, value) in values {
            update = update.col_expr(column, value);
        }
        let numbered = TableRef::SubQuery(self.numbered(matching).into(), NUMBERED.into_iden());
        QueryTrait::query(&mut update).from(numbered);
        let updated = update.exec(&self.transaction).await?.rows_affected;
        self.advance(updated, 0).await?;
        Ok(updated)
    }

    /// Removes those of the owner's tasks that match, leaves their tombstones, and says how
    /// many they were.
    pub async fn delete(&self, matching: impl IntoCondition) -> Result<u64, DbErr> {
        let matching = matching.into_condition();
        let Some(before) = self.sequence().await? else {
            return Ok(0);
        };
        let copied = [
            "user_id",
            "id",
            "idempotency_key",
            "idempotency_fingerprint",
        ];
        let mut tombstones = Query::select();
        tombstones
            .columns(copied)
            .expr(numbers_after(before))
            .expr(Expr::value(clock::now()))
            .from_subquery(self.numbered(matching.clone()), NUMBERED);
        let mut bury = Query::insert();
        bury.into_table("trash")
            .columns(copied.into_iter().chain(["version", "deleted_at"]))
            .select_from(tombstones)
            .map_err(|error| DbErr::Custom(error.to_string()))?;
        self.transaction.execute(&bury).await?;
        let delete = task::Entity::delete_many().filter(self.owns());
        let delete = delete.filter(matching).exec(&self.transaction);
        let deleted = delete.await?.rows_affected;
        self.advance(deleted, deleted).await?;
        Ok(deleted)
    }

    /// Those of the owner's tasks that match, numbered from 1 in the order of their ids.
    fn numbered(&self, matching: impl IntoCondition) -> SelectStatement {
        let mut by_id = WindowStatement::new();
        by_id.order_by("id", Order::Asc);
        let mut numbered = Query::select();
        numbered
            .columns([
                "user_id",
                "id",
                "idempotency_key",
                "idempotency_fingerprint",
            ])
            .expr_window_as(Expr::cust("ROW_NUMBER()"), by_id, NUMBER)
            .from(task::Entity)
            .cond_where(self.owns())
            .cond_where(matching);
        numbered
    }

    /// Takes so many numbers, and reduces the count of tasks.
    async fn advance(&self, numbers: u64, removed: u64) -> Result<(), DbErr> {
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let sequence = Expr::col(sequence::Column::Sequence).add(number(numbers));
        let tasks = Expr::col(sequence::Column::Tasks).sub(number(removed));
        sequence::Entity::update_many()
            .col_expr(sequence::Column::Sequence, sequence)
            .col_expr(sequence::Column::Tasks, tasks)
            .filter(sequence::Column::UserId.eq(self.owned.owner().as_str()))
            .exec(&self.transaction)
            .await?;
        Ok(())
    }

    /// Locks the owner's sequence, and says what it is; none where the owner never had a
    /// task.
    async fn sequence(&self) -> Result<Option<i64>, DbErr> {
        let row = sequence::Entity::find_by_id(self.owned.owner().as_str());
        let row = row.lock_exclusive().one(&self.transaction).await?;
        Ok(row.map(|row| row.sequence))
    }

    fn owns(&self) -> Expr {
        task::Column::UserId.eq(self.owned.owner().as_str())
    }
}

/// The numbers of a [`NUMBERED`] query, after the last one of the sequence.
fn numbers_after(last: i64) -> Expr {
    Expr::col((NUMBERED, NUMBER)).add(last)
}
