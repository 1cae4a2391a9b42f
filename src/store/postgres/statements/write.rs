//! The statements that write.
//!
//! A write locks its owner's row in `user_sequences` before it touches a task and holds it
//! to the commit, so that the transactions of one user commit in the order of their
//! versions. All lock these rows in one order ([`in_lock_order`]) to avoid deadlocks.

use chrono::{DateTime, Utc};

use super::arguments::{Statement, array};
use crate::{
    api::rest::fields::Text,
    store::{
        clock::born,
        entity::columns,
        requests::{Claim, Complete, Create, Delete, Numbered, Settlement, Unit, Update},
    },
};

/// The order in which all statements and transactions lock rows of `user_sequences`,
/// whatever the collation of the database.
macro_rules! in_lock_order {
    ($owner:literal) => {
        concat!("ORDER BY ", $owner, " COLLATE \"C\"")
    };
}

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

/// Advances the sequences of the owners for whom something was `written`, and returns it.
macro_rules! settling {
    ($set:literal) => {
        concat!(
            ", settled AS (UPDATE user_sequences AS s SET ",
            $set,
            "sequence = w.version FROM (SELECT user_id, max(version) AS version, \
             count(*) AS tasks FROM written GROUP BY user_id) AS w WHERE s.user_id = w.user_id) \
             SELECT ",
            columns!(""),
            " FROM written"
        )
    };
}

/// The later of `$4` and a microsecond after `updated_at`.
macro_rules! later {
    () => {
        "GREATEST($4, ((t.updated_at AT TIME ZONE 'UTC') + interval '1 microsecond') \
         AT TIME ZONE 'UTC')"
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
            "chr(91 - length(to_hex(",
            $id,
            "))) || right(to_hex(~",
            $id,
            "), length(to_hex(",
            $id,
            ")))"
        )
    };
}

