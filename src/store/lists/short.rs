//! Short lists: those of several users share a statement.

use std::{cmp::Reverse, collections::HashMap, sync::Arc};

use crate::{
    api::{
        rest::json_array::Encoded,
        tasks::{StatusFilter, Task},
    },
    store::{
        connection::Batchable,
        engine::Driver,
        error::{Access, Failure},
        owned::{Owned, Owner},
        requests::{Outcome, ShortList, completed},
    },
};

/// The most tasks of a short list.
pub const MAX_TASKS: u32 = 256;
/// The most bytes of a short list, as JSON.
pub const MAX_BYTES: usize = 128 * 1024;

/// What a batch found of a list.
#[derive(Debug)]
pub enum Short {
    /// The list. Equal lists of a batch share it.
    Complete(Arc<Encoded<Task>>),
    /// It is no short one; so many of its tasks have so many bytes.
    TooLong { tasks: usize, bytes: usize },
}

impl Batchable for Owned<ShortList> {
    type Response = Short;
    const ACCESS: Access = Access::Read;

    async fn run(
        batch: &[Self],
        _quota: u32,
        driver: &mut Driver,
    ) -> Result<Vec<Outcome<Short>>, Failure> {
        let mut lists: HashMap<Owner<'_>, List> = HashMap::new();
        for member in batch {
            let ShortList(status) = member.request;
            let list = lists.entry(member.owner());
            list.or_insert_with(|| List::of(status)).join(status);
        }
        let asked = lists.iter().map(|(owner, list)| (*owner, list.completed));
        let asked: Vec<_> = asked.collect();
        let take = |task: Task| {
            if let Some(list) = lists.get_mut(task.user_id.as_str()) {
                list.add(task);
            }
        };
        driver.list(&asked, MAX_TASKS + 1, take).await?;
        for list in lists.values_mut() {
            list.arrange();
        }
        let outcome = |member: &Self| {
            let ShortList(status) = member.request;
            // It is there: each member has joined one.
            let list = lists.get(&member.owner());
            list.map_or(Outcome::RetryAlone, |list| Outcome::Done(list.get(status)))
        };
        Ok(batch.iter().map(outcome).collect())
    }
}

/// The list of one owner, read once for all members of a batch that want it.
struct List {
    /// The tasks that are read: those completed or not, or all of them.
    completed: Option<bool>,
    /// The different lists that members want of it, once it is read.
    wanted: Vec<(StatusFilter, Arc<Encoded<Task>>)>,
    tasks: Vec<Task>,
    /// What the tasks have as JSON.
    bytes: usize,
    is_long: bool,
}

impl List {
    fn of(status: StatusFilter) -> Self {
        Self {
            completed: completed(status),
            wanted: Vec::new(),
            tasks: Vec::new(),
            bytes: 0,
            is_long: false,
        }
    }

    /// Adds a reader. Readers of different statuses share the whole list.
    fn join(&mut self, status: StatusFilter) {
        if !self.wanted.iter().any(|(wanted, _)| *wanted == status) {
            self.wanted.push((status, Arc::new(Vec::new().into())));
        }
        if self.completed != completed(status) {
            self.completed = None;
        }
    }

    /// Adds a task that was read, or nothing more to a list that is too long.
    fn add(&mut self, task: Task) {
        // A task of another status was added by the engine, since there may be more.
        self.is_long |= self
            .completed
            .is_some_and(|completed| completed != task.completed);
        if self.is_long {
            return;
        }
        self.bytes += size(&task);
        self.tasks.push(task);
        self.is_long = self.bytes > MAX_BYTES || self.tasks.len() > MAX_TASKS as usize;
    }

    /// Makes the lists that are wanted of the tasks; the last one needs no copy.
    fn arrange(&mut self) {
        if self.is_long {
            return;
        }
        // As a rule they arrived in order: then this is one look at them.
        self.tasks.sort_by_key(|task| Reverse(task.id));
        let last = self.wanted.len() - 1;
        for (place, (status, list)) in self.wanted.iter_mut().enumerate() {
            let mut tasks = if place == last {
                std::mem::take(&mut self.tasks)
            } else {
                self.tasks.clone()
            };
            if let Some(completed) = completed(*status) {
                tasks.retain(|task| task.completed == completed);
            }
            *list = Arc::new(tasks.into());
        }
    }

    fn get(&self, status: StatusFilter) -> Short {
        let list = self.wanted.iter().find(|(wanted, _)| *wanted == status);
        match list {
            Some((_, list)) if !self.is_long => Short::Complete(Arc::clone(list)),
            _ => Short::TooLong {
                tasks: self.tasks.len(),
                bytes: self.bytes,
            },
        }
    }
}

/// The bytes of a task as JSON, or a little more.
fn size(task: &Task) -> usize {
    // The names of the fields, the id and the times.
    const FIXED: usize = 200;
    let description = task.description.as_deref().unwrap_or_default();
    FIXED
        + [&task.user_id, &task.title, description]
            .map(escaped)
            .iter()
            .sum::<usize>()
}

/// The bytes of a text as JSON, where a control character may take six.
fn escaped(text: &str) -> usize {
    let size = |byte| match byte {
        0..=0x1f => 6,
        b'"' | b'\\' => 2,
        _ => 1,
    };
    text.bytes().map(size).sum()
}
