//! The values of a task's fields that are more than text, validated when they are read.

use std::{
    borrow::Cow,
    fmt::{self, Display, Formatter},
};

use chrono::{Datelike, NaiveDate, NaiveTime, Timelike};
use poem_openapi::{
    registry::{MetaSchema, MetaSchemaRef},
    types::{ParseError, ParseFromJSON, ParseResult, ToJSON},
};
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::api::rest::{
    characters::{SPACED_PATTERN, is_white_space},
    fields::{FromField, openapi_type},
};

/// A calendar day without a time zone, of the years 1 to 9999 (RFC 3339, `full-date`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DueDate(NaiveDate);

impl DueDate {
    /// Validates `text`. The error is a predicate for a person ("must be …").
    pub fn parse(text: &str) -> Result<Self, String> {
        let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
        let date = date.filter(|date| (1..=9999).contains(&date.year()));
        // The parser accepts fewer digits.
        let date = date.map(Self).filter(|date| date.to_string() == text);
        date.ok_or_else(|| "must be a date like 2026-01-31".to_owned())
    }
}

impl From<NaiveDate> for DueDate {
    fn from(date: NaiveDate) -> Self {
        Self(date)
    }
}

impl From<DueDate> for NaiveDate {
    fn from(date: DueDate) -> Self {
        date.0
    }
}

impl Display for DueDate {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.0, f)
    }
}

/// A local time without a time zone: `HH:MM`, from 00:00 to 23:59.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DueTime(NaiveTime);

impl DueTime {
    fn parse(text: &str) -> Result<Self, String> {
        let time = NaiveTime::parse_from_str(text, "%H:%M").ok();
        // The parser accepts fewer digits.
        let time = time.map(Self).filter(|time| time.to_string() == text);
        time.ok_or_else(|| "must be a time like 09:30".to_owned())
    }
}

impl From<NaiveTime> for DueTime {
    fn from(time: NaiveTime) -> Self {
        Self(time)
    }
}

impl From<DueTime> for NaiveTime {
    fn from(time: DueTime) -> Self {
        time.0
    }
}

impl Display for DueTime {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0.hour(), self.0.minute())
    }
}

/// How important a task is. The order is that of importance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// No priority.
    #[default]
    None,
    /// Low.
    Low,
    /// Medium.
    Medium,
    /// High.
    High,
}

impl Priority {
    /// Every priority, with its text.
    const ALL: [(&'static str, Self); 4] = [
        ("none", Self::None),
        ("low", Self::Low),
        ("medium", Self::Medium),
        ("high", Self::High),
    ];

    /// The number of the priority in the database: 0 to 3.
    #[must_use]
    pub fn number(self) -> i16 {
        self as i16
    }

    /// The priority of a number.
    #[must_use]
    pub fn of_number(number: i16) -> Option<Self> {
        let mut all = Self::ALL.into_iter().map(|(_, priority)| priority);
        all.find(|priority| priority.number() == number)
    }
}

impl Serialize for Priority {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(Self::ALL[*self as usize].0)
    }
}

/// A label: 1 to 50 characters (Unicode scalar values) without U+0000, counted after
/// white space at both ends is trimmed. Case matters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Tag(String);

impl Tag {
    const MAX_LENGTH: usize = 50;

    /// Validates `text`. The error is a predicate for a person ("must be …").
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim_matches(is_white_space);
        if text.contains('\0') {
            return Err("must not contain the character U+0000".to_owned());
        }
        if !(1..=Self::MAX_LENGTH).contains(&text.chars().count()) {
            return Err(format!("must be 1 to {} characters long", Self::MAX_LENGTH));
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The schema of a tag.
    #[must_use]
    pub fn schema() -> MetaSchema {
        MetaSchema {
            min_length: Some(1),
            max_length: Some(Self::MAX_LENGTH),
            pattern: Some(SPACED_PATTERN.clone()),
            ..MetaSchema::new("string")
        }
    }
}

/// At most 20 tags, each once, in the order in which they were given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize)]
pub struct Tags(Vec<Tag>);

impl Tags {
    const MAX_NUMBER: usize = 20;

    /// The tags.
    #[must_use]
    pub fn as_slice(&self) -> &[Tag] {
        &self.0
    }

    /// The tags of texts that were validated before they were stored.
    #[must_use]
    pub fn stored(texts: Vec<String>) -> Self {
        Self(texts.into_iter().map(Tag).collect())
    }
}

/// The place of a task in the user's manual order: 1 to 64 characters of `[0-9A-Za-z]`,
/// compared byte by byte.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Position(String);

impl Position {
    const MAX_LENGTH: usize = 64;

