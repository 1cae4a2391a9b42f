//! The operations of the plain path.

use sea_orm::{ColumnTrait, DbErr, sea_query::Expr};

use super::OwnerTasks;
use crate::{
    api::tasks::{Task, TaskError},
    auth::User,
    store::{Store, entity::task, error::Access},
};

impl Store {
    /// Takes a task out of the trash, unless it is not deleted or the quota is reached.
    pub async fn restore_task(&self, user: &User, id: i64) -> Result<Task, TaskError> {
        let limit = self.0.tasks_per_user;
        let restoring = self.transaction(user, Access::Write, move |tasks| {
            Box::pin(restore(tasks, id, limit))
        });
        restoring.await?
    }

    /// Sets `completed` of the tasks that have another one.
    pub async fn complete_tasks(&self, user: &User, completed: bool) -> Result<u64, TaskError> {
        let completing = self.transaction(user, Access::Write, move |tasks| {
            Box::pin(async move {
                let others = task::Column::Completed.ne(completed);
                let at = if completed {
                    tasks.later()
                } else {
                    Expr::null()
                };
                let values = [
                    (task::Column::Completed, Expr::value(completed)),
                    (task::Column::CompletedAt, at),
                ];
                tasks.update(others, values).await
            })
        });
        completing.await
    }

    /// Moves the completed tasks to the trash.
    pub async fn clear_tasks(&self, user: &User) -> Result<u64, TaskError> {
        let clearing = self.transaction(user, Access::Write, |tasks| {
            Box::pin(async move { tasks.discard(task::Column::Completed.eq(true)).await })
        });
        clearing.await
    }

    /// Removes every row of the user. Who waits for the lock makes a new sequence.
    pub async fn erase_user(&self, user: &User) -> Result<u64, TaskError> {
        let erasing = self.transaction(user, Access::Write, |tasks| {
            Box::pin(async move { tasks.erase().await })
        });
        erasing.await
    }
}

async fn restore(
    tasks: &OwnerTasks,
    id: i64,
    limit: u32,
) -> Result<Result<Task, TaskError>, DbErr> {
    if tasks.is_trashed(id).await? {
        let held = tasks.sequence().await?.map(|sequence| sequence.tasks);
        if held.is_some_and(|held| held >= i64::from(limit)) {
            return Ok(Err(TaskError::QuotaExceeded { limit }));
        }
        tasks.restore(id).await?;
    }
    let task = tasks.get(id).await?;
    Ok(task.ok_or(TaskError::NotFound { id }))
}
