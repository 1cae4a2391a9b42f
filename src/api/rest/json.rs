//! JSON bodies of requests and responses. The framework's `Json` names no invalid
//! fields, reads a missing body as `null`, and builds a `Value` before it writes text.

use poem::{
    IntoResponse, Request, RequestBody, Response,
    http::{
        StatusCode,
        header::{ETAG, LOCATION},
    },
};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ApiResponse, ExtractParamOptions,
    registry::{
        MetaHeader, MetaMediaType, MetaRequest, MetaResponse, MetaResponses, MetaSchema,
        MetaSchemaRef, Registry,
    },
    types::Type,
};
use serde::Serialize;

use crate::api::rest::{
    body::{self, JSON, MERGE_PATCH},
    entity_tag::quoted,
    fields::{Fields, FromFields},
    problem::Problem,
};

/// A JSON body: of a request, validated field by field, or of a response with
/// status 200.
#[derive(Debug)]
pub struct Json<T>(pub T);

/// A JSON body of a request that changes a resource: like [`Json`], and also documented as a
/// merge patch (RFC 7396).
#[derive(Debug)]
pub struct MergePatch<T>(pub T);

/// A response with status 201: the new resource.
#[derive(Debug)]
pub struct Created<T> {
    /// The resource.
    pub resource: T,
    /// Its path, for `Location`.
    pub location: String,
    /// The tag of its state, for `ETag`.
    pub tag: String,
    /// Whether an earlier request with the same key created it.
    pub is_replayed: bool,
}

/// Says that an earlier request did what this one asked for.
const REPLAYED: &str = "Idempotency-Replayed";

/// The body of a successful response.
pub trait Described: Type + Serialize {
    /// What the body is, for the document.
    const DESCRIPTION: &'static str;
}

fn content<T: Type>(media_types: &[&'static str]) -> Vec<MetaMediaType> {
    let content = |content_type: &&'static str| MetaMediaType {
        content_type,
        schema: T::schema_ref(),
    };
    media_types.iter().map(content).collect()
}

/// Reads the body of a request that the document describes with these media types.
macro_rules! request_body {
    ($($body:ident, [$($media_type:expr),*];)*) => {$(
        impl<'a, T: FromFields + Type> ApiExtractor<'a> for $body<T> {
            const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
            type ParamType = ();
            type ParamRawType = ();

            fn register(registry: &mut Registry) {
                T::register(registry);
            }

            fn request_meta() -> Option<MetaRequest> {
                Some(MetaRequest {
                    description: None,
                    content: content::<T>(&[$($media_type),*]),
                    required: true,
                })
            }

            async fn from_request(
                request: &'a Request,
                body: &mut RequestBody,
                _options: ExtractParamOptions<()>,
            ) -> poem::Result<Self> {
                let object = body::read_object(request, body, &[$($media_type),*]).await?;
                Ok(Self(Fields::read(object).map_err(Problem::invalid)?))
            }
        }
    )*};
}

request_body! {
    Json, [JSON];
    MergePatch, [JSON, MERGE_PATCH];
}

/// A header of a response, for the document.
#[must_use]
pub fn header(
    name: &str,
    description: &str,
    is_always_there: bool,
    schema: MetaSchema,
) -> MetaHeader {
    MetaHeader {
        name: name.to_owned(),
        description: Some(description.to_owned()),
        required: is_always_there,
        deprecated: false,
        schema: MetaSchemaRef::Inline(Box::new(schema)),
    }
}

/// The header `ETag`, for the document.
#[must_use]
pub fn etag_header() -> MetaHeader {
    let description = "The state of the resource, for `If-None-Match` and `If-Match`.";
    header("ETag", description, true, MetaSchema::new("string"))
}

fn response<T: Serialize>(status: StatusCode, value: &T) -> Response {
    match serde_json::to_vec(value) {
        Ok(bytes) => Response::builder()
            .status(status)
            .content_type(JSON)
            .body(bytes),
        Err(error) => Problem::internal(error).into_response(),
    }
}

fn meta<T: Type>(
    status: StatusCode,
    description: &'static str,
    headers: Vec<MetaHeader>,
) -> MetaResponses {
    MetaResponses {
        responses: vec![MetaResponse {
            description,
            status: Some(status.as_u16()),
            status_range: None,
            content: content::<T>(&[JSON]),
            headers,
        }],
    }
}

impl<T: Serialize + Send> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        response(StatusCode::OK, &self.0)
    }
}

impl<T: Described> ApiResponse for Json<T> {
    fn meta() -> MetaResponses {
        meta::<T>(StatusCode::OK, T::DESCRIPTION, vec![])
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Serialize + Send> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        let response = response(StatusCode::CREATED, &self.resource)
            .with_header(LOCATION, self.location)
            .with_header(ETAG, quoted(&self.tag));
        if self.is_replayed {
            return response.with_header(REPLAYED, "true").into_response();
        }
        response.into_response()
    }
}

impl<T: Described> ApiResponse for Created<T> {
    fn meta() -> MetaResponses {
        let location = header(
            "Location",
            "The path of the new resource.",
            true,
            MetaSchema::new_with_format("string", "uri-reference"),
        );
        let replayed = header(
            REPLAYED,
            "`true` if an earlier request with the same `Idempotency-Key` created the resource. \
             Absent otherwise.",
            false,
            MetaSchema {
                enum_items: vec!["true".into()],
                ..MetaSchema::new("string")
            },
        );
        let headers = vec![location, etag_header(), replayed];
        meta::<T>(StatusCode::CREATED, T::DESCRIPTION, headers)
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}
