//! From the rows of the statements that read to what they mean.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

pub use super::task;
use super::{COLUMNS, row::Row};
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
pub fn listed(row: &impl Row) -> Result<Listed, sqlx::Error> {
    match row.at(COLUMNS)? {
        None => task(row).map(Listed::Task),
        Some(born) => {
            let owner: String = row.at(2)?;
            let sequence = Sequence::of(&owner, born, row.at(1)?, row.at(0)?);
            Ok(Listed::Sequence(owner, sequence))
        }
    }
}

/// A task in the trash: the columns of a task, and `deleted_at`.
pub fn trashed(row: &impl Row) -> Result<TrashedTask, sqlx::Error> {
    Ok(TrashedTask {
        task: task(row)?,
        deleted_at: row.at(COLUMNS)?,
    })
}

/// `user_id`, `born`, `sequence` and `forgotten`.
pub fn sequence(row: &impl Row) -> Result<(String, Sequence), sqlx::Error> {
    let owner: String = row.at(0)?;
    let sequence = Sequence::of(&owner, row.at(1)?, row.at(2)?, row.at(3)?);
    Ok((owner, sequence))
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
pub fn candidate(row: &impl Row) -> Result<Candidate, sqlx::Error> {
    let values = || {
        Ok::<_, sqlx::Error>(SortValues {
            priority: row.at(2)?,
            due_date: row.at(3)?,
            due_time: row.at(4)?,
            updated_at: row.at(5)?,
            position: row.at(6)?,
            title: row.at(7)?,
            description: row.at(8)?,
        })
    };
    let matches = row.at::<bool>(1)?;
    Ok(Candidate {
        id: row.at(0)?,
        values: matches.then(values).transpose()?,
    })
}

/// `version`, `id` and `idempotency_key`.
pub fn deleted(row: &impl Row) -> Result<DeletedTask, sqlx::Error> {
    Ok(DeletedTask {
        version: row.at(0)?,
        id: row.at(1)?,
        idempotency_key: row.at(2)?,
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
/// itself, `forgotten`, its owner, null and `born`.
pub fn changed(row: &impl Row) -> Result<Changed, sqlx::Error> {
    match row.at(3)? {
        Some(true) => deleted(row).map(Changed::Deleted),
        Some(false) => Ok(Changed::Task(row.at(0)?, row.at(1)?)),
        None => {
            let owner: String = row.at(2)?;
            let sequence = Sequence::of(&owner, row.at(4)?, row.at(0)?, row.at(1)?);
            Ok(Changed::Sequence(sequence))
        }
    }
}
