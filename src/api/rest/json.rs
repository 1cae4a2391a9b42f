//! JSON bodies of requests and responses. The framework's `Json` names no invalid
//! fields, reads a missing body as `null`, and builds a `Value` before it writes text.

use poem::{
    IntoResponse, Request, RequestBody, Response,
    http::{StatusCode, header::LOCATION},
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
    body::{self, JSON},
    fields::{Fields, FromFields},
    problem::Problem,
};

/// A JSON body: of a request, validated field by field, or of a response with
/// status 200.
#[derive(Debug)]
pub struct Json<T>(pub T);

/// A response with status 201: the new resource, and its path in `Location`.
#[derive(Debug)]
pub struct Created<T>(pub T, pub String);

/// The body of a successful response.
pub trait Described: Type + Serialize {
    /// What the body is, for the document.
    const DESCRIPTION: &'static str;
}

fn content<T: Type>() -> Vec<MetaMediaType> {
    vec![MetaMediaType {
        content_type: JSON,
        schema: T::schema_ref(),
    }]
}

impl<'a, T: FromFields + Type> ApiExtractor<'a> for Json<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(MetaRequest {
            description: None,
            content: content::<T>(),
            required: true,
        })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let object = body::read_object(request, body).await?;
        Ok(Self(Fields::read(object).map_err(Problem::invalid)?))
    }
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
            content: content::<T>(),
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
        response(StatusCode::CREATED, &self.0)
            .with_header(LOCATION, self.1)
            .into_response()
    }
}

impl<T: Described> ApiResponse for Created<T> {
    fn meta() -> MetaResponses {
        let schema = MetaSchema::new_with_format("string", "uri-reference");
        let location = MetaHeader {
            name: "Location".to_owned(),
            description: Some("The path of the new resource.".to_owned()),
            required: true,
            deprecated: false,
            schema: MetaSchemaRef::Inline(Box::new(schema)),
        };
        meta::<T>(StatusCode::CREATED, T::DESCRIPTION, vec![location])
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}
