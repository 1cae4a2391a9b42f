//! Edge cases of the rules, where a simple comparison would miss a break or report a false
//! one. Each case says why it has its class.

mod fields;
mod places;
mod values;

use tasks_api::api::spec::DOCUMENT;

use crate::{
    compare::{Class, compare},
    mutations::{Edit, apply},
};

/// A description, the class, the reason for the class, and the edits.
type Case = (&'static str, Class, &'static str, Vec<Edit>);

const TITLE: &str = "/components/schemas/CreateTask/properties/title";
const STATUS: &str = "/paths/~1api~1tasks/get/parameters/0";

fn below(parent: &str, child: &str) -> &'static str {
    Box::leak(format!("{parent}/{child}").into_boxed_str())
}

#[test]
fn each_edge_case_is_classified() {
    let cases: Vec<_> = [fields::cases(), values::cases(), places::cases()]
        .into_iter()
        .flatten()
        .collect();
    let mut wrong = Vec::new();
    let count = cases.len();

    for (name, expected, why, edits) in cases {
        let mut document = DOCUMENT.clone();
        for edit in edits {
            apply(&mut document, edit);
        }
        let changes = compare(&DOCUMENT, &document);
        let class = changes.iter().map(|change| change.class).max();
        if class != Some(expected) {
            wrong.push(format!(
                "{name}: {expected:?} expected ({why}), {class:?} found: {:.600}",
                format!("{changes:?}")
            ));
        }
    }

    assert!(
        wrong.is_empty(),
        "{} of {count}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
