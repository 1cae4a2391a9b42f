//! A statement, and the arrays that are its arguments.

use sqlx::{Postgres, postgres::PgArguments, query::Query};

/// A statement with its arguments.
pub type Statement = Query<'static, Postgres, PgArguments>;

/// One array: an element for each member.
pub fn array<T, V>(members: &[T], element: impl Fn(&T) -> V) -> Vec<V> {
    members.iter().map(element).collect()
}
