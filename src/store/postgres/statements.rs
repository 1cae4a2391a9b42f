//! The statements of `PostgreSQL`; `Driver` says what each does. Each takes a whole batch,
//! one array element for each member, and matches owner **and** id row by row.
//!
//! `(t.user_id = a.owner) IS TRUE` means the same without `IS TRUE`, and keeps the
//! planner from finding a task by its owner and id in `tasks_by_user`, which it does
//! on large tables: the primary key is a third as large and compares numbers.
#![expect(
    clippy::disallowed_methods,
    reason = "one of the places for SQL text; each statement names its owners"
)]

use chrono::{DateTime, Utc};
use sqlx::{Postgres, postgres::PgArguments, query::Query};

use crate::{
    api::rest::fields::Text,
    store::{
        entity::columns,
        owned::Owner,
        requests::{ById, Complete, Create, List, ListPart, Update},
    },
};

/// A statement with its arguments.
pub type Statement = Query<'static, Postgres, PgArguments>;

/// One array: an element for each member.
fn array<T, V>(members: &[T], element: impl Fn(&T) -> V) -> Vec<V> {
    members.iter().map(element).collect()
}

pub fn get(gets: &[ById<'_>]) -> Statement {
    sqlx::query(concat!(
        "SELECT ",
        columns!("t."),
        " FROM unnest($1::bigint[], $2::text[]) AS a(id, owner) \
         JOIN tasks AS t ON t.id = a.id AND (t.user_id = a.owner) IS TRUE"
    ))
    .bind(array(gets, |(id, _)| *id))
    .bind(array(gets, |(_, owner)| owner.as_str()))
}

/// Each list is read from an index, whatever the planner believes of the number of
/// owners: hence the order inside.
pub fn list(lists: &[List<'_>], rows: u32) -> Statement {
    sqlx::query(concat!(
        "SELECT ",
        columns!("t."),
        " FROM unnest($1::text[], $2::boolean[]) AS a(owner, completed) CROSS JOIN LATERAL \
         (SELECT * FROM tasks WHERE user_id = a.owner \
         AND (a.completed IS NULL OR completed = a.completed) ORDER BY id DESC LIMIT $3) AS t"
    ))
    .bind(array(lists, |(owner, _)| owner.as_str()))
    .bind(array(lists, |(_, completed)| *completed))
    .bind(i64::from(rows))
}

pub fn page(((owner, completed), below): ListPart<'_>, rows: u32) -> Statement {
    sqlx::query(concat!(
        "SELECT ",
        columns!(""),
        " FROM tasks WHERE user_id = $1 AND id < $2 \
         AND ($3::boolean IS NULL OR completed = $3) ORDER BY id DESC LIMIT $4"
    ))
    .bind(owner.as_str().to_owned())
    .bind(below)
    .bind(completed)
    .bind(i64::from(rows))
}

/// Creations queue at the owner's row in `task_counts`, on any number of instances, so that the
/// quota is exact. Batches lock these rows in one order to avoid deadlocks.
pub fn create(creates: &[Create<'_>], quota: u32, now: DateTime<Utc>) -> Statement {
    sqlx::query(concat!(
        "WITH asked AS (SELECT * FROM unnest($1::text[], $2::text[], $3::text[]) \
         WITH ORDINALITY AS a(owner, title, description, place)), \
         granted AS (INSERT INTO task_counts AS held (user_id, tasks) \
         SELECT owner, count(*) FROM asked GROUP BY owner HAVING count(*) <= $4 \
         ORDER BY owner ON CONFLICT (user_id) DO UPDATE \
         SET tasks = held.tasks + excluded.tasks \
         WHERE held.tasks + excluded.tasks <= $4 RETURNING user_id) \
         INSERT INTO tasks (user_id, title, description, completed, created_at, updated_at) \
         SELECT owner, title, description, FALSE, $5, $5 \
         FROM asked JOIN granted ON user_id = owner ORDER BY place RETURNING ",
        columns!("")
    ))
    .bind(array(creates, |(owner, _)| owner.as_str()))
    .bind(array(creates, |(_, new)| new.title.as_str()))
    .bind(array(creates, |(_, new)| {
        new.description.as_ref().map(Text::as_str)
    }))
    .bind(i64::from(quota))
    .bind(now)
}

pub fn complete(completes: &[Complete<'_>], now: DateTime<Utc>) -> Statement {
    sqlx::query(concat!(
        "UPDATE tasks AS t SET completed = a.completed, \
         updated_at = GREATEST($4, t.updated_at + interval '1 microsecond') \
         FROM unnest($1::bigint[], $2::text[], $3::boolean[]) AS a(id, owner, completed) \
         WHERE t.id = a.id AND (t.user_id = a.owner) IS TRUE RETURNING ",
        columns!("t.")
    ))
    .bind(array(completes, |(id, ..)| *id))
    .bind(array(completes, |(_, owner, _)| owner.as_str()))
    .bind(array(completes, |(_, _, completed)| *completed))
    .bind(now)
}

/// A null description alone would not tell "keep" from "clear".
pub fn update(updates: &[Update<'_>], now: DateTime<Utc>) -> Statement {
    sqlx::query(concat!(
        "UPDATE tasks AS t SET title = a.title, \
         description = CASE WHEN a.describes THEN a.description ELSE t.description END, \
         completed = COALESCE(a.completed, t.completed), \
         updated_at = GREATEST($7, t.updated_at + interval '1 microsecond') \
         FROM unnest($1::bigint[], $2::text[], $3::text[], $4::boolean[], $5::text[], \
         $6::boolean[]) AS a(id, owner, title, describes, description, completed) \
         WHERE t.id = a.id AND (t.user_id = a.owner) IS TRUE RETURNING ",
        columns!("t.")
    ))
    .bind(array(updates, |(id, ..)| *id))
    .bind(array(updates, |(_, owner, _)| owner.as_str()))
    .bind(array(updates, |(.., change)| change.title.as_str()))
    .bind(array(updates, |(.., change)| {
        !change.description.is_undefined()
    }))
    .bind(array(updates, |(.., change)| {
        change.description.value().map(Text::as_str)
    }))
    .bind(array(updates, |(.., change)| change.completed))
    .bind(now)
}

/// The counts follow what was removed, whether or not the count is there; they are locked before anything else, in the order of
/// [`create`].
pub fn delete(deletes: &[ById<'_>]) -> Statement {
    sqlx::query(concat!(
        "WITH locked AS (SELECT user_id FROM task_counts \
         WHERE user_id = ANY($2::text[]) ORDER BY user_id FOR UPDATE), \
         gone AS (DELETE FROM tasks AS t \
         USING unnest($1::bigint[], $2::text[]) AS a(id, owner) \
         WHERE t.id = a.id AND (t.user_id = a.owner) IS TRUE \
         AND (SELECT count(*) FROM locked) >= 0 RETURNING ",
        columns!("t."),
        "), \
         freed AS (SELECT user_id, count(*) AS tasks FROM gone GROUP BY user_id), \
         counted AS (UPDATE task_counts AS held SET tasks = held.tasks - freed.tasks \
         FROM freed WHERE held.user_id = freed.user_id) SELECT ",
        columns!(""),
        " FROM gone"
    ))
    .bind(array(deletes, |(id, _)| *id))
    .bind(array(deletes, |(_, owner)| owner.as_str()))
}

/// Locks the counts of all who create or delete in a transaction, in the order of
/// [`create`], until it ends. A transaction that locked counts twice, or tasks first,
/// could deadlock with another one.
pub fn lock_counts(owners: &[Owner<'_>]) -> Statement {
    sqlx::query(
        "SELECT user_id FROM task_counts WHERE user_id = ANY($1::text[]) \
         ORDER BY user_id FOR UPDATE",
    )
    .bind(array(owners, |owner| owner.as_str()))
}
