//! A task's id as a client wrote it in the path.

use std::borrow::Cow;

use poem_openapi::{
    registry::{MetaSchema, MetaSchemaRef},
    types::{ParseFromParameter, ParseResult, Type},
};

use crate::api::{rest::problem::Problem, tasks::no_such_task};

/// An `{id}` out of a path. One that is no positive 64-bit integer is not an
/// error of its own: it names no task, like any other id that names none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskId {
    text: String,
}

/// How much of an id an answer repeats, in characters.
const SHOWN: usize = 40;

impl TaskId {
    /// The number, where the text is one in its one canonical form.
    pub fn number(&self) -> Result<i64, Problem> {
        let canonical =
            !self.text.starts_with('0') && self.text.bytes().all(|b| b.is_ascii_digit());
        canonical
            .then(|| self.text.parse().ok())
            .flatten()
            .ok_or_else(|| no_such_task(self.text.chars().take(SHOWN).collect::<String>()))
    }
}

impl Type for TaskId {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "task_id".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Inline(Box::new(MetaSchema {
            minimum: Some(1.0),
            ..MetaSchema::new_with_format("integer", "int64")
        }))
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl ParseFromParameter for TaskId {
    fn parse_from_parameter(value: &str) -> ParseResult<Self> {
        Ok(Self {
            text: value.to_owned(),
        })
    }
}
