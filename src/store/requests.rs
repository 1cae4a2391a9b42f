//! The requests that share statements, in the types of the contract, and what a
//! batch tells each of them.

use tokio::sync::OwnedSemaphorePermit;

use super::owned::Owner;
use crate::api::tasks::{CreateTask, StatusFilter, TaskError, UpdateTask};

/// A read of the task of this id.
#[derive(Debug, Clone, Copy)]
pub struct Get(pub i64);

/// A read of the tasks of this status, if they are few.
#[derive(Debug, Clone, Copy)]
pub struct ShortList(pub StatusFilter);

/// A read of a part of a long list.
#[derive(Debug)]
pub struct Page {
    pub status: StatusFilter,
    pub from: PageStart,
    /// The most rows to read.
    pub rows: u32,
    /// The user's turn, until the page is read, whether or not the client waits for it.
    #[expect(dead_code, reason = "held, not read")]
    pub turn: Option<OwnedSemaphorePermit>,
}

/// Where a page begins: a list has the highest id first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageStart {
    /// At the newest task.
    Newest,
    /// After the task of this id.
    After(i64),
}

/// A write. Ids come first, then the contract's request.
#[derive(Debug, Clone)]
pub enum Write {
    Create(CreateTask),
    Complete(i64, bool),
    Update(i64, UpdateTask),
    Delete(i64),
}

/// The outcome of a batch for one of its members.
#[derive(Debug)]
pub enum Outcome<T> {
    /// It is done.
    Done(T),
    /// It was refused, and nothing was written for it.
    Refused(TaskError),
    /// Nothing was written for it; run as a batch of its own it may succeed.
    RetryAlone,
}

/// The members of one statement: whose tasks it concerns, and what it does with them.
pub type ById<'a> = (i64, Owner<'a>);
/// Of a list: the tasks that are completed or not, or all of them.
pub type List<'a> = (Owner<'a>, Option<bool>);
/// Of a page: of this list, the tasks whose id is below this one.
pub type ListPart<'a> = (List<'a>, i64);
pub type Create<'a> = (Owner<'a>, &'a CreateTask);
pub type Complete<'a> = (i64, Owner<'a>, bool);
pub type Update<'a> = (i64, Owner<'a>, &'a UpdateTask);

/// The value of `completed` that a status selects.
pub fn completed(status: StatusFilter) -> Option<bool> {
    match status {
        StatusFilter::All => None,
        StatusFilter::Pending => Some(false),
        StatusFilter::Completed => Some(true),
    }
}
