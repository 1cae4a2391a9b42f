//! Points in time in responses.

use std::borrow::Cow;

use chrono::{DateTime, Datelike, SecondsFormat, Timelike, Utc};
use serde::{Serialize, Serializer};

/// Writes a point in time: RFC 3339, UTC, always with microseconds and `Z`.
pub fn rfc3339<S: Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    let mut digits = *b"0000-00-00T00:00:00.000000Z";
    serializer.serialize_str(&text(time, &mut digits))
}

/// [`rfc3339`] of a time, or null.
pub fn optional_rfc3339<S: Serializer>(
    time: &Option<DateTime<Utc>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => rfc3339(time, serializer),
        None => serializer.serialize_none(),
    }
}

/// A point in time, written by [`rfc3339`].
pub struct Rfc3339<'a>(pub &'a DateTime<Utc>);

impl Serialize for Rfc3339<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        rfc3339(self.0, serializer)
    }
}

/// The formatter of chrono takes longer than everything else in the JSON text of a task.
/// It writes the years that have not four digits, which no task has.
fn text<'a>(time: &DateTime<Utc>, digits: &'a mut [u8; 27]) -> Cow<'a, str> {
    let time = time.naive_utc();
    let year = time.year().unsigned_abs();
    let parts = [
        (0..4, year),
        (5..7, time.month()),
        (8..10, time.day()),
        (11..13, time.hour()),
        (14..16, time.minute()),
        (17..19, time.second()),
        // From 1,000,000 on in a leap second, which has no digit of its own here.
        (20..26, (time.nanosecond() / 1000).min(999_999)),
    ];
    for (place, mut number) in parts {
        for digit in digits[place].iter_mut().rev() {
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
        }
    }
    match std::str::from_utf8(digits) {
        Ok(text) if (0..=9999).contains(&time.year()) => text.into(),
        _ => time
            .and_utc()
            .to_rfc3339_opts(SecondsFormat::Micros, true)
            .into(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(time: &DateTime<Utc>) -> serde_json::Value {
        rfc3339(time, serde_json::value::Serializer).unwrap()
    }

    #[test]
    fn a_time_has_microseconds_and_a_z() {
        for (given, expected) in [
            ("2026-01-05T09:30:00+01:00", "2026-01-05T08:30:00.000000Z"),
            (
                "2026-01-05T08:30:00.1234567Z",
                "2026-01-05T08:30:00.123456Z",
            ),
            (
                "0001-12-31T23:59:59.999999999Z",
                "0001-12-31T23:59:59.999999Z",
            ),
        ] {
            let time = DateTime::parse_from_rfc3339(given).unwrap().to_utc();
            assert_eq!(written(&time), expected);
        }
    }

    proptest! {
        /// From before the year 0 to after the year 9999.
        #[test]
        fn a_time_is_written_as_chrono_does(
            seconds in -70_000_000_000_i64..260_000_000_000,
            nanoseconds in 0..1_000_000_000_u32,
        ) {
            let time = DateTime::from_timestamp(seconds, nanoseconds).unwrap();
            let expected = time.to_rfc3339_opts(SecondsFormat::Micros, true);
            prop_assert_eq!(written(&time), expected);
        }
    }
}
