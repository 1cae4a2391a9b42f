//! A batch of writes on `PostgreSQL`: one statement for each kind of write in it,
//! which commits by itself, or all of them in one transaction where there is more
//! than one kind.

use std::collections::HashMap;

use sqlx::PgConnection;

use super::statements::{self, fetch};
use crate::{
    api::tasks::{CreateTask, Task, TaskError, UpdateTask},
    store::{
        clock,
        owned::{Owned, Owner},
        requests::{Outcome, Write},
    },
};

/// The members of a batch by kind.
#[derive(Default)]
struct Kinds<'a> {
    creates: Vec<(Owner<'a>, &'a CreateTask)>,
    completes: Vec<(i64, Owner<'a>, bool)>,
    updates: Vec<(i64, Owner<'a>, &'a UpdateTask)>,
    deletes: Vec<(i64, Owner<'a>)>,
}

/// What a batch wrote.
#[derive(Default)]
struct Written {
    /// In the order of the creations that were granted.
    created: Vec<Task>,
    /// By id: no two members of a batch name the same.
    changed: HashMap<i64, Task>,
}

/// Runs a batch of writes, in which no two name the same id. The outcome of a
/// deletion is the task as it was.
pub async fn write(
    batch: &[Owned<Write>],
    quota: u32,
    connection: &mut PgConnection,
) -> Result<Vec<Outcome<Task>>, sqlx::Error> {
    let kinds = Kinds::of(batch);
    let written = kinds.write(quota, connection).await?;
    kinds.outcomes(batch, quota, written)
}

impl<'a> Kinds<'a> {
    fn of(batch: &'a [Owned<Write>]) -> Self {
        let mut kinds = Self::default();
        for member in batch {
            let owner = member.owner();
            match &member.request {
                Write::Create(new) => kinds.creates.push((owner, new)),
                Write::Complete(id, completed) => kinds.completes.push((*id, owner, *completed)),
                Write::Update(id, change) => kinds.updates.push((*id, owner, change)),
                Write::Delete(id) => kinds.deletes.push((*id, owner)),
            }
        }
        kinds
    }

    async fn write(
        &self,
        quota: u32,
        connection: &mut PgConnection,
    ) -> Result<Written, sqlx::Error> {
        let present = [
            !self.creates.is_empty(),
            !self.completes.is_empty(),
            !self.updates.is_empty(),
            !self.deletes.is_empty(),
        ];
        if present.into_iter().filter(|present| *present).count() < 2 {
            return self.send(quota, connection).await;
        }
        statements::begin().execute(&mut *connection).await?;
        let written = self.send_in_lock_order(quota, connection).await;
        let end = match &written {
            Ok(_) => statements::commit(),
            Err(_) => statements::rollback(),
        };
        let ended = end.execute(connection).await;
        let written = written?;
        ended.map(|_| written)
    }

    async fn send_in_lock_order(
        &self,
        quota: u32,
        connection: &mut PgConnection,
    ) -> Result<Written, sqlx::Error> {
        if !self.deletes.is_empty() {
            let creators = self.creates.iter().map(|(owner, _)| *owner);
            let owners = creators.chain(self.deletes.iter().map(|(_, owner)| *owner));
            let lock = statements::lock_counts(&owners.collect::<Vec<_>>());
            lock.execute(&mut *connection).await?;
        }
        self.send(quota, connection).await
    }

    async fn send(
        &self,
        quota: u32,
        connection: &mut PgConnection,
    ) -> Result<Written, sqlx::Error> {
        let now = clock::now();
        let mut written = Written::default();
        if !self.creates.is_empty() {
            let create = statements::create(&self.creates, quota, now);
            written.created = fetch(create, connection).await?;
            written.created.sort_unstable_by_key(|task| task.id);
        }
        let changes = [
            (!self.completes.is_empty()).then(|| statements::complete(&self.completes, now)),
            (!self.updates.is_empty()).then(|| statements::update(&self.updates, now)),
            (!self.deletes.is_empty()).then(|| statements::delete(&self.deletes)),
        ];
        for change in changes.into_iter().flatten() {
            let tasks = fetch(change, connection).await?;
            let by_id = tasks.into_iter().map(|task| (task.id, task));
            written.changed.extend(by_id);
        }
        Ok(written)
    }

    fn outcomes(
        &self,
        batch: &[Owned<Write>],
        quota: u32,
        written: Written,
    ) -> Result<Vec<Outcome<Task>>, sqlx::Error> {
        let mut created = written.created.into_iter().peekable();
        let mut changed = written.changed;
        let mut outcome = |member: &Owned<Write>| {
            let owner = member.owner();
            let id = match &member.request {
                Write::Create(_) => {
                    let own = |task: &Task| task.user_id == owner.as_str();
                    return match created.next_if(own) {
                        Some(task) => Outcome::Done(task),
                        // Together they exceed the quota; alone, some may fit.
                        None if self.creates_of(owner) > 1 => Outcome::RetryAlone,
                        None => Outcome::Refused(TaskError::QuotaExceeded { limit: quota }),
                    };
                }
                Write::Complete(id, _) | Write::Update(id, _) | Write::Delete(id) => *id,
            };
            let task = changed.remove(&id);
            Outcome::of_task(id, task.filter(|task| task.user_id == owner.as_str()))
        };
        let outcomes = batch.iter().map(&mut outcome).collect();
        if created.next().is_some() {
            let message = "the created tasks are not in the order of the batch";
            return Err(sqlx::Error::Protocol(message.to_owned()));
        }
        Ok(outcomes)
    }

    fn creates_of(&self, owner: Owner<'_>) -> usize {
        let creates = self.creates.iter();
        creates.filter(|(creator, _)| *creator == owner).count()
    }
}
