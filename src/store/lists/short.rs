//! Short lists: those of several users share a statement.

use std::{cmp::Reverse, collections::HashMap, mem::take, ops::Range};

use hyper::body::Bytes;

use crate::{
    api::{
        rest::json_array::Element,
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
    /// The text of the list. Equal lists of a batch share it.
    Complete(Bytes),
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
        let mut written = Ok(());
        let take = |row: Listed| match row {
            Listed::Task(task) => {
                if let Some(list) = lists.get_mut(task.user_id.as_str())
                    && written.is_ok()
                {
                    written = list.add(&task);
                }
            }
            Listed::Sequence(owner, sequence) => {
                if let Some(list) = lists.get_mut(owner.as_str()) {
                    list.sequence = sequence;
                }
            }
        };
        driver.list(&asked, MAX_TASKS + 1, take).await?;
        written.map_err(|error| sqlx::Error::Encode(error.into()))?;
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
    wanted: Vec<(StatusFilter, Bytes)>,
    /// The text of an array of the tasks in the order in which they arrived, with a comma
    /// behind each.
    json: Vec<u8>,
    rows: Vec<Row>,
    sequence: Sequence,
    is_long: bool,
}

/// A task in the text.
struct Row {
    id: i64,
    completed: bool,
    text: Range<usize>,
}

impl List {
    fn of(status: StatusFilter, sequence: Sequence) -> Self {
        Self {
            completed: completed(status),
            wanted: Vec::new(),
            json: vec![b'['],
            rows: Vec::new(),
            sequence,
            is_long: false,
        }
    }

    /// Adds a reader. Readers of different statuses share the whole list.
    fn join(&mut self, status: StatusFilter) {
        if !self.wanted.iter().any(|(wanted, _)| *wanted == status) {
            self.wanted.push((status, Bytes::new()));
        }
        if self.completed != completed(status) {
            self.completed = None;
        }
    }

    /// Adds a task that was read, or nothing more to a list that is too long.
    fn add(&mut self, task: &Task) -> serde_json::Result<()> {
        // A task of another status was added by the engine, since there may be more.
        self.is_long |= self
            .completed
            .is_some_and(|completed| completed != task.completed);
        if self.is_long {
            return Ok(());
        }
        let start = self.json.len();
        task.write(&mut self.json)?;
        self.json.push(b',');
        self.rows.push(Row {
            id: task.id,
            completed: task.completed,
            text: start..self.json.len(),
        });
        self.is_long = self.json.len() > MAX_BYTES || self.rows.len() > MAX_TASKS as usize;
        Ok(())
    }

    /// Makes the lists that are wanted of the tasks.
    fn arrange(&mut self) {
        if self.is_long {
            return;
        }
        let is_newest_first = self.rows.is_sorted_by_key(|row| Reverse(row.id));
        if is_newest_first && let [(_, list)] = &mut self.wanted[..] {
            *list = array(take(&mut self.json));
            return;
        }
        self.rows.sort_by_key(|row| Reverse(row.id));
        for (status, list) in &mut self.wanted {
            let only = completed(*status);
            let mut json = vec![b'['];
            for row in &self.rows {
                if only.is_none_or(|completed| completed == row.completed) {
                    json.extend_from_slice(&self.json[row.text.clone()]);
                }
            }
            *list = array(json);
        }
    }

    fn get(&self, status: StatusFilter) -> Short {
        let list = self.wanted.iter().find(|(wanted, _)| *wanted == status);
        match list {
            Some((_, list)) if !self.is_long => Short::Complete(list.clone()),
            _ => Short::TooLong {
                tasks: self.rows.len(),
                bytes: self.json.len(),
            },
        }
    }
}

/// The text of an array, of which the end is missing.
fn array(mut json: Vec<u8>) -> Bytes {
    if json.len() > 1 {
        json.pop();
    }
    json.push(b']');
    json.into()
}
