//! The statements of `PostgreSQL`; `Driver` says what each does. Each takes a whole batch,
//! one array element for each member, and matches owner **and** id row by row.
//!
//! Distributed tables (Citus) refuse some of what `PostgreSQL` takes: there is no star,
//! nothing that is only stable, such as a time with a time zone plus an interval, and
//! each condition on `user_id` is a plain equality, so that partitions can be pruned.
#![expect(
    clippy::disallowed_methods,
    reason = "one of the places for SQL text; each statement names its owners"
)]

mod arguments;
mod change;
mod delete;
mod parts;
mod read;
mod write;

pub(super) use self::parts::{columns, made_columns};
pub use self::{
    arguments::Statement,
    change::{complete, patch},
    delete::{delete, delete_trashed},
    parts::LATER,
    read::{LIST, changes, deleted, get, list, page, select, sequences, trash, trashed},
    write::{by_key, claim, create, settle},
};
