//! Short lists: those of several users share a statement.

use std::{cmp::Reverse, collections::HashMap, sync::Arc};

use crate::{
    api::{
        rest::json_array::Encoded,
        tasks::{StatusFilter, Task},
    },
    store::{
        connection::Batchable,
        cursor::Sequence,
        engine::Driver,
        entity::rows::Listed,
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
    /// The list, and the sequence of its owner in the same snapshot.
    type Response = (Short, Sequence);
    const ACCESS: Access = Access::Read;

    async fn run(
        batch: &[Self],
        _quota: u32,
        driver: &mut Driver,
    ) -> Result<Vec<Outcome<(Short, Sequence)>>, Failure> {
        let mut lists: HashMap<Owner<'_>, List> = HashMap::new();
        for member in batch {
            let ShortList(status) = member.request;
            let list = lists.entry(member.owner());
            let of_owner = || List::of(status, Sequence::none(member.owner()));
            list.or_insert_with(of_owner).join(status);
        }
        let asked = lists.iter().map(|(owner, list)| (*owner, list.completed));
        let asked: Vec<_> = asked.collect();
        let take = |row: Listed| match row {
            Listed::Task(task) => {
                if let Some(list) = lists.get_mut(task.user_id.as_str()) {
                    list.add(task);
                }
            }
            Listed::Sequence(owner, sequence) => {
                if let Some(list) = lists.get_mut(owner.as_str()) {
                    list.sequence = sequence;
                }
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
            list.map_or(Outcome::RetryAlone, |list| {
                Outcome::Done((list.get(status), list.sequence))
            })
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
    sequence: Sequence,
    /// What the tasks have as JSON.
    bytes: usize,
    is_long: bool,
}

impl List {
    fn of(status: StatusFilter, sequence: Sequence) -> Self {
        Self {
            completed: completed(status),
            wanted: Vec::new(),
            tasks: Vec::new(),
            sequence,
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
pub fn size(task: &Task) -> usize {
    // The names of the fields, the numbers, the dates and the times.
    const FIXED: usize = 400;
    let description = task.description.as_deref().unwrap_or_default();
    let key = task.idempotency_key.as_deref().unwrap_or_default();
    let texts = [&task.user_id, &task.title, description, key];
    let tags = task.tags.as_slice().iter();
    FIXED
        + texts.into_iter().map(escaped).sum::<usize>()
        + task.position.as_str().len()
        + tags.map(|tag| escaped(tag.as_str()) + 3).sum::<usize>()
}

/// The bytes of a text as JSON, where a control character may take six.
fn escaped(text: &str) -> usize {
    // Without branches, which the compiler turns into vector instructions.
    let more = |byte| 5 * u32::from(byte < 0x20) + u32::from(byte == b'"' || byte == b'\\');
    text.len() + text.bytes().map(more).sum::<u32>() as usize
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        api::tasks::{TaskService, TaskTags},
        store::tests::{Rig, body, user},
    };

    #[tokio::test]
    async fn a_task_is_no_larger_than_its_size_says() {
        let rig = Rig::start().await;
        let tags: Vec<_> = (0..20).map(|n| format!("{n}\"").repeat(10)).collect();
        let new = json!({
            "title": "\u{1}\\ä".repeat(60), "description": "\"/".repeat(99), "tags": tags,
            "due_date": "2026-01-05", "due_time": "09:30", "priority": "medium",
            "position": "z".repeat(64),
        });
        let ana = user("ana").await;
        let task = rig.store.create(&ana, body(new), None).await.unwrap().task;
        let largest = Task {
            id: i64::MAX,
            version: i64::MAX,
            completed_at: Some(task.created_at),
            idempotency_key: Some("k".repeat(64)),
            ..task
        };
        let smallest = Task {
            description: None,
            tags: TaskTags::default(),
            ..largest.clone()
        };
        for task in [largest, smallest] {
            let json = serde_json::to_vec(&task).unwrap().len();
            assert!((json..json + 200).contains(&size(&task)), "{json}");
        }
    }
}
