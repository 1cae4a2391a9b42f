//! A statement, and the JSON array that is its argument.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use sqlx::{Sqlite, query::Query, sqlite::SqliteArguments, types::Json};

/// A statement with its arguments.
pub type Statement = Query<'static, Sqlite, SqliteArguments>;

/// A statement whose `$1` is the array of these members.
pub fn statement<T: Serialize>(
    sql: &'static str,
    members: impl IntoIterator<Item = T>,
) -> Statement {
    sqlx::query(sql).bind(Json(members.into_iter().collect::<Vec<_>>()))
}

/// In the form that the driver reads.
pub fn text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, false)
}
