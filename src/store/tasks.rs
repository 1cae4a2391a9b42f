//! The contract on the database: each operation submits a request and waits, and
//! each batch of requests is run here.

use std::collections::HashMap;

use super::{
    Store,
    connection::Batchable,
    engine::{Driver, Engine},
    error::{Access, Failure, is_taken_key},
    owned::{Owned, owned_by},
    repair::move_sequence,
    requests::{Get, Outcome, Write},
    write,
};
use crate::{
    api::{
        rest::json_array::JsonArray,
        tasks::{CreateTask, StatusFilter, Task, TaskError, TaskService, UpdateTask},
    },
    auth::User,
};

impl TaskService for Store {
    async fn list(&self, user: &User, status: StatusFilter) -> Result<JsonArray<Task>, TaskError> {
        self.lists()?.list(user, status).await
    }

    async fn get(&self, user: &User, id: i64) -> Result<Task, TaskError> {
        let found = self.read(owned_by(user, Get(id))).await?;
        found.ok_or(TaskError::NotFound { id })
    }

    async fn create(&self, user: &User, new: CreateTask) -> Result<Task, TaskError> {
        self.write(owned_by(user, Write::Create(new))).await
    }

    async fn update(&self, user: &User, id: i64, change: UpdateTask) -> Result<Task, TaskError> {
        self.write(owned_by(user, Write::Update(id, change))).await
    }

    async fn complete(&self, user: &User, id: i64, completed: bool) -> Result<Task, TaskError> {
        let complete = Write::Complete(id, completed);
        self.write(owned_by(user, complete)).await
    }

    async fn delete(&self, user: &User, id: i64) -> Result<(), TaskError> {
        let deleted = self.write(owned_by(user, Write::Delete(id))).await;
        deleted.map(drop)
    }
}

impl Batchable for Owned<Get> {
    /// The task, where it is the user's.
    type Response = Option<Task>;
    const ACCESS: Access = Access::Read;

    async fn run(
        batch: &[Self],
        _quota: u32,
        driver: &mut Driver,
    ) -> Result<Vec<Outcome<Option<Task>>>, Failure> {
        let gets = batch.iter().map(|get| (get.request.0, get.owner()));
        let found = driver.get(&gets.collect::<Vec<_>>()).await?;
        let tasks = found
            .iter()
            .map(|task| ((task.user_id.as_str(), task.id), task));
        let tasks: HashMap<_, _> = tasks.collect();
        let outcome = |get: &Self| {
            let task = tasks.get(&(get.owner().as_str(), get.request.0));
            Outcome::Done(task.map(|task| Task::clone(task)))
        };
        Ok(batch.iter().map(outcome).collect())
    }
}

impl Batchable for Owned<Write> {
    /// The task as it is now; of a deletion, as it was.
    type Response = Task;
    const ACCESS: Access = Access::Write;

    fn writer(&self) -> Option<&User> {
        Some(self.user())
    }

    fn row(&self) -> Option<i64> {
        match &self.request {
            Write::Create(_) => None,
            Write::Complete(id, _) | Write::Update(id, _) | Write::Delete(id) => Some(*id),
        }
    }

    async fn heal(&self, failure: &Failure, engine: &Engine) -> bool {
        matches!(self.request, Write::Create(_))
            && is_taken_key(&failure.error)
            && move_sequence(engine, self.owner()).await
    }

    async fn run(
        batch: &[Self],
        quota: u32,
        driver: &mut Driver,
    ) -> Result<Vec<Outcome<Task>>, Failure> {
        write::run(batch, quota, driver).await
    }
}
