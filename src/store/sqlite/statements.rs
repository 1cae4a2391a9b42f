//! The statements of `SQLite`; `Driver` says what each does. Each takes a whole batch as
//! one JSON array, and matches owner **and** id row by row. What they change of the owners'
//! counts is written by [`recount`].
#![expect(
    clippy::disallowed_methods,
    reason = "one of the places for SQL text; each statement names its owners"
)]

use std::collections::HashMap;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use sqlx::{Sqlite, query::Query, sqlite::SqliteArguments, types::Json};

use crate::{
    api::rest::fields::Text,
    store::{
        entity::columns,
        owned::Owner,
        requests::{ById, Complete, Create, List, ListPart, Update},
    },
};

/// A statement with its arguments.
pub type Statement = Query<'static, Sqlite, SqliteArguments>;

/// The later of `$2` and a microsecond after `updated_at`, in the form of [`text`].
macro_rules! later {
    () => {
        "(SELECT MAX($2, strftime('%Y-%m-%dT%H:%M:%S', us / 1000000, 'unixepoch') \
         || printf('.%06d+00:00', us % 1000000)) FROM (SELECT \
         strftime('%s', t.updated_at) * 1000000 + substr(t.updated_at, 21, 6) + 1 AS us))"
    };
}

fn statement<T: Serialize>(sql: &'static str, members: impl IntoIterator<Item = T>) -> Statement {
    sqlx::query(sql).bind(Json(members.into_iter().collect::<Vec<_>>()))
}

/// In the form that the driver reads.
fn text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, false)
}

pub fn get(gets: &[ById<'_>]) -> Statement {
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

/// Of a list with a status it looks at four times as many rows as it may return: a row
/// lies behind its description, which takes 16 µs to skip if it is long. Where there are
/// more rows, it adds one of the other status.
pub fn list(lists: &[List<'_>], rows: u32) -> Statement {
    statement(
        concat!(
            "SELECT ",
            columns!("t."),
            " FROM json_each($1) AS a CROSS JOIN tasks AS t ON t.id IN (SELECT id FROM \
             (SELECT id, completed FROM tasks WHERE user_id = a.value ->> 0 \
             ORDER BY id DESC LIMIT 4 * $2) \
             WHERE a.value ->> 1 IS NULL OR completed = a.value ->> 1 LIMIT $2) \
             UNION ALL SELECT t.id, t.user_id, t.title, NULL, NOT a.value ->> 1, \
             t.created_at, t.updated_at FROM json_each($1) AS a CROSS JOIN tasks AS t \
             ON a.value ->> 1 IS NOT NULL AND t.id = (SELECT id FROM tasks \
             WHERE user_id = a.value ->> 0 ORDER BY id DESC LIMIT 1 OFFSET 4 * $2)"
        ),
        lists.iter().map(|(owner, only)| (owner.as_str(), only)),
    )
    .bind(rows)
}

pub fn page(((owner, completed), below): ListPart<'_>, rows: u32) -> Statement {
    sqlx::query(concat!(
        "SELECT ",
        columns!(""),
        " FROM tasks WHERE user_id = $1 AND id < $2 \
         AND ($3 IS NULL OR completed = $3) ORDER BY id DESC LIMIT $4"
    ))
    .bind(owner.as_str().to_owned())
    .bind(below)
    .bind(completed)
    .bind(rows)
}

pub fn create(creates: &[Create<'_>], quota: u32, now: DateTime<Utc>) -> Statement {
    let mut together: HashMap<Owner<'_>, usize> = HashMap::new();
    for (owner, _) in creates {
        *together.entry(*owner).or_default() += 1;
    }
    statement(
        concat!(
            "INSERT INTO tasks (user_id, title, description, completed, created_at, updated_at) \
             SELECT a.value ->> 0, a.value ->> 1, a.value ->> 2, FALSE, $2, $2 \
             FROM json_each($1) AS a LEFT JOIN task_counts AS held \
             ON held.user_id = a.value ->> 0 \
             WHERE COALESCE(held.tasks, 0) + (a.value ->> 3) <= $3 ORDER BY a.key RETURNING ",
            columns!("")
        ),
        creates.iter().map(|(owner, new)| {
            let description = new.description.as_ref().map(Text::as_str);
            (
                owner.as_str(),
                new.title.as_str(),
                description,
                together[owner],
            )
        }),
    )
    .bind(text(now))
    .bind(quota)
}

pub fn complete(completes: &[Complete<'_>], now: DateTime<Utc>) -> Statement {
    statement(
        concat!(
            "UPDATE tasks AS t SET completed = a.value ->> 2, updated_at = ",
            later!(),
            " FROM json_each($1) AS a \
             WHERE t.id = a.value ->> 0 AND t.user_id = a.value ->> 1 RETURNING ",
            columns!("")
        ),
        completes
            .iter()
            .map(|(id, owner, completed)| (id, owner.as_str(), completed)),
    )
    .bind(text(now))
}

/// A null description alone would not tell "keep" from "clear".
pub fn update(updates: &[Update<'_>], now: DateTime<Utc>) -> Statement {
    statement(
        concat!(
            "UPDATE tasks AS t SET title = a.value ->> 2, \
             description = CASE WHEN a.value ->> 3 THEN a.value ->> 4 ELSE t.description END, \
             completed = COALESCE(a.value ->> 5, t.completed), updated_at = ",
            later!(),
            " FROM json_each($1) AS a \
             WHERE t.id = a.value ->> 0 AND t.user_id = a.value ->> 1 RETURNING ",
            columns!("")
        ),
        updates.iter().map(|(id, owner, change)| {
            let describes = !change.description.is_undefined();
            let description = change.description.value().map(Text::as_str);
            let title = change.title.as_str();
            (
                id,
                owner.as_str(),
                title,
                describes,
                description,
                change.completed,
            )
        }),
    )
    .bind(text(now))
}

pub fn delete(deletes: &[ById<'_>]) -> Statement {
    statement(
        concat!(
            "DELETE FROM tasks WHERE (id, user_id) IN \
             (SELECT value ->> 0, value ->> 1 FROM json_each($1)) RETURNING ",
            columns!("")
        ),
        deletes.iter().map(|(id, owner)| (id, owner.as_str())),
    )
}

/// Changes how many tasks each of these owners holds. An owner whose tasks were never
/// counted gets no negative count.
pub fn recount(recounts: &[(Owner<'_>, i64)]) -> Statement {
    statement(
        "INSERT INTO task_counts (user_id, tasks) \
         SELECT value ->> 0, value ->> 1 FROM json_each($1) WHERE value ->> 1 > 0 \
         OR value ->> 0 IN (SELECT user_id FROM task_counts) \
         ON CONFLICT (user_id) DO UPDATE SET tasks = tasks + excluded.tasks",
        recounts
            .iter()
            .map(|(owner, tasks)| (owner.as_str(), tasks)),
    )
}
