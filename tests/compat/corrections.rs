//! Corrections: what a released document left out or got wrong of the server that it was
//! released with. A correction changes the document and not the service, so it is no break.
//! The list is what keeps that honest: it names the release and the place, and a row that
//! does not hold fails the tests.

use serde_json::Value;

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
pub const CORRECTIONS: &[Correction] = &[title("CreateTask"), title("UpdateTask")];

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
                let response = problem_response(new, operation, status).cloned();
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

mod tests {
    use serde_json::json;
    use tasks_api::api::spec::DOCUMENT;

    use super::*;
    use crate::{
        compare::{
            Class::{self, Breaking, Documentation},
            compare_with,
        },
        mutations::{
            Edit::{self, Remove, Set},
            apply,
        },
        releases::released,
    };

    const QUOTA: &str = "/paths/~1api~1tasks/post/responses/403";
    const TITLE: &str = "/components/schemas/CreateTask/properties/title/pattern";

    fn edited(edits: Vec<Edit>) -> Value {
        let mut document = DOCUMENT.clone();
        document["info"]["version"] = json!("1.0.0");
        for edit in edits {
            apply(&mut document, edit);
        }
        document
    }

    fn status(operation: &'static str, status: &'static str) -> Correction {
        let mistake = Mistake::Status {
            operation,
            status,
            problem: "/problems/quota-exceeded",
        };
        Correction {
            release: "1.0.0",
            mistake,
        }
    }

    fn field(field: &'static str, was: &'static str, is: &'static str) -> Correction {
        let mistake = Mistake::Pattern {
            schema: "CreateTask",
            field,
            was,
            is,
        };
        Correction {
            release: "1.0.0",
            mistake,
        }
    }

    fn class(old: &Value, new: &Value, corrections: &[Correction]) -> Option<Class> {
        let changes = compare_with(old, new, corrections);
        changes.iter().map(|change| change.class).max()
    }

    #[test]
    fn a_new_status_is_no_break_only_if_it_is_a_correction_of_that_release_and_operation() {
        let old = edited(vec![Remove(QUOTA)]);
        let new = edited(vec![]);
        let of_another_release = Correction {
            release: "1.0.1",
            ..status("createTask", "403")
        };

        for (name, expected, corrections) in [
            ("not listed", Breaking, vec![]),
            ("listed", Documentation, vec![status("createTask", "403")]),
            (
                "of another operation",
                Breaking,
                vec![status("updateTask", "403")],
            ),
            ("of no operation", Breaking, vec![status("copyTask", "403")]),
            (
                "another status",
                Breaking,
                vec![status("createTask", "404")],
            ),
            ("of another release", Breaking, vec![of_another_release]),
        ] {
            assert_eq!(class(&old, &new, &corrections), Some(expected), "{name}");
        }
    }

    #[test]
    fn a_correction_hides_no_other_change() {
        let old = edited(vec![Remove(QUOTA)]);
        let success = json!({"description": "Later.", "content": {"application/problem+json": {}}});
        let page = json!({"description": "No.", "content": {"text/html": {}}});

        for (status_code, edit) in [
            (
                "202",
                Set("/paths/~1api~1tasks/post/responses/202", success),
            ),
            ("403", Set(QUOTA, page)),
            (
                "403",
                Set("/paths/~1api~1tasks/get/responses/403", json!({})),
            ),
            ("403", Remove("/components/schemas/Problem/required/0")),
        ] {
            let new = edited(vec![edit]);
            let corrections = [status("createTask", status_code)];
            assert_eq!(class(&old, &new, &corrections), Some(Breaking));
        }
    }

    #[test]
    fn another_pattern_is_no_break_only_if_it_is_the_corrected_one_of_that_field() {
        let old = edited(vec![Set(TITLE, json!("^a"))]);
        let new = edited(vec![Set(TITLE, json!("^b"))]);

        for (name, expected, corrections) in [
            ("not listed", Breaking, vec![]),
            ("listed", Documentation, vec![field("title", "^a", "^b")]),
            (
                "of another field",
                Breaking,
                vec![field("description", "^a", "^b")],
            ),
            (
                "to another pattern",
                Breaking,
                vec![field("title", "^a", "^c")],
            ),
            (
                "from another pattern",
                Breaking,
                vec![field("title", "^c", "^b")],
            ),
        ] {
            assert_eq!(class(&old, &new, &corrections), Some(expected), "{name}");
        }
    }

    #[test]
    fn a_row_that_does_not_hold_is_found() {
        let old = edited(vec![Remove(QUOTA), Set(TITLE, json!("^a"))]);
        let new = edited(vec![Set(TITLE, json!("^b"))]);
        let unnamed = Correction {
            mistake: Mistake::Status {
                operation: "createTask",
                status: "403",
                problem: "/problems/teapot",
            },
            ..status("createTask", "403")
        };

        for (correction, part) in [
            (status("createTask", "403"), None),
            (field("title", "^a", "^b"), None),
            (status("copyTask", "403"), Some("no such operation")),
            (status("createTask", "400"), Some("documents the status")),
            (
                status("listTasks", "403"),
                Some("does not document the status"),
            ),
            (
                status("createTask", "202"),
                Some("does not document the status"),
            ),
            (unnamed, Some("does not name the problem type")),
            (field("title", "^c", "^b"), Some("has another pattern")),
            (
                field("title", "^a", "^c"),
                Some("does not have the pattern"),
            ),
        ] {
            let found = objection(&correction, Some(&old), &new);
            match part {
                None => assert_eq!(found, None, "{correction:?}"),
                Some(part) => assert!(found.unwrap().contains(part), "{correction:?}: {found:?}"),
            }
        }
        let missing = objection(&status("createTask", "403"), None, &new);
        assert_eq!(missing, Some("there is no such release"));
    }

    #[test]
    fn every_correction_holds() {
        let released = released();
        for correction in CORRECTIONS {
            let version = Value::from(correction.release);
            let release = released.iter().map(|(_, document)| document);
            let release = release.clone().find(|d| d["info"]["version"] == version);
            let found = objection(correction, release, &DOCUMENT);
            assert_eq!(found, None, "{correction:?}: take the row out or mend it");
        }
    }
}
