//! The statements of `SQLite`; `Driver` says what each does. Each takes a whole batch as
//! one JSON array, and matches owner **and** id row by row.
//!
//! A write is part of a transaction that holds the file's one lock: it has claimed its
//! numbers, and counts the tasks, by statements of their own.
#![expect(
    clippy::disallowed_methods,
    reason = "one of the places for SQL text; each statement names its owners"
)]

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use sqlx::{Sqlite, query::Query, sqlite::SqliteArguments, types::Json};

use crate::{
    api::rest::fields::Text,
    store::{
        clock::born,
        entity::columns,
        requests::{
            ById, Claim, Complete, Create, Delete, List, ListPart, Settlement, Unit, Update,
        },
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

/// When a task was completed that is `$completed` from now on.
macro_rules! completed_at {
    ($completed:literal) => {
        concat!(
            "CASE WHEN NOT ",
            $completed,
            " THEN NULL WHEN t.completed THEN t.completed_at ELSE ",
            later!(),
            " END"
        )
    };
}

/// The manual position of the new task `id`, before those of all lower ids: a key of npm's
/// `fractional-indexing`, whose first letter tells how many digits follow (`Z` one, `Y`
/// two) and which are hexadecimal here, with the complement of the id. A move to the front
/// takes a number as well, so that no later id has its key.
macro_rules! position {
    ($id:literal) => {
        concat!(
            "char(91 - length(printf('%x', ",
            $id,
            "))) || substr(printf('%x', ~",
            $id,
            "), -length(printf('%x', ",
            $id,
            ")))"
        )
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
             ON t.user_id = a.value ->> 1 AND t.id = a.value ->> 0"
        ),
        gets.iter().map(|(id, owner)| (id, owner.as_str())),
    )
}

/// Of a list with a status it looks at four times as many rows as it may return, since rows
/// of the other status cost time as well. Where there are more rows, it adds one of the other
/// status.
pub fn list(lists: &[List<'_>], rows: u32) -> Statement {
    statement(
        concat!(
            "SELECT ",
            columns!("t."),
            " FROM json_each($1) AS a CROSS JOIN tasks AS t \
             ON t.user_id = a.value ->> 0 AND t.id IN (SELECT id FROM \
             (SELECT id, completed FROM tasks WHERE user_id = a.value ->> 0 \
             ORDER BY id DESC LIMIT 4 * $2) \
             WHERE a.value ->> 1 IS NULL OR completed = a.value ->> 1 LIMIT $2) \
             UNION ALL SELECT t.id, t.user_id, t.title, NULL, NOT a.value ->> 1, \
             t.created_at, t.updated_at FROM json_each($1) AS a CROSS JOIN tasks AS t \
             ON a.value ->> 1 IS NOT NULL AND t.user_id = a.value ->> 0 \
             AND t.id = (SELECT id FROM tasks \
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

pub fn create(creates: &[Create<'_>], _unit: Unit, now: DateTime<Utc>) -> Statement {
    statement(
        concat!(
            "INSERT INTO tasks \
             (id, version, user_id, title, description, position, completed, created_at, \
             updated_at) SELECT a.value ->> 0, a.value ->> 0, a.value ->> 1, a.value ->> 2, a.value ->> 3, ",
            position!("(a.value ->> 0)"),
            ", FALSE, $2, $2 FROM json_each($1) AS a WHERE TRUE RETURNING ",
            columns!("")
        ),
        creates.iter().map(|create| {
            let description = create.write.description.as_ref().map(Text::as_str);
            (
                create.number,
                create.owner.as_str(),
                create.write.title.as_str(),
                description,
            )
        }),
    )
    .bind(text(now))
}

pub fn complete(completes: &[Complete<'_>], _unit: Unit, now: DateTime<Utc>) -> Statement {
    statement(
        concat!(
            "UPDATE tasks AS t SET version = a.value ->> 2, completed = a.value ->> 3, \
             completed_at = ",
            completed_at!("(a.value ->> 3)"),
            ", updated_at = ",
            later!(),
            " FROM json_each($1) AS a \
             WHERE t.user_id = a.value ->> 1 AND t.id = a.value ->> 0 RETURNING ",
            columns!("")
        ),
        completes.iter().map(|complete| {
            let (id, is_completed) = complete.write;
            (id, complete.owner.as_str(), complete.number, is_completed)
        }),
    )
    .bind(text(now))
}

/// A null description alone would not tell "keep" from "clear".
pub fn update(updates: &[Update<'_>], _unit: Unit, now: DateTime<Utc>) -> Statement {
    statement(
        concat!(
            "UPDATE tasks AS t SET version = a.value ->> 2, title = a.value ->> 3, \
             description = CASE WHEN a.value ->> 4 THEN a.value ->> 5 ELSE t.description END, \
             completed = COALESCE(a.value ->> 6, t.completed), completed_at = ",
            completed_at!("COALESCE(a.value ->> 6, t.completed)"),
            ", updated_at = ",
            later!(),
            " FROM json_each($1) AS a \
             WHERE t.user_id = a.value ->> 1 AND t.id = a.value ->> 0 RETURNING ",
            columns!("")
        ),
        updates.iter().map(|update| {
            let (id, change) = update.write;
            let describes = !change.description.is_undefined();
            let description = change.description.value().map(Text::as_str);
            (
                id,
                update.owner.as_str(),
                update.number,
                change.title.as_str(),
                describes,
                description,
                change.completed,
            )
        }),
    )
    .bind(text(now))
}

fn by_id<'a>(sql: &'static str, deletes: &'a [Delete<'a>]) -> Statement {
    let members = deletes.iter();
    statement(
        sql,
        members.map(|delete| (delete.write, delete.owner.as_str(), delete.number)),
    )
}

/// Leaves a tombstone of each task that [`delete`] is about to remove.
pub fn bury(deletes: &[Delete<'_>], now: DateTime<Utc>) -> Statement {
    by_id(
        "INSERT INTO trash \
         (id, user_id, version, deleted_at, idempotency_key, idempotency_fingerprint) \
         SELECT t.id, t.user_id, a.value ->> 2, $2, t.idempotency_key, t.idempotency_fingerprint \
         FROM json_each($1) AS a CROSS JOIN tasks AS t \
         ON t.user_id = a.value ->> 1 AND t.id = a.value ->> 0",
        deletes,
    )
    .bind(text(now))
}

pub fn delete(deletes: &[Delete<'_>], _unit: Unit, _now: DateTime<Utc>) -> Statement {
    by_id(
        concat!(
            "DELETE FROM tasks WHERE (user_id, id) IN \
             (SELECT value ->> 1, value ->> 0 FROM json_each($1)) RETURNING ",
            columns!("")
        ),
        deletes,
    )
}

/// Advances the owners' sequences.
pub fn claim(claims: &[Claim<'_>]) -> Statement {
    statement(
        "INSERT INTO user_sequences (user_id, tasks, sequence, born) \
         SELECT value ->> 0, 0, value ->> 1, $2 FROM json_each($1) \
         WHERE value ->> 2 OR value ->> 0 IN (SELECT user_id FROM user_sequences) \
         ON CONFLICT (user_id) DO UPDATE SET sequence = sequence + excluded.sequence \
         RETURNING user_id, tasks, sequence",
        claims
            .iter()
            .map(|claim| (claim.owner.as_str(), claim.numbers, claim.creates)),
    )
    .bind(born())
}

pub fn settle(settlements: &[Settlement<'_>]) -> Statement {
    statement(
        "UPDATE user_sequences AS s SET tasks = s.tasks + a.value ->> 1, \
         sequence = s.sequence + a.value ->> 2 \
         FROM json_each($1) AS a WHERE s.user_id = a.value ->> 0",
        settlements
            .iter()
            .map(|one| (one.owner.as_str(), one.tasks, one.sequence)),
    )
}
