//! A batch of writes on `SQLite`: one transaction, which holds the file's one
//! write lock from its start. It reads the rows that the batch touches, goes
//! through the members in their order, and writes what became of the rows.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use chrono::{DateTime, Utc};
use poem_openapi::types::MaybeUndefined;
use sea_orm::{DbErr, FromQueryResult};

use super::statements as sql;
use crate::api::tasks::{Task, TaskError};
use crate::store::{
    batch::Outcome,
    clock,
    connection::Link,
    entity::task::Model,
    owned::Owned,
    requests::{Create, Write, Written, rows},
};

/// The least by which `updated_at` moves.
const TICK: Duration = Duration::from_micros(1);

/// The rows that a batch touches, and what it does to them.
struct Batch {
    now: DateTime<Utc>,
    tasks: HashMap<i64, Model>,
    /// How many tasks each owner holds; an owner who never had one is not in it.
    counts: BTreeMap<String, i64>,
    changed: HashSet<i64>,
    deleted: Vec<Model>,
    /// In their order.
    created: Vec<Owned<Create>>,
    recounted: HashSet<String>,
}

/// A member's answer, or that it is the next of those stored at the end.
enum Answer {
    Given(Outcome<Written>),
    Stored,
}

#[derive(FromQueryResult)]
struct Count {
    user_id: String,
    tasks: i64,
}

/// Carries out a batch of writes, in their order.
pub async fn write(
    members: &[Owned<Write>],
    link: &mut Link,
) -> Result<Vec<Outcome<Written>>, DbErr> {
    link.query(sql::begin()).await?;
    let mut batch = Batch::read(members, link).await?;
    let answers: Vec<_> = members.iter().map(|member| batch.apply(member)).collect();
    let stored = batch.write(link).await?;
    link.query(sql::commit()).await?;

    let mut stored = stored.into_iter().map(Task::from);
    let answers = answers.into_iter().map(|answer| match answer {
        Answer::Given(outcome) => outcome,
        Answer::Stored => stored.next().map_or_else(
            || Outcome::Refused(TaskError::Internal("a task was not stored".to_owned())),
            |task| Outcome::Done(Written::Task(task)),
        ),
    });
    Ok(answers.collect())
}

impl Batch {
    async fn read(members: &[Owned<Write>], link: &mut Link) -> Result<Self, DbErr> {
        let mut touched = Vec::new();
        let mut counted = Vec::new();
        for member in members {
            match &member.what {
                Write::Create(_) => counted.push(member.owner()),
                Write::Complete(complete) => touched.push((complete.id, member.owner())),
                Write::Update(update) => touched.push((update.id, member.owner())),
                Write::Delete(delete) => {
                    touched.push((delete.id, member.owner()));
                    counted.push(member.owner());
                }
            }
        }
        let mut batch = Self {
            now: clock::now(),
            tasks: HashMap::new(),
            counts: BTreeMap::new(),
            changed: HashSet::new(),
            deleted: Vec::new(),
            created: Vec::new(),
            recounted: HashSet::new(),
        };
        if !touched.is_empty() {
            let tasks = rows(link, sql::find(touched)?).await?;
            batch.tasks = tasks.into_iter().map(|task| (task.id, task)).collect();
        }
        if !counted.is_empty() {
            for row in link.query(sql::counts(&counted)?).await? {
                let Count { user_id, tasks } = Count::from_query_result(&row, "")?;
                batch.counts.insert(user_id, tasks);
            }
        }
        Ok(batch)
    }

    fn apply(&mut self, member: &Owned<Write>) -> Answer {
        let owner = member.owner();
        let (id, answer) = match &member.what {
            Write::Create(new) => return self.create(member.with(new.clone())),
            Write::Complete(complete) => {
                let answer = self.change(owner, complete.id, |task| {
                    task.completed = complete.completed;
                });
                (complete.id, answer)
            }
            Write::Update(update) => {
                let answer = self.change(owner, update.id, |task| {
                    task.title.clone_from(&update.title);
                    match &update.description {
                        MaybeUndefined::Undefined => {}
                        MaybeUndefined::Null => task.description = None,
                        MaybeUndefined::Value(text) => task.description = Some(text.clone()),
                    }
                    task.completed = update.completed.unwrap_or(task.completed);
                });
                (update.id, answer)
            }
            Write::Delete(delete) => (delete.id, self.delete(owner, delete.id)),
        };
        Answer::Given(Outcome::found(answer, id))
    }

    fn create(&mut self, new: Owned<Create>) -> Answer {
        let held = self.counts.entry(new.owner().to_owned()).or_default();
        if *held >= i64::from(new.what.limit) {
            let limit = new.what.limit;
            return Answer::Given(Outcome::Refused(TaskError::QuotaExceeded { limit }));
        }
        *held += 1;
        self.recounted.insert(new.owner().to_owned());
        self.created.push(new);
        Answer::Stored
    }

    fn change(&mut self, owner: &str, id: i64, change: impl FnOnce(&mut Model)) -> Option<Written> {
        let task = self.tasks.get_mut(&id);
        let task = task.filter(|task| task.user_id == owner)?;
        change(task);
        // It moves in any case, also where the clock was set back.
        task.updated_at = self.now.max(task.updated_at + TICK);
        self.changed.insert(id);
        Some(Written::Task(task.clone().into()))
    }

    fn delete(&mut self, owner: &str, id: i64) -> Option<Written> {
        self.tasks.get(&id).filter(|task| task.user_id == owner)?;
        self.deleted.extend(self.tasks.remove(&id));
        self.changed.remove(&id);
        if let Some(held) = self.counts.get_mut(owner) {
            *held -= 1;
            self.recounted.insert(owner.to_owned());
        }
        Some(Written::Deleted)
    }

    /// The new tasks, in the order of their creation.
    async fn write(&self, link: &mut Link) -> Result<Vec<Model>, DbErr> {
        if !self.changed.is_empty() {
            let changed = self.changed.iter().filter_map(|id| self.tasks.get(id));
            link.query(sql::update(changed)?).await?;
        }
        if !self.deleted.is_empty() {
            link.query(sql::delete(&self.deleted)?).await?;
        }
        let mut stored = Vec::new();
        if !self.created.is_empty() {
            stored = rows(link, sql::insert(&self.created, self.now)?).await?;
            stored.sort_unstable_by_key(|task| task.id);
        }
        let recounted = self
            .counts
            .iter()
            .filter(|(owner, _)| self.recounted.contains(*owner));
        let recounted: Vec<_> = recounted
            .map(|(owner, held)| (owner.as_str(), *held))
            .collect();
        if !recounted.is_empty() {
            link.query(sql::set_counts(recounted)?).await?;
        }
        Ok(stored)
    }
}
