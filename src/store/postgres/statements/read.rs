//! The statements that read.

use super::{
    arguments::{Statement, array},
    parts::{columns, made_columns},
};
use crate::store::{
    entity::rows::sequence_columns,
    owned::Owner,
    requests::{ById, IdRange, List, ListPart, Select},
};

/// Owners come first, as in all statements.
fn by_id(sql: &'static str, gets: &[ById<'_>]) -> Statement {
    sqlx::query(sql)
        .bind(array(gets, |(_, owner)| owner.as_str()))
        .bind(array(gets, |(id, _)| *id))
}

pub fn get(gets: &[ById<'_>]) -> Statement {
    let get = concat!(
        "SELECT ",
        columns!("t."),
        " FROM unnest($1::text[], $2::bigint[]) AS a(owner, id) \
         JOIN tasks AS t ON t.user_id = a.owner AND t.id = a.id"
    );
    by_id(get, gets)
}

/// Each list, and the sequence of its owner, is read from an index, whatever the planner
/// believes of the number of owners: hence the order inside.
pub const LIST: &str = concat!(
    "SELECT ",
    made_columns!("t."),
    ", t.born FROM unnest($1::text[], $2::boolean[]) AS a(owner, completed) CROSS JOIN LATERAL \
     ((SELECT ",
    columns!(""),
    ", NULL AS born FROM tasks WHERE user_id = a.owner \
     AND (a.completed IS NULL OR completed = a.completed) ORDER BY id DESC LIMIT $3) \
     UNION ALL SELECT ",
    sequence_columns!(),
    " FROM user_sequences AS s WHERE s.user_id = a.owner) AS t"
);

pub fn list(lists: &[List<'_>], rows: u32) -> Statement {
    sqlx::query(LIST)
        .bind(array(lists, |(owner, _)| owner.as_str()))
        .bind(array(lists, |(_, completed)| *completed))
        .bind(i64::from(rows))
}

pub fn page(((owner, completed), below): ListPart<'_>, rows: u32) -> Statement {
    sqlx::query(concat!(
        "SELECT ",
        columns!(""),
        " FROM tasks WHERE user_id = $1 AND id < $2 \
         AND ($3::boolean IS NULL OR completed = $3) ORDER BY id DESC LIMIT $4"
    ))
    .bind(owner.as_str().to_owned())
    .bind(below)
    .bind(completed)
    .bind(i64::from(rows))
}

pub fn trash(owner: Owner<'_>, below: i64, rows: u32) -> Statement {
    sqlx::query(concat!(
        "SELECT ",
        columns!(""),
        ", deleted_at FROM trash WHERE user_id = $1 AND version < $2 AND title IS NOT NULL \
         ORDER BY version DESC LIMIT $3"
    ))
    .bind(owner.as_str().to_owned())
    .bind(below)
    .bind(i64::from(rows))
}

pub fn trashed(gets: &[ById<'_>]) -> Statement {
    let trashed = concat!(
        "SELECT ",
        columns!("t."),
        " FROM unnest($1::text[], $2::bigint[]) AS a(owner, id) \
         JOIN trash AS t ON t.user_id = a.owner AND t.id = a.id WHERE t.title IS NOT NULL"
    );
    by_id(trashed, gets)
}

pub fn deleted(gets: &[ById<'_>]) -> Statement {
    let deleted = "SELECT t.version, t.id, t.idempotency_key \
                   FROM unnest($1::text[], $2::bigint[]) AS a(owner, id) \
                   JOIN trash AS t ON t.user_id = a.owner AND t.id = a.id";
    by_id(deleted, gets)
}

pub fn sequences(owners: &[Owner<'_>]) -> Statement {
    let sequences = "SELECT s.user_id, s.born, s.sequence, s.forgotten \
                     FROM unnest($1::text[]) AS a(owner) \
                     JOIN user_sequences AS s ON s.user_id = a.owner";
    sqlx::query(sequences).bind(array(owners, |owner| owner.as_str()))
}

/// The collation "C" knows ASCII letters only and compares bytes; the default collation of the
/// database depends on its language. Only matching tasks return their title and description.
macro_rules! select {
    ($range:literal) => {
        concat!(
            "SELECT id, matches, priority, due_date, due_time, updated_at, position, \
             CASE WHEN matches AND $7 THEN title END, \
             CASE WHEN matches AND $7 THEN description END \
             FROM (SELECT id, priority, due_date, due_time, updated_at, position, title, \
             description, COALESCE(($3::boolean IS NULL OR completed = $3) \
             AND ($4::date IS NULL OR due_date <= $4) AND ($5::text IS NULL OR tags @> $5::jsonb) \
             AND ($6::text IS NULL OR strpos(lower(title COLLATE \"C\"), $6) > 0 \
             OR strpos(lower(description COLLATE \"C\"), $6) > 0), FALSE) AS matches \
             FROM tasks WHERE user_id = $1 AND id ",
            $range,
            " LIMIT $8) AS t"
        )
    };
}

pub fn select(owner: Owner<'_>, select: &Select) -> Statement {
    let (sql, start) = match select.range {
        IdRange::Above(id) => (select!("> $2 ORDER BY id"), id),
        IdRange::Below(id) => (select!("< $2 ORDER BY id DESC"), id),
    };
    sqlx::query(sql)
        .bind(owner.as_str().to_owned())
        .bind(start)
        .bind(select.completed)
        .bind(select.due_by)
        .bind(select.tags.clone())
        .bind(select.text.clone())
        .bind(select.with_text)
        .bind(i64::from(select.rows))
}

/// One statement is one snapshot. The transactions of a user commit in the order of their
/// versions, so no version up to the sequence is committed later.
pub fn changes(owner: Owner<'_>, after: i64, rows: u32) -> Statement {
    let changes = "\
        SELECT version, id, idempotency_key, FALSE, NULL::bigint FROM (SELECT version, id, \
        idempotency_key FROM tasks WHERE user_id = $1 AND version > $2 \
        ORDER BY version LIMIT $3) AS t UNION ALL \
        SELECT version, id, idempotency_key, TRUE, NULL FROM (SELECT version, id, \
        idempotency_key FROM trash WHERE user_id = $1 AND version > $2 \
        ORDER BY version LIMIT $3) AS t UNION ALL \
        SELECT sequence, forgotten, user_id, NULL, born FROM user_sequences WHERE user_id = $1";
    sqlx::query(changes)
        .bind(owner.as_str().to_owned())
        .bind(after)
        .bind(i64::from(rows))
}
