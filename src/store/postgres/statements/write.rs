//! Creations, and the numbers of a transaction.
//!
//! A write locks its owner's row in `user_sequences` before it touches a task and holds it
//! to the commit, so that the transactions of one user commit in the order of their
//! versions. All lock these rows in one order ([`in_lock_order`]) to avoid deadlocks.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

use super::{
    arguments::{Statement, array, sparse},
    parts::{columns, in_lock_order},
};
use crate::{
    api::{
        rest::fields::Text,
        tasks::{CreateTask, Position, Priority},
    },
    store::{
        clock::born,
        entity::{deleted_columns, tags_text},
        requests::{ByKey, Claim, Create, Retry, Settlement, Unit},
    },
};

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

macro_rules! create {
    ($with:expr, $id:literal, $source:literal) => {
        concat!(
            $with,
            "INSERT INTO tasks \
             (id, version, user_id, title, description, due_date, due_time, priority, tags, \
             position, idempotency_key, idempotency_fingerprint, completed, created_at, updated_at) \
             SELECT n.id, n.id, n.owner, n.title, n.description, n.due_date, n.due_time, \
             COALESCE(n.priority, 0), COALESCE(n.tags::jsonb, '[]'), COALESCE(n.position, ",
            position!("n.id"),
            "), n.key, n.fingerprint, FALSE, $3, $3 FROM (SELECT ",
            $id,
            " AS id, a.owner, a.title, a.description, a.due_date, a.due_time, a.priority, a.tags, \
             a.position, a.key, a.fingerprint \
             FROM unnest($1::text[], $2::bigint[], $4::text[], $5::text[], $6::date[], $7::time[], \
             $8::smallint[], $9::text[], $10::text[], $11::text[], $12::bigint[]) \
             AS a(owner, number, title, description, due_date, due_time, priority, tags, position, \
             key, fingerprint)",
            $source,
            ") AS n RETURNING ",
            columns!("")
        )
    };
}

fn task<'a>(create: &Create<'a>) -> &'a CreateTask {
    create.write.0
}

fn retry<'a>(create: &Create<'a>) -> Option<&'a Retry> {
    create.write.1
}

/// Creations queue at the owner's row in `user_sequences`, on any number of instances, so
/// that the quota is exact.
pub fn create(creates: &[Create<'_>], unit: Unit, now: DateTime<Utc>) -> Statement {
    let statement = match unit {
        Unit::Statement { .. } => create!(
            concat!(
                "WITH granted AS (INSERT INTO user_sequences AS s \
                 (user_id, tasks, sequence, born) \
                 SELECT owner, count(*), count(*), $14 FROM unnest($1::text[]) AS a(owner) \
                 GROUP BY owner HAVING count(*) <= $13 ",
                in_lock_order!("owner"),
                " ON CONFLICT (user_id) DO UPDATE SET tasks = s.tasks + excluded.tasks, \
                 sequence = s.sequence + excluded.sequence \
                 WHERE s.tasks + excluded.tasks <= $13 RETURNING user_id, sequence) "
            ),
            "g.sequence + a.number",
            " JOIN granted AS g ON g.user_id = a.owner"
        ),
        Unit::Transaction => create!("", "a.number", ""),
    };
    // One array of each field.
    let statement = sqlx::query(statement)
        .bind(array(creates, |create| create.owner.as_str()))
        .bind(array(creates, |create| create.number))
        .bind(now)
        .bind(array(creates, |create| task(create).title.as_str()))
        .bind(sparse(creates, |create| {
            task(create).description.as_ref().map(Text::as_str)
        }))
        .bind(sparse(creates, |create| {
            task(create).due_date.map(NaiveDate::from)
        }))
        .bind(sparse(creates, |create| {
            task(create).due_time.map(NaiveTime::from)
        }))
        .bind(sparse(creates, |create| {
            task(create).priority.map(Priority::number)
        }))
        .bind(sparse(creates, |create| {
            task(create).tags.as_ref().map(tags_text)
        }))
        .bind(sparse(creates, |create| {
            task(create).position.as_ref().map(Position::as_str)
        }))
        .bind(sparse(creates, |create| {
            retry(create).map(|retry| retry.key.as_str())
        }))
        .bind(sparse(creates, |create| {
            retry(create).map(|retry| retry.fingerprint)
        }));
    match unit {
        Unit::Statement { quota } => statement.bind(i64::from(quota)).bind(born()),
        Unit::Transaction => statement,
    }
}

/// The tasks that were created with these keys, also those that were deleted since, with their
/// fingerprints.
pub fn by_key(keys: &[ByKey<'_>]) -> Statement {
    sqlx::query(concat!(
        "SELECT ",
        columns!("t."),
        ", t.idempotency_fingerprint FROM unnest($1::text[], $2::text[]) AS a(owner, key) \
         JOIN tasks AS t ON t.user_id = a.owner AND t.idempotency_key = a.key \
         UNION ALL SELECT ",
        deleted_columns!(),
        " FROM unnest($1::text[], $2::text[]) AS a(owner, key) \
         JOIN trash AS t ON t.user_id = a.owner AND t.idempotency_key = a.key"
    ))
    .bind(array(keys, |(owner, _)| owner.as_str()))
    .bind(array(keys, |(_, retry)| retry.key.as_str()))
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
