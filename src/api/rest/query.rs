//! Query parameters. (The framework's `Query` takes the first of several values, and
//! reports an invalid one in its own words.)

use std::borrow::Cow;

use poem::{Request, RequestBody};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaParamIn, MetaSchema, MetaSchemaRef},
};
use url::form_urlencoded;

use crate::api::rest::problem::Problem;

/// A query parameter.
#[derive(Debug)]
pub struct Query<T>(pub T);

/// What a query parameter is read as.
pub trait FromQuery: Sized {
    /// Whether the parameter must be given.
    const IS_REQUIRED: bool = false;

    /// The schema of the parameter.
    fn schema() -> MetaSchema;

    /// Reads the values of the parameter, in their order. The error is a predicate for a
    /// person ("must be …").
    fn from_query(values: &[Cow<'_, str>]) -> Result<Self, String>;
}

/// A value that a parameter may have once, or several times as a `Vec`.
pub trait QueryValue: Sized {
    /// The schema of the value.
    fn schema() -> MetaSchema;

    /// Reads the value. The error is a predicate for a person ("must be …").
    fn parse(text: &str) -> Result<Self, String>;
}

/// A parameter with a fixed set of values. The default stands for an absent
/// parameter.
pub trait QueryEnum: Copy + Default + PartialEq + 'static {
    /// Each value and its text.
    const VALUES: &'static [(&'static str, Self)];
    /// Whether the parameter must be given.
    const IS_REQUIRED: bool = false;

    /// The schema of the parameter.
    fn schema() -> MetaSchema {
        let default = (!Self::IS_REQUIRED).then(|| Self::default().text());
        MetaSchema {
            enum_items: Self::VALUES
                .iter()
                .map(|(text, _)| (*text).into())
                .collect(),
            default: default.map(Into::into),
            ..MetaSchema::new("string")
        }
    }

    /// The text of the value.
    fn text(self) -> &'static str {
        let found = Self::VALUES.iter().find(|(_, value)| *value == self);
        found.map_or("", |(text, _)| text)
    }
}

fn once<'v>(values: &'v [Cow<'_, str>]) -> Result<Option<&'v str>, String> {
    match values {
        [] => Ok(None),
        [value] => Ok(Some(value)),
        _ => Err("must be given once".to_owned()),
    }
}

impl<T: QueryEnum> FromQuery for T {
    const IS_REQUIRED: bool = T::IS_REQUIRED;

    fn schema() -> MetaSchema {
        <T as QueryEnum>::schema()
    }

    fn from_query(values: &[Cow<'_, str>]) -> Result<Self, String> {
        let known: Vec<_> = T::VALUES.iter().map(|(known, _)| *known).collect();
        let must = || match *known {
            [only] => format!("must be {only}"),
            _ => format!("must be one of {}", known.join(", ")),
        };
        match once(values)? {
            None if T::IS_REQUIRED => Err(must()),
            None => Ok(T::default()),
            Some(text) => {
                let found = T::VALUES.iter().find(|(known, _)| *known == text);
                found.map(|(_, value)| *value).ok_or_else(must)
            }
        }
    }
}

impl<T: QueryValue> FromQuery for Option<T> {
    fn schema() -> MetaSchema {
        T::schema()
    }

    fn from_query(values: &[Cow<'_, str>]) -> Result<Self, String> {
        once(values)?.map(T::parse).transpose()
    }
}

impl<T: QueryValue> FromQuery for Vec<T> {
    fn schema() -> MetaSchema {
        MetaSchema {
            items: Some(Box::new(MetaSchemaRef::Inline(Box::new(T::schema())))),
            ..MetaSchema::new("array")
        }
    }

    fn from_query(values: &[Cow<'_, str>]) -> Result<Self, String> {
        values.iter().map(|value| T::parse(value)).collect()
    }
}

impl QueryEnum for bool {
    const VALUES: &'static [(&'static str, Self)] = &[("false", false), ("true", true)];

    fn schema() -> MetaSchema {
        MetaSchema {
            default: Some(false.into()),
            ..MetaSchema::new("boolean")
        }
    }
}

/// A number of items in a page: 1 to `MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit<const MAX: u32>(pub u32);

impl<const MAX: u32> QueryValue for Limit<MAX> {
    fn schema() -> MetaSchema {
        MetaSchema {
            minimum: Some(1.0),
            maximum: Some(f64::from(MAX)),
            ..MetaSchema::new_with_format("integer", "int32")
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = is_number.then(|| text.parse().ok()).flatten();
        let number = number.filter(|number| (1..=MAX).contains(number));
        let must = || format!("must be a number from 1 to {MAX}");
        number.map(Self).ok_or_else(must)
    }
}

/// Text that the service gave to the client, such as a cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opaque(pub String);

impl QueryValue for Opaque {
    fn schema() -> MetaSchema {
        MetaSchema::new("string")
    }

    fn parse(text: &str) -> Result<Self, String> {
        Ok(Self(text.to_owned()))
    }
}

impl<'a, T: FromQuery + Send> ApiExtractor<'a> for Query<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];
    const PARAM_IS_REQUIRED: bool = T::IS_REQUIRED;
    type ParamType = ();
    type ParamRawType = ();

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Query)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        Some(MetaSchemaRef::Inline(Box::new(T::schema())))
    }

    async fn from_request(
        request: &'a Request,
        _body: &mut RequestBody,
        options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let name = options.name;
        let query = request.uri().query().unwrap_or_default();
        let given = form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == name);
        let given: Vec<_> = given.map(|(_, value)| value).collect();
        let read = T::from_query(&given).map_err(|rule| Problem::invalid_field(name, rule));
        Ok(Self(read?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_number_without_sign_up_to_the_maximum() {
        let limit = |text: &str| Limit::<1000>::parse(text).map(|limit| limit.0);

        assert_eq!(limit("1"), Ok(1));
        assert_eq!(limit("1000"), Ok(1000));
        for text in ["", "0", "1001", "-1", "+1", "1.0", "x", "99999999999", "١"] {
            limit(text).unwrap_err();
        }
    }

    #[test]
    fn a_value_is_given_once_unless_it_may_be_repeated() {
        let twice = ["1".into(), "2".into()];

        Option::<Limit<9>>::from_query(&twice).unwrap_err();
        bool::from_query(&["true".into(), "true".into()]).unwrap_err();
        assert_eq!(Vec::<Limit<9>>::from_query(&twice).unwrap().len(), 2);
        Vec::<Limit<9>>::from_query(&["1".into(), "x".into()]).unwrap_err();
    }
}
