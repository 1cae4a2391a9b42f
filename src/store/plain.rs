//! The plain path: operations off the hot path, as sea-orm queries in one
//! transaction.
//!
//! Every query starts from [`OwnerTasks`], which filters by the owner: none can forget
//! whose tasks it concerns. A write locks the owner's sequence first, as batches do, and
//! gives each task that it changes a number of its own.

mod operations;

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, ExprTrait, QueryFilter,
    QuerySelect, QueryTrait, RuntimeErr,
    sea_query::{
        Condition, Expr, InsertStatement, IntoCondition, IntoIden, Order, Query, SelectStatement,
        TableRef, WindowStatement,
    },
};
use tokio::time::timeout;

use super::{
    Store,
    batch::REQUEST_TIMEOUT,
    clock,
    engine::Engine,
    entity::{self, CONTENT, columns, sequence, task},
    error::{Access, Fate, Progress},
    owned::{Owned, owned_by},
};
use crate::{
    api::tasks::{Task, TaskError},
    auth::User,
};

/// The names of a query that numbers tasks, and of its column.
const NUMBERED: &str = "numbered";
const NUMBER: &str = "number";

/// The tasks of one user, in one transaction.
pub struct OwnerTasks {
    transaction: DatabaseTransaction,
    engine: Engine,
    owned: Owned<()>,
    /// The time of its writes: not before the lock, so that it follows that of writes before.
    now: DateTime<Utc>,
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
            let mut tasks = OwnerTasks {
                transaction,
                engine: store.engine().clone(),
                owned,
                now: clock::now(),
            };
            if access == Access::Write {
                tasks.sequence().await.map_err(not_committed)?;
                tasks.now = clock::now();
            }
            let done = work(&tasks).await.map_err(not_committed)?;
            let committed = tasks.transaction.commit().await;
            // Also after an error: the outcome is unknown then.
            if access == Access::Write {
                store.0.watchers.wake([tasks.owned.user()]);
            }
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
    /// The task of this id.
    pub async fn get(&self, id: i64) -> Result<Option<Task>, DbErr> {
        let mut select = Query::select();
        select
            .expr(Expr::cust(columns!("")))
            .from(task::Entity)
            .cond_where(self.owns())
            .and_where(task::Column::Id.eq(id));
        let row = self.transaction.query_one(&select).await?;
        let task = row.map(|row| entity::task(&row)).transpose();
        task.map_err(|error| DbErr::Query(RuntimeErr::SqlxError(error.into())))
    }

    /// Whether the task of this id is in the trash: a tombstone is not.
    pub async fn is_trashed(&self, id: i64) -> Result<bool, DbErr> {
        let mut select = Query::select();
        select.column("id").from("trash").cond_where(self.owns());
        select
            .and_where(is_in_trash())
            .and_where(Expr::col("id").eq(id));
        Ok(self.transaction.query_one(&select).await?.is_some())
    }

    /// The later of now and a microsecond after `updated_at`: a clock may be set back.
    #[must_use]
    pub fn later(&self) -> Expr {
        self.engine.later(self.now)
    }

