//! A row of either engine, or of a query of sea-orm.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use sea_orm::{QueryResult, TryGetable};
use sqlx::{
    Decode, Postgres, Row as _, Sqlite, Type, ValueRef,
    postgres::{PgRow, PgValueFormat, PgValueRef},
    sqlite::SqliteRow,
};

/// A value that a column of either engine may hold.
pub trait Column:
    Type<Postgres>
    + for<'r> Decode<'r, Postgres>
    + Type<Sqlite>
    + for<'r> Decode<'r, Sqlite>
    + TryGetable
{
    /// The value of these bytes, see [`binary`]; nothing where the driver must read it.
    ///
    /// The driver compares names of types, and moves each value with its type: it takes three
    /// times as long, and a list has some hundred values. This can go once it does better.
    fn read(value: &PgValueRef<'_>) -> Option<Self>;
}

/// The bytes of a value of `T` in the binary format of `PostgreSQL`; nothing of null, and of
/// another type or format, which the driver reads.
fn binary<'r, T: Type<Postgres>>(value: &PgValueRef<'r>) -> Option<&'r [u8]> {
    let is_binary = !value.is_null() && value.format() == PgValueFormat::Binary;
    let is_of_type = is_binary && value.type_info().oid() == T::type_info().oid();
    is_of_type.then(|| value.as_bytes().ok()).flatten()
}

/// How values are read from their bytes, numbers in network byte order.
macro_rules! columns {
    ($($type:ty: $bytes:ident => $read:expr;)*) => {$(
        impl Column for $type {
            fn read(value: &PgValueRef<'_>) -> Option<Self> {
                let $bytes = binary::<Self>(value)?;
                $read
            }
        }
    )*};
}

columns! {
    bool: bytes => Some(bytes == [1]);
    i16: bytes => Some(Self::from_be_bytes(bytes.try_into().ok()?));
    i64: bytes => Some(Self::from_be_bytes(bytes.try_into().ok()?));
    String: bytes => Some(std::str::from_utf8(bytes).ok()?.to_owned());
    // Days since 2000-01-01.
    NaiveDate: bytes => {
        let days = i32::from_be_bytes(bytes.try_into().ok()?);
        Self::from_epoch_days(days.checked_add(10_957)?)
    };
    // Microseconds since midnight.
    NaiveTime: bytes => {
        let time = u64::from_be_bytes(bytes.try_into().ok()?);
        let seconds = u32::try_from(time / 1_000_000).ok()?;
        Self::from_num_seconds_from_midnight_opt(seconds, (time % 1_000_000) as u32 * 1000)
    };
    // Microseconds since 2000-01-01, UTC.
    DateTime<Utc>: bytes => {
        let time = i64::from_be_bytes(bytes.try_into().ok()?);
        Self::from_timestamp_micros(time.checked_add(946_684_800_000_000)?)
    };
}

impl<T: Column> Column for Option<T>
where
    Self: Type<Postgres> + for<'r> Decode<'r, Postgres>,
    Self: Type<Sqlite> + for<'r> Decode<'r, Sqlite> + TryGetable,
{
    fn read(value: &PgValueRef<'_>) -> Option<Self> {
        if value.is_null() {
            Some(None)
        } else {
            T::read(value).map(Some)
        }
    }
}

/// A row. Those of the engines are read without sea-orm between, which takes as long again
/// for each column.
pub trait Row {
    /// The value of the column with this index, counted from 0.
    fn at<T: Column>(&self, index: usize) -> Result<T, sqlx::Error>;
}

impl Row for PgRow {
    fn at<T: Column>(&self, index: usize) -> Result<T, sqlx::Error> {
        // By reference: to move the value takes longer than to read it.
        let value = self.try_get_raw(index);
        match value.as_ref().ok().and_then(T::read) {
            Some(value) => Ok(value),
            None => self.try_get(index),
        }
    }
}

impl Row for SqliteRow {
    fn at<T: Column>(&self, index: usize) -> Result<T, sqlx::Error> {
        self.try_get(index)
    }
}

impl Row for QueryResult {
    fn at<T: Column>(&self, index: usize) -> Result<T, sqlx::Error> {
        let value = self.try_get_by_index(index);
        value.map_err(|error| sqlx::Error::Decode(error.into()))
    }
}
