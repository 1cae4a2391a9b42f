//! Header parameters that the framework does not read as the service documents them:
//! preconditions (RFC 9110, section 13.1) and the key of a safe retry.

use poem::{
    Request, RequestBody,
    http::{HeaderMap, HeaderValue},
};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaParamIn, MetaSchema, MetaSchemaRef},
};

use crate::api::rest::{
    entity_tag::EntityTags,
    problem::Problem,
    query::{Opaque, QueryValue},
};

/// An optional header of a request.
#[derive(Debug)]
pub struct Header<T>(pub T);

/// What a header is read as.
pub trait FromHeader: Sized {
    /// The schema of the header.
    fn schema() -> MetaSchema;

    /// Reads the values of the header's lines; none where it is absent. The error is a
    /// predicate for a person ("must be …").
    fn from_lines(lines: &[&[u8]]) -> Result<Self, String>;
}

impl<'a, T: FromHeader + Send> ApiExtractor<'a> for Header<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];
    type ParamType = ();
    type ParamRawType = ();

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Header)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        Some(MetaSchemaRef::Inline(Box::new(T::schema())))
    }

    async fn from_request(
        request: &'a Request,
        _body: &mut RequestBody,
        options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let read = read(request.headers(), options.name);
        Ok(Self(read.map_err(|rule| {
            Problem::invalid_field(options.name, rule)
        })?))
    }
}

fn read<T: FromHeader>(headers: &HeaderMap, name: &str) -> Result<T, String> {
    let lines = headers.get_all(name).into_iter();
    T::from_lines(&lines.map(HeaderValue::as_bytes).collect::<Vec<_>>())
}

/// `If-Match` (RFC 9110, section 13.1.1): the write is for these states of the resource
/// alone. Nothing: for any state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IfMatch(pub Option<EntityTags>);

impl FromHeader for IfMatch {
    fn schema() -> MetaSchema {
        MetaSchema {
            pattern: Some(r#"^(\*|(W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*")*)$"#.to_owned()),
            ..MetaSchema::new("string")
        }
    }

    fn from_lines(lines: &[&[u8]]) -> Result<Self, String> {
        if lines.is_empty() {
            return Ok(Self(None));
        }
        let list = EntityTags::parse(lines).map(|list| Self(Some(list)));
        list.ok_or_else(|| r#"must be * or a list of entity tags like "58""#.to_owned())
    }
}

/// `If-None-Match` (RFC 9110, section 13.1.2): the states that the client has. A value
/// that cannot be read counts as absent, as any other header that a server does not know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IfNoneMatch(pub Option<EntityTags>);

impl FromHeader for IfNoneMatch {
    fn schema() -> MetaSchema {
        MetaSchema::new("string")
    }

    fn from_lines(lines: &[&[u8]]) -> Result<Self, String> {
        Ok(Self(EntityTags::parse(lines)))
    }
}

/// `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07): 1 to 64 characters of
/// `[0-9A-Za-z._:-]`, with or without quotes around them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    const MAX_LENGTH: usize = 64;

    /// The key, without quotes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromHeader for Option<IdempotencyKey> {
    fn schema() -> MetaSchema {
        MetaSchema {
            pattern: Some(r#"^([0-9A-Za-z._:-]{1,64}|"[0-9A-Za-z._:-]{1,64}")$"#.to_owned()),
            ..MetaSchema::new("string")
        }
    }

    fn from_lines(lines: &[&[u8]]) -> Result<Self, String> {
        let line = match lines {
            [] => return Ok(None),
            [line] => line.trim_ascii(),
            _ => return Err("must be given once".to_owned()),
        };
        let quoted = line
            .strip_prefix(b"\"")
            .map(|rest| rest.strip_suffix(b"\""));
        let key = quoted.unwrap_or(Some(line)).unwrap_or_default();
        let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"._:-".contains(byte);
        let has_length = (1..=IdempotencyKey::MAX_LENGTH).contains(&key.len());
        match std::str::from_utf8(key) {
            Ok(key) if has_length && key.bytes().all(|byte| is_allowed(&byte)) => {
                Ok(Some(IdempotencyKey(key.to_owned())))
            }
            _ => Err(format!(
                "must be 1 to {} of the characters 0-9, A-Z, a-z, '.', '_', ':' and '-'",
                IdempotencyKey::MAX_LENGTH
            )),
        }
    }
}

/// Text that the service gave to the client, such as the id of an event.
impl FromHeader for Option<Opaque> {
    fn schema() -> MetaSchema {
        Opaque::schema()
    }

    fn from_lines(lines: &[&[u8]]) -> Result<Self, String> {
        match lines {
            [] => Ok(None),
            // Other bytes than text are text that the service did not give.
            [line] => Ok(Some(Opaque(String::from_utf8_lossy(line).into_owned()))),
            _ => Err("must be given once".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(lines: &[&str]) -> Result<Option<String>, String> {
        let lines: Vec<_> = lines.iter().map(|line| line.as_bytes()).collect();
        let key = Option::<IdempotencyKey>::from_lines(&lines)?;
        Ok(key.map(|key| key.as_str().to_owned()))
    }

    #[test]
    fn an_idempotency_key_may_have_quotes() {
        let longest = "k".repeat(64);
        let expected = |key: &str| Ok(Some(key.to_owned()));

        assert_eq!(key(&[]), Ok(None));
        assert_eq!(key(&["a.B_1:-"]), expected("a.B_1:-"));
        assert_eq!(key(&["\"a\""]), expected("a"));
        assert_eq!(key(&[" a "]), expected("a"));
        assert_eq!(key(&[&longest]), expected(&longest));
        for refused in ["", "\"\"", "\"a", "a\"", "a b", "é", "a/b", &"k".repeat(65)] {
            key(&[refused]).unwrap_err();
        }
        key(&["a", "a"]).unwrap_err();
    }

    #[test]
    fn an_unreadable_precondition_is_an_error_for_writes_alone() {
        let lines: &[&[u8]] = &[b"58"];

        IfMatch::from_lines(lines).unwrap_err();
        assert_eq!(IfNoneMatch::from_lines(lines), Ok(IfNoneMatch(None)));
        assert_eq!(IfMatch::from_lines(&[]), Ok(IfMatch(None)));
    }
}
