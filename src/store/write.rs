//! A batch of writes: one statement for each kind of write in it. One kind alone
//! commits with its statement; more than one are a transaction, and so are creations with
//! a key, which is looked up once the owner's sequence is locked.
//!
//! The members of one owner take consecutive numbers of the owner's sequence, in the order
//! of the batch.

mod kinds;
mod written;

use std::collections::{HashMap, HashSet};

use self::{
    kinds::Kinds,
    written::{Written, WrittenOf, of},
};
use super::{
    clock,
    engine::Driver,
    entity::Created,
    error::Failure,
    owned::{Owned, Owner},
    requests::{Claim, Create, Done, Outcome, Settlement, Unit, Write},
};
use crate::api::tasks::{Removal, Task, TaskError};

/// Runs a batch of writes as one unit, for owners who may hold `quota` tasks each: an
/// outcome for each member, in their order. That of a deletion is the task as it was.
pub async fn run(
    batch: &[Owned<Write>],
    quota: u32,
    driver: &mut Driver,
) -> Result<Vec<Outcome<Done>>, Failure> {
    let mut kinds = Kinds::of(batch);
    let written = if kinds.is_one_statement() && driver.statements_are_units() {
        kinds.number_creations_from_the_last();
        kinds.send(Unit::Statement { quota }, driver).await?
    } else {
        kinds.transact(quota, driver).await?
    };
    Ok(kinds.outcomes(batch, quota, written)?)
}

impl<'a> Kinds<'a> {
    async fn transact(&mut self, quota: u32, driver: &mut Driver) -> Result<Written<'a>, Failure> {
        match self.send_uncommitted(quota, driver).await {
            Ok(written) => {
                if written.values().any(WrittenOf::is_something) {
                    driver.commit().await.map_err(Failure::committing)?;
                } else {
                    // Not even the sequence of a user who never had a task is kept.
                    driver.discard().await.map_err(Failure::uncommitted)?;
                }
                Ok(written)
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
        // A statement of its own, which sees what was committed before the lock was taken.
        let earlier = self.created_before(driver).await?;
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
        self.number_from(&before);
        let mut written = self.send(Unit::Transaction, driver).await?;
        driver.settle(&self.settlements(&before, &written)).await?;
        for ((owner, key), earlier) in earlier {
            if let Some(of) = written.get_mut(owner.as_str()) {
                of.earlier.insert(key, earlier);
            }
        }
        Ok(written)
    }

    /// What the keys of creations made before. These creations are no longer members.
    async fn created_before(&mut self, driver: &mut Driver) -> Result<Vec<Created>, sqlx::Error> {
        if self.keys.is_empty() {
            return Ok(Vec::new());
        }
        let earlier = driver.created_before(&self.keys).await?;
        let places = earlier.iter().map(|(place, _)| place);
        let places: HashSet<_> = places
            .map(|(owner, key)| (owner.as_str(), key.as_str()))
            .collect();
        let owners = &mut self.owners;
        self.creates.retain(|create| {
            let key = create.write.1.map(|retry| retry.key.as_str());
            let was_before = key.is_some_and(|key| places.contains(&(create.owner.as_str(), key)));
            if let Some(members) = owners.get_mut(&create.owner).filter(|_| was_before) {
                members.creates -= 1;
            }
            !was_before
        });
        Ok(earlier)
    }

    async fn send(&self, unit: Unit, driver: &mut Driver) -> Result<Written<'a>, sqlx::Error> {
        let now = clock::now();
        let owners = self.owners.keys();
        let mut written: Written<'a> = owners.map(|owner| (*owner, WrittenOf::default())).collect();
        if !self.creates.is_empty() {
            let mut created = driver.create(&self.creates, unit, now).await?;
            created.sort_unstable_by_key(|task| task.id);
            for task in created {
                of(&mut written, &task.user_id)?.created.push_back(task);
            }
        }
        let mut changed = Vec::new();
        if !self.completes.is_empty() {
            changed.extend(driver.complete(&self.completes, unit, now).await?);
        }
        if !self.patches.is_empty() {
            changed.extend(driver.patch(&self.patches, unit, now).await?);
        }
        if !self.deletes.is_empty() {
            driver.bury(&self.deletes, now).await?;
            for task in driver.delete(&self.deletes, unit, now).await? {
                of(&mut written, &task.user_id)?.deleted += 1;
                changed.push(task);
            }
        }
        for task in changed {
            let id = task.id;
            of(&mut written, &task.user_id)?.changed.insert(id, task);
        }
        self.empty_trash(unit, driver, &mut written).await?;
        let unmet = self.unmet(&written);
        if !unmet.is_empty() {
            add_current(&mut written, driver.get(&unmet).await?)?;
        }
        let unmet = self.unmet_in_trash(&written);
        if !unmet.is_empty() {
            add_current(&mut written, driver.trashed(&unmet).await?)?;
        }
        Ok(written)
    }

    /// Deletes for good what is in the trash.
    async fn empty_trash(
        &self,
        unit: Unit,
        driver: &mut Driver,
        written: &mut Written<'a>,
    ) -> Result<(), sqlx::Error> {
        let missed = self.deletes.iter().filter(|delete| {
            let is_done = written[&delete.owner]
                .changed
                .contains_key(&delete.write.id);
            delete.write.to == Removal::Forever && !is_done
        });
        let missed: Vec<_> = missed.copied().collect();
        if !missed.is_empty() {
            let emptied = driver.delete_trashed(&missed, unit, clock::now()).await?;
            for (owner, id) in emptied {
                of(written, &owner)?.emptied.insert(id);
            }
        }
        Ok(())
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
            let settlement = Settlement {
                owner: *owner,
                tasks: created - of.deleted,
                sequence: if of.is_something() {
                    0
                } else {
                    -self.owners[owner].all
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
    ) -> Result<Vec<Outcome<Done>>, sqlx::Error> {
        let mut outcome = |member: &Owned<Write>| {
            let owner = member.owner();
            let Some(written) = written.get_mut(owner.as_str()) else {
                return Outcome::RetryAlone;
            };
            match &member.request {
                Write::Create(_, retry) => {
                    let earlier = retry.as_ref().and_then(|retry| {
                        let earlier = written.earlier.get(retry.key.as_str())?;
                        Some(retry.outcome(earlier))
                    });
                    earlier.unwrap_or_else(|| match written.created.pop_front() {
                        Some(task) => Outcome::Done(Done::Written(task)),
                        // Together they exceed the quota; alone, some may fit.
                        None if self.owners[owner.as_str()].creates > 1 => Outcome::RetryAlone,
                        None => Outcome::Refused(TaskError::QuotaExceeded { limit: quota }),
                    })
                }
                Write::Complete(change) => written.outcome(change.id, false),
                Write::Patch(change) => written.outcome(change.id, change.to.needs_date()),
                Write::Delete(change) => written.outcome(change.id, false),
            }
        };
        let outcomes = batch.iter().map(&mut outcome).collect();
        if written.values().any(|of| !of.created.is_empty()) {
            let message = "more tasks were created than the batch has creations";
            return Err(sqlx::Error::Protocol(message.to_owned()));
        }
        Ok(outcomes)
    }
}

/// Adds tasks that are not in the expected state.
fn add_current(written: &mut Written<'_>, tasks: Vec<Task>) -> Result<(), sqlx::Error> {
    for task in tasks {
        of(written, &task.user_id)?.current.insert(task.id, task);
    }
    Ok(())
}
