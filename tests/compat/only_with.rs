//! The extension `x-only-with` of an operation: `{"412": ["If-Match"]}` says that the status
//! occurs only for requests with all of these parameters, and
//! `{"400": [["If-Match"], ["trash"]]}` only for requests with all of one of these sets. They
//! are headers and query parameters.
//!
//! A client of an older document does not know the status, and is safe if it can send none of
//! them: its document does not have these parameters.

use std::collections::BTreeSet;

use serde_json::Value;

const EXTENSION: &str = "x-only-with";

/// What a change of the parameters of a status means for clients that do not send them.
#[derive(Debug, PartialEq)]
pub enum Occurs {
    /// For the same requests.
    Same,
    /// For fewer requests.
    Less,
    /// For requests that did not get it before.
    More,
}

type Names = BTreeSet<String>;

/// The sets of parameters of which a request must have one to get the status. `None`: any
/// request may get it.
fn sets(operation: &Value, status: &str) -> Option<BTreeSet<Names>> {
    let entries = operation[EXTENSION][status].as_array()?;
    let names = |set: &Vec<Value>| -> Option<Names> {
        let names = set.iter().map(|name| Some(key(operation, name.as_str()?)));
        let names: Option<Names> = names.collect();
        names.filter(|names| !names.is_empty())
    };
    let sets: BTreeSet<Names> = if entries.iter().all(Value::is_string) {
        [names(entries)?].into()
    } else {
        let sets = entries.iter().map(|set| names(set.as_array()?));
        sets.collect::<Option<_>>()?
    };
    Some(sets)
}

/// The form of a name in which names are compared: those of headers are case-insensitive
/// (RFC 9110, section 5.1).
fn key(operation: &Value, name: &str) -> String {
    match parameter(operation, name) {
        Some(parameter) if parameter["in"] == "header" => name.to_lowercase(),
        _ => name.to_owned(),
    }
}

/// The header or query parameter with this name. The operation has its parameters by place
/// and name.
fn parameter<'a>(operation: &'a Value, name: &str) -> Option<&'a Value> {
    let mut parameters = operation["parameters"].as_object()?.values();
    parameters.find(|parameter| {
        let found = parameter["name"].as_str().unwrap_or_default();
        match parameter["in"].as_str() {
            Some("header") => found.eq_ignore_ascii_case(name),
            Some("query") => found == name,
            _ => false,
        }
    })
}

/// Why a client of `old` may get the new status `status`; `None` if it cannot.
pub fn reachable(status: &str, old: &Value, new: &Value) -> Option<String> {
    let Some(sets) = sets(new, status) else {
        return Some("a client that handles every documented status does not know it".to_owned());
    };
    let reason = |name: &String| match (parameter(old, name), parameter(new, name)) {
        (_, None) => Some(format!(
            "{EXTENSION} names {name}, which is no header or query parameter"
        )),
        (Some(_), _) => Some(format!("a client of the old document may send {name}")),
        (None, Some(new)) if new["required"] == true => Some(format!("{name} is required")),
        (None, Some(_)) => None,
    };
    sets.iter().flatten().find_map(reason)
}

/// How often a status of both documents occurs, by the parameters that it needs.
pub fn occurs(status: &str, old: &Value, new: &Value) -> Occurs {
    match (sets(old, status), sets(new, status)) {
        (old, new) if old == new => Occurs::Same,
        (None, Some(_)) => Occurs::Less,
        (Some(old), Some(new)) if new.iter().all(|set| old.iter().any(|o| o.is_subset(set))) => {
            Occurs::Less
        }
        _ => Occurs::More,
    }
}

mod tests {
    use std::sync::LazyLock;

    use serde_json::json;

    use crate::{
        compare::{
            Class::{self, Breaking, Compatible},
            compare,
        },
        mutations::{
            Edit::{self, Push, Remove, Set},
            apply,
        },
        releases::released,
    };

    use super::Value;

    const MARK: &str = "/paths/~1api~1tasks~1{id}/put/x-only-with";
    const STATUS: &str = "/paths/~1api~1tasks~1{id}/put/responses/412";
    const PARAMETERS: &str = "/paths/~1api~1tasks~1{id}/put/parameters";
    const LIST_PARAMETERS: &str = "/paths/~1api~1tasks/get/parameters";

    /// The oldest release, in which no status needs a parameter.
    static RELEASE: LazyLock<Value> = LazyLock::new(|| released().remove(0).1);

    fn edited(edits: Vec<Edit>) -> Value {
        let mut document = RELEASE.clone();
        for edit in edits {
            apply(&mut document, edit);
        }
        document
    }

    fn parameter(place: &str, name: &str) -> Value {
        json!({"name": name, "in": place, "required": false, "schema": {"type": "string"}})
    }

    fn header(name: &str) -> Value {
        parameter("header", name)
    }

    fn query(name: &str) -> Value {
        parameter("query", name)
    }

