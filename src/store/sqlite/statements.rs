//! The statements of `SQLite`. A batch of writes is one transaction, which reads what
//! it touches and writes the result. Every array is one JSON text.
#![expect(
    clippy::disallowed_methods,
    reason = "one of the places for SQL text; each statement names its owners"
)]

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use sqlx::{Sqlite, SqliteConnection, query::Query, sqlite::SqliteArguments};

use crate::{
    api::{
        rest::fields::Text,
        tasks::{CreateTask, Task},
    },
    store::{
        entity::{self, columns},
        owned::Owner,
    },
};

/// A statement with its arguments.
pub type Statement = Query<'static, Sqlite, SqliteArguments>;

/// Runs a statement and reads all its tasks.
pub async fn fetch(
    statement: Statement,
    connection: &mut SqliteConnection,
) -> Result<Vec<Task>, sqlx::Error> {
    entity::tasks(statement.fetch_all(connection).await?)
}

fn statement<T: Serialize>(
    sql: &'static str,
    members: impl IntoIterator<Item = T>,
) -> Result<Statement, sqlx::Error> {
    let members: Vec<_> = members.into_iter().collect();
    let json = serde_json::to_string(&members);
    let json = json.map_err(|error| sqlx::Error::Encode(error.into()))?;
    Ok(sqlx::query(sql).bind(json))
}

/// In the form that the driver reads.
fn text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, false)
}

/// Takes the write lock at the start: a lock that is taken later fails at once where
/// another process wrote in between.
pub fn begin() -> Statement {
    sqlx::query("BEGIN IMMEDIATE")
}

/// Commits everything since [`begin`].
pub fn commit() -> Statement {
    sqlx::query("COMMIT")
}

/// The tasks of these ids, each where it is its owner's.
pub fn get(gets: &[(i64, Owner<'_>)]) -> Result<Statement, sqlx::Error> {
    statement(
        concat!(
            "SELECT ",
            columns!("t."),
            " FROM json_each($1) AS a CROSS JOIN tasks AS t \
             ON t.id = a.value ->> 0 AND t.user_id = a.value ->> 1"
        ),
        gets.iter().map(|(id, owner)| (id, owner.as_str())),
    )
}

/// The whole lists of these owners, or their tasks that are completed or not.
pub fn list(lists: &[(Owner<'_>, Option<bool>)]) -> Result<Statement, sqlx::Error> {
    statement(
        concat!(
            "SELECT ",
            columns!("t."),
            " FROM json_each($1) AS a CROSS JOIN tasks AS t ON t.user_id = a.value ->> 0 \
             AND (a.value ->> 1 IS NULL OR t.completed = a.value ->> 1)"
        ),
        lists.iter().map(|(owner, only)| (owner.as_str(), only)),
    )
}

/// How many tasks each of these owners holds; no row for one who never had any.
pub fn counts(owners: &[Owner<'_>]) -> Result<Statement, sqlx::Error> {
    statement(
        "SELECT user_id, tasks FROM task_counts \
         WHERE user_id IN (SELECT value FROM json_each($1))",
        owners.iter().map(|owner| owner.as_str()),
    )
}

/// Writes how many tasks each of these owners holds.
pub fn set_counts(counts: &[(Owner<'_>, i64)]) -> Result<Statement, sqlx::Error> {
    statement(
        "INSERT INTO task_counts (user_id, tasks) \
         SELECT value ->> 0, value ->> 1 FROM json_each($1) WHERE TRUE \
         ON CONFLICT (user_id) DO UPDATE SET tasks = excluded.tasks",
        counts.iter().map(|(owner, tasks)| (owner.as_str(), tasks)),
    )
}

/// Stores new tasks and returns them; their ids follow the order of the batch.
pub fn create(
    creates: &[(Owner<'_>, &CreateTask)],
    now: DateTime<Utc>,
) -> Result<Statement, sqlx::Error> {
    let now = text(now);
    statement(
        concat!(
            "INSERT INTO tasks (user_id, title, description, completed, created_at, updated_at) \
             SELECT value ->> 0, value ->> 1, value ->> 2, FALSE, value ->> 3, value ->> 3 \
             FROM json_each($1) ORDER BY key RETURNING ",
            columns!("")
        ),
        creates.iter().map(|(owner, new)| {
            let description = new.description.as_ref().map(Text::as_str);
            (owner.as_str(), new.title.as_str(), description, &now)
        }),
    )
}

/// Writes the present state of these tasks.
pub fn update(tasks: &[(Owner<'_>, &Task)]) -> Result<Statement, sqlx::Error> {
    statement(
        "UPDATE tasks SET title = a.value ->> 2, description = a.value ->> 3, \
         completed = a.value ->> 4, updated_at = a.value ->> 5 FROM json_each($1) AS a \
         WHERE tasks.id = a.value ->> 0 AND tasks.user_id = a.value ->> 1",
        tasks.iter().map(|(owner, task)| {
            let Task {
                id,
                title,
                description,
                completed,
                updated_at,
                ..
            } = task;
            let updated_at = text(updated_at.0);
            (
                id,
                owner.as_str(),
                title,
                description,
                completed,
                updated_at,
            )
        }),
    )
}

/// Removes these tasks.
pub fn delete(tasks: &[(i64, Owner<'_>)]) -> Result<Statement, sqlx::Error> {
    statement(
        "DELETE FROM tasks WHERE (id, user_id) IN \
         (SELECT value ->> 0, value ->> 1 FROM json_each($1))",
        tasks.iter().map(|(id, owner)| (id, owner.as_str())),
    )
}
