//! The contract on the database: each operation submits a request and waits, and
//! each batch of requests is run here.

use std::collections::HashMap;

use super::{
    Store,
    connection::Batchable,
    cursor::{Sequence, Since},
    engine::{Driver, Engine},
    error::{Access, Failure, is_taken_key},
    owned::{Owned, owned_by},
    repair::move_sequence,
    requests::{Change, Done, Get, Got, Outcome, Place, Retry, Write},
    write,
};
use crate::{
    api::{
        rest::{header::IdempotencyKey, json_array::JsonArray},
        tasks::{
            ChangesPage, CreateTask, CreatedTask, Expected, ListTasks, PatchTask, Removal, Task,
            TaskError, TaskList, TaskService, TrashedTask, Watch,
        },
    },
    auth::User,
    telemetry::metrics,
};

impl TaskService for Store {
    async fn list(&self, user: &User, list: ListTasks) -> Result<TaskList, TaskError> {
        let lists = self.lists()?;
        if list.is_plain() {
            let sequence = self.sequence(user);
            let (tasks, sequence) = lists.list(user, list.status, sequence).await?;
            return Ok(TaskList {
                tasks,
                cursor: sequence.cursor(),
                next: None,
            });
        }
        let cursor = self.sequence(user).await?.cursor();
        let (tasks, next) = lists.select(user, &list).await?;
        Ok(TaskList {
            tasks,
            cursor,
            next,
        })
    }

    async fn cursor(&self, user: &User) -> Result<String, TaskError> {
        Ok(self.sequence(user).await?.cursor())
    }

    async fn create(
        &self,
        user: &User,
        new: CreateTask,
        key: Option<IdempotencyKey>,
    ) -> Result<CreatedTask, TaskError> {
        let retry = key.map(|key| Retry::new(&new, key));
        match self
            .write(owned_by(user, Write::Create(new, retry)))
            .await?
        {
            Done::Replayed(task) => {
                metrics::creation_replayed();
                Ok(CreatedTask {
                    task,
                    is_replayed: true,
                })
            }
            done => Ok(CreatedTask {
                task: written(done)?,
                is_replayed: false,
            }),
        }
    }

    async fn get(&self, user: &User, id: i64) -> Result<Task, TaskError> {
        let read = self.read(owned_by(user, Get::Task(id))).await?;
        read.task.ok_or(TaskError::NotFound { id })
    }

    async fn patch(
        &self,
        user: &User,
        id: i64,
        change: PatchTask,
        expected: Expected,
    ) -> Result<Task, TaskError> {
        if !change.is_empty() {
            let to = change;
            let patch = Write::Patch(Change { id, expected, to });
            return written(self.write(owned_by(user, patch)).await?);
        }
        let current = self.get(user, id).await?;
        if expected.includes(current.version) {
            return Ok(current);
        }
        let current = Box::new(current);
        Err(TaskError::Conflict { current })
    }

    async fn complete(
        &self,
        user: &User,
        id: i64,
        completed: bool,
        expected: Expected,
    ) -> Result<Task, TaskError> {
        let to = completed;
        let complete = Write::Complete(Change { id, expected, to });
        written(self.write(owned_by(user, complete)).await?)
    }

    async fn delete(
        &self,
        user: &User,
        id: i64,
        into: Removal,
        expected: Expected,
    ) -> Result<(), TaskError> {
        let to = into;
        let delete = Write::Delete(Change { id, expected, to });
        let deleted = self.write(owned_by(user, delete)).await;
        deleted.map(drop)
    }

    async fn restore(&self, user: &User, id: i64) -> Result<Task, TaskError> {
        self.restore_task(user, id).await
    }

    async fn trash(&self, user: &User) -> Result<JsonArray<TrashedTask>, TaskError> {
        self.lists()?.trash(user).await
    }

    async fn complete_all(&self, user: &User, completed: bool) -> Result<u64, TaskError> {
        self.complete_tasks(user, completed).await
    }

    async fn clear(&self, user: &User) -> Result<u64, TaskError> {
        self.clear_tasks(user).await
    }

    async fn changes(
        &self,
        user: &User,
        since: Option<String>,
        limit: u32,
    ) -> Result<ChangesPage, TaskError> {
        let since = since.map(|since| Since::decode(&since)).transpose()?;
        let sequence = self.sequence(user).await?;
        self.lists()?.changes(user, since, limit, sequence).await
    }

    async fn watch(&self, user: &User) -> Result<Watch, TaskError> {
        self.watch_user(user)
    }

    async fn erase(&self, user: &User) -> Result<u64, TaskError> {
        self.erase_user(user).await
    }
}

fn written(done: Done) -> Result<Task, TaskError> {
    match done {
        Done::Written(task) | Done::Replayed(task) => Ok(task),
        Done::Removed => Err(TaskError::Internal("a write has no task".to_owned())),
    }
}

impl Store {
    /// The sequence of the user.
    async fn sequence(&self, user: &User) -> Result<Sequence, TaskError> {
        let request = owned_by(user, Get::Sequence);
        let none = Sequence::none(request.owner());
        Ok(self.read(request).await?.sequence.unwrap_or(none))
    }
}

impl Batchable for Owned<Get> {
    type Response = Got;
    const ACCESS: Access = Access::Read;

    async fn run(
        batch: &[Self],
        _quota: u32,
        driver: &mut Driver,
    ) -> Result<Vec<Outcome<Got>>, Failure> {
        let (mut gets, mut owners) = (Vec::new(), Vec::new());
        for member in batch {
            match member.request {
                Get::Task(id) => gets.push((id, member.owner())),
                Get::Sequence => owners.push(member.owner()),
            }
        }
        let mut found = Vec::new();
        if !gets.is_empty() {
            found = driver.get(&gets).await?;
        }
        let mut sequences = HashMap::new();
        if !owners.is_empty() {
            let take = |(owner, sequence)| {
                sequences.insert(owner, sequence);
            };
            driver.sequences(&owners, take).await?;
        }
        let tasks = found
            .iter()
            .map(|task| ((task.user_id.as_str(), task.id), task));
        let tasks: HashMap<_, _> = tasks.collect();
        let outcome = |member: &Self| {
            let owner = member.owner().as_str();
            let mut got = Got::default();
            match member.request {
                Get::Task(id) => got.task = tasks.get(&(owner, id)).map(|task| Task::clone(task)),
                Get::Sequence => got.sequence = sequences.get(owner).copied(),
            }
            Outcome::Done(got)
        };
        Ok(batch.iter().map(outcome).collect())
    }
}

impl Batchable for Owned<Write> {
    type Response = Done;
    const ACCESS: Access = Access::Write;

    fn writer(&self) -> Option<&User> {
        Some(self.user())
    }

    fn place(&self) -> Option<Place> {
        let id = match &self.request {
            Write::Create(_, retry) => {
                return retry.as_ref().map(|retry| Place::Key(retry.key.clone()));
            }
            Write::Complete(change) => change.id,
            Write::Patch(change) => change.id,
            Write::Delete(change) => change.id,
        };
        Some(Place::Task(id))
    }

    async fn heal(&self, failure: &Failure, engine: &Engine) -> bool {
        matches!(self.request, Write::Create(..))
            && is_taken_key(&failure.error)
            && move_sequence(engine, self.owner()).await
    }

    async fn run(
        batch: &[Self],
        quota: u32,
        driver: &mut Driver,
    ) -> Result<Vec<Outcome<Done>>, Failure> {
        write::run(batch, quota, driver).await
    }
}
