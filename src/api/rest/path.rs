//! A numeric id in a path.

use poem_openapi::{
    registry::MetaSchema,
    types::{ParseFromParameter, ParseResult},
};

use crate::api::rest::fields::openapi_type;

/// An `{id}` of a path, as the client wrote it. Any text is accepted here, so
/// that the operation can treat one that is no id like an id that is not in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathId(String);

/// How much of the text a response may repeat, in characters.
const MAX_SHOWN: usize = 40;

impl PathId {
    /// The id: a positive 64-bit integer in its canonical form, without sign or
    /// leading zeros. The error is the text, for the response.
    pub fn number(&self) -> Result<i64, String> {
        let text = &self.0;
        let canonical = !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit());
        let number = canonical.then(|| text.parse().ok()).flatten();
        number.ok_or_else(|| text.chars().take(MAX_SHOWN).collect())
    }
}

openapi_type! {
    [] PathId,
    "path_id".into(),
    MetaSchema {
        minimum: Some(1.0),
        ..MetaSchema::new_with_format("integer", "int64")
    }
}

impl ParseFromParameter for PathId {
    fn parse_from_parameter(value: &str) -> ParseResult<Self> {
        Ok(Self(value.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_positive_64_bit_integer_in_canonical_form() {
        let number = |text: &str| PathId(text.to_owned()).number();

        assert_eq!(number("1"), Ok(1));
        assert_eq!(number("9223372036854775807"), Ok(i64::MAX));
        for text in ["", "0", "01", "+1", "-1", "1.0", "x", "9223372036854775808"] {
            assert_eq!(number(text), Err(text.to_owned()), "{text}");
        }
    }

    #[test]
    fn only_the_start_of_a_long_text_is_shown() {
        let text = PathId("é".repeat(41));

        assert_eq!(text.number().unwrap_err(), "é".repeat(40));
    }
}
