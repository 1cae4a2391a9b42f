//! The statements that read what may be long, on a connection of either engine.

use futures_util::TryStreamExt;

use super::Driver;
use crate::{
    api::tasks::{DeletedTask, Task, TrashedTask},
    store::{
        cursor::Sequence,
        entity::rows::{self, Candidate, Changed, Listed},
        owned::Owner,
        postgres,
        requests::{ById, List, ListPart, Select},
        sqlite,
    },
};

/// The statements, each by its name in the engines' `statements`, and how their rows are
/// read. They may be too many to be kept: each is given to `take` as it arrives.
macro_rules! reads {
    ($(
        $(#[$doc:meta])*
        $name:ident: $statement:ident($($argument:ident: $type:ty),*) -> $read:ident: $row:ty;
    )*) => {$(
        $(#[$doc])*
        pub async fn $name(
            &mut self,
            $($argument: $type,)*
            mut take: impl FnMut($row) + Send,
        ) -> Result<(), sqlx::Error> {
            match self {
                Self::Postgres(connection) => {
                    let statement = postgres::statements::$statement($($argument),*);
                    let mut rows = statement.fetch(&mut **connection);
                    while let Some(row) = rows.try_next().await? {
                        take(rows::$read(&row)?);
                    }
                }
                Self::Citus(connection) => {
                    let statement = postgres::statements::$statement($($argument),*);
                    let statement = postgres::citus::pruned(statement)?;
                    let mut rows = statement.fetch(&mut **connection);
                    while let Some(row) = rows.try_next().await? {
                        take(rows::$read(&row)?);
                    }
                }
                Self::Sqlite(connection) => {
                    let statement = sqlite::statements::$statement($($argument),*);
                    let mut rows = statement.fetch(&mut **connection);
                    while let Some(row) = rows.try_next().await? {
                        take(rows::$read(&row)?);
                    }
                }
            }
            Ok(())
        }
    )*};
}

/// Rows are in no particular order, unless it says so.
impl Driver {
    reads! {
        /// The tasks of these ids, each where it is its owner's.
        tasks: get(gets: &[ById<'_>]) -> task: Task;
        /// The newest tasks of these lists, at most so many of each, and the sequences of
        /// their owners. A task of another status than its list's means that there may be
        /// more.
        list: list(lists: &[List<'_>], rows: u32) -> listed: Listed;
        /// The newest tasks of a part of a list, at most so many, newest first.
        page: page(part: ListPart<'_>, rows: u32) -> task: Task;
        /// What tells which tasks of a part of the owner's a list has, and in which order.
        select: select(owner: Owner<'_>, select: &Select) -> candidate: Candidate;
        /// The owner's tasks in the trash that were deleted before this version, at most so
        /// many, the last deleted one first.
        trash: trash(owner: Owner<'_>, below: i64, rows: u32) -> trashed: TrashedTask;
        /// Those of these ids that were deleted.
        deleted: deleted(gets: &[ById<'_>]) -> deleted: DeletedTask;
        /// What the owner wrote after this version: of tasks and of deletions at most so many
        /// each, the first ones, and the owner's sequence in the same snapshot.
        changes: changes(owner: Owner<'_>, after: i64, rows: u32) -> changed: Changed;
        /// The sequences of these owners, where they have one.
        sequences: sequences(owners: &[Owner<'_>]) -> sequence: (String, Sequence);
    }
}
