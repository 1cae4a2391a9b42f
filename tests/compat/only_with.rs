//! The extension `x-only-with` of an operation: `{"412": ["If-Match"]}` says that the status
//! occurs only for requests with all of these headers.
//!
//! A client of an older document does not know the status, and is safe if it cannot send
//! one of the headers: they are parameters that its document does not have.

use std::collections::BTreeSet;

use serde_json::Value;

const EXTENSION: &str = "x-only-with";

/// What a change of the headers of a status means for clients that do not send them.
#[derive(Debug, PartialEq)]
pub enum Occurs {
    /// For the same requests.
    Same,
    /// For fewer requests.
    Less,
    /// For requests that did not get it before.
    More,
}

/// The headers that a request must have to get the status, in lower case (RFC 9110, section
/// 5.1). `None`: any request may get it.
fn headers(operation: &Value, status: &str) -> Option<BTreeSet<String>> {
    let names = operation[EXTENSION][status].as_array()?.iter();
    let names: Option<BTreeSet<_>> = names.map(|n| Some(n.as_str()?.to_lowercase())).collect();
    names.filter(|names| !names.is_empty())
}

/// The header parameter with this name. The operation has its parameters by place and name.
fn parameter<'a>(operation: &'a Value, name: &str) -> Option<&'a Value> {
    let parameters = operation["parameters"].as_object()?.values();
    let mut headers = parameters.filter(|parameter| parameter["in"] == "header");
    headers.find(|parameter| {
        let found = parameter["name"].as_str();
        found.is_some_and(|found| found.eq_ignore_ascii_case(name))
    })
}

/// Why a client of `old` may get the new status `status`; `None` if it cannot.
pub fn reachable(status: &str, old: &Value, new: &Value) -> Option<String> {
    let Some(names) = headers(new, status) else {
        return Some("a client that handles every documented status does not know it".to_owned());
    };
    let reason = |name: &String| match (parameter(old, name), parameter(new, name)) {
        (_, None) => Some(format!(
            "{EXTENSION} names {name}, which is no header parameter"
        )),
        (Some(_), _) => Some(format!("a client of the old document may send {name}")),
        (None, Some(new)) if new["required"] == true => {
            Some(format!("the header {name} is required"))
        }
        (None, Some(_)) => None,
    };
    names.iter().find_map(reason)
}

/// How often a status of both documents occurs, by the headers that it needs.
pub fn occurs(status: &str, old: &Value, new: &Value) -> Occurs {
    match (headers(old, status), headers(new, status)) {
        (old, new) if old == new => Occurs::Same,
        (None, Some(_)) => Occurs::Less,
        (Some(old), Some(new)) if old.is_subset(&new) => Occurs::Less,
        _ => Occurs::More,
    }
}

mod tests {
    use serde_json::json;
    use tasks_api::api::spec::DOCUMENT;

    use crate::{
        compare::{
            Class::{self, Breaking, Compatible},
            compare,
        },
        mutations::{
            Edit::{self, Push, Remove, Set},
            apply,
        },
    };

    use super::Value;

    const MARK: &str = "/paths/~1api~1tasks~1{id}/put/x-only-with";
    const STATUS: &str = "/paths/~1api~1tasks~1{id}/put/responses/412";
    const PARAMETERS: &str = "/paths/~1api~1tasks~1{id}/put/parameters";
    const LIST_PARAMETERS: &str = "/paths/~1api~1tasks/get/parameters";

    fn edited(edits: Vec<Edit>) -> Value {
        let mut document = DOCUMENT.clone();
        for edit in edits {
            apply(&mut document, edit);
        }
        document
    }

    fn header(name: &str) -> Value {
        json!({"name": name, "in": "header", "required": false, "schema": {"type": "string"}})
    }

    fn mark(headers: &Value) -> Edit {
        Set(MARK, json!({"412": headers}))
    }

    /// The edits of a document in which PUT may be 412 for a request with `If-Match`.
    fn conditional() -> Vec<Edit> {
        let response = json!({"$ref": "#/components/responses/NotFound"});
        vec![
            Push(PARAMETERS, header("If-Match")),
            Set(STATUS, response),
            mark(&json!(["If-Match"])),
        ]
    }

    fn and(mut edits: Vec<Edit>, more: Vec<Edit>) -> Vec<Edit> {
        edits.extend(more);
        edits
    }

