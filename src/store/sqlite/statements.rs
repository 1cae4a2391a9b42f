//! The statements of `SQLite`; `Driver` says what each does. Each takes a whole batch as
//! one JSON array, and matches owner **and** id row by row.
#![expect(
    clippy::disallowed_methods,
    reason = "one of the places for SQL text; each statement names its owners"
)]

mod arguments;
mod change;
mod read;
mod write;

#[cfg(test)]
pub use self::arguments::Statement;
pub use self::{
    arguments::text,
    change::{LATER, bury, complete, delete, delete_trashed, patch},
    read::{changes, deleted, get, list, page, select, sequences, trash, trashed},
    write::{by_key, claim, create, settle},
};
