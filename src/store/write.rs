//! A batch of writes: one statement for each kind of write in it. One kind alone
//! commits with its statement; more than one are a transaction.

use std::collections::HashMap;

use super::{
    clock,
    engine::Driver,
    error::Failure,
    owned::{Owned, Owner},
    requests::{ById, Complete, Create, Outcome, Update, Write},
};
use crate::api::tasks::{Task, TaskError};

/// The members of a batch by kind.
#[derive(Default)]
struct Kinds<'a> {
    creates: Vec<Create<'a>>,
    completes: Vec<Complete<'a>>,
    updates: Vec<Update<'a>>,
    deletes: Vec<ById<'a>>,
}

/// What a batch wrote.
#[derive(Default)]
struct Written {
    /// In the order of the creations that were granted.
    created: Vec<Task>,
    /// By id: no two members of a batch name the same.
    changed: HashMap<i64, Task>,
}

/// Runs a batch of writes as one unit, for owners who may hold `quota` tasks each: an
/// outcome for each member, in their order. That of a deletion is the task as it was.
pub async fn run(
    batch: &[Owned<Write>],
    quota: u32,
    driver: &mut Driver,
) -> Result<Vec<Outcome<Task>>, Failure> {
    let kinds = Kinds::of(batch);
    let written = if kinds.is_one() && driver.statements_are_atomic() {
        kinds.send(quota, driver).await?
    } else {
        kinds.transact(quota, driver).await?
    };
    Ok(kinds.outcomes(batch, quota, written)?)
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

    fn is_one(&self) -> bool {
        let lengths = [
            self.creates.len(),
            self.completes.len(),
            self.updates.len(),
            self.deletes.len(),
        ];
        lengths.into_iter().filter(|length| *length > 0).count() == 1
    }

    async fn transact(&self, quota: u32, driver: &mut Driver) -> Result<Written, Failure> {
        match self.send_uncommitted(quota, driver).await {
            Ok(written) => {
                let committed = driver.commit().await.map_err(Failure::committing);
                committed.map(|()| written)
            }
            // A connection that cannot roll back must not be kept: its own error says so.
            Err(error) => {
                let rolled_back = driver.rollback().await;
                Err(Failure::uncommitted(rolled_back.err().unwrap_or(error)))
            }
        }
    }

    async fn send_uncommitted(
        &self,
        quota: u32,
        driver: &mut Driver,
    ) -> Result<Written, sqlx::Error> {
        driver.begin(&self.counted()).await?;
        let written = self.send(quota, driver).await?;
        driver.recount(&self.recounts(&written)).await?;
        Ok(written)
    }

    async fn send(&self, quota: u32, driver: &mut Driver) -> Result<Written, sqlx::Error> {
        let now = clock::now();
        let mut written = Written::default();
        if !self.creates.is_empty() {
            written.created = driver.create(&self.creates, quota, now).await?;
            written.created.sort_unstable_by_key(|task| task.id);
        }
        let mut changed = Vec::new();
        if !self.completes.is_empty() {
            changed.extend(driver.complete(&self.completes, now).await?);
        }
        if !self.updates.is_empty() {
            changed.extend(driver.update(&self.updates, now).await?);
        }
        if !self.deletes.is_empty() {
            changed.extend(driver.delete(&self.deletes).await?);
        }
        written.changed = changed.into_iter().map(|task| (task.id, task)).collect();
        Ok(written)
    }

    /// The owners whose counts a transaction locks first. A creation locks them itself,
    /// before any task; a deletion locks tasks first.
    fn counted(&self) -> Vec<Owner<'a>> {
        if self.deletes.is_empty() {
            return Vec::new();
        }
        let creators = self.creates.iter().map(|(owner, _)| *owner);
        let deleters = self.deletes.iter().map(|(_, owner)| *owner);
        creators.chain(deleters).collect()
    }

    /// By how much the owners' counts change.
    fn recounts(&self, written: &Written) -> Vec<(Owner<'a>, i64)> {
        let mut recounts: HashMap<Owner<'a>, i64> = HashMap::new();
        recounts.extend(self.creates.iter().map(|(owner, _)| (*owner, 0)));
        for task in &written.created {
            if let Some(recount) = recounts.get_mut(task.user_id.as_str()) {
                *recount += 1;
            }
        }
        for (id, owner) in &self.deletes {
            *recounts.entry(*owner).or_default() -= i64::from(written.changed.contains_key(id));
        }
        recounts.retain(|_, recount| *recount != 0);
        recounts.into_iter().collect()
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
            let own = task.filter(|task| task.user_id == owner.as_str());
            own.map_or(Outcome::Refused(TaskError::NotFound { id }), Outcome::Done)
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
