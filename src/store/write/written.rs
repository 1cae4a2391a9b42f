//! What a batch of writes has written, and found.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::{
    api::tasks::{Task, TaskError},
    store::{
        entity::Earlier,
        owned::Owner,
        requests::{Done, Outcome},
    },
};

/// What a batch wrote, of each owner.
pub(super) type Written<'a> = HashMap<Owner<'a>, WrittenOf>;

/// What a batch wrote of one owner, and what it found of what it could not write.
#[derive(Default)]
pub(super) struct WrittenOf {
    /// In the order of the creations that were granted.
    pub created: VecDeque<Task>,
    /// What the keys of creations made before.
    pub earlier: HashMap<String, Earlier>,
    /// By id: no two members of a batch name the same task.
    pub changed: HashMap<i64, Task>,
    /// Tasks that were removed out of the trash.
    pub emptied: HashSet<i64>,
    /// Tasks that are not in the expected state.
    pub current: HashMap<i64, Task>,
    pub deleted: i64,
}

impl WrittenOf {
    pub(super) fn is_something(&self) -> bool {
        !(self.created.is_empty() && self.changed.is_empty() && self.emptied.is_empty())
    }

    /// Whether the task `id` was written.
    pub(super) fn has(&self, id: i64) -> bool {
        self.changed.contains_key(&id) || self.emptied.contains(&id)
    }

    /// The outcome of a change of the task `id`.
    pub(super) fn outcome(&mut self, id: i64, needs_date: bool) -> Outcome<Done> {
        if let Some(task) = self.changed.remove(&id) {
            return Outcome::Done(Done::Written(task));
        }
        if self.emptied.remove(&id) {
            return Outcome::Done(Done::Removed);
        }
        match self.current.remove(&id) {
            None => Outcome::Refused(TaskError::NotFound { id }),
            // What is invalid in any state comes before the state.
            Some(task) if needs_date && task.due_date.is_none() => {
                Outcome::Refused(TaskError::NoDate)
            }
            Some(current) => {
                let current = Box::new(current);
                Outcome::Refused(TaskError::Conflict { current })
            }
        }
    }
}

/// What was written of an owner.
pub(super) fn of<'w>(
    written: &'w mut Written<'_>,
    owner: &str,
) -> Result<&'w mut WrittenOf, sqlx::Error> {
    written.get_mut(owner).ok_or_else(|| {
        let message = "a task of a user who is not in the batch was returned";
        sqlx::Error::Protocol(message.to_owned())
    })
}