    fn mark(parameters: &Value) -> Edit {
        Set(MARK, json!({"412": parameters}))
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

    /// The class of the new status 412.
    fn class_of_status(old: Vec<Edit>, new: Vec<Edit>) -> Option<Class> {
        let changes = compare(&edited(old), &edited(new));
        let mut statuses = changes.iter().filter(|c| c.place.ends_with("response 412"));
        statuses.next().map(|change| change.class)
    }

    #[test]
    fn a_new_status_is_compatible_exactly_if_every_parameter_it_names_is_new_and_optional() {
        let first = "/paths/~1api~1tasks~1{id}/put/parameters/1";
        let mut required = header("If-Match");
        required["required"] = json!(true);
        let mut path = header("If-Match");
        path["in"] = json!("path");
        let two = || mark(&json!(["If-Match", "X-Other"]));
        let trash = || Push(PARAMETERS, query("trash"));

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
            ("no parameter", Breaking, vec![mark(&json!([]))]),
            ("no list", Breaking, vec![mark(&json!("If-Match"))]),
            ("a list of no names", Breaking, vec![mark(&json!([1]))]),
            (
                "a header that is no parameter",
                Breaking,
                vec![mark(&json!(["X-Other"]))],
            ),
            ("a path parameter", Breaking, vec![Set(first, path)]),
            (
                "a cookie",
                Breaking,
                vec![Set(first, parameter("cookie", "If-Match"))],
            ),
            ("a required header", Breaking, vec![Set(first, required)]),
            ("one of two is no parameter", Breaking, vec![two()]),
            (
                "two new headers",
                Compatible,
                vec![two(), Push(PARAMETERS, header("X-Other"))],
            ),
            (
                "a header of another operation",
                Breaking,
                vec![Remove(first), Push(LIST_PARAMETERS, header("If-Match"))],
            ),
            (
                "a query parameter",
                Compatible,
                vec![trash(), mark(&json!(["trash"]))],
            ),
            (
                "a query parameter in another case",
                Breaking,
                vec![trash(), mark(&json!(["Trash"]))],
            ),
        ] {
            let class = class_of_status(vec![], and(conditional(), edits));
            assert_eq!(class, Some(expected), "{name}");
        }
    }

    #[test]
    fn of_several_sets_an_old_client_must_know_none() {
        let last = "/paths/~1api~1tasks~1{id}/put/parameters/2";
        let mut required = query("trash");
        required["required"] = json!(true);
        let trash = || Push(PARAMETERS, query("trash"));

        for (name, expected, sets, edits) in [
            (
                "two new ones",
                Compatible,
                json!([["If-Match"], ["trash"]]),
                vec![trash()],
            ),
            ("one of one", Compatible, json!([["If-Match"]]), vec![]),
            (
                "a set of two",
                Compatible,
                json!([["trash", "If-Match"], ["trash"]]),
                vec![trash()],
            ),
            (
                "an empty set",
                Breaking,
                json!([["If-Match"], []]),
                vec![trash()],
            ),
            (
                "a name in place of a set",
                Breaking,
                json!([["If-Match"], "trash"]),
                vec![trash()],
            ),
            (
                "a required one",
                Breaking,
                json!([["If-Match"], ["trash"]]),
                vec![trash(), Set(last, required)],
            ),
            (
                "one that is no parameter",
                Breaking,
                json!([["If-Match"], ["trash"]]),
                vec![],
            ),
        ] {
            let edits = and(edits, vec![mark(&sets)]);
            let class = class_of_status(vec![], and(conditional(), edits));
            assert_eq!(class, Some(expected), "{name}");
        }
        // The old client has one of them.
        let old = || vec![trash()];
        let with = |sets: Value| and(conditional(), vec![trash(), mark(&sets)]);
        for sets in [
            json!([["If-Match"], ["trash"]]),
            json!([["If-Match", "trash"]]),
        ] {
            assert_eq!(class_of_status(old(), with(sets)), Some(Breaking));
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
        let either = || vec![second(), mark(&json!([["If-Match"], ["X-Other"]]))];
        let (breaking, compatible) = (Some(Breaking), Some(Compatible));

        for (name, expected, old, new) in [
            ("removed", breaking, with(vec![]), with(vec![Remove(MARK)])),
            (
                "emptied",
                breaking,
                with(vec![]),
                with(vec![mark(&json!([]))]),
            ),
            (
                "another header",
                breaking,
                with(vec![]),
                with(vec![second(), mark(&json!(["X-Other"]))]),
            ),
            ("a header less", breaking, with(two()), with(vec![second()])),
            ("a set more", breaking, with(vec![second()]), with(either())),
            (
                "a set less",
                compatible,
                with(either()),
                with(vec![second()]),
            ),
            (
                "both in place of either",
                compatible,
                with(either()),
                with(two()),
            ),
            (
                "either in place of both",
                breaking,
                with(two()),
                with(either()),
            ),
            ("added", compatible, with(vec![Remove(MARK)]), with(vec![])),
            (
                "a header more",
                compatible,
                with(vec![second()]),
                with(two()),
            ),
            (
                "the status removed as well",
                compatible,
                with(vec![]),
                with(vec![Remove(MARK), Remove(STATUS)]),
            ),
            ("same", None, with(vec![]), with(vec![])),
        ] {
            assert_eq!(class(old, new), expected, "{name}");
        }
    }
}
