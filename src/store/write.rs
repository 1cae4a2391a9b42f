//! A batch of writes: one statement for each kind of write in it. One kind alone
//! commits with its statement; more than one are a transaction.
//!
//! The members of one owner take consecutive numbers of the owner's sequence, in the order
//! of the batch.

use std::collections::{HashMap, VecDeque};

use super::{
    clock,
    engine::Driver,
    error::Failure,
    owned::{Owned, Owner},
    requests::{
        Claim, Complete, Create, Delete, Numbered, Outcome, Settlement, Unit, Update, Write,
    },
};
use crate::api::tasks::{Task, TaskError};

/// The members of a batch by kind, each numbered from 1 among those of its owner.
#[derive(Default)]
struct Kinds<'a> {
    creates: Vec<Create<'a>>,
    completes: Vec<Complete<'a>>,
    updates: Vec<Update<'a>>,
    deletes: Vec<Delete<'a>>,
    owners: HashMap<Owner<'a>, Members>,
}

/// How many members of a batch are of one owner.
#[derive(Clone, Copy, Default)]
struct Members {
    all: i64,
    creates: i64,
}

/// What a batch wrote, of each owner.
type Written<'a> = HashMap<Owner<'a>, WrittenOf>;

/// What a batch wrote of one owner.
#[derive(Default)]
struct WrittenOf {
    /// In the order of the creations that were granted.
    created: VecDeque<Task>,
    /// By id: no two members of a batch name the same task.
    changed: HashMap<i64, Task>,
    deleted: i64,
}

