//! A query parameter with a fixed set of values.

use poem::{Request, RequestBody};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaParamIn, MetaSchema, MetaSchemaRef},
};
use url::form_urlencoded;

use crate::api::rest::problem::Problem;

/// A parameter with a fixed set of values. The default stands for an absent
/// parameter.
pub trait QueryEnum: Copy + Default + PartialEq + 'static {
    /// Each value and its text.
    const VALUES: &'static [(&'static str, Self)];
}

/// A query parameter. (The framework's `Query` takes the first of several
/// values, and reports an unknown one in its own words.)
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<'a, T: QueryEnum + Send> ApiExtractor<'a> for Query<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];
    type ParamType = ();
    type ParamRawType = ();

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Query)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        let default = T::VALUES.iter().find(|(_, value)| *value == T::default());
        Some(MetaSchemaRef::Inline(Box::new(MetaSchema {
            enum_items: T::VALUES.iter().map(|(text, _)| (*text).into()).collect(),
            default: default.map(|(text, _)| (*text).into()),
            ..MetaSchema::new("string")
        })))
    }

    async fn from_request(
        request: &'a Request,
        _body: &mut RequestBody,
        options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let name = options.name;
        let query = request.uri().query().unwrap_or_default();
        let mut given = form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == name);
        let Some((_, text)) = given.next() else {
            return Ok(Self(T::default()));
        };
        if given.next().is_some() {
            return Err(Problem::invalid_field(name, "must be given once").into());
        }
        if let Some((_, value)) = T::VALUES.iter().find(|(known, _)| *known == text) {
            return Ok(Self(*value));
        }
        let known: Vec<_> = T::VALUES.iter().map(|(known, _)| *known).collect();
        let message = format!("must be one of {}", known.join(", "));
        Err(Problem::invalid_field(name, message).into())
    }
}
