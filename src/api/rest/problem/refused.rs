//! Which problems an operation can answer, as a part of its type: the document
//! gets its statuses from here.

use std::marker::PhantomData;

use poem_openapi::{
    ApiResponse,
    registry::{MetaMediaType, MetaResponse, MetaResponses, Registry},
    types::Type,
};

use super::{Kind, PROBLEM_JSON, Problem, ProblemBody};

/// The problems that an operation has beyond those of [`ANY_OPERATION`].
pub trait Reason {
    /// Their kinds.
    const KINDS: &'static [Kind];
}

/// What any operation can answer.
const ANY_OPERATION: [Kind; 5] = [
    Kind::Unauthorized,
    Kind::ContentTooLarge,
    Kind::RateLimited,
    Kind::Internal,
    Kind::Unavailable,
];

/// The operation reads a query parameter.
#[derive(Debug)]
pub struct Filter;

impl Reason for Filter {
    const KINDS: &'static [Kind] = &[Kind::InvalidRequest];
}

/// The operation reads a body.
#[derive(Debug)]
pub struct Input;

impl Reason for Input {
    const KINDS: &'static [Kind] = &[Kind::InvalidRequest, Kind::UnsupportedMediaType];
}

/// The operation names a task.
#[derive(Debug)]
pub struct Id;

impl Reason for Id {
    const KINDS: &'static [Kind] = &[Kind::NotFound];
}

/// The operation adds a task.
#[derive(Debug)]
pub struct Quota;

impl Reason for Quota {
    const KINDS: &'static [Kind] = &[Kind::QuotaExceeded];
}

impl Reason for () {
    const KINDS: &'static [Kind] = &[];
}

/// A problem, and for the document the reasons that the operation has for one.
#[derive(Debug)]
pub struct Refused<A, B = ()>(Problem, PhantomData<(A, B)>);

impl<A, B, P: Into<Problem>> From<P> for Refused<A, B> {
    fn from(problem: P) -> Self {
        Self(problem.into(), PhantomData)
    }
}

impl<A, B> From<Refused<A, B>> for poem::Error {
    fn from(refused: Refused<A, B>) -> Self {
        refused.0.into()
    }
}

impl<A: Reason, B: Reason> ApiResponse for Refused<A, B> {
    fn meta() -> MetaResponses {
        let kinds = ANY_OPERATION.iter().chain(A::KINDS).chain(B::KINDS);
        let mut responses: Vec<_> = kinds
            .map(|kind| MetaResponse {
                description: kind.description(),
                status: Some(kind.status()),
                status_range: None,
                content: vec![MetaMediaType {
                    content_type: PROBLEM_JSON,
                    schema: ProblemBody::schema_ref(),
                }],
                headers: vec![],
            })
            .collect();
        responses.sort_by_key(|response| response.status);
        MetaResponses { responses }
    }

    fn register(registry: &mut Registry) {
        ProblemBody::register(registry);
    }
}