/// Runs a batch of writes as one unit, for owners who may hold `quota` tasks each: an
/// outcome for each member, in their order. That of a deletion is the task as it was.
pub async fn run(
    batch: &[Owned<Write>],
    quota: u32,
    driver: &mut Driver,
) -> Result<Vec<Outcome<Task>>, Failure> {
    let mut kinds = Kinds::of(batch);
    let written = if kinds.is_one() && driver.statements_are_units() {
        kinds.number_creations_from_the_last();
        kinds.send(Unit::Statement { quota }, driver).await?
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
            let members = kinds.owners.entry(owner).or_default();
            members.all += 1;
            let number = members.all;
            match &member.request {
                Write::Create(new) => {
                    members.creates += 1;
                    kinds.creates.push(numbered(owner, number, new));
                }
                Write::Complete(id, completed) => {
                    let complete = numbered(owner, number, (*id, *completed));
                    kinds.completes.push(complete);
                }
                Write::Update(id, change) => {
                    kinds.updates.push(numbered(owner, number, (*id, change)));
                }
                Write::Delete(id) => {
                    kinds.deletes.push(numbered(owner, number, *id));
                }
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

    fn number_creations_from_the_last(&mut self) {
        for create in &mut self.creates {
            create.number -= self.owners[&create.owner].all;
        }
    }

    async fn transact(&mut self, quota: u32, driver: &mut Driver) -> Result<Written<'a>, Failure> {
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
        &mut self,
        quota: u32,
        driver: &mut Driver,
    ) -> Result<Written<'a>, sqlx::Error> {
        driver.begin().await?;
        let claims = self.owners.iter().map(|(owner, members)| Claim {
            owner: *owner,
            numbers: members.all,
            creates: members.creates > 0,
        });
        let claimed = driver.claim(&claims.collect::<Vec<_>>()).await?;
        let mut before = HashMap::new();
        let mut granted = HashMap::new();
        for row in claimed {
            let Some((owner, members)) = self.owners.get_key_value(row.user_id.as_str()) else {
                continue;
            };
            before.insert(*owner, row.sequence - members.all);
            granted.insert(*owner, row.tasks + members.creates <= i64::from(quota));
        }
        let is_granted = |create: &Create<'_>| granted.get(&create.owner).is_some_and(|is| *is);
        self.creates.retain(is_granted);
        number_from(&before, &mut self.creates);
        number_from(&before, &mut self.completes);
        number_from(&before, &mut self.updates);
        number_from(&before, &mut self.deletes);
        let written = self.send(Unit::Transaction, driver).await?;
        driver.settle(&self.settlements(&before, &written)).await?;
        Ok(written)
    }

    async fn send(&self, unit: Unit, driver: &mut Driver) -> Result<Written<'a>, sqlx::Error> {
        let now = clock::now();
        let mut written: Written<'a> = HashMap::new();
        written.extend(
            self.owners
                .keys()
                .map(|owner| (*owner, WrittenOf::default())),
        );
        if !self.creates.is_empty() {
            let mut created = driver.create(&self.creates, unit, now).await?;
            created.sort_unstable_by_key(|task| task.id);
            for task in created {
                of(&mut written, &task)?.created.push_back(task);
            }
        }
        let mut changed = Vec::new();
        if !self.completes.is_empty() {
            changed.extend(driver.complete(&self.completes, unit, now).await?);
        }
        if !self.updates.is_empty() {
            changed.extend(driver.update(&self.updates, unit, now).await?);
        }
        if !self.deletes.is_empty() {
            driver.bury(&self.deletes, now).await?;
            for task in driver.delete(&self.deletes, unit, now).await? {
                of(&mut written, &task)?.deleted += 1;
                changed.push(task);
            }
        }
        for task in changed {
            of(&mut written, &task)?.changed.insert(task.id, task);
        }
        Ok(written)
    }

    /// By how much the rows of the owners change that were claimed.
    fn settlements(
        &self,
        claimed: &HashMap<Owner<'a>, i64>,
        written: &Written<'a>,
    ) -> Vec<Settlement<'a>> {
        let settlement = |owner: &Owner<'a>| {
            let of = &written[owner];
            let created = i64::try_from(of.created.len()).unwrap_or(i64::MAX);
            let is_unused = of.created.is_empty() && of.changed.is_empty();
            let settlement = Settlement {
                owner: *owner,
                tasks: created - of.deleted,
                sequence: if is_unused {
                    -self.owners[owner].all
                } else {
                    0
                },
            };
            (settlement.tasks != 0 || settlement.sequence != 0).then_some(settlement)
        };
        claimed.keys().filter_map(settlement).collect()
    }

    fn outcomes(
        &self,
        batch: &[Owned<Write>],
        quota: u32,
        mut written: Written<'a>,
    ) -> Result<Vec<Outcome<Task>>, sqlx::Error> {
        let mut outcome = |member: &Owned<Write>| {
            let owner = member.owner();
            let written = written.get_mut(owner.as_str());
            let id = match &member.request {
                Write::Create(_) => {
                    return match written.and_then(|of| of.created.pop_front()) {
                        Some(task) => Outcome::Done(task),
                        // Together they exceed the quota; alone, some may fit.
                        None if self.owners[owner.as_str()].creates > 1 => Outcome::RetryAlone,
                        None => Outcome::Refused(TaskError::QuotaExceeded { limit: quota }),
                    };
                }
                Write::Complete(id, _) | Write::Update(id, _) | Write::Delete(id) => *id,
            };
            let task = written.and_then(|of| of.changed.remove(&id));
            task.map_or(Outcome::Refused(TaskError::NotFound { id }), Outcome::Done)
        };
        let outcomes = batch.iter().map(&mut outcome).collect();
        if written.values().any(|of| !of.created.is_empty()) {
            let message = "more tasks were created than the batch has creations";
            return Err(sqlx::Error::Protocol(message.to_owned()));
        }
        Ok(outcomes)
    }
}

fn numbered<T>(owner: Owner<'_>, number: i64, write: T) -> Numbered<'_, T> {
    Numbered {
        owner,
        number,
        write,
    }
}

/// Numbers the members from what their owners' sequences were, and drops those whose owner
/// has none.
fn number_from<'a, T>(before: &HashMap<Owner<'a>, i64>, members: &mut Vec<Numbered<'a, T>>) {
    members.retain_mut(|member| {
        let before = before.get(&member.owner);
        member.number += before.copied().unwrap_or_default();
        before.is_some()
    });
}

/// What was written of the owner of `task`.
fn of<'w>(written: &'w mut Written<'_>, task: &Task) -> Result<&'w mut WrittenOf, sqlx::Error> {
    written.get_mut(task.user_id.as_str()).ok_or_else(|| {
        let message = "a task of a user who is not in the batch was returned";
        sqlx::Error::Protocol(message.to_owned())
    })
}
