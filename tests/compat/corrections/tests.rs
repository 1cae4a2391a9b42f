//! The gate accepts exactly the listed corrections, and each listed one holds.

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
        assert_eq!(found, None, "{correction:?}: remove or correct this row");
    }
}
