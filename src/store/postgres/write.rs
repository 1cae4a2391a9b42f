//! A batch of writes on `PostgreSQL`: one statement for each kind of write in it,
//! which commits by itself, or all of them in one transaction where there is more
//! than one kind.

use std::collections::{HashMap, HashSet};

use sea_orm::{DbErr, Statement};

use super::statements as sql;
use crate::api::tasks::{Task, TaskError};
use crate::store::{
    batch::Outcome,
    clock,
    connection::Link,
    entity::task::Model,
    owned::Owned,
    requests::{Complete, Create, Delete, Update, Write, Written, rows},
};

/// The members of a batch by kind.
#[derive(Default)]
struct Kinds {
    creates: Vec<Owned<Create>>,
    completes: Vec<Owned<Complete>>,
    updates: Vec<Owned<Update>>,
    deletes: Vec<Owned<Delete>>,
}

/// The rows that a batch wrote.
#[derive(Default)]
struct Rows {
    /// In the order of the creations that were granted.
    created: Vec<Model>,
    /// By id: no two members of a batch name the same.
    changed: HashMap<i64, Model>,
}

/// Carries out a batch of writes, in which no two name the same id.
pub async fn write(
    batch: &[Owned<Write>],
    link: &mut Link,
) -> Result<Vec<Outcome<Written>>, DbErr> {
    let kinds = Kinds::of(batch);
    let written = kinds.write(link).await?;
    Ok(answers(batch, &kinds.creates, written))
}

impl Kinds {
    fn of(batch: &[Owned<Write>]) -> Self {
        let mut kinds = Self::default();
        for member in batch {
            match &member.what {
                Write::Create(create) => kinds.creates.push(member.with(create.clone())),
                Write::Complete(complete) => kinds.completes.push(member.with(*complete)),
                Write::Update(update) => kinds.updates.push(member.with(update.clone())),
                Write::Delete(delete) => kinds.deletes.push(member.with(*delete)),
            }
        }
        kinds
    }

    async fn write(&self, link: &mut Link) -> Result<Rows, DbErr> {
        let now = clock::now();
        let limit = self.creates.first().map_or(0, |create| create.what.limit);
        let create = (!self.creates.is_empty()).then(|| sql::create(&self.creates, limit, now));
        let changes = [
            (!self.completes.is_empty()).then(|| sql::complete(&self.completes, now)),
            (!self.updates.is_empty()).then(|| sql::update(&self.updates, now)),
            (!self.deletes.is_empty()).then(|| sql::delete(&self.deletes)),
        ];
        let changes: Vec<_> = changes.into_iter().flatten().collect();
        if changes.len() + usize::from(create.is_some()) == 1 {
            return send(create, changes, link).await;
        }
        link.query(sql::begin()).await?;
        let sent = async {
            if !self.deletes.is_empty() {
                link.query(sql::lock_counts(&self.creates, &self.deletes))
                    .await?;
            }
            send(create, changes, link).await
        };
        let sent = sent.await;
        let end = if sent.is_ok() {
            sql::commit()
        } else {
            sql::rollback()
        };
        let ended = link.query(end).await;
        let sent = sent?;
        ended.map(|_| sent)
    }
}

async fn send(
    create: Option<Statement>,
    changes: Vec<Statement>,
    link: &mut Link,
) -> Result<Rows, DbErr> {
    let mut written = Rows::default();
    if let Some(create) = create {
        written.created = rows(link, create).await?;
        written.created.sort_unstable_by_key(|task| task.id);
    }
    for change in changes {
        let tasks = rows(link, change).await?;
        let by_id = tasks.into_iter().map(|task| (task.id, task));
        written.changed.extend(by_id);
    }
    Ok(written)
}

fn answers(
    batch: &[Owned<Write>],
    asked: &[Owned<Create>],
    mut written: Rows,
) -> Vec<Outcome<Written>> {
    let owners = written.created.iter().map(|task| task.user_id.clone());
    let granted: HashSet<String> = owners.collect();
    let mut rows = written.created.into_iter();
    let mut answer = |member: &Owned<Write>| {
        let (id, deletes) = match &member.what {
            Write::Create(new) => {
                return if granted.contains(member.owner()) {
                    stored(rows.next(), member.owner())
                } else if asked.iter().filter(|c| c.owner() == member.owner()).count() > 1 {
                    // Too many together: each alone may still be one of the last.
                    Outcome::Alone
                } else {
                    Outcome::Refused(TaskError::QuotaExceeded { limit: new.limit })
                };
            }
            Write::Complete(complete) => (complete.id, false),
            Write::Update(update) => (update.id, false),
            Write::Delete(delete) => (delete.id, true),
        };
        let task = written.changed.remove(&id);
        let own = task.filter(|task| task.user_id == member.owner());
        let answer = own.map(|task| {
            if deletes {
                Written::Deleted
            } else {
                Written::Task(task.into())
            }
        });
        Outcome::found(answer, id)
    };
    batch.iter().map(&mut answer).collect()
}

fn stored(row: Option<Model>, owner: &str) -> Outcome<Written> {
    match row {
        Some(row) if row.user_id == owner => Outcome::Done(Written::Task(Task::from(row))),
        _ => Outcome::Refused(TaskError::Internal(
            "the stored tasks are not in the order of the batch".to_owned(),
        )),
    }
}
