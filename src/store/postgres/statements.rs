//! `PostgreSQL`: each kind of write is one statement, which commits by itself. In
//! one batch no two members may name the same id.
//!
//! `(t.user_id = a.owner) IS TRUE` says what it says without `IS TRUE`, and keeps
//! the planner from finding a task by its owner and id in `tasks_by_user`, which it
//! does on large tables: the primary key is a third as large and compares numbers.
#![expect(
    clippy::disallowed_methods,
    reason = "one of the places for SQL text, and each statement names the owner"
)]

use chrono::{DateTime, Utc};
use sea_orm::{DbBackend, Statement, Value};

use crate::store::{
    owned::Owned,
    requests::{Complete, Create, Delete, Update},
};

fn statement<const N: usize>(sql: &str, values: [Value; N]) -> Statement {
    Statement::from_sql_and_values(DbBackend::Postgres, sql, values)
}

/// One array: an element for each member.
fn array<T, V>(batch: &[T], element: impl Fn(&T) -> V) -> Value
where
    Vec<V>: Into<Value>,
{
    batch.iter().map(element).collect::<Vec<_>>().into()
}

fn owners<T>(batch: &[Owned<T>]) -> Value {
    array(batch, |member| member.owner().to_owned())
}

pub fn get(batch: &[Owned<i64>]) -> Statement {
    statement(
        "SELECT t.* FROM unnest($1::bigint[], $2::text[]) AS a(id, owner) \
         JOIN tasks AS t ON t.id = a.id AND (t.user_id = a.owner) IS TRUE",
        [array(batch, |get| get.what), owners(batch)],
    )
}

/// Each list is read from an index, whatever the planner believes of the
/// number of owners: hence the order inside.
pub fn list(owners: &[&str], completed: Option<bool>) -> Statement {
    let owners = array(owners, |owner| (*owner).to_owned());
    match completed {
        None => statement(
            "SELECT t.* FROM unnest($1::text[]) AS a(owner) CROSS JOIN LATERAL \
             (SELECT * FROM tasks WHERE user_id = a.owner ORDER BY id DESC) AS t",
            [owners],
        ),
        Some(completed) => statement(
            "SELECT t.* FROM unnest($1::text[]) AS a(owner) CROSS JOIN LATERAL \
             (SELECT * FROM tasks WHERE user_id = a.owner AND completed = $2 \
             ORDER BY id DESC) AS t",
            [owners, completed.into()],
        ),
    }
}

/// Stores the tasks of every owner who may hold all of theirs, counted
/// together, and none of another's, and returns them; their ids follow the
/// order of the batch. The owner's row in `task_counts` is what creations
/// queue at, on any number of instances, so that the quota is exact; batches
/// lock these rows in one order, so that they do not wait in a ring.
pub fn create(batch: &[Owned<Create>], limit: u32, now: DateTime<Utc>) -> Statement {
    statement(
        "WITH asked AS (SELECT * FROM \
         unnest($1::text[], $2::text[], $3::boolean[], $4::text[]) \
         WITH ORDINALITY AS a(owner, title, described, description, place)), \
         granted AS (INSERT INTO task_counts AS held (user_id, tasks) \
         SELECT owner, count(*) FROM asked GROUP BY owner HAVING count(*) <= $5 \
         ORDER BY owner ON CONFLICT (user_id) DO UPDATE \
         SET tasks = held.tasks + excluded.tasks \
         WHERE held.tasks + excluded.tasks <= $5 RETURNING user_id) \
         INSERT INTO tasks (user_id, title, description, completed, created_at, updated_at) \
         SELECT owner, title, CASE WHEN described THEN description END, FALSE, $6, $6 \
         FROM asked JOIN granted ON user_id = owner ORDER BY place RETURNING *",
        [
            owners(batch),
            array(batch, |new| new.what.title.clone()),
            array(batch, |new| new.what.description.is_some()),
            array(batch, |new| {
                new.what.description.clone().unwrap_or_default()
            }),
            i64::from(limit).into(),
            now.into(),
        ],
    )
}

