//! Corrections: what a released document left out or got wrong of the server that it was
//! released with. A correction changes the document and not the service, so it is no break.
//! The list is what keeps that honest: it names the release and the place, and a row that
//! does not hold fails the tests.

mod tests;

use serde_json::Value;
use tasks_api_test_support::json_schema::resolve;

use crate::{
    document::methods,
    patterns::{TITLE, TITLE_OF_1_0_0},
};

/// A mistake of a released document.
#[derive(Debug, Clone, Copy)]
pub struct Correction {
    /// The release whose document is wrong; its server already did what the document now
    /// says. The correction holds for no other release.
    pub release: &'static str,
    pub mistake: Mistake,
}

/// What a document got wrong.
#[derive(Debug, Clone, Copy)]
pub enum Mistake {
    /// The operation can fail with this status, which the document omits. The document
    /// names the problem type, or the claim that the server had it would be empty.
    Status {
        operation: &'static str,
        status: &'static str,
        problem: &'static str,
    },
    /// The field of a request has another pattern. Each needs a proof in `patterns.rs` of
    /// what it accepts more or less.
    Pattern {
        schema: &'static str,
        field: &'static str,
        was: &'static str,
        is: &'static str,
    },
}

/// Every correction so far.
pub const CORRECTIONS: &[Correction] = &[
    timeout("listTasks"),
    timeout("createTask"),
    timeout("getTask"),
    timeout("updateTask"),
    timeout("completeTask"),
    timeout("deleteTask"),
    title("CreateTask"),
    title("UpdateTask"),
];

/// 408: servers of 1.0.0 return it (a body has 25 s), and their document names the problem
/// type and lists the status for no operation.
const fn timeout(operation: &'static str) -> Correction {
    let mistake = Mistake::Status {
        operation,
        status: "408",
        problem: "/problems/request-timeout",
    };
    Correction {
        release: "1.0.0",
        mistake,
    }
}

const fn title(schema: &'static str) -> Correction {
    let mistake = Mistake::Pattern {
        schema,
        field: "title",
        was: TITLE_OF_1_0_0,
        is: TITLE,
    };
    Correction {
        release: "1.0.0",
        mistake,
    }
}

/// The old document with the corrections of its release that occur in the new one.
pub fn corrected(old: &Value, new: &Value, corrections: &[Correction]) -> Value {
    let mut corrected = old.clone();
    let release = &old["info"]["version"];
    for Correction { mistake, .. } in corrections.iter().filter(|c| *release == c.release) {
        match *mistake {
            Mistake::Status {
                operation, status, ..
            } => {
                let response = problem_response(new, operation, status);
                // The old document may lack what it refers to.
                let response = response.map(|response| resolve(response, new));
                if let (Some(response), Some(old)) = (response, find_mut(&mut corrected, operation))
                    && old["responses"][status].is_null()
                {
                    old["responses"][status] = response;
                }
            }
            Mistake::Pattern {
                schema,
                field,
                was,
                is,
            } => {
                let place = pattern(schema, field);
                let right = new.pointer(&place).is_some_and(|pattern| *pattern == is);
                if let Some(pattern) = corrected.pointer_mut(&place)
                    && *pattern == was
                    && right
                {
                    *pattern = is.into();
                }
            }
        }
    }
    corrected
}

/// Why the row does not hold, if so. `released` is the document of its release.
pub fn objection(
    correction: &Correction,
    released: Option<&Value>,
    current: &Value,
) -> Option<&'static str> {
    let Some(released) = released else {
        return Some("there is no such release");
    };
    match correction.mistake {
        Mistake::Status {
            operation,
            status,
            problem,
        } => {
            let Some(old) = find(released, operation) else {
                return Some("the release has no such operation");
            };
            if !old["responses"][status].is_null() {
                Some("the release documents the status")
            } else if !released.to_string().contains(problem) {
                Some("the release does not name the problem type")
            } else if problem_response(current, operation, status).is_none() {
                Some("the operation does not document the status as a problem")
            } else {
                None
            }
        }
        Mistake::Pattern {
            schema,
            field,
            was,
            is,
        } => {
            let place = pattern(schema, field);
            let has = |document: &Value, text| document.pointer(&place).is_some_and(|p| *p == text);
            if !has(released, was) {
                Some("the release has another pattern")
            } else if !has(current, is) {
                Some("the field does not have the pattern")
            } else {
                None
            }
        }
    }
}

fn pattern(schema: &str, field: &str) -> String {
    format!("/components/schemas/{schema}/properties/{field}/pattern")
}

/// The response of a failure with a problem as its only body. A success is never a
/// correction: a client would handle it as data.
fn problem_response<'a>(document: &'a Value, operation: &str, status: &str) -> Option<&'a Value> {
    let response = &find(document, operation)?["responses"][status];
    let resolved = match response["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#'))?,
        None => response,
    };
    let content = resolved["content"].as_object()?;
    let failure = status.starts_with(['4', '5']);
    let is_problem = content.keys().eq(["application/problem+json"]);
    (failure && is_problem).then_some(resolved)
}

fn find<'a>(document: &'a Value, operation: &str) -> Option<&'a Value> {
    let paths = document["paths"].as_object()?;
    let mut operations = paths.values().flat_map(methods);
    operations.find(|candidate| candidate["operationId"] == operation)
}

fn find_mut<'a>(document: &'a mut Value, operation: &str) -> Option<&'a mut Value> {
    let paths = document["paths"].as_object_mut()?;
    let items = paths.values_mut().filter_map(Value::as_object_mut);
    let mut operations = items.flat_map(serde_json::Map::values_mut);
    operations.find(|candidate| candidate["operationId"] == operation)
}
