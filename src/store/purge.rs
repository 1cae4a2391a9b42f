//! Purges the trash: tombstones and deleted tasks that are older than `TRASH_DAYS`, and of
//! each user the oldest ones beyond the quota. Without it, a loop of creations and deletions
//! would grow the table without limit.
//!
//! A transaction removes at most [`BATCH`] rows, and raises `forgotten` of their owners, whose
//! sequences it has locked: who reads a user's sequence and trash in one statement sees either
//! the tombstones or that they are forgotten. It waits for no lock on a sequence, so it is
//! never part of a deadlock, and an owner for whom somebody writes now is purged later. On
//! `PostgreSQL`, one instance purges at a time.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, Statement};
use tokio::time::{sleep, timeout};

use super::{
    Store, clock,
    engine::Engine,
    entity::PURGE_EXCESS,
    error::StoreError,
    owned::{Owner, Tombstones},
};
use crate::telemetry::metrics;

/// The most rows of a transaction. Writes of their owners wait for it: 12 ms on `PostgreSQL`,
/// with 1,000 owners among 20,000 and a million rows.
pub(super) const BATCH: u32 = 1000;
/// The pause between two transactions, which leaves the database to requests.
const PAUSE: Duration = Duration::from_millis(100);
/// How often in a row all owners may be busy before the rest is left to the next run.
const ATTEMPTS: u32 = 20;
/// How long a step may take; the statements of `PostgreSQL` end sooner by themselves.
const STEP_TIMEOUT: Duration = Duration::from_secs(90);

/// When the runs are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schedule {
    /// The time to the first run.
    pub first: Duration,
    /// The time between two runs.
    pub interval: Duration,
    /// The most that is added to each, at random: instances that start together, or after an
    /// outage, would otherwise all run at once.
    pub jitter: Duration,
}

/// Not at the start, when caches are cold and a deployment may be under way; then hourly. A
/// user's trash exceeds its limits by at most what is deleted in that time.
const SCHEDULE: Schedule = Schedule {
    first: Duration::from_mins(5),
    interval: Duration::from_hours(1),
    jitter: Duration::from_mins(5),
};

/// What a transaction removes.
#[derive(Clone, Copy)]
pub(super) enum Part<'a> {
    /// What was deleted before.
    Expired(DateTime<Utc>),
    /// What an owner has beyond so many, oldest first.
    Excess(Owner<'a>, u32),
}

/// What a transaction did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// It removed so many rows. There may be more, whose owners are busy if it is none.
    Removed(u64),
    /// There was nothing to remove.
    Nothing,
    /// Another instance purges.
    Elsewhere,
}

impl Store {
    /// Purges in the background, until the store is closed: first some minutes from now, then
    /// hourly. Deleted tasks are remembered for `trash_days`. A failure is logged, and the
    /// next run tries again.
    pub fn purge_regularly(&self, trash_days: u32) {
        self.purge_on(SCHEDULE, trash_days);
    }

    pub(super) fn purge_on(&self, schedule: Schedule, trash_days: u32) {
        let (store, mut closed) = (self.clone(), self.0.closing.subscribe());
        let purging = tokio::spawn(async move {
            tokio::select! {
                _ = closed.changed() => {}
                () = store.purge_forever(schedule, trash_days) => {}
            }
        });
        self.0.workers.lock().push(purging);
    }

    async fn purge_forever(&self, schedule: Schedule, trash_days: u32) {
        let (mut wait, mut logged) = (schedule.first, None);
        loop {
            sleep(wait + clock::random_up_to(schedule.jitter)).await;
            wait = schedule.interval;
            if !self.is_migrated() {
                continue;
            }
            let failure = match self.purge(trash_days).await {
                Ok(0) => None,
                Ok(rows) => {
                    tracing::info!(rows, "purged the trash");
                    None
                }
                Err(error) => Some(error.to_string()),
            };
            // Once, not with every run.
            if let Some(error) = &failure
                && failure != logged
            {
                tracing::warn!(error, "the trash was not purged; the next run tries again");
            }
            logged = failure;
        }
    }

