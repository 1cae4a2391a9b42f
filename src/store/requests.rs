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

/// The members of a statement that reads: whose tasks it concerns, and which.
pub type ById<'a> = (i64, Owner<'a>);
/// Of a list: the tasks that are completed or not, or all of them.
pub type List<'a> = (Owner<'a>, Option<bool>);
/// Of a page: of this list, the tasks whose id is below this one.
pub type ListPart<'a> = (List<'a>, i64);

/// A member of a statement that writes.
#[derive(Debug, Clone, Copy)]
pub struct Numbered<'a, T> {
    pub owner: Owner<'a>,
    /// Which number of its owner's sequence it takes: [`Unit`] says from where it counts.
    pub number: i64,
    pub write: T,
}

/// The id of the new task is its number.
pub type Create<'a> = Numbered<'a, &'a CreateTask>;
/// Ids come first, then the contract's request.
pub type Complete<'a> = Numbered<'a, (i64, bool)>;
pub type Update<'a> = Numbered<'a, (i64, &'a UpdateTask)>;
pub type Delete<'a> = Numbered<'a, i64>;

/// In which unit a statement that writes also takes the numbers and counts the tasks of its
/// owners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// By itself. Its members count their numbers from what the sequence is before it (1
    /// is the next one), creations from what it is after it (0 is the last one).
    /// Creations of an owner who would hold more than `quota` tasks are left out.
    Statement { quota: u32 },
    /// In a transaction that has claimed the numbers, and which counts the tasks. The
    /// numbers are those to take.
    Transaction,
}

/// The numbers that a transaction claims for one owner.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    pub owner: Owner<'a>,
    /// How many writes there are.
    pub numbers: i64,
    /// Whether some of them are creations, which make the sequence if it is not there.
    pub creates: bool,
}

/// By how much a transaction changes an owner's row in the end.
#[derive(Debug, Clone, Copy)]
pub struct Settlement<'a> {
    pub owner: Owner<'a>,
    pub tasks: i64,
    /// Not zero where nothing was written: the numbers are given back.
    pub sequence: i64,
}

/// The value of `completed` that a status selects.
pub fn completed(status: StatusFilter) -> Option<bool> {
    match status {
        StatusFilter::All => None,
        StatusFilter::Pending => Some(false),
        StatusFilter::Completed => Some(true),
    }
}
