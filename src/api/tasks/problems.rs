//! The problems of single operations, and how they are worded.

use std::fmt::Display;

use crate::api::rest::problem::{Problem, ProblemType};

pub fn no_such_task(id: impl Display) -> Problem {
    Problem::new(ProblemType::NotFound).with_detail(format!("No task has the id {id}."))
}

pub fn invalid_cursor(parameter: &str) -> Problem {
    Problem::invalid_field(parameter, "must be as a response of this request gave it")
}

/// A problem of one operation, beside those that follow from what it takes. It occurs only if
/// the request has all parameters of one of these sets; without a set, for any request.
pub struct OwnProblem {
    /// The `operationId`.
    pub operation: &'static str,
    /// Which problem.
    pub kind: ProblemType,
    /// The sets of parameters, by their names.
    pub only_with: &'static [&'static [&'static str]],
}

const fn own(
    operation: &'static str,
    kind: ProblemType,
    only_with: &'static [&'static [&'static str]],
) -> OwnProblem {
    OwnProblem {
        operation,
        kind,
        only_with,
    }
}

/// The problems of single operations.
pub const OWN_PROBLEMS: &[OwnProblem] = &[
    own(
        "createTask",
        ProblemType::AlreadyDeleted,
        &[&["Idempotency-Key"]],
    ),
    own(
        "createTask",
        ProblemType::KeyReused,
        &[&["Idempotency-Key"]],
    ),
    own("updateTask", ProblemType::VersionConflict, &[&["If-Match"]]),
    own("patchTask", ProblemType::VersionConflict, &[&["If-Match"]]),
    own(
        "completeTask",
        ProblemType::VersionConflict,
        &[&["If-Match"]],
    ),
    own("deleteTask", ProblemType::VersionConflict, &[&["If-Match"]]),
    own(
        "deleteTask",
        ProblemType::InvalidRequest,
        &[&["If-Match"], &["trash"]],
    ),
    own("restoreTask", ProblemType::QuotaExceeded, &[]),
    own("listChanges", ProblemType::CursorExpired, &[]),
    own("streamChanges", ProblemType::CursorExpired, &[]),
];