    /// Removes what was deleted more than `trash_days` days ago, then what users have beyond
    /// the quota, of at most 1,000 users. Returns how many rows it removed: none while another
    /// instance purges.
    pub async fn purge(&self, trash_days: u32) -> Result<u64, StoreError> {
        self.check_statements().await?;
        let (engine, quota) = (self.engine(), self.0.tasks_per_user);
        let before = clock::now() - TimeDelta::days(trash_days.into());
        let mut rows = remove_all(engine, Part::Expired(before)).await?;
        let crowded = timeout(STEP_TIMEOUT, engine.find_crowded(quota, BATCH));
        let crowded = crowded.await.map_err(|_| StoreError::timed_out())??;
        for owner in crowded.owners() {
            rows += remove_all(engine, Part::Excess(owner, quota)).await?;
        }
        Ok(rows)
    }
}

/// Removes a part in as many transactions as it takes.
async fn remove_all(engine: &Engine, part: Part<'_>) -> Result<u64, StoreError> {
    let (mut rows, mut attempts) = (0, 0);
    while attempts < ATTEMPTS {
        let step = timeout(STEP_TIMEOUT, step(engine, part));
        match step.await.map_err(|_| StoreError::timed_out())?? {
            Step::Removed(0) => attempts += 1,
            Step::Removed(removed) => {
                attempts = 0;
                rows += removed;
            }
            Step::Nothing | Step::Elsewhere => break,
        }
        sleep(PAUSE).await;
    }
    Ok(rows)
}

/// Removes at most [`BATCH`] rows in one transaction.
pub(super) async fn step(engine: &Engine, part: Part<'_>) -> Result<Step, DbErr> {
    let (reason, transaction, removed) = match part {
        Part::Expired(before) => {
            // Before the transaction, since a read needs no lock.
            let mut found = Tombstones::find_expired(engine.control(), before, BATCH).await?;
            if found.is_empty() {
                return Ok(Step::Nothing);
            }
            let Some(transaction) = engine.begin_purge().await? else {
                return Ok(Step::Elsewhere);
            };
            if let Some(unused) = engine.lock_unused(&transaction, &found.owners()).await? {
                found.retain_owners(&unused);
            }
            let removed = engine.remove(&transaction, &found, before).await?;
            ("age", transaction, removed)
        }
        Part::Excess(owner, quota) => {
            let Some(transaction) = engine.begin_purge().await? else {
                return Ok(Step::Elsewhere);
            };
            let unused = engine.lock_unused(&transaction, &[owner]).await?;
            if unused.is_some_and(|unused| unused.is_empty()) {
                transaction.rollback().await?;
                return Ok(Step::Removed(0));
            }
            let removed = remove_excess(&transaction, owner, quota).await?;
            if removed.is_empty() {
                transaction.rollback().await?;
                return Ok(Step::Nothing);
            }
            ("quota", transaction, removed)
        }
    };
    engine.forget(&transaction, &removed).await?;
    transaction.commit().await?;
    metrics::trash_purged(reason, removed.count());
    Ok(Step::Removed(removed.count()))
}

/// Removes the oldest tombstones of an owner, whose sequence is locked, beyond `quota`.
async fn remove_excess(
    transaction: &DatabaseTransaction,
    owner: Owner<'_>,
    quota: u32,
) -> Result<Tombstones, DbErr> {
    #[expect(clippy::disallowed_methods, reason = "names its owner")]
    let remove = Statement::from_sql_and_values(
        transaction.get_database_backend(),
        PURGE_EXCESS,
        [
            owner.as_str().into(),
            i64::from(quota).into(),
            i64::from(BATCH).into(),
        ],
    );
    Tombstones::read(&transaction.query_all_raw(remove).await?)
}
