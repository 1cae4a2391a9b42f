//! A row of either engine, or of a query of sea-orm.

use sea_orm::{QueryResult, TryGetable};
use sqlx::{Decode, Postgres, Sqlite, Type, postgres::PgRow, sqlite::SqliteRow};

/// A value that a column of either engine may hold.
pub trait Column:
    Type<Postgres>
    + for<'r> Decode<'r, Postgres>
    + Type<Sqlite>
    + for<'r> Decode<'r, Sqlite>
    + TryGetable
{
}

impl<T> Column for T where
    T: Type<Postgres>
        + for<'r> Decode<'r, Postgres>
        + Type<Sqlite>
        + for<'r> Decode<'r, Sqlite>
        + TryGetable
{
}

/// A row. Those of the engines are read without sea-orm between, which takes as long again
/// for each column.
pub trait Row {
    /// The value of the column with this index, counted from 0.
    fn at<T: Column>(&self, index: usize) -> Result<T, sqlx::Error>;
}

impl Row for PgRow {
    fn at<T: Column>(&self, index: usize) -> Result<T, sqlx::Error> {
        sqlx::Row::try_get(self, index)
    }
}

impl Row for SqliteRow {
    fn at<T: Column>(&self, index: usize) -> Result<T, sqlx::Error> {
        sqlx::Row::try_get(self, index)
    }
}

impl Row for QueryResult {
    fn at<T: Column>(&self, index: usize) -> Result<T, sqlx::Error> {
        let value = self.try_get_by_index(index);
        value.map_err(|error| sqlx::Error::Decode(error.into()))
    }
}
