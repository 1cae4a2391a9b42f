//! The requests that share statements, in the types of the contract, and what a
//! batch tells each of them.

use super::owned::Owner;
use crate::api::tasks::{CreateTask, StatusFilter, TaskError, UpdateTask};

/// A read.
#[derive(Debug, Clone, Copy)]
pub enum Read {
    /// The task of this id.
    Get(i64),
    /// The tasks of this status.
    List(StatusFilter),
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
pub type Create<'a> = (Owner<'a>, &'a CreateTask);
pub type Complete<'a> = (i64, Owner<'a>, bool);
pub type Update<'a> = (i64, Owner<'a>, &'a UpdateTask);
