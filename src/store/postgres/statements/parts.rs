//! The parts of statements that write: locks, numbers, conditions.

use chrono::{DateTime, Utc};

use super::arguments::{Statement, array, sparse};
use crate::{
    api::tasks::Expected,
    store::requests::{Change, Numbered},
};

/// The columns of a task behind `$table`, null where most tasks have the same: to send a value
/// takes five times as long as to compare it.
macro_rules! columns {
    ($table:literal) => {
        $crate::store::entity::columns!(
            $table,
            concat!("NULLIF(", $table, "completed, FALSE)"),
            concat!("NULLIF(", $table, "priority, 0)"),
            concat!(
                "CASE WHEN jsonb_array_length(",
                $table,
                "tags) > 0 THEN CAST(",
                $table,
                "tags AS text) END"
            ),
            concat!("NULLIF(", $table, "updated_at, ", $table, "created_at)")
        )
    };
}
pub(in crate::store::postgres) use columns;

/// The columns of rows that [`columns`] made, behind `$table`.
macro_rules! made_columns {
    ($table:literal) => {
        $crate::store::entity::columns!(
            $table,
            concat!($table, "completed"),
            concat!($table, "priority"),
            concat!($table, "tags"),
            concat!($table, "updated_at")
        )
    };
}
pub(in crate::store::postgres) use made_columns;

/// The order in which all statements and transactions lock rows of `user_sequences`,
/// whatever the collation of the database.
macro_rules! in_lock_order {
    ($owner:literal) => {
        concat!("ORDER BY ", $owner, " COLLATE \"C\"")
    };
}

pub(super) use in_lock_order;

/// Locks the rows of the owners in `$1`, and numbers the members in `$source` from what
/// their sequence is then. They are materialized, so that the planner looks each task up by
/// owner and id, and does not read all of its owner's.
macro_rules! numbering {
    ($members:literal, $source:literal) => {
        concat!(
            "WITH locked AS (SELECT s.user_id, s.sequence \
             FROM (SELECT DISTINCT owner FROM unnest($1::text[]) AS o(owner)) AS o \
             JOIN user_sequences AS s ON s.user_id = o.owner ",
            in_lock_order!("s.user_id"),
            " FOR UPDATE OF s), a AS MATERIALIZED (SELECT ",
            $members,
            ", l.sequence + a.number AS version FROM ",
            $source,
            " JOIN locked AS l ON l.user_id = a.owner), "
        )
    };
}

pub(super) use numbering;

/// Advances the sequences of the owners for whom something was `written`, and returns it.
/// `$version` is the column with the number that a row took.
macro_rules! settling {
    ($set:literal, $version:literal, $returning:expr) => {
        concat!(
            ", settled AS (UPDATE user_sequences AS s SET ",
            $set,
            "sequence = w.version FROM (SELECT user_id, max(",
            $version,
            ") AS version, \
             count(*) AS tasks FROM written GROUP BY user_id) AS w WHERE s.user_id = w.user_id) \
             SELECT ",
            $returning,
            " FROM written"
        )
    };
}
pub(super) use settling;

/// The later of the time `$now` and a microsecond after `updated_at` of `$table`.
macro_rules! later {
    ($now:literal, $table:literal) => {
        concat!(
            "GREATEST(",
            $now,
            ", ((",
            $table,
            "updated_at AT TIME ZONE 'UTC') + interval '1 microsecond') AT TIME ZONE 'UTC')"
        )
    };
}

pub(super) use later;

/// [`later`] of the value of sea-query and the only table.
pub const LATER: &str = later!("$1", "");

/// When a task was completed that is `$completed` from now on.
macro_rules! completed_at {
    ($completed:literal) => {
        concat!(
            "CASE WHEN NOT ",
            $completed,
            " THEN NULL WHEN t.completed THEN t.completed_at ELSE ",
            later!("$4", "t."),
            " END"
        )
    };
}

pub(super) use completed_at;

/// Whether the row `t` is in the state that the member `a` expects.
macro_rules! expected {
    () => {
        "(a.expected IS NULL OR t.version = ANY (string_to_array(a.expected, ',')::bigint[]))"
    };
}
pub(super) use expected;

/// A statement with the owners, the numbers, the ids and the expected states of its members
/// as `$1`, `$2`, `$3` and `$5`, and the time as `$4`.
pub fn numbered<T>(
    sql: &'static str,
    members: &[Numbered<'_, &Change<T>>],
    now: DateTime<Utc>,
) -> Statement {
    sqlx::query(sql)
        .bind(array(members, |member| member.owner.as_str()))
        .bind(array(members, |member| member.number))
        .bind(array(members, |member| member.write.id))
        .bind(now)
        .bind(sparse(members, |member| versions(&member.write.expected)))
}

/// An array as text, since arrays of arrays would be one array.
fn versions(expected: &Expected) -> Option<String> {
    match expected {
        Expected::Any => None,
        Expected::Versions(versions) => {
            let versions = versions.iter().map(i64::to_string);
            Some(versions.collect::<Vec<_>>().join(","))
        }
    }
}
