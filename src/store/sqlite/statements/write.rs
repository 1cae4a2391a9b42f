//! Creations, and the numbers of a transaction.
//!
//! A write is part of a transaction that holds the file's one lock: it has claimed its
//! numbers, and counts the tasks, by statements of their own.

use chrono::{DateTime, Utc};

use super::arguments::{Statement, statement, text};
use crate::{
    api::rest::fields::Text,
    store::{
        clock::born,
        entity::{columns, deleted_columns, tags_text},
        requests::{ByKey, Claim, Create, Settlement, Unit},
    },
};

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

pub fn create(creates: &[Create<'_>], _unit: Unit, now: DateTime<Utc>) -> Statement {
    statement(
        concat!(
            "INSERT INTO tasks \
             (id, version, user_id, title, description, due_date, due_time, priority, tags, \
             position, idempotency_key, idempotency_fingerprint, completed, created_at, \
             updated_at) SELECT a.value ->> 0, a.value ->> 0, a.value ->> 1, a.value ->> 2, \
             a.value ->> 3, a.value ->> 4, a.value ->> 5, a.value ->> 6, a.value ->> 7, \
             COALESCE(a.value ->> 8, ",
            position!("(a.value ->> 0)"),
            "), a.value ->> 9, a.value ->> 10, FALSE, $2, $2 \
             FROM json_each($1) AS a WHERE TRUE RETURNING ",
            columns!("")
        ),
        creates.iter().map(|create| {
            let (new, retry) = create.write;
            let tags = new.tags.as_ref();
            (
                create.number,
                create.owner.as_str(),
                new.title.as_str(),
                new.description.as_ref().map(Text::as_str),
                new.due_date,
                new.due_time,
                new.priority.unwrap_or_default().number(),
                tags.map_or_else(|| "[]".to_owned(), tags_text),
                &new.position,
                retry.map(|retry| retry.key.as_str()),
                retry.map(|retry| retry.fingerprint),
            )
        }),
    )
    .bind(text(now))
}

/// The tasks that were created with these keys, also those that were deleted since, with their
/// fingerprints.
pub fn by_key(keys: &[ByKey<'_>]) -> Statement {
    statement(
        concat!(
            "SELECT ",
            columns!("t."),
            ", t.idempotency_fingerprint FROM json_each($1) AS a CROSS JOIN tasks AS t \
             ON t.user_id = a.value ->> 0 AND t.idempotency_key = a.value ->> 1 \
             UNION ALL SELECT ",
            deleted_columns!(),
            " FROM json_each($1) AS a CROSS JOIN trash AS t \
             ON t.user_id = a.value ->> 0 AND t.idempotency_key = a.value ->> 1"
        ),
        keys.iter()
            .map(|(owner, retry)| (owner.as_str(), retry.key.as_str())),
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