/// A statement with the owners, the numbers and the ids of its members as `$1`, `$2` and
/// `$3`.
fn numbered<T>(
    sql: &'static str,
    members: &[Numbered<'_, T>],
    id: impl Fn(&T) -> i64,
) -> Statement {
    sqlx::query(sql)
        .bind(array(members, |member| member.owner.as_str()))
        .bind(array(members, |member| member.number))
        .bind(array(members, |member| id(&member.write)))
}

macro_rules! create {
    ($with:expr, $id:literal, $source:literal) => {
        concat!(
            $with,
            "INSERT INTO tasks \
             (id, version, user_id, title, description, position, completed, created_at, \
             updated_at) SELECT n.id, n.id, n.owner, n.title, n.description, ",
            position!("n.id"),
            ", FALSE, $5, $5 FROM (SELECT ",
            $id,
            " AS id, a.owner, a.title, a.description \
             FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[]) \
             AS a(owner, number, title, description)",
            $source,
            ") AS n RETURNING ",
            columns!("")
        )
    };
}

/// Creations queue at the owner's row in `user_sequences`, on any number of instances, so
/// that the quota is exact.
pub fn create(creates: &[Create<'_>], unit: Unit, now: DateTime<Utc>) -> Statement {
    let statement = match unit {
        Unit::Statement { .. } => create!(
            concat!(
                "WITH granted AS (INSERT INTO user_sequences AS s \
                 (user_id, tasks, sequence, born) \
                 SELECT owner, count(*), count(*), $7 FROM unnest($1::text[]) AS a(owner) \
                 GROUP BY owner HAVING count(*) <= $6 ",
                in_lock_order!("owner"),
                " ON CONFLICT (user_id) DO UPDATE SET tasks = s.tasks + excluded.tasks, \
                 sequence = s.sequence + excluded.sequence \
                 WHERE s.tasks + excluded.tasks <= $6 RETURNING user_id, sequence) "
            ),
            "g.sequence + a.number",
            " JOIN granted AS g ON g.user_id = a.owner"
        ),
        Unit::Transaction => create!("", "a.number", ""),
    };
    let statement = sqlx::query(statement)
        .bind(array(creates, |create| create.owner.as_str()))
        .bind(array(creates, |create| create.number))
        .bind(array(creates, |create| create.write.title.as_str()))
        .bind(array(creates, |create| {
            create.write.description.as_ref().map(Text::as_str)
        }))
        .bind(now);
    match unit {
        Unit::Statement { quota } => statement.bind(i64::from(quota)).bind(born()),
        Unit::Transaction => statement,
    }
}

macro_rules! complete {
    ($source:literal, $returning:expr) => {
        concat!(
            "UPDATE tasks AS t SET completed = a.completed, completed_at = ",
            completed_at!("a.completed"),
            ", updated_at = ",
            later!(),
            ", version = a.version FROM ",
            $source,
            " WHERE t.user_id = a.owner AND t.id = a.id RETURNING ",
            columns!("t."),
            $returning
        )
    };
}

pub fn complete(completes: &[Complete<'_>], unit: Unit, now: DateTime<Utc>) -> Statement {
    let statement = match unit {
        Unit::Statement { .. } => concat!(
            numbering!(
                "a.id, a.owner, a.completed",
                "unnest($1::text[], $2::bigint[], $3::bigint[], $5::boolean[]) \
                 AS a(owner, number, id, completed)"
            ),
            "written AS (",
            complete!("a", ", t.version"),
            ")",
            settling!("")
        ),
        Unit::Transaction => complete!(
            "unnest($1::text[], $2::bigint[], $3::bigint[], $5::boolean[]) \
             AS a(owner, version, id, completed)",
            ""
        ),
    };
    numbered(statement, completes, |(id, _)| *id)
        .bind(now)
        .bind(array(completes, |complete| complete.write.1))
}

macro_rules! update {
    ($source:literal, $returning:expr) => {
        concat!(
            "UPDATE tasks AS t SET title = a.title, \
             description = CASE WHEN a.describes THEN a.description ELSE t.description END, \
             completed = COALESCE(a.completed, t.completed), completed_at = ",
            completed_at!("COALESCE(a.completed, t.completed)"),
            ", updated_at = ",
            later!(),
            ", version = a.version FROM ",
            $source,
            " WHERE t.user_id = a.owner AND t.id = a.id RETURNING ",
            columns!("t."),
            $returning
        )
    };
}

/// A null description alone would not tell "keep" from "clear".
pub fn update(updates: &[Update<'_>], unit: Unit, now: DateTime<Utc>) -> Statement {
    let statement = match unit {
        Unit::Statement { .. } => concat!(
            numbering!(
                "a.id, a.owner, a.title, a.describes, a.description, a.completed",
                "unnest($1::text[], $2::bigint[], $3::bigint[], $5::text[], $6::boolean[], \
                 $7::text[], $8::boolean[]) \
                 AS a(owner, number, id, title, describes, description, completed)"
            ),
            "written AS (",
            update!("a", ", t.version"),
            ")",
            settling!("")
        ),
        Unit::Transaction => update!(
            "unnest($1::text[], $2::bigint[], $3::bigint[], $5::text[], $6::boolean[], \
             $7::text[], $8::boolean[]) \
             AS a(owner, version, id, title, describes, description, completed)",
            ""
        ),
    };
    numbered(statement, updates, |(id, _)| *id)
        .bind(now)
        .bind(array(updates, |update| update.write.1.title.as_str()))
        .bind(array(updates, |update| {
            !update.write.1.description.is_undefined()
        }))
        .bind(array(updates, |update| {
            update.write.1.description.value().map(Text::as_str)
        }))
        .bind(array(updates, |update| update.write.1.completed))
}

macro_rules! delete {
    ($source:literal) => {
        concat!(
            "written AS (DELETE FROM tasks AS t USING ",
            $source,
            " WHERE t.user_id = a.owner AND t.id = a.id RETURNING ",
            columns!("t."),
            ", t.idempotency_key, t.idempotency_fingerprint, a.version), \
             buried AS (INSERT INTO trash (id, user_id, version, deleted_at, idempotency_key, \
             idempotency_fingerprint) SELECT id, user_id, version, $4, idempotency_key, \
             idempotency_fingerprint FROM written)"
        )
    };
}

/// Leaves a tombstone of each task.
pub fn delete(deletes: &[Delete<'_>], unit: Unit, now: DateTime<Utc>) -> Statement {
    let statement = match unit {
        Unit::Statement { .. } => concat!(
            numbering!(
                "a.id, a.owner",
                "unnest($1::text[], $2::bigint[], $3::bigint[]) AS a(owner, number, id)"
            ),
            delete!("a"),
            settling!("tasks = s.tasks - w.tasks, ")
        ),
        Unit::Transaction => concat!(
            "WITH ",
            delete!("unnest($1::text[], $2::bigint[], $3::bigint[]) AS a(owner, version, id)"),
            " SELECT ",
            columns!(""),
            " FROM written"
        ),
    };
    numbered(statement, deletes, |id| *id).bind(now)
}

/// Locks the rows of the owners until the transaction ends, and advances their sequences. A
/// transaction that locked some of them later, or tasks first, could deadlock with another.
pub fn claim(claims: &[Claim<'_>]) -> Statement {
    sqlx::query(concat!(
        "INSERT INTO user_sequences AS s (user_id, tasks, sequence, born) \
         SELECT a.owner, 0, a.numbers, $4 \
         FROM unnest($1::text[], $2::bigint[], $3::boolean[]) AS a(owner, numbers, creates) \
         LEFT JOIN user_sequences AS h ON h.user_id = a.owner \
         WHERE a.creates OR h.user_id IS NOT NULL ",
        in_lock_order!("a.owner"),
        " ON CONFLICT (user_id) DO UPDATE SET sequence = s.sequence + excluded.sequence \
         RETURNING user_id, tasks, sequence"
    ))
    .bind(array(claims, |claim| claim.owner.as_str()))
    .bind(array(claims, |claim| claim.numbers))
    .bind(array(claims, |claim| claim.creates))
    .bind(born())
}

/// Changes the rows that the transaction has locked.
pub fn settle(settlements: &[Settlement<'_>]) -> Statement {
    sqlx::query(
        "UPDATE user_sequences AS s SET tasks = s.tasks + a.tasks, \
         sequence = s.sequence + a.sequence \
         FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS a(owner, tasks, sequence) \
         WHERE s.user_id = a.owner",
    )
    .bind(array(settlements, |one| one.owner.as_str()))
    .bind(array(settlements, |one| one.tasks))
    .bind(array(settlements, |one| one.sequence))
}
