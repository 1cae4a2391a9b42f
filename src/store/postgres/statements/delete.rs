//! Deletions, for good or into the trash.

use chrono::{DateTime, Utc};

use super::{
    arguments::{Statement, array},
    parts::{columns, expected, in_lock_order, made_columns, numbered, numbering, settling},
};
use crate::{
    api::tasks::Removal,
    store::requests::{Delete, Unit},
};

macro_rules! delete {
    ($source:literal) => {
        concat!(
            "written AS (DELETE FROM tasks AS t USING ",
            $source,
            " WHERE t.user_id = a.owner AND t.id = a.id AND ",
            expected!(),
            " RETURNING ",
            columns!("t."),
            ", t.idempotency_fingerprint, a.version AS number, a.trash), \
             buried AS (INSERT INTO trash (id, user_id, version, deleted_at, idempotency_key, \
             idempotency_fingerprint, title, description, completed, completed_at, due_date, \
             due_time, priority, tags, position, created_at, updated_at) \
             SELECT id, user_id, number, $4, idempotency_key, idempotency_fingerprint, \
             CASE WHEN trash THEN title END, CASE WHEN trash THEN description END, \
             CASE WHEN trash THEN COALESCE(completed, FALSE) END, \
             CASE WHEN trash THEN completed_at END, \
             CASE WHEN trash THEN due_date END, CASE WHEN trash THEN due_time END, \
             CASE WHEN trash THEN COALESCE(priority, 0) END, \
             CASE WHEN trash THEN CAST(COALESCE(tags, '[]') AS jsonb) END, \
             CASE WHEN trash THEN position END, CASE WHEN trash THEN created_at END, \
             CASE WHEN trash THEN COALESCE(updated_at, created_at) END FROM written)"
        )
    };
}

/// Leaves a tombstone of each task, or the task in the trash.
pub fn delete(deletes: &[Delete<'_>], unit: Unit, now: DateTime<Utc>) -> Statement {
    let statement = match unit {
        Unit::Statement { .. } => concat!(
            numbering!(
                "a.id, a.owner, a.expected, a.trash",
                "unnest($1::text[], $2::bigint[], $3::bigint[], $5::text[], $6::boolean[]) \
                 AS a(owner, number, id, expected, trash)"
            ),
            delete!("a"),
            settling!("tasks = s.tasks - w.tasks, ", "number", made_columns!(""))
        ),
        Unit::Transaction => concat!(
            "WITH ",
            delete!(
                "unnest($1::text[], $2::bigint[], $3::bigint[], $5::text[], $6::boolean[]) \
                 AS a(owner, version, id, expected, trash)"
            ),
            " SELECT ",
            made_columns!(""),
            " FROM written"
        ),
    };
    let statement = numbered(statement, deletes, now);
    statement.bind(array(deletes, |delete| delete.write.to == Removal::Trash))
}

macro_rules! delete_trashed {
    ($source:literal) => {
        concat!(
            "UPDATE trash AS t SET version = a.version, deleted_at = $4, title = NULL, \
             description = NULL, completed = NULL, completed_at = NULL, due_date = NULL, \
             due_time = NULL, priority = NULL, tags = NULL, position = NULL, created_at = NULL, \
             updated_at = NULL FROM ",
            $source,
            " WHERE t.user_id = a.owner AND t.id = a.id AND t.title IS NOT NULL AND ",
            expected!(),
            " RETURNING t.user_id, t.id, t.version"
        )
    };
}

/// Leaves a tombstone of each task in the trash.
pub fn delete_trashed(deletes: &[Delete<'_>], unit: Unit, now: DateTime<Utc>) -> Statement {
    let statement = match unit {
        Unit::Statement { .. } => concat!(
            numbering!(
                "a.id, a.owner, a.expected",
                "unnest($1::text[], $2::bigint[], $3::bigint[], $5::text[]) \
                 AS a(owner, number, id, expected)"
            ),
            "written AS (",
            delete_trashed!("a"),
            ")",
            settling!("", "version", "user_id, id")
        ),
        Unit::Transaction => delete_trashed!(
            "unnest($1::text[], $2::bigint[], $3::bigint[], $5::text[]) \
             AS a(owner, version, id, expected)"
        ),
    };
    numbered(statement, deletes, now)
}
