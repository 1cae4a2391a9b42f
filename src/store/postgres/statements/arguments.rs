//! A statement, and the arrays that are its arguments.

use sqlx::{Postgres, postgres::PgArguments, query::Query};

/// A statement with its arguments.
pub type Statement = Query<'static, Postgres, PgArguments>;

/// One array: an element for each member.
pub fn array<T, V>(members: &[T], element: impl Fn(&T) -> V) -> Vec<V> {
    members.iter().map(element).collect()
}

/// An array of what few members have, or null: `unnest` beside other arrays makes nulls of
/// both, and reads nothing of null.
pub fn sparse<T, V>(members: &[T], element: impl Fn(&T) -> Option<V>) -> Option<Vec<Option<V>>> {
    let has_any = members.iter().any(|member| element(member).is_some());
    has_any.then(|| array(members, element))
}
