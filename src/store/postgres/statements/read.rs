//! The statements that read.

use super::arguments::{Statement, array};
use crate::store::{
    entity::columns,
    requests::{ById, List, ListPart},
};

/// Owners come first, as in all statements.
pub fn get(gets: &[ById<'_>]) -> Statement {
    sqlx::query(concat!(
        "SELECT ",
        columns!("t."),
        " FROM unnest($1::text[], $2::bigint[]) AS a(owner, id) \
         JOIN tasks AS t ON t.user_id = a.owner AND t.id = a.id"
    ))
    .bind(array(gets, |(_, owner)| owner.as_str()))
    .bind(array(gets, |(id, _)| *id))
}

/// Each list is read from an index, whatever the planner believes of the number of
/// owners: hence the order inside.
pub const LIST: &str = concat!(
    "SELECT ",
    columns!("t."),
    " FROM unnest($1::text[], $2::boolean[]) AS a(owner, completed) CROSS JOIN LATERAL \
     (SELECT ",
    columns!(""),
    " FROM tasks WHERE user_id = a.owner \
     AND (a.completed IS NULL OR completed = a.completed) ORDER BY id DESC LIMIT $3) AS t"
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
