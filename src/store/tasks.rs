//! The contract, carried out: each operation asks a lane and waits.

use poem_openapi::types::MaybeUndefined;

use super::{
    Store,
    entity::task::Model,
    owned::owned_by,
    requests::{Complete, Create, Delete, Found, Read, Update, Write, Written},
};
use crate::{
    api::{
        rest::fields::{Description, Nullable, Timestamp},
        tasks::{CreateTask, StatusFilter, Task, TaskError, TaskService, UpdateTask},
    },
    auth::User,
};

impl TaskService for Store {
    async fn list(&self, user: &User, status: StatusFilter) -> Result<Vec<Task>, TaskError> {
        let list = owned_by(user, Read::List { status });
        match self.ask(&self.inner.reads, list).await? {
            Found::List(tasks) => Ok(tasks),
            Found::Task(_) => Err(mixed_up()),
        }
    }

    async fn get(&self, user: &User, id: i64) -> Result<Task, TaskError> {
        let get = owned_by(user, Read::Get { id });
        match self.ask(&self.inner.reads, get).await? {
            Found::Task(task) => Ok(task),
            Found::List(_) => Err(mixed_up()),
        }
    }

    async fn create(&self, user: &User, new: CreateTask) -> Result<Task, TaskError> {
        let create = Create {
            title: new.title.into_string(),
            description: new.description.map(Description::into_string),
            limit: self.inner.tasks_per_user,
        };
        self.write(user, Write::Create(create)).await
    }

    async fn update(&self, user: &User, id: i64, change: UpdateTask) -> Result<Task, TaskError> {
        let update = Update {
            id,
            title: change.title.into_string(),
            description: match change.description {
                MaybeUndefined::Undefined => MaybeUndefined::Undefined,
                MaybeUndefined::Null => MaybeUndefined::Null,
                MaybeUndefined::Value(text) => MaybeUndefined::Value(text.into_string()),
            },
            completed: change.completed,
        };
        self.write(user, Write::Update(update)).await
    }

    async fn complete(&self, user: &User, id: i64, completed: bool) -> Result<Task, TaskError> {
        let complete = Complete { id, completed };
        self.write(user, Write::Complete(complete)).await
    }

    async fn delete(&self, user: &User, id: i64) -> Result<(), TaskError> {
        let delete = owned_by(user, Write::Delete(Delete { id }));
        self.ask(&self.inner.writes, delete).await.map(|_| ())
    }
}

impl Store {
    /// A write that leaves a task.
    async fn write(&self, user: &User, write: Write) -> Result<Task, TaskError> {
        let write = owned_by(user, write);
        match self.ask(&self.inner.writes, write).await? {
            Written::Task(task) => Ok(task),
            Written::Deleted => Err(mixed_up()),
        }
    }
}

/// A lane answers what it was asked.
fn mixed_up() -> TaskError {
    TaskError::Internal("an answer to another question".to_owned())
}

impl From<Model> for Task {
    fn from(row: Model) -> Self {
        Self {
            id: row.id,
            user_id: row.user_id,
            title: row.title,
            description: Nullable(row.description),
            completed: row.completed,
            created_at: Timestamp(row.created_at),
            updated_at: Timestamp(row.updated_at),
        }
    }
}
