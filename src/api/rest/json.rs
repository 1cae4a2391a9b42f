//! JSON bodies, both ways.
//!
//! The framework's own `Json` answers in the library's words, takes a missing
//! body for `null`, and builds a `Value` before it writes text. This one says
//! which field is wrong, and writes straight to bytes.

use std::time::Duration;

use poem::{
    Body, IntoResponse, Request, RequestBody, Response,
    error::ReadBodyError,
    http::{
        HeaderMap, StatusCode,
        header::{CONTENT_ENCODING, CONTENT_TYPE, LOCATION},
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
use serde_json::{Map, Value};
use tokio::time::timeout;

use crate::api::{
    rest::{
        fields::{Fields, FromFields},
        problem::{FieldError, Problem, ProblemType},
    },
    tasks::Task,
};

/// The most that a request body may hold, in bytes.
pub const BODY_LIMIT: usize = 128 * 1024;
/// How long it may take to arrive: the largest at five KiB a second.
const BODY_TIMEOUT: Duration = Duration::from_secs(25);

const JSON: &str = "application/json";

/// A JSON body: of a request, checked field by field, or of a 200 answer.
#[derive(Debug)]
pub struct Json<T>(pub T);

/// A 201 answer: the task, and where it is.
#[derive(Debug)]
pub struct Created(pub Task);

/// Whether a content type is JSON: `application/json`, or a type whose suffix
/// says so (RFC 6839, section 3.1).
fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let essence = essence.to_ascii_lowercase();
    essence == JSON || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn check_media_type(headers: &HeaderMap) -> Result<(), Problem> {
    let texts = |name| {
        let values = headers.get_all(name).into_iter();
        values.map(|value| value.to_str().unwrap_or(""))
    };
    if texts(CONTENT_ENCODING).any(|coding| !coding.eq_ignore_ascii_case("identity")) {
        return Err(Problem::new(ProblemType::UnsupportedMediaType)
            .with_detail("The body must not be compressed."));
    }
    // One type: of two, others on the way may have believed the other.
    let mut types = texts(CONTENT_TYPE);
    match (types.next(), types.next()) {
        (Some(content_type), None) if is_json(content_type) => Ok(()),
        _ => Err(Problem::new(ProblemType::UnsupportedMediaType)),
    }
}

/// The object in `body`. No body at all is an object without fields, so that
/// the answer names the first field that is missing.
fn parse_object(headers: &HeaderMap, body: &[u8]) -> Result<Map<String, Value>, Problem> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    check_media_type(headers)?;
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Problem::invalid_field("body", "must be a JSON object")),
        Err(error) => Err(Problem::invalid_field(
            "body",
            format!(
                "must be valid JSON (see line {}, column {})",
                error.line(),
                error.column()
            ),
        )),
    }
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
            content: vec![MetaMediaType {
                content_type: JSON,
                schema: T::schema_ref(),
            }],
            required: true,
        })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let body = timeout(BODY_TIMEOUT, body.take()?.into_bytes_limit(BODY_LIMIT)).await;
        let body = body.map_err(|_| Problem::new(ProblemType::RequestTimeout))?;
        let body = body.map_err(|error| match error {
            ReadBodyError::PayloadTooLarge => Problem::new(ProblemType::ContentTooLarge),
            _ => Problem::invalid_field("body", "must arrive whole"),
        })?;
        let object = parse_object(request.headers(), &body)?;
        let value =
            Fields::read(object).map_err(|errors: Vec<FieldError>| Problem::invalid(errors))?;
        Ok(Self(value))
    }
}

fn response<T: Serialize>(status: StatusCode, value: &T) -> Response {
    match serde_json::to_vec(value) {
        Ok(bytes) => Response::builder()
            .status(status)
            .content_type(JSON)
            .body(Body::from_vec(bytes)),
        Err(error) => Problem::internal(error.to_string()).into_response(),
    }
}

impl<T: Serialize + Send> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        response(StatusCode::OK, &self.0)
    }
}

impl IntoResponse for Created {
    fn into_response(self) -> Response {
        let location = format!("/api/tasks/{}", self.0.id);
        response(StatusCode::CREATED, &self.0)
            .with_header(LOCATION, location)
            .into_response()
    }
}

/// A value that an operation answers with 200.
pub trait Answer: Type + Serialize {
    /// What it is, for the document.
    const DESCRIPTION: &'static str;
}

fn meta(status: u16, description: &'static str, schema: MetaSchemaRef) -> MetaResponse {
    MetaResponse {
        description,
        status: Some(status),
        status_range: None,
        content: vec![MetaMediaType {
            content_type: JSON,
            schema,
        }],
        headers: vec![],
    }
}

impl<T: Answer> ApiResponse for Json<T> {
    fn meta() -> MetaResponses {
        MetaResponses {
            responses: vec![meta(200, T::DESCRIPTION, T::schema_ref())],
        }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl ApiResponse for Created {
    fn meta() -> MetaResponses {
        let mut created = meta(201, "The task as it was stored.", Task::schema_ref());
        created.headers.push(MetaHeader {
            name: "Location".to_owned(),
            description: Some("The path of the new task.".to_owned()),
            required: true,
            deprecated: false,
            schema: MetaSchemaRef::Inline(Box::new(MetaSchema::new_with_format(
                "string",
                "uri-reference",
            ))),
        });
        MetaResponses {
            responses: vec![created],
        }
    }

    fn register(registry: &mut Registry) {
        Task::register(registry);
    }
}