/// Sets `completed` and returns the tasks. `updated_at` moves in any case:
/// instances have clocks of their own, and a clock may be set back.
pub fn complete(batch: &[Owned<Complete>], now: DateTime<Utc>) -> Statement {
    statement(
        "UPDATE tasks AS t SET completed = a.completed, \
         updated_at = GREATEST($4, t.updated_at + interval '1 microsecond') \
         FROM unnest($1::bigint[], $2::text[], $3::boolean[]) AS a(id, owner, completed) \
         WHERE t.id = a.id AND (t.user_id = a.owner) IS TRUE RETURNING t.*",
        [
            array(batch, |complete| complete.what.id),
            owners(batch),
            array(batch, |complete| complete.what.completed),
            now.into(),
        ],
    )
}

/// Writes what each names, keeps the rest, and returns the tasks.
pub fn update(batch: &[Owned<Update>], now: DateTime<Utc>) -> Statement {
    statement(
        "UPDATE tasks AS t SET title = a.title, description = CASE \
         WHEN a.described THEN a.description WHEN a.cleared THEN NULL ELSE t.description END, \
         completed = CASE WHEN a.judged THEN a.completed ELSE t.completed END, \
         updated_at = GREATEST($9, t.updated_at + interval '1 microsecond') \
         FROM unnest($1::bigint[], $2::text[], $3::text[], $4::boolean[], $5::text[], \
         $6::boolean[], $7::boolean[], $8::boolean[]) \
         AS a(id, owner, title, described, description, cleared, judged, completed) \
         WHERE t.id = a.id AND (t.user_id = a.owner) IS TRUE RETURNING t.*",
        [
            array(batch, |update| update.what.id),
            owners(batch),
            array(batch, |update| update.what.title.clone()),
            array(batch, |update| update.what.description.value().is_some()),
            array(batch, |update| {
                let text = update.what.description.value();
                text.cloned().unwrap_or_default()
            }),
            array(batch, |update| update.what.description.is_null()),
            array(batch, |update| update.what.completed.is_some()),
            array(batch, |update| update.what.completed.unwrap_or_default()),
            now.into(),
        ],
    )
}

/// Removes the tasks and returns them. The counts follow what was removed,
/// whether or not the count is there; they are locked before anything else is, in
/// the order of [`create`].
pub fn delete(batch: &[Owned<Delete>]) -> Statement {
    statement(
        "WITH locked AS (SELECT user_id FROM task_counts \
         WHERE user_id = ANY($2::text[]) ORDER BY user_id FOR UPDATE), \
         gone AS (DELETE FROM tasks AS t \
         USING unnest($1::bigint[], $2::text[]) AS a(id, owner) \
         WHERE t.id = a.id AND (t.user_id = a.owner) IS TRUE \
         AND (SELECT count(*) FROM locked) >= 0 RETURNING t.*), \
         freed AS (SELECT user_id, count(*) AS tasks FROM gone GROUP BY user_id), \
         counted AS (UPDATE task_counts AS held SET tasks = held.tasks - freed.tasks \
         FROM freed WHERE held.user_id = freed.user_id) SELECT * FROM gone",
        [array(batch, |delete| delete.what.id), owners(batch)],
    )
}

/// Locks the counts of all who create or delete in a transaction, in the order of
/// [`create`], until it ends. One that came to its counts twice, or to its tasks first,
/// would wait for another in a ring, and both until the time limit of a lock.
pub fn lock_counts(creates: &[Owned<Create>], deletes: &[Owned<Delete>]) -> Statement {
    let creators = creates.iter().map(Owned::owner);
    let owners = creators.chain(deletes.iter().map(Owned::owner));
    let owners: Vec<_> = owners.map(str::to_owned).collect();
    statement(
        "SELECT user_id FROM task_counts WHERE user_id = ANY($1::text[]) \
         ORDER BY user_id FOR UPDATE",
        [owners.into()],
    )
}

fn control(sql: &str) -> Statement {
    Statement::from_string(DbBackend::Postgres, sql)
}

/// Opens the transaction of a batch with more than one kind of write.
pub fn begin() -> Statement {
    control("BEGIN")
}

/// Keeps everything since [`begin`].
pub fn commit() -> Statement {
    control("COMMIT")
}

/// Takes everything since [`begin`] back.
pub fn rollback() -> Statement {
    control("ROLLBACK")
}
