//! The contract on the database: each operation submits a request and waits, and
//! each batch of requests is run here.

use std::{cmp::Reverse, collections::HashMap};

use super::{
    Store,
    connection::Batchable,
    engine::Driver,
    error::{Access, Failure},
    owned::{Owned, Owner, owned_by},
    requests::{Outcome, Read, Write},
    write,
};
use crate::{
    api::tasks::{CreateTask, StatusFilter, Task, TaskError, TaskService, UpdateTask},
    auth::User,
};

impl TaskService for Store {
    async fn list(&self, user: &User, status: StatusFilter) -> Result<Vec<Task>, TaskError> {
        self.read(owned_by(user, Read::List(status))).await
    }

    async fn get(&self, user: &User, id: i64) -> Result<Task, TaskError> {
        let found = self.read(owned_by(user, Read::Get(id))).await?;
        found.into_iter().next().ok_or(TaskError::NotFound { id })
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

impl Batchable for Owned<Read> {
    /// The tasks that were found: a list in its order, or at most one by its id.
    type Response = Vec<Task>;
    const ACCESS: Access = Access::Read;

    async fn run(
        batch: &[Self],
        _quota: u32,
        driver: &mut Driver,
    ) -> Result<Vec<Outcome<Vec<Task>>>, Failure> {
        let mut gets = Vec::new();
        let mut lists: HashMap<Owner<'_>, List> = HashMap::new();
        for member in batch {
            match member.request {
                Read::Get(id) => gets.push((id, member.owner())),
                Read::List(status) => {
                    let list = lists.entry(member.owner()).or_insert(List::of(status));
                    list.join(status);
                }
            }
        }
        let mut tasks = HashMap::new();
        if !gets.is_empty() {
            let found = driver.get(&gets).await?;
            tasks.extend(found.into_iter().map(|task| (task.id, task)));
        }
        if !lists.is_empty() {
            let asked = lists.iter().map(|(owner, list)| (*owner, list.completed));
            for task in driver.list(&asked.collect::<Vec<_>>()).await? {
                if let Some(list) = lists.get_mut(task.user_id.as_str()) {
                    list.tasks.push(task);
                }
            }
        }
        for list in lists.values_mut() {
            // As a rule they arrived in order: then this is one look at them.
            list.tasks.sort_by_key(|task| Reverse(task.id));
        }
        let outcome = |member: &Self| {
            let owner = member.owner();
            Outcome::Done(match member.request {
                Read::Get(id) => {
                    // Two users may get the same id in one batch; it is one user's only.
                    let task = tasks.get(&id);
                    let own = task.filter(|task| task.user_id == owner.as_str());
                    own.cloned().into_iter().collect()
                }
                Read::List(status) => {
                    let list = lists.get_mut(owner.as_str());
                    list.map(|list| list.take(status)).unwrap_or_default()
                }
            })
        };
        Ok(batch.iter().map(outcome).collect())
    }
}

/// The list of one owner, read once for all members of a batch that want it.
struct List {
    /// The tasks that are read: those completed or not, or all of them.
    completed: Option<bool>,
    readers: usize,
    /// In the order of a list, once it is read.
    tasks: Vec<Task>,
}

impl List {
    fn of(status: StatusFilter) -> Self {
        Self {
            completed: completed(status),
            readers: 0,
            tasks: Vec::new(),
        }
    }

    /// Adds a reader. Readers of different statuses share the whole list.
    fn join(&mut self, status: StatusFilter) {
        self.readers += 1;
        if self.completed != completed(status) {
            self.completed = None;
        }
    }

    /// What a reader of `status` gets; the last one needs no copy.
    fn take(&mut self, status: StatusFilter) -> Vec<Task> {
        self.readers -= 1;
        let mut tasks = if self.readers == 0 {
            std::mem::take(&mut self.tasks)
        } else {
            self.tasks.clone()
        };
        if let Some(completed) = completed(status) {
            tasks.retain(|task| task.completed == completed);
        }
        tasks
    }
}

/// The value of `completed` that a status selects.
fn completed(status: StatusFilter) -> Option<bool> {
    match status {
        StatusFilter::All => None,
        StatusFilter::Pending => Some(false),
        StatusFilter::Completed => Some(true),
    }
}

impl Batchable for Owned<Write> {
    /// The task as it is now; of a deletion, as it was.
    type Response = Task;
    const ACCESS: Access = Access::Write;

    fn row(&self) -> Option<i64> {
        match &self.request {
            Write::Create(_) => None,
            Write::Complete(id, _) | Write::Update(id, _) | Write::Delete(id) => Some(*id),
        }
    }

    async fn run(
        batch: &[Self],
        quota: u32,
        driver: &mut Driver,
    ) -> Result<Vec<Outcome<Task>>, Failure> {
        write::run(batch, quota, driver).await
    }
}
