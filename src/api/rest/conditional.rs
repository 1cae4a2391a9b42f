//! Responses that say which state of the resource they show (`ETag`, RFC 9110, section
//! 8.8.3), and those that say that the client has it already (status 304).

use poem::{
    IntoResponse, Response,
    http::{
        HeaderValue, StatusCode,
        header::{ETAG, LINK},
    },
};
use poem_openapi::{
    ApiResponse,
    registry::{MetaHeader, MetaResponse, MetaResponses, MetaSchema, Registry},
};

use crate::api::rest::{
    entity_tag::quoted,
    header::IfNoneMatch,
    json::{etag_header, header},
};

/// A response with status 200 and the tag of the state that it shows.
#[derive(Debug)]
pub struct Tagged<R>(pub R, pub String);

/// The response to a request that may say which state the client has.
#[derive(Debug)]
pub enum Conditional<R> {
    /// Status 200: the state.
    Current(Tagged<R>),
    /// Status 304: the client has the state of this tag.
    NotModified(String),
}

/// A part of a list, and where the next one is.
#[derive(Debug)]
pub struct Paged<R> {
    /// The part.
    pub page: R,
    /// The URL reference of the next part; nothing after the last one.
    pub next: Option<String>,
}

impl IfNoneMatch {
    /// Whether the client has the state of this tag.
    #[must_use]
    pub fn has(&self, tag: &str) -> bool {
        self.0.as_ref().is_some_and(|tags| tags.has(tag))
    }
}

fn with_header(mut responses: MetaResponses, header: impl Fn() -> MetaHeader) -> MetaResponses {
    let successes = responses.responses.iter_mut();
    for response in successes.filter(|response| response.status == Some(200)) {
        response.headers.push(header());
    }
    responses
}

impl<R: IntoResponse> IntoResponse for Tagged<R> {
    fn into_response(self) -> Response {
        let tag = quoted(&self.1);
        self.0.with_header(ETAG, tag).into_response()
    }
}

impl<R: ApiResponse> ApiResponse for Tagged<R> {
    fn meta() -> MetaResponses {
        with_header(R::meta(), etag_header)
    }

    fn register(registry: &mut Registry) {
        R::register(registry);
    }
}

impl<R: IntoResponse> IntoResponse for Conditional<R> {
    fn into_response(self) -> Response {
        match self {
            Self::Current(response) => response.into_response(),
            Self::NotModified(tag) => StatusCode::NOT_MODIFIED
                .with_header(ETAG, quoted(&tag))
                .into_response(),
        }
    }
}

impl<R: ApiResponse> ApiResponse for Conditional<R> {
    fn meta() -> MetaResponses {
        let mut responses = Tagged::<R>::meta();
        responses.responses.push(MetaResponse {
            description: "The state is the one that `If-None-Match` names. There is no body.",
            status: Some(StatusCode::NOT_MODIFIED.as_u16()),
            status_range: None,
            content: vec![],
            headers: vec![etag_header()],
        });
        responses
    }

    fn register(registry: &mut Registry) {
        R::register(registry);
    }
}

impl<R: IntoResponse> IntoResponse for Paged<R> {
    fn into_response(self) -> Response {
        let mut response = self.page.into_response();
        let link = self.next.map(|next| format!("<{next}>; rel=\"next\""));
        if let Some(Ok(link)) = link.map(HeaderValue::try_from) {
            response.headers_mut().insert(LINK, link);
        }
        response
    }
}

impl<R: ApiResponse> ApiResponse for Paged<R> {
    fn meta() -> MetaResponses {
        let description = "With `limit` or `cursor`, and if there is more: the address of the next \
                           page, with the relation `next` (RFC 8288).";
        let link = || header("Link", description, false, MetaSchema::new("string"));
        with_header(R::meta(), link)
    }

    fn register(registry: &mut Registry) {
        R::register(registry);
    }
}
