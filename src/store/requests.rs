//! What the lanes carry: one type for each kind of request, and what a batch of
//! its kind does. Reads are the same on both databases; writes are in
//! [`super::postgres`] and [`super::sqlite`].

use std::{cmp::Reverse, collections::HashMap};

use poem_openapi::types::MaybeUndefined;
use sea_orm::{DbErr, FromQueryResult, Statement};

use super::{
    DatabaseKind,
    batch::{Outcome, Request},
    connection::Link,
    entity::task::Model,
    error::Work,
    owned::Owned,
    postgres, sql, sqlite,
};
use crate::api::tasks::{StatusFilter, Task, TaskError};

/// A read.
#[derive(Debug, Clone, Copy)]
pub enum Read {
    /// One task.
    Get {
        /// Its id.
        id: i64,
    },
    /// All tasks, or those of one status.
    List {
        /// Which.
        status: StatusFilter,
    },
}

/// What was read.
#[derive(Debug)]
pub enum Found {
    /// One task.
    Task(Task),
    /// A whole list, newest first.
    List(Vec<Task>),
}

/// A write.
#[derive(Debug, Clone)]
pub enum Write {
    Create(Create),
    Complete(Complete),
    Update(Update),
    Delete(Delete),
}

/// A new task, of a user who may hold `limit`.
#[derive(Debug, Clone)]
pub struct Create {
    pub title: String,
    pub description: Option<String>,
    pub limit: u32,
}

/// Sets `completed`.
#[derive(Debug, Clone, Copy)]
pub struct Complete {
    pub id: i64,
    pub completed: bool,
}

/// Writes the title, and the rest where it is named.
#[derive(Debug, Clone)]
pub struct Update {
    pub id: i64,
    pub title: String,
    pub description: MaybeUndefined<String>,
    pub completed: Option<bool>,
}

/// Removes the task.
#[derive(Debug, Clone, Copy)]
pub struct Delete {
    pub id: i64,
}

/// What became of a write.
#[derive(Debug)]
pub enum Written {
    /// The task as it is now.
    Task(Task),
    /// It is gone.
    Deleted,
}

impl<A> Outcome<A> {
    /// The answer, or that the owner has no task of this id.
    pub fn found(answer: Option<A>, id: i64) -> Self {
        answer.map_or(Self::Refused(TaskError::NotFound { id }), Self::Done)
    }
}

/// The rows of a statement.
pub async fn rows(link: &mut Link, statement: Statement) -> Result<Vec<Model>, DbErr> {
    let rows = link.query(statement).await?;
    let rows = rows.iter().map(|row| Model::from_query_result(row, ""));
    rows.collect()
}

impl Request for Owned<Read> {
    type Answer = Found;
    const WORK: Work = Work::Read;

    async fn run(batch: &[Self], link: &mut Link) -> Result<Vec<Outcome<Found>>, DbErr> {
        let tasks = get(batch, link).await?;
        let mut lists = list(batch, link).await?;
        let answers = batch
            .iter()
            .enumerate()
            .map(|(place, read)| match read.what {
                Read::Get { id } => {
                    // Two users may ask for one id in one batch; it is but one's.
                    let task = tasks.get(&id).filter(|task| task.user_id == read.owner());
                    Outcome::found(task.cloned().map(|task| Found::Task(task.into())), id)
                }
                Read::List { .. } => {
                    Outcome::Done(Found::List(lists.remove(&place).unwrap_or_default()))
                }
            });
        Ok(answers.collect())
    }
}

/// The tasks that the batch asks for, by id.
async fn get(batch: &[Owned<Read>], link: &mut Link) -> Result<HashMap<i64, Model>, DbErr> {
    let gets = batch.iter().filter_map(|read| match read.what {
        Read::Get { id } => Some(read.with(id)),
        Read::List { .. } => None,
    });
    let gets: Vec<_> = gets.collect();
    if gets.is_empty() {
        return Ok(HashMap::new());
    }
    let found = rows(link, sql::get(link.kind(), &gets)?).await?;
    Ok(found.into_iter().map(|task| (task.id, task)).collect())
}

/// The lists that the batch asks for, by their place in it; none that is empty.
async fn list(batch: &[Owned<Read>], link: &mut Link) -> Result<HashMap<usize, Vec<Task>>, DbErr> {
    let mut lists = HashMap::new();
    for (asked, completed) in [
        (StatusFilter::All, None),
        (StatusFilter::Pending, Some(false)),
        (StatusFilter::Completed, Some(true)),
    ] {
        // Where each owner's list goes: twice, if it was asked for twice.
        let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
        for (place, read) in batch.iter().enumerate() {
            if matches!(read.what, Read::List { status } if status == asked) {
                places.entry(read.owner()).or_default().push(place);
            }
        }
        if places.is_empty() {
            continue;
        }
        let owners: Vec<_> = places.keys().copied().collect();
        let tasks = rows(link, sql::list(link.kind(), &owners, completed)?).await?;
        for (owner, mut tasks) in by_owner(tasks) {
            // As a rule they came so: then this is one look at them.
            tasks.sort_by_key(|task| Reverse(task.id));
            let mut places = places.remove(&*owner).unwrap_or_default();
            if let Some(last) = places.pop() {
                lists.extend(places.into_iter().map(|place| (place, tasks.clone())));
                lists.insert(last, tasks);
            }
        }
    }
    Ok(lists)
}

fn by_owner(rows: Vec<Model>) -> HashMap<String, Vec<Task>> {
    let mut lists: HashMap<String, Vec<Task>> = HashMap::new();
    for row in rows {
        match lists.get_mut(&row.user_id) {
            Some(list) => list.push(row.into()),
            None => {
                lists.insert(row.user_id.clone(), vec![row.into()]);
            }
        }
    }
    lists
}

impl Request for Owned<Write> {
    type Answer = Written;
    const WORK: Work = Work::Write;

    fn row(&self, kind: DatabaseKind) -> Option<i64> {
        match (kind, &self.what) {
            // `SQLite` goes through a batch's members one after the other.
            (DatabaseKind::Sqlite, _) | (_, Write::Create(_)) => None,
            (
                _,
                Write::Complete(Complete { id, .. })
                | Write::Update(Update { id, .. })
                | Write::Delete(Delete { id }),
            ) => Some(*id),
        }
    }

    async fn run(batch: &[Self], link: &mut Link) -> Result<Vec<Outcome<Written>>, DbErr> {
        match link.kind() {
            DatabaseKind::Postgres => postgres::write::write(batch, link).await,
            DatabaseKind::Sqlite => sqlite::write::write(batch, link).await,
        }
    }
}
