//! The JSON object of a body, read so that an error names the field that it is in.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value, error::Category};

use crate::api::rest::problem::Problem;

/// Maximum length of the name of an unreadable field that a problem repeats, in
/// characters. A name is up to the client, and could be as long as the body.
const MAX_NAME: usize = 100;

/// What is wrong with a body that follows the grammar of JSON (RFC 8259) and cannot be
/// read, by the start of serde's message: it has no code for them.
const RULES: [(&str, &str); 5] = [
    (
        "lone leading surrogate",
        "must not contain half of a surrogate pair",
    ),
    (
        "unexpected end of hex escape",
        "must not contain half of a surrogate pair",
    ),
    ("invalid unicode code point", "must be encoded in UTF-8"),
    (
        "number out of range",
        "must not contain a number beyond the range of a 64-bit float",
    ),
    (
        "recursion limit exceeded",
        "must not contain arrays or objects nested more than 126 levels deep",
    ),
];

/// Reads the JSON object in `body`. Of two fields with one name, the last counts. The
/// problem names the field of the object that cannot be read, or `body`.
pub fn parse(body: &[u8]) -> Result<Map<String, Value>, Problem> {
    let mut reader = Reader::default();
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let read = reader.deserialize(&mut deserializer);
    match read.and_then(|()| deserializer.end()) {
        Ok(()) => Ok(reader.object),
        Err(error) => {
            let nameable = |name: &&str| (1..=MAX_NAME).contains(&name.chars().count());
            let field = reader.unreadable.as_deref().filter(nameable);
            Err(Problem::invalid_field(
                field.unwrap_or("body"),
                rule(&error),
            ))
        }
    }
}

fn rule(error: &serde_json::Error) -> String {
    if error.classify() == Category::Data {
        return "must be a JSON object".to_owned();
    }
    let message = error.to_string();
    let mut rules = RULES.iter();
    let known = rules.find(|(start, _)| message.starts_with(start));
    let rule = known.map_or("must be valid JSON", |(_, rule)| rule);
    let (line, column) = (error.line(), error.column());
    format!("{rule} (see line {line}, column {column})")
}

/// The fields read so far, and the name of the one whose value cannot be read.
#[derive(Default)]
struct Reader {
    object: Map<String, Value>,
    unreadable: Option<String>,
}

impl<'de> DeserializeSeed<'de> for &mut Reader {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Reader {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        while let Some(name) = fields.next_key::<String>()? {
            match fields.next_value() {
                Ok(value) => self.object.insert(name, value),
                Err(error) => {
                    self.unreadable = Some(name);
                    return Err(error);
                }
            };
        }
        Ok(())
    }
}
