//! From the rows of the statements that read to what they mean.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use sea_orm::{DbErr, QueryResult};

pub use super::task;
use super::{COLUMNS, column, read_row, read_task};
use crate::{
    api::tasks::{DeletedTask, Task, TrashedTask},
    store::cursor::Sequence,
};

/// The columns of a row with a sequence among rows of tasks, which have null in place of
/// `born`.
macro_rules! sequence_columns {
    () => {
        "s.forgotten, s.sequence, s.user_id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, \
         NULL, NULL, NULL, NULL, s.born"
    };
}
pub(in crate::store) use sequence_columns;

/// A row of a list.
pub enum Listed {
    /// One of its tasks.
    Task(Task),
    /// The sequence of its owner.
    Sequence(String, Sequence),
}

/// A row of a list: the columns of a task, or those of [`sequence_columns`].
pub fn listed(row: impl Into<QueryResult>) -> Result<Listed, sqlx::Error> {
    read_row(row, |row| match column(row, COLUMNS)? {
        None => read_task(row).map(Listed::Task),
        Some(born) => {
            let sequence = Sequence {
                born,
                last: column(row, 1)?,
                forgotten: column(row, 0)?,
            };
            Ok(Listed::Sequence(column(row, 2)?, sequence))
        }
    })
}

/// A task in the trash: the columns of a task, and `deleted_at`.
pub fn trashed(row: impl Into<QueryResult>) -> Result<TrashedTask, sqlx::Error> {
    read_row(row, |row| {
        Ok(TrashedTask {
            task: read_task(row)?,
            deleted_at: column(row, COLUMNS)?,
        })
    })
}

/// `user_id`, `born`, `sequence` and `forgotten`.
pub fn sequence(row: impl Into<QueryResult>) -> Result<(String, Sequence), sqlx::Error> {
    read_row(row, |row| {
        let sequence = Sequence {
            born: column(row, 1)?,
            last: column(row, 2)?,
            forgotten: column(row, 3)?,
        };
        Ok((column(row, 0)?, sequence))
    })
}

/// A task that a selection looked at.
#[derive(Debug)]
pub struct Candidate {
    pub id: i64,
    /// Nothing, where it does not match.
    pub values: Option<SortValues>,
}

/// The values by which tasks are sorted, and searched.
#[derive(Debug)]
pub struct SortValues {
    pub priority: i16,
    pub due_date: Option<NaiveDate>,
    pub due_time: Option<NaiveTime>,
    pub updated_at: DateTime<Utc>,
    pub position: String,
    pub title: Option<String>,
    pub description: Option<String>,
}

/// `id`, whether it matches, and of one that does its values.
pub fn candidate(row: impl Into<QueryResult>) -> Result<Candidate, sqlx::Error> {
    read_row(row, |row| {
        let values = |row: &QueryResult| {
            Ok::<_, DbErr>(SortValues {
                priority: column(row, 2)?,
                due_date: column(row, 3)?,
                due_time: column(row, 4)?,
                updated_at: column(row, 5)?,
                position: column(row, 6)?,
                title: column(row, 7)?,
                description: column(row, 8)?,
            })
        };
        let matches = column::<bool>(row, 1)?;
        Ok(Candidate {
            id: column(row, 0)?,
            values: matches.then(|| values(row)).transpose()?,
        })
    })
}

/// `version`, `id` and `idempotency_key`.
pub fn deleted(row: impl Into<QueryResult>) -> Result<DeletedTask, sqlx::Error> {
    read_row(row, read_deleted)
}

fn read_deleted(row: &QueryResult) -> Result<DeletedTask, DbErr> {
    Ok(DeletedTask {
        version: column(row, 0)?,
        id: column(row, 1)?,
        idempotency_key: column(row, 2)?,
    })
}

/// A row of the changes of an owner.
pub enum Changed {
    /// A task: its version and id.
    Task(i64, i64),
    /// A deletion.
    Deleted(DeletedTask),
    /// The owner's sequence.
    Sequence(Sequence),
}

/// `version`, `id`, `idempotency_key`, whether it is deleted, and null. Of the sequence:
/// itself, `forgotten`, null, null and `born`.
pub fn changed(row: impl Into<QueryResult>) -> Result<Changed, sqlx::Error> {
    read_row(row, |row| match column(row, 3)? {
        Some(true) => read_deleted(row).map(Changed::Deleted),
        Some(false) => Ok(Changed::Task(column(row, 0)?, column(row, 1)?)),
        None => Ok(Changed::Sequence(Sequence {
            born: column(row, 4)?,
            last: column(row, 0)?,
            forgotten: column(row, 1)?,
        })),
    })
}