    fn class(old: Vec<Edit>, new: Vec<Edit>) -> Option<Class> {
        let changes = compare(&edited(old), &edited(new));
        changes.iter().map(|change| change.class).max()
    }

    #[test]
    fn a_new_status_is_compatible_exactly_if_every_header_it_names_is_new_and_optional() {
        let parameter = "/paths/~1api~1tasks~1{id}/put/parameters/1";
        let mut required = header("If-Match");
        required["required"] = json!(true);
        let mut query = header("If-Match");
        query["in"] = json!("query");
        let two = || mark(&json!(["If-Match", "X-Other"]));

        for (name, expected, edits) in [
            ("a new, optional header", Compatible, vec![]),
            (
                "in another case",
                Compatible,
                vec![mark(&json!(["if-match"]))],
            ),
            ("no mark", Breaking, vec![Remove(MARK)]),
            (
                "a mark of another status",
                Breaking,
                vec![Set(MARK, json!({"410": ["If-Match"]}))],
            ),
            ("no header", Breaking, vec![mark(&json!([]))]),
            ("no list", Breaking, vec![mark(&json!("If-Match"))]),
            ("a list of no names", Breaking, vec![mark(&json!([1]))]),
            (
                "a header that is no parameter",
                Breaking,
                vec![mark(&json!(["X-Other"]))],
            ),
            ("a query parameter", Breaking, vec![Set(parameter, query)]),
            (
                "a required header",
                Breaking,
                vec![Set(parameter, required)],
            ),
            ("one of two is no parameter", Breaking, vec![two()]),
            (
                "two new headers",
                Compatible,
                vec![two(), Push(PARAMETERS, header("X-Other"))],
            ),
            (
                "a header of another operation",
                Breaking,
                vec![Remove(parameter), Push(LIST_PARAMETERS, header("If-Match"))],
            ),
        ] {
            let changes = compare(&DOCUMENT, &edited(and(conditional(), edits)));
            let mut statuses = changes.iter().filter(|c| c.place.ends_with("response 412"));
            let class = statuses.next().map(|change| change.class);
            assert_eq!(class, Some(expected), "{name}");
        }
    }

    #[test]
    fn a_header_of_the_older_document_makes_the_new_status_a_break() {
        for name in ["If-Match", "IF-MATCH"] {
            let old = vec![Push(PARAMETERS, header("If-Match"))];
            let edits = vec![mark(&json!([name]))];
            assert_eq!(
                class(old, and(conditional(), edits)),
                Some(Breaking),
                "{name}"
            );
        }
        let old = vec![Push(PARAMETERS, header("X-Old"))];
        let edits = vec![
            Push(PARAMETERS, header("X-Old")),
            mark(&json!(["If-Match", "X-Old"])),
        ];
        assert_eq!(
            class(old, and(conditional(), edits)),
            Some(Breaking),
            "one of two"
        );
    }

    #[test]
    fn a_mark_may_be_added_later_and_never_loosened() {
        let second = || Push(PARAMETERS, header("X-Other"));
        let with = |edits| and(conditional(), edits);
        let two = || vec![second(), mark(&json!(["If-Match", "X-Other"]))];

        for (name, expected, old, new) in [
            (
                "removed",
                Some(Breaking),
                with(vec![]),
                with(vec![Remove(MARK)]),
            ),
            (
                "emptied",
                Some(Breaking),
                with(vec![]),
                with(vec![mark(&json!([]))]),
            ),
            (
                "another header",
                Some(Breaking),
                with(vec![]),
                with(vec![second(), mark(&json!(["X-Other"]))]),
            ),
            (
                "a header less",
                Some(Breaking),
                with(two()),
                with(vec![second()]),
            ),
            (
                "added",
                Some(Compatible),
                with(vec![Remove(MARK)]),
                with(vec![]),
            ),
            (
                "a header more",
                Some(Compatible),
                with(vec![second()]),
                with(two()),
            ),
            (
                "the status removed as well",
                Some(Compatible),
                with(vec![]),
                with(vec![Remove(MARK), Remove(STATUS)]),
            ),
            ("unchanged", None, with(vec![]), with(vec![])),
        ] {
            assert_eq!(class(old, new), expected, "{name}");
        }
    }
}
