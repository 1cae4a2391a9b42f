//! Changes and deletions of tasks.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::arguments::{Statement, statement, text};
use crate::{
    api::{
        rest::fields::Text,
        tasks::{Expected, Priority, Removal},
    },
    store::{
        entity::{columns, tags_text},
        requests::{Change, Complete, Delete, Numbered, Patch, Unit},
    },
};

/// The later of the time `$now` and a microsecond after `updated_at` of `$table`, in the form
/// of [`text`].
macro_rules! later {
    ($now:literal, $table:literal) => {
        concat!(
            "(SELECT MAX(",
            $now,
            ", strftime('%Y-%m-%dT%H:%M:%S', us / 1000000, 'unixepoch') \
             || printf('.%06d+00:00', us % 1000000)) FROM (SELECT strftime('%s', ",
            $table,
            "updated_at) * 1000000 + substr(",
            $table,
            "updated_at, 21, 6) + 1 AS us))"
        )
    };
}

/// [`later`] of the value of sea-query and the only table. For `SQLite` it knows no other mark
/// of a value: `$1` would be the first value of the whole statement.
pub const LATER: &str = later!("?", "");

/// When a task was completed that is `$completed` from now on.
macro_rules! completed_at {
    ($completed:literal) => {
        concat!(
            "CASE WHEN NOT ",
            $completed,
            " THEN NULL WHEN t.completed THEN t.completed_at ELSE ",
            later!("$2", "t."),
            " END"
        )
    };
}

/// Whether the row `t` is the one that the member names by its first two elements, in the
/// state that it expects, its fourth.
macro_rules! is_expected {
    () => {
        "t.user_id = a.value ->> 1 AND t.id = a.value ->> 0 AND (a.value ->> 3 IS NULL \
         OR t.version IN (SELECT value FROM json_each(a.value ->> 3)))"
    };
}

/// The id, the owner, the number and the expected versions of a member; then what it changes.
fn changes<'a, T, V: Serialize>(
    sql: &'static str,
    members: &'a [Numbered<'a, &'a Change<T>>],
    now: DateTime<Utc>,
    to: impl Fn(&'a T) -> V,
) -> Statement {
    let members = members.iter().map(|member| {
        let versions = match &member.write.expected {
            Expected::Any => None,
            Expected::Versions(versions) => Some(versions),
        };
        let (id, owner) = (member.write.id, member.owner.as_str());
        (id, owner, member.number, versions, to(&member.write.to))
    });
    statement(sql, members).bind(text(now))
}

