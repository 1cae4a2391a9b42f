//! A batch of writes on `SQLite`: one transaction, which holds the file's one write
//! lock from its start. It reads the rows that the batch touches, applies the members
//! in their order, and writes the result.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use chrono::{DateTime, Utc};
use poem_openapi::types::MaybeUndefined;
use sqlx::{Row, SqliteConnection};

use super::statements::{self, fetch};
use crate::{
    api::{
        rest::fields::{Nullable, Timestamp},
        tasks::{CreateTask, Task, TaskError},
    },
    store::{
        clock,
        owned::{Owned, Owner},
        requests::{Outcome, Write},
    },
};

/// The least by which `updated_at` moves.
const TICK: Duration = Duration::from_micros(1);

/// The rows that a batch touches, and what it does to them.
struct Batch<'a> {
    now: DateTime<Utc>,
    quota: i64,
    tasks: HashMap<i64, Task>,
    /// How many tasks each owner holds who creates or deletes.
    counts: BTreeMap<Owner<'a>, i64>,
    changed: BTreeMap<i64, Owner<'a>>,
    deleted: Vec<(i64, Owner<'a>)>,
    /// In their order.
    created: Vec<(Owner<'a>, &'a CreateTask)>,
    recounted: BTreeSet<Owner<'a>>,
}

/// A member's outcome, or that it is the next of the tasks that are stored at the end.
enum Applied {
    Outcome(Outcome<Task>),
    Created,
}

/// Runs a batch of writes, in their order. The outcome of a deletion is the task as
/// it was.
pub async fn write(
    members: &[Owned<Write>],
    quota: u32,
    connection: &mut SqliteConnection,
) -> Result<Vec<Outcome<Task>>, sqlx::Error> {
    statements::begin().execute(&mut *connection).await?;
    let mut batch = Batch::read(members, quota, connection).await?;
    let applied: Vec<_> = members.iter().map(|member| batch.apply(member)).collect();
    let mut created = batch.write(connection).await?.into_iter();
    statements::commit().execute(connection).await?;

    let outcomes = applied.into_iter().map(|applied| match applied {
        Applied::Outcome(outcome) => outcome,
        Applied::Created => created.next().map_or_else(
            || Outcome::Refused(TaskError::Internal("a task was not stored".to_owned())),
            Outcome::Done,
        ),
    });
    Ok(outcomes.collect())
}

impl<'a> Batch<'a> {
    async fn read(
        members: &'a [Owned<Write>],
        quota: u32,
        connection: &mut SqliteConnection,
    ) -> Result<Self, sqlx::Error> {
        let mut touched = Vec::new();
        let mut counts = BTreeMap::new();
        for member in members {
            let owner = member.owner();
            match &member.request {
                Write::Create(_) => _ = counts.insert(owner, 0),
                Write::Complete(id, _) | Write::Update(id, _) => touched.push((*id, owner)),
                Write::Delete(id) => {
                    touched.push((*id, owner));
                    counts.insert(owner, 0);
                }
            }
        }
        let mut tasks = HashMap::new();
        if !touched.is_empty() {
            let found = fetch(statements::get(&touched)?, connection).await?;
            tasks.extend(found.into_iter().map(|task| (task.id, task)));
        }
        if !counts.is_empty() {
            let owners: Vec<_> = counts.keys().copied().collect();
            let rows = statements::counts(&owners)?.fetch_all(connection).await?;
            let mut held = HashMap::new();
            for row in rows {
                held.insert(row.try_get::<String, _>(0)?, row.try_get(1)?);
            }
            for (owner, count) in &mut counts {
                *count = held.get(owner.as_str()).copied().unwrap_or_default();
            }
        }
        Ok(Self {
            now: clock::now(),
            quota: quota.into(),
            tasks,
            counts,
            changed: BTreeMap::new(),
            deleted: Vec::new(),
            created: Vec::new(),
            recounted: BTreeSet::new(),
        })
    }

    fn apply(&mut self, member: &'a Owned<Write>) -> Applied {
        let owner = member.owner();
        let (id, task) = match &member.request {
            Write::Create(new) => return self.create(owner, new),
            Write::Complete(id, completed) => {
                let complete = |task: &mut Task| task.completed = *completed;
                (*id, self.change(owner, *id, complete))
            }
            Write::Update(id, change) => {
                let update = |task: &mut Task| {
                    change.title.as_str().clone_into(&mut task.title);
                    match &change.description {
                        MaybeUndefined::Undefined => {}
                        MaybeUndefined::Null => task.description = Nullable(None),
                        MaybeUndefined::Value(text) => {
                            task.description = Nullable(Some(text.as_str().to_owned()));
                        }
                    }
                    task.completed = change.completed.unwrap_or(task.completed);
                };
                (*id, self.change(owner, *id, update))
            }
            Write::Delete(id) => (*id, self.delete(owner, *id)),
        };
        Applied::Outcome(Outcome::of_task(id, task))
    }

    fn create(&mut self, owner: Owner<'a>, new: &'a CreateTask) -> Applied {
        let held = self.counts.entry(owner).or_default();
        if *held >= self.quota {
            let limit = self.quota.try_into().unwrap_or(u32::MAX);
            return Applied::Outcome(Outcome::Refused(TaskError::QuotaExceeded { limit }));
        }
        *held += 1;
        self.recounted.insert(owner);
        self.created.push((owner, new));
        Applied::Created
    }

    fn change(
        &mut self,
        owner: Owner<'a>,
        id: i64,
        change: impl FnOnce(&mut Task),
    ) -> Option<Task> {
        let task = self.tasks.get_mut(&id);
        let task = task.filter(|task| task.user_id == owner.as_str())?;
        change(task);
        // It moves in any case, also where the clock was set back.
        task.updated_at = Timestamp(self.now.max(task.updated_at.0 + TICK));
        self.changed.insert(id, owner);
        Some(task.clone())
    }

    fn delete(&mut self, owner: Owner<'a>, id: i64) -> Option<Task> {
        let task = self.tasks.get(&id);
        task.filter(|task| task.user_id == owner.as_str())?;
        self.changed.remove(&id);
        self.deleted.push((id, owner));
        if let Some(held) = self.counts.get_mut(&owner) {
            *held -= 1;
            self.recounted.insert(owner);
        }
        self.tasks.remove(&id)
    }

    /// The new tasks, in the order of their creation.
    async fn write(&self, connection: &mut SqliteConnection) -> Result<Vec<Task>, sqlx::Error> {
        if !self.changed.is_empty() {
            let changed = self.changed.iter();
            let changed = changed.filter_map(|(id, owner)| Some((*owner, self.tasks.get(id)?)));
            let update = statements::update(&changed.collect::<Vec<_>>())?;
            update.execute(&mut *connection).await?;
        }
        if !self.deleted.is_empty() {
            let delete = statements::delete(&self.deleted)?;
            delete.execute(&mut *connection).await?;
        }
        let mut created = Vec::new();
        if !self.created.is_empty() {
            let create = statements::create(&self.created, self.now)?;
            created = fetch(create, connection).await?;
            created.sort_unstable_by_key(|task| task.id);
        }
        if !self.recounted.is_empty() {
            let recounted = self.recounted.iter();
            let counts = recounted.filter_map(|owner| Some((*owner, *self.counts.get(owner)?)));
            let set = statements::set_counts(&counts.collect::<Vec<_>>())?;
            set.execute(connection).await?;
        }
        Ok(created)
    }
}
