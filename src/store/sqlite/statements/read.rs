//! The statements that read.

use super::arguments::{Statement, statement};
use crate::store::{
    entity::{columns, rows::sequence_columns},
    owned::Owner,
    requests::{ById, IdRange, List, ListPart, Select},
};

fn by_id(sql: &'static str, gets: &[ById<'_>]) -> Statement {
    statement(sql, gets.iter().map(|(id, owner)| (id, owner.as_str())))
}

pub fn get(gets: &[ById<'_>]) -> Statement {
    let get = concat!(
        "SELECT ",
        columns!("t."),
        " FROM json_each($1) AS a CROSS JOIN tasks AS t \
         ON t.user_id = a.value ->> 1 AND t.id = a.value ->> 0"
    );
    by_id(get, gets)
}

/// Of a list with a status it looks at four times as many rows as it may return, since rows
/// of the other status cost time as well. Where there are more rows, it adds one of the other
/// status.
pub fn list(lists: &[List<'_>], rows: u32) -> Statement {
    statement(
        concat!(
            "SELECT ",
            columns!("t."),
            ", NULL FROM json_each($1) AS a CROSS JOIN tasks AS t \
             ON t.user_id = a.value ->> 0 AND t.id IN (SELECT id FROM \
             (SELECT id, completed FROM tasks WHERE user_id = a.value ->> 0 \
             ORDER BY id DESC LIMIT 4 * $2) \
             WHERE a.value ->> 1 IS NULL OR completed = a.value ->> 1 LIMIT $2) \
             UNION ALL SELECT t.id, t.version, t.user_id, t.title, NULL, NOT a.value ->> 1, NULL, \
             NULL, NULL, 0, '[]', t.position, NULL, t.created_at, t.updated_at, NULL \
             FROM json_each($1) AS a CROSS JOIN tasks AS t ON a.value ->> 1 IS NOT NULL AND t.user_id = a.value ->> 0 \
             AND t.id = (SELECT id FROM tasks \
             WHERE user_id = a.value ->> 0 ORDER BY id DESC LIMIT 1 OFFSET 4 * $2) \
             UNION ALL SELECT ",
            sequence_columns!(),
            " FROM json_each($1) AS a CROSS JOIN user_sequences AS s ON s.user_id = a.value ->> 0"
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

pub fn trash(owner: Owner<'_>, below: i64, rows: u32) -> Statement {
    sqlx::query(concat!(
        "SELECT ",
        columns!(""),
        ", deleted_at FROM trash WHERE user_id = $1 AND version < $2 AND title IS NOT NULL \
         ORDER BY version DESC LIMIT $3"
    ))
    .bind(owner.as_str().to_owned())
    .bind(below)
    .bind(rows)
}

pub fn trashed(gets: &[ById<'_>]) -> Statement {
    let trashed = concat!(
        "SELECT ",
        columns!("t."),
        " FROM json_each($1) AS a CROSS JOIN trash AS t \
         ON t.user_id = a.value ->> 1 AND t.id = a.value ->> 0 WHERE t.title IS NOT NULL"
    );
    by_id(trashed, gets)
}

pub fn deleted(gets: &[ById<'_>]) -> Statement {
    let deleted = "SELECT t.version, t.id, t.idempotency_key FROM json_each($1) AS a \
                   CROSS JOIN trash AS t ON t.user_id = a.value ->> 1 AND t.id = a.value ->> 0";
    by_id(deleted, gets)
}

pub fn sequences(owners: &[Owner<'_>]) -> Statement {
    statement(
        "SELECT s.user_id, s.born, s.sequence, s.forgotten FROM json_each($1) AS a \
         CROSS JOIN user_sequences AS s ON s.user_id = a.value",
        owners.iter().map(|owner| owner.as_str()),
    )
}

/// A text is returned only of a task that matches. `lower` knows the letters of ASCII alone.
macro_rules! select {
    ($range:literal) => {
        concat!(
            "SELECT id, matches, priority, due_date, due_time, updated_at, position, \
             CASE WHEN matches AND $7 THEN title END, \
             CASE WHEN matches AND $7 THEN description END \
             FROM (SELECT id, priority, due_date, due_time, updated_at, position, title, \
             description, COALESCE(($3 IS NULL OR completed = $3) \
             AND ($4 IS NULL OR due_date <= $4) AND ($5 IS NULL OR NOT EXISTS \
             (SELECT 1 FROM json_each($5) AS a \
             WHERE a.value NOT IN (SELECT b.value FROM json_each(tags) AS b))) \
             AND ($6 IS NULL OR instr(lower(title), $6) > 0 \
             OR instr(lower(description), $6) > 0), FALSE) AS matches \
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
        .bind(select.rows)
}

/// One statement is one snapshot, and one connection writes at a time: no version up to the
/// sequence is committed later.
pub fn changes(owner: Owner<'_>, after: i64, rows: u32) -> Statement {
    let changes = "\
        SELECT version, id, idempotency_key, FALSE, NULL FROM (SELECT version, id, \
        idempotency_key FROM tasks WHERE user_id = $1 AND version > $2 \
        ORDER BY version LIMIT $3) AS t UNION ALL \
        SELECT version, id, idempotency_key, TRUE, NULL FROM (SELECT version, id, \
        idempotency_key FROM trash WHERE user_id = $1 AND version > $2 \
        ORDER BY version LIMIT $3) AS t UNION ALL \
        SELECT sequence, forgotten, user_id, NULL, born FROM user_sequences WHERE user_id = $1";
    sqlx::query(changes)
        .bind(owner.as_str().to_owned())
        .bind(after)
        .bind(rows)
}