    fn parse(text: &str) -> Result<Self, String> {
        if (1..=Self::MAX_LENGTH).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
        {
            return Ok(Self(text.to_owned()));
        }
        let most = Self::MAX_LENGTH;
        Err(format!(
            "must be 1 to {most} of the characters 0-9, A-Z and a-z"
        ))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The position of a text that was validated before.
    #[must_use]
    pub fn stored(text: String) -> Self {
        Self(text)
    }
}

impl FromField for Tags {
    fn from_field(value: Value) -> Result<Self, String> {
        let must = "must be an array of strings";
        let Value::Array(values) = value else {
            return Err(must.to_owned());
        };
        if values.len() > Self::MAX_NUMBER {
            return Err(format!("must have at most {} tags", Self::MAX_NUMBER));
        }
        let mut tags: Vec<Tag> = Vec::with_capacity(values.len());
        for (index, value) in values.iter().enumerate() {
            let text = value.as_str().ok_or_else(|| must.to_owned())?;
            let tag = Tag::parse(text).map_err(|rule| {
                let number = index + 1;
                format!("must have valid tags: tag {number} {rule}")
            })?;
            if !tags.contains(&tag) {
                tags.push(tag);
            }
        }
        Ok(Self(tags))
    }
}

/// Reads a value from a JSON string, and writes it as one; `$parse` validates it.
macro_rules! from_string {
    ($($type:ty, $name:literal, $parse:expr, $schema:expr;)*) => {$(
        impl FromField for $type {
            fn from_field(value: Value) -> Result<Self, String> {
                let text = value.as_str().ok_or_else(|| "must be a string".to_owned())?;
                $parse(text)
            }
        }

        openapi_type! { [] $type, Cow::Borrowed($name), $schema }
    )*};
}

from_string! {
    DueDate, "due_date", DueDate::parse, MetaSchema::new_with_format("string", "date");
    DueTime, "due_time", DueTime::parse, MetaSchema {
        pattern: Some("^([01][0-9]|2[0-3]):[0-5][0-9]$".to_owned()),
        ..MetaSchema::new("string")
    };
    Priority, "priority", parse_priority, MetaSchema {
        enum_items: Priority::ALL.iter().map(|(text, _)| (*text).into()).collect(),
        ..MetaSchema::new("string")
    };
    Position, "position", Position::parse, MetaSchema {
        min_length: Some(1),
        max_length: Some(Position::MAX_LENGTH),
        pattern: Some("^[0-9A-Za-z]+$".to_owned()),
        ..MetaSchema::new("string")
    };
}

fn parse_priority(text: &str) -> Result<Priority, String> {
    let found = Priority::ALL.iter().find(|(known, _)| *known == text);
    let known = || Priority::ALL.map(|(known, _)| known).join(", ");
    found.map_or_else(
        || Err(format!("must be one of {}", known())),
        |(_, priority)| Ok(*priority),
    )
}

openapi_type! {
    [] Tags,
    Cow::Borrowed("tags"),
    MetaSchema {
        items: Some(Box::new(MetaSchemaRef::Inline(Box::new(Tag::schema())))),
        max_items: Some(Tags::MAX_NUMBER),
        ..MetaSchema::new("array")
    }
}

/// Writes a value as its text.
macro_rules! serialize_display {
    ($($type:ty),*) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    )*};
}

serialize_display!(DueDate, DueTime);

// The framework's `Object` needs these conversions, which nothing calls.
macro_rules! framework_conversions {
    ($($type:ty),*) => {$(
        impl ParseFromJSON for $type {
            fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
                Self::from_field(value.unwrap_or_default()).map_err(ParseError::custom)
            }
        }

        impl ToJSON for $type {
            fn to_json(&self) -> Option<Value> {
                serde_json::to_value(self).ok()
            }
        }
    )*};
}

framework_conversions!(DueDate, DueTime, Priority, Tags, Position);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_date_is_a_day_of_the_calendar_in_one_form() {
        for text in ["0001-01-01", "2024-02-29", "9999-12-31"] {
            assert_eq!(DueDate::parse(text).unwrap().to_string(), text);
        }
        for text in [
            "",
            "0000-01-01",
            "2023-02-29",
            "2026-1-2",
            "2026-13-01",
            "+2026-01-01",
            "10000-01-01",
            "2026-01-01T00:00:00Z",
            " 2026-01-01",
            "20260101",
        ] {
            DueDate::parse(text).unwrap_err();
        }
    }

    #[test]
    fn a_time_is_of_a_day_in_one_form() {
        for text in ["00:00", "09:30", "23:59"] {
            assert_eq!(DueTime::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "24:00", "9:30", "09:60", "09:30:00", "09:30Z", " 09:30"] {
            DueTime::parse(text).unwrap_err();
        }
    }

    #[test]
    fn tags_are_trimmed_and_kept_in_order_without_duplicates() {
        let tags = |value: Value| Tags::from_field(value);
        let read = tags(json!([" b ", "a", "b", "B", "\u{200b}", "日本"])).unwrap();

        assert_eq!(json!(read), json!(["b", "a", "B", "\u{200b}", "日本"]));
        assert_eq!(tags(json!(vec!["x".repeat(50); 20])).unwrap().0.len(), 1);
        for refused in [
            json!("a"),
            json!([1]),
            json!([null]),
            json!(["  "]),
            json!(["a\u{0}"]),
            json!(["x".repeat(51)]),
            json!(vec!["a"; 21]),
        ] {
            tags(refused).unwrap_err();
        }
    }

    #[test]
    fn a_position_is_letters_and_digits() {
        Position::parse(&"z".repeat(64)).unwrap();
        for text in ["", "a-b", "é", "a ", &"z".repeat(65)] {
            Position::parse(text).unwrap_err();
        }
    }

    #[test]
    fn a_priority_has_a_number_that_is_its_order() {
        for (text, priority) in Priority::ALL {
            assert_eq!(Priority::of_number(priority.number()), Some(priority));
            assert_eq!(json!(priority), text);
        }
        assert_eq!(Priority::of_number(4), None);
        assert!(Priority::High > Priority::None);
    }
}
