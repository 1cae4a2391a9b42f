//! `SQLite`: a batch of writes is one transaction, which reads what it touches and
//! writes what became of it. Every array is one JSON text.
#![expect(
    clippy::disallowed_methods,
    reason = "one of the places for SQL text, and each statement names the owner"
)]

use chrono::{DateTime, SecondsFormat, Utc};
use sea_orm::{DbBackend, DbErr, Statement, Value};
use serde::Serialize;

use crate::store::{entity::task::Model, owned::Owned, requests::Create};

fn statement<T: Serialize>(
    sql: &str,
    members: impl IntoIterator<Item = T>,
) -> Result<Statement, DbErr> {
    let members: Vec<_> = members.into_iter().collect();
    let json = serde_json::to_string(&members).map_err(|error| DbErr::Custom(error.to_string()))?;
    let values = [Value::from(json)];
    Ok(Statement::from_sql_and_values(
        DbBackend::Sqlite,
        sql,
        values,
    ))
}

/// In the form that the driver reads.
fn text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, false)
}

fn control(sql: &str) -> Statement {
    Statement::from_string(DbBackend::Sqlite, sql)
}

/// Takes the write lock at the start: a lock that is taken later fails at once
/// where another process wrote in between.
pub fn begin() -> Statement {
    control("BEGIN IMMEDIATE")
}

/// Keeps everything since [`begin`].
pub fn commit() -> Statement {
    control("COMMIT")
}

/// The tasks of these ids, each where it has this owner.
pub fn find<'a>(pairs: impl IntoIterator<Item = (i64, &'a str)>) -> Result<Statement, DbErr> {
    statement(
        "SELECT t.* FROM json_each($1) AS a CROSS JOIN tasks AS t \
         ON t.id = a.value ->> 0 AND t.user_id = a.value ->> 1",
        pairs,
    )
}

pub fn list(owners: &[&str], completed: Option<bool>) -> Result<Statement, DbErr> {
    let sql = match completed {
        None => "SELECT t.* FROM json_each($1) AS a CROSS JOIN tasks AS t ON t.user_id = a.value",
        Some(true) => {
            "SELECT t.* FROM json_each($1) AS a CROSS JOIN tasks AS t \
             ON t.user_id = a.value AND t.completed"
        }
        Some(false) => {
            "SELECT t.* FROM json_each($1) AS a CROSS JOIN tasks AS t \
             ON t.user_id = a.value AND NOT t.completed"
        }
    };
    statement(sql, owners)
}

/// How many tasks each of these owners holds; nothing of one who never had any.
pub fn counts(owners: &[&str]) -> Result<Statement, DbErr> {
    statement(
        "SELECT user_id, tasks FROM task_counts \
         WHERE user_id IN (SELECT value FROM json_each($1))",
        owners,
    )
}

/// Writes how many tasks each of these owners holds.
pub fn set_counts<'a>(
    counts: impl IntoIterator<Item = (&'a str, i64)>,
) -> Result<Statement, DbErr> {
    statement(
        "INSERT INTO task_counts (user_id, tasks) \
         SELECT value ->> 0, value ->> 1 FROM json_each($1) WHERE TRUE \
         ON CONFLICT (user_id) DO UPDATE SET tasks = excluded.tasks",
        counts,
    )
}

/// Stores new tasks and returns them; their ids follow the order of the batch.
pub fn insert<'a>(
    batch: impl IntoIterator<Item = &'a Owned<Create>>,
    now: DateTime<Utc>,
) -> Result<Statement, DbErr> {
    let now = text(now);
    let rows = batch.into_iter().map(|new| {
        let Create {
            title, description, ..
        } = &new.what;
        (new.owner(), title, description, &now)
    });
    let rows: Vec<_> = rows.collect();
    statement(
        "INSERT INTO tasks (user_id, title, description, completed, created_at, updated_at) \
         SELECT value ->> 0, value ->> 1, value ->> 2, FALSE, value ->> 3, value ->> 3 \
         FROM json_each($1) ORDER BY key RETURNING *",
        rows,
    )
}

/// Writes the present state of these tasks.
pub fn update<'a>(tasks: impl IntoIterator<Item = &'a Model>) -> Result<Statement, DbErr> {
    statement(
        "UPDATE tasks SET title = a.value ->> 2, description = a.value ->> 3, \
         completed = a.value ->> 4, updated_at = a.value ->> 5 FROM json_each($1) AS a \
         WHERE tasks.id = a.value ->> 0 AND tasks.user_id = a.value ->> 1",
        tasks.into_iter().map(|task| {
            let Model {
                id,
                user_id,
                title,
                description,
                completed,
                updated_at,
                ..
            } = task;
            (
                id,
                user_id,
                title,
                description,
                completed,
                text(*updated_at),
            )
        }),
    )
}

/// Removes these tasks.
pub fn delete<'a>(tasks: impl IntoIterator<Item = &'a Model>) -> Result<Statement, DbErr> {
    statement(
        "DELETE FROM tasks WHERE (id, user_id) IN \
         (SELECT value ->> 0, value ->> 1 FROM json_each($1))",
        tasks.into_iter().map(|task| (task.id, &task.user_id)),
    )
}