    /// Sets `values` and `updated_at` in those of the owner's tasks that match, and says how
    /// many they were.
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
            .col_expr("version", numbers_after(before.sequence))
            .col_expr("updated_at", self.later())
            .filter(self.owns())
            .filter(is_numbered);
        for (column, value) in values {
            update = update.col_expr(column, value);
        }
        let numbered =
            TableRef::SubQuery(self.numbered(["id"], matching).into(), NUMBERED.into_iden());
        QueryTrait::query(&mut update).from(numbered);
        let updated = update.exec(&self.transaction).await?.rows_affected;
        self.advance(updated, 0).await?;
        Ok(updated)
    }

    /// Moves those of the owner's tasks that match to the trash, and says how many they were.
    pub async fn discard(&self, matching: impl IntoCondition) -> Result<u64, DbErr> {
        let matching = matching.into_condition();
        let Some(before) = self.sequence().await? else {
            return Ok(0);
        };
        let mut numbered = Query::select();
        numbered
            .columns(CONTENT)
            .column("updated_at")
            .expr(numbers_after(before.sequence))
            .expr(Expr::value(self.engine.time(self.now)))
            .from_subquery(
                self.numbered(CONTENT.into_iter().chain(["updated_at"]), matching.clone()),
                NUMBERED,
            );
        let columns = ["updated_at", "version", "deleted_at"];
        self.copy("trash", columns, numbered).await?;
        let discarded = self.remove("tasks", matching).await?;
        self.advance(discarded, -number(discarded)).await?;
        Ok(discarded)
    }

    /// Takes the task of this id, which is there, out of the trash.
    pub async fn restore(&self, id: i64) -> Result<(), DbErr> {
        let Some(before) = self.sequence().await? else {
            return Ok(());
        };
        let is_it = || Expr::col("id").eq(id).and(is_in_trash());
        let mut trashed = Query::select();
        trashed
            .columns(CONTENT)
            .expr(self.later())
            .expr(Expr::value(before.sequence + 1))
            .from("trash")
            .cond_where(self.owns())
            .and_where(is_it());
        self.copy("tasks", ["updated_at", "version"], trashed)
            .await?;
        let restored = self.remove("trash", is_it()).await?;
        self.advance(restored, number(restored)).await
    }

    /// Removes every row of the owner, and says how many of them were tasks: tombstones
    /// were not.
    pub async fn erase(&self) -> Result<u64, DbErr> {
        let tasks = self.remove("tasks", Condition::all()).await?;
        let trashed = self.remove("trash", is_in_trash()).await?;
        self.remove("trash", Condition::all()).await?;
        self.remove("user_sequences", Condition::all()).await?;
        Ok(tasks + trashed)
    }

    /// Locks the owner's sequence, and says what it is; none where the owner never had a
    /// task.
    pub async fn sequence(&self) -> Result<Option<sequence::Model>, DbErr> {
        let row = sequence::Entity::find_by_id(self.owned.owner().as_str());
        row.lock_exclusive().one(&self.transaction).await
    }

    /// Those of the owner's tasks that match, numbered from 1 in the order of their ids.
    fn numbered(
        &self,
        columns: impl IntoIterator<Item = &'static str>,
        matching: impl IntoCondition,
    ) -> SelectStatement {
        let mut by_id = WindowStatement::new();
        by_id.order_by("id", Order::Asc);
        let mut numbered = Query::select();
        numbered
            .columns(columns)
            .expr_window_as(Expr::cust("ROW_NUMBER()"), by_id, NUMBER)
            .from(task::Entity)
            .cond_where(self.owns())
            .cond_where(matching);
        numbered
    }

    /// Writes the rows of a query: the [`CONTENT`], then these columns.
    async fn copy<const N: usize>(
        &self,
        into: &'static str,
        columns: [&'static str; N],
        rows: SelectStatement,
    ) -> Result<(), DbErr> {
        let mut copy = InsertStatement::new();
        copy.into_table(into)
            .columns(CONTENT.into_iter().chain(columns))
            .select_from(rows)
            .map_err(|error| DbErr::Custom(error.to_string()))?;
        self.transaction.execute(&copy).await?;
        Ok(())
    }

    /// Removes those of the owner's rows that match, and says how many they were.
    async fn remove(&self, from: &'static str, matching: impl IntoCondition) -> Result<u64, DbErr> {
        let mut remove = Query::delete();
        remove
            .from_table(from)
            .cond_where(self.owns())
            .cond_where(matching);
        Ok(self.transaction.execute(&remove).await?.rows_affected())
    }

    /// Takes so many numbers, and changes the count of tasks.
    async fn advance(&self, numbers: u64, tasks: i64) -> Result<(), DbErr> {
        if numbers == 0 {
            return Ok(());
        }
        let sequence = Expr::col(sequence::Column::Sequence).add(number(numbers));
        let tasks = Expr::col(sequence::Column::Tasks).add(tasks);
        sequence::Entity::update_many()
            .col_expr(sequence::Column::Sequence, sequence)
            .col_expr(sequence::Column::Tasks, tasks)
            .filter(self.owns())
            .exec(&self.transaction)
            .await?;
        Ok(())
    }

    fn owns(&self) -> Expr {
        Expr::col("user_id").eq(self.owned.owner().as_str())
    }
}

/// The numbers of a [`NUMBERED`] query, after the last one of the sequence.
fn numbers_after(last: i64) -> Expr {
    Expr::col((NUMBERED, NUMBER)).add(last)
}

/// Whether a row of the trash is a task: a tombstone has no content.
fn is_in_trash() -> Expr {
    Expr::col("title").is_not_null()
}

fn number(rows: u64) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}
