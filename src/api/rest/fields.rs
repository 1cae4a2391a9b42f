//! The fields of request bodies. A JSON value of the wrong type is never coerced,
//! lengths count Unicode scalar values, and `PostgreSQL` cannot store U+0000.
//! [`Fields`] validates every field, so that a form can show all errors at once.

#[cfg(test)]
mod tests;

use poem_openapi::{
    registry::MetaSchema,
    types::{MaybeUndefined, ParseError, ParseFromJSON, ParseResult, ToJSON},
};
use serde_json::{Map, Value};

use crate::api::rest::{
    characters::{PATTERN, VISIBLE_PATTERN, is_visible, is_white_space},
    problem::FieldError,
};

/// Text of `MIN` to `MAX` Unicode scalar values without U+0000. If `MIN` is
/// above 0, white space at both ends is trimmed first, and at least one character must
/// be visible: see [`is_white_space`] and [`is_visible`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text<const MIN: usize, const MAX: usize>(String);

impl<const MIN: usize, const MAX: usize> Text<MIN, MAX> {
    /// Validates `text`. The error is a predicate for a person ("must be …").
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = if MIN > 0 {
            text.trim_matches(is_white_space)
        } else {
            text
        };
        if text.contains('\0') {
            return Err("must not contain the character U+0000".to_owned());
        }
        let length = text.chars().count();
        if !(MIN..=MAX).contains(&length) {
            return Err(if MIN > 0 {
                format!("must be {MIN} to {MAX} characters long")
            } else {
                format!("must be at most {MAX} characters long")
            });
        }
        if MIN > 0 && !text.contains(is_visible) {
            return Err("must have at least one visible character".to_owned());
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The value of a field, read from JSON.
pub trait FromField: Sized {
    /// The error is a predicate for a person ("must be …").
    fn from_field(value: Value) -> Result<Self, String>;
}

impl<const MIN: usize, const MAX: usize> FromField for Text<MIN, MAX> {
    fn from_field(value: Value) -> Result<Self, String> {
        match value {
            Value::String(text) => Self::parse(&text),
            _ => Err("must be a string".to_owned()),
        }
    }
}

impl FromField for bool {
    fn from_field(value: Value) -> Result<Self, String> {
        let value = value.as_bool();
        value.ok_or_else(|| "must be true or false".to_owned())
    }
}

/// A request body, read from the fields of a JSON object.
pub trait FromFields: Sized {
    /// Reads every field even after an error, so that `fields` holds all errors.
    fn from_fields(fields: &mut Fields) -> Option<Self>;
}

/// The fields of a request body, and the errors found in them. Each method
/// returns `None` after an error.
#[derive(Debug)]
pub struct Fields {
    object: Map<String, Value>,
    errors: Vec<FieldError>,
}

impl Fields {
    /// Reads a `T`, or returns the errors of all fields.
    pub fn read<T: FromFields>(object: Map<String, Value>) -> Result<T, Vec<FieldError>> {
        let mut fields = Self {
            object,
            errors: Vec::new(),
        };
        let body = T::from_fields(&mut fields);
        body.filter(|_| fields.errors.is_empty())
            .ok_or(fields.errors)
    }

    /// A field that is required and not null.
    pub fn required<T: FromField>(&mut self, name: &'static str) -> Option<T> {
        match self.object.remove(name) {
            None => self.refuse(name, "is required"),
            Some(value) => self.convert(name, value),
        }
    }

    /// A field that may be absent, but not null.
    #[allow(clippy::option_option)] // the outer `None` is an error
    pub fn optional<T: FromField>(&mut self, name: &'static str) -> Option<Option<T>> {
        match self.object.remove(name) {
            None => Some(None),
            Some(value) => self.convert(name, value).map(Some),
        }
    }

    /// A field that may be absent or null, with the same meaning.
    #[allow(clippy::option_option)] // the outer `None` is an error
    pub fn nullable<T: FromField>(&mut self, name: &'static str) -> Option<Option<T>> {
        self.clearable(name).map(MaybeUndefined::take)
    }

    /// A field that keeps its value if it is absent, and loses it if it is null.
    pub fn clearable<T: FromField>(&mut self, name: &'static str) -> Option<MaybeUndefined<T>> {
        match self.object.remove(name) {
            None => Some(MaybeUndefined::Undefined),
            Some(Value::Null) => Some(MaybeUndefined::Null),
            Some(value) => self.convert(name, value).map(MaybeUndefined::Value),
        }
    }

    /// Takes what a comparison of fields found: the name of an invalid one, and its rule.
    pub fn check(&mut self, checked: Result<(), (&'static str, &'static str)>) {
        if let Err((name, rule)) = checked {
            self.refuse::<()>(name, rule);
        }
    }

    fn convert<T: FromField>(&mut self, name: &'static str, value: Value) -> Option<T> {
        T::from_field(value).map_or_else(|message| self.refuse(name, message), Some)
    }

    fn refuse<T>(&mut self, name: &'static str, message: impl Into<String>) -> Option<T> {
        self.errors.push(FieldError {
            field: name.to_owned(),
            message: message.into(),
        });
        None
    }
}

/// Reads request bodies from their fields; each field names the method of
/// [`Fields`] that reads it. `check` compares those fields, which are
/// `Copy`, if each is valid by itself.
macro_rules! request_bodies {
    ($(
        $body:ident { $($field:ident: $method:ident),* $(,)? }
        $(check $check:ident($($checked:ident),*))?;
    )*) => {$(
        impl $crate::api::rest::fields::FromFields for $body {
            fn from_fields(fields: &mut $crate::api::rest::fields::Fields) -> Option<Self> {
                $(let $field = fields.$method(stringify!($field));)*
                $(if let ($(Some($checked),)*) = ($($checked,)*) {
                    fields.check($check($($checked),*));
                })?
                Some(Self { $($field: $field?),* })
            }
        }
    )*};
}
pub(in crate::api) use request_bodies;

/// Implements `Type` for a type that is its own raw value: its name, and its
/// schema for the document.
macro_rules! openapi_type {
    ([$($generics:tt)*] $type:ty, $name:expr, $schema:expr) => {
        impl<$($generics)*> ::poem_openapi::types::Type for $type {
            const IS_REQUIRED: bool = true;
            type RawValueType = Self;
            type RawElementValueType = Self;

            fn name() -> ::std::borrow::Cow<'static, str> {
                $name
            }

            fn schema_ref() -> ::poem_openapi::registry::MetaSchemaRef {
                ::poem_openapi::registry::MetaSchemaRef::Inline(Box::new($schema))
            }

            fn as_raw_value(&self) -> Option<&Self> {
                Some(self)
            }

            fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
                Box::new(std::iter::once(self))
            }
        }
    };
}
pub(in crate::api) use openapi_type;

openapi_type! {
    [const MIN: usize, const MAX: usize] Text<MIN, MAX>,
    format!("text_{MIN}_{MAX}").into(),
    MetaSchema {
        min_length: (MIN > 0).then_some(MIN),
        max_length: Some(MAX),
        pattern: Some(if MIN > 0 {
            VISIBLE_PATTERN.clone()
        } else {
            PATTERN.to_owned()
        }),
        ..MetaSchema::new("string")
    }
}

// Requests are read by `Fields` and responses written by serde. The framework's `Object`
// needs the conversions below, which nothing calls.

impl<const MIN: usize, const MAX: usize> ParseFromJSON for Text<MIN, MAX> {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        Self::from_field(value.unwrap_or_default()).map_err(ParseError::custom)
    }
}

impl<const MIN: usize, const MAX: usize> ToJSON for Text<MIN, MAX> {
    fn to_json(&self) -> Option<Value> {
        Some(self.as_str().into())
    }
}
