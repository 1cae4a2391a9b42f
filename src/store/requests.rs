//! The requests that share statements, in the types of the contract, and what a
//! batch tells each of them.

use std::sync::Arc;

use chrono::NaiveDate;
use tokio::sync::OwnedSemaphorePermit;

use super::{
    cursor::Sequence,
    owned::{Owned, Owner},
    search::Words,
};
use crate::api::{
    rest::header::IdempotencyKey,
    tasks::{CreateTask, Expected, PatchTask, Removal, Sort, StatusFilter, Task, TaskError},
};

/// A read that is quick whatever the user has.
#[derive(Debug, Clone, Copy)]
pub enum Get {
    /// The task of this id.
    Task(i64),
    /// The user's sequence.
    Sequence,
}

/// What a [`Get`] found.
#[derive(Debug, Default)]
pub struct Got {
    pub task: Option<Task>,
    pub sequence: Option<Sequence>,
}

/// A read of the tasks of this status, if they are few.
#[derive(Debug, Clone, Copy)]
pub struct ShortList(pub StatusFilter);

/// A read of a part of what may be long.
#[derive(Debug)]
pub struct Part {
    pub what: PartOf,
    /// The user's turn, until the part is read, whether or not the client waits for it.
    #[expect(dead_code, reason = "held, not read")]
    pub turn: Option<OwnedSemaphorePermit>,
}

/// A read on the connections beside those of batches.
#[derive(Debug)]
pub enum Aside {
    /// Of a part.
    Part(Owned<Part>),
    /// Of the sequences of these users.
    Sequences(Vec<Owned<()>>),
}

/// What a part is of.
#[derive(Debug)]
pub enum PartOf {
    /// Of an array that is sent.
    Page(Page),
    /// Of a selection: the ranks of those tasks that it looks at and that have these words.
    Selection(Select, Sort, Words),
    /// Of the changes after a version: at most so many tasks, and so many deletions.
    Changes { after: i64, rows: u32 },
}

/// A part of an array that is sent.
#[derive(Debug)]
pub struct Page {
    pub from: PageStart,
    /// The most rows to read.
    pub rows: u32,
    /// How many elements are on the pages before; nothing on the first page.
    pub before: Option<usize>,
}

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PageStart {
    /// In a list of this status with the highest id first: below this id.
    Newest(StatusFilter, i64),
    /// In a list of the tasks of these ids: at this place.
    Ids(Arc<[i64]>, usize),
    /// In the trash, with the last deletion first: below this version.
    Trash(i64),
}

/// A write.
#[derive(Debug, Clone)]
pub enum Write {
    Create(CreateTask, Option<Retry>),
    Complete(Change<bool>),
    Patch(Change<PatchTask>),
    Delete(Change<Removal>),
}

/// A change of one task, if it is in the expected state.
#[derive(Debug, Clone)]
pub struct Change<T> {
    pub id: i64,
    pub expected: Expected,
    pub to: T,
}

/// What makes a creation safe to repeat.
#[derive(Debug, Clone)]
pub struct Retry {
    pub key: IdempotencyKey,
    /// A hash of the request's body.
    pub fingerprint: i64,
}

/// What a write changes. Writes of one user to the same keep their order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Place {
    Task(i64),
    Key(IdempotencyKey),
}

/// What a write has done.
#[derive(Debug)]
pub enum Done {
    /// The task was written, and is like this; a deleted one was.
    Written(Task),
    /// An earlier request with the same key created the task, which is like this now.
    Replayed(Task),
    /// The task was removed out of the trash.
    Removed,
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

/// Which tasks a selection looks at, and which of them match.
#[derive(Debug, Clone)]
pub struct Select {
    pub range: IdRange,
    /// The most tasks to look at, whether or not they match.
    pub rows: u32,
    pub completed: Option<bool>,
    /// Due on this day or before.
    pub due_by: Option<NaiveDate>,
    /// They have all of these tags, a JSON array.
    pub tags: Option<String>,
    /// Their title or description has this text, when its ASCII letters are lower case.
    pub text: Option<String>,
    /// Whether their title and description are returned.
    pub with_text: bool,
}

/// In which order a selection looks at tasks, and from where on.
#[derive(Debug, Clone, Copy)]
pub enum IdRange {
    /// The lowest ids above this one.
    Above(i64),
    /// The highest ids below this one.
    Below(i64),
}

/// A member of a statement that writes.
#[derive(Debug, Clone, Copy)]
pub struct Numbered<'a, T> {
    pub owner: Owner<'a>,
    /// Which number of its owner's sequence it takes: [`Unit`] says from where it counts.
    pub number: i64,
    pub write: T,
}

/// The id of the new task is its number.
pub type Create<'a> = Numbered<'a, (&'a CreateTask, Option<&'a Retry>)>;
pub type Complete<'a> = Numbered<'a, &'a Change<bool>>;
pub type Patch<'a> = Numbered<'a, &'a Change<PatchTask>>;
pub type Delete<'a> = Numbered<'a, &'a Change<Removal>>;

/// The creations that an owner's key may have made.
pub type ByKey<'a> = (Owner<'a>, &'a Retry);

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