pub fn complete(completes: &[Complete<'_>], _unit: Unit, now: DateTime<Utc>) -> Statement {
    let sql = concat!(
        "UPDATE tasks AS t SET version = a.value ->> 2, completed = a.value ->> 4, \
         completed_at = ",
        completed_at!("(a.value ->> 4)"),
        ", updated_at = ",
        later!("$2", "t."),
        " FROM json_each($1) AS a WHERE ",
        is_expected!(),
        " RETURNING ",
        columns!("")
    );
    changes(sql, completes, now, |completed| completed)
}

/// A null alone would not tell "keep" from "clear": a field that may be null has an element
/// before it that says whether it is set.
pub fn patch(patches: &[Patch<'_>], _unit: Unit, now: DateTime<Utc>) -> Statement {
    let sql = concat!(
        "UPDATE tasks AS t SET version = a.value ->> 2, \
         title = COALESCE(a.value ->> '$[4][0]', t.title), \
         description = CASE WHEN a.value ->> '$[4][1]' THEN a.value ->> '$[4][2]' \
         ELSE t.description END, \
         due_date = CASE WHEN a.value ->> '$[4][3]' THEN a.value ->> '$[4][4]' \
         ELSE t.due_date END, \
         due_time = CASE WHEN a.value ->> '$[4][3]' AND a.value ->> '$[4][4]' IS NULL THEN NULL \
         WHEN a.value ->> '$[4][5]' THEN a.value ->> '$[4][6]' ELSE t.due_time END, \
         priority = COALESCE(a.value ->> '$[4][8]', t.priority), \
         tags = COALESCE(a.value ->> '$[4][9]', t.tags), \
         position = COALESCE(a.value ->> '$[4][10]', t.position), \
         completed = COALESCE(a.value ->> '$[4][11]', t.completed), completed_at = ",
        completed_at!("COALESCE(a.value ->> '$[4][11]', t.completed)"),
        ", updated_at = ",
        later!("$2", "t."),
        " FROM json_each($1) AS a WHERE ",
        is_expected!(),
        " AND (NOT a.value ->> '$[4][7]' OR t.due_date IS NOT NULL) RETURNING ",
        columns!("")
    );
    changes(sql, patches, now, |patch| {
        (
            patch.title.as_ref().map(Text::as_str),
            !patch.description.is_undefined(),
            patch.description.value().map(Text::as_str),
            !patch.due_date.is_undefined(),
            patch.due_date.value(),
            !patch.due_time.is_undefined(),
            patch.due_time.value(),
            patch.needs_date(),
            patch.priority.map(Priority::number),
            patch.tags.as_ref().map(tags_text),
            &patch.position,
            patch.completed,
        )
    })
}

fn deletes(sql: &'static str, deletes: &[Delete<'_>], now: DateTime<Utc>) -> Statement {
    changes(sql, deletes, now, |removal| *removal == Removal::Trash)
}

/// Leaves a tombstone of each task that [`delete`] is about to remove, or the task in the
/// trash.
pub fn bury(members: &[Delete<'_>], now: DateTime<Utc>) -> Statement {
    let sql = concat!(
        "INSERT INTO trash \
         (id, user_id, version, deleted_at, idempotency_key, idempotency_fingerprint, title, \
         description, completed, completed_at, due_date, due_time, priority, tags, position, \
         created_at, updated_at) \
         SELECT t.id, t.user_id, a.value ->> 2, $2, t.idempotency_key, t.idempotency_fingerprint, \
         iif(a.value ->> 4, t.title, NULL), iif(a.value ->> 4, t.description, NULL), \
         iif(a.value ->> 4, t.completed, NULL), iif(a.value ->> 4, t.completed_at, NULL), \
         iif(a.value ->> 4, t.due_date, NULL), iif(a.value ->> 4, t.due_time, NULL), \
         iif(a.value ->> 4, t.priority, NULL), iif(a.value ->> 4, t.tags, NULL), \
         iif(a.value ->> 4, t.position, NULL), iif(a.value ->> 4, t.created_at, NULL), \
         iif(a.value ->> 4, t.updated_at, NULL) \
         FROM json_each($1) AS a CROSS JOIN tasks AS t ON ",
        is_expected!()
    );
    deletes(sql, members, now)
}

pub fn delete(members: &[Delete<'_>], _unit: Unit, now: DateTime<Utc>) -> Statement {
    let sql = concat!(
        "DELETE FROM tasks WHERE (user_id, id) IN \
         (SELECT t.user_id, t.id FROM json_each($1) AS a CROSS JOIN tasks AS t ON ",
        is_expected!(),
        ") RETURNING ",
        columns!("")
    );
    deletes(sql, members, now)
}

/// Leaves a tombstone of each task in the trash.
pub fn delete_trashed(members: &[Delete<'_>], _unit: Unit, now: DateTime<Utc>) -> Statement {
    let sql = concat!(
        "UPDATE trash AS t SET version = a.value ->> 2, deleted_at = $2, title = NULL, \
         description = NULL, completed = NULL, completed_at = NULL, due_date = NULL, \
         due_time = NULL, priority = NULL, tags = NULL, position = NULL, created_at = NULL, \
         updated_at = NULL FROM json_each($1) AS a WHERE t.title IS NOT NULL AND ",
        is_expected!(),
        " RETURNING user_id, id, version"
    );
    deletes(sql, members, now)
}
