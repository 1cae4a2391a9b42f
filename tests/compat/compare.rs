//! Comparison of two `OpenAPI` 3.0 documents: can a client of the old one rely on a server
//! of the new one?
//!
//! Requests may accept more, and responses may contain less. So an additional status is a
//! break, because a client that handles all documented ones meets another. A removed
//! status is none. Removing a documented field is a break on both sides. Unknown fields
//! are ignored, so a client would not notice that its input is lost or its output missing.
//!
//! A status that occurs only with a parameter that old clients cannot know is no break: see
//! `only_with.rs`.

use serde_json::Value;
use tasks_api_test_support::json_schema::resolved;

use crate::{
    corrections::{CORRECTIONS, Correction, corrected},
    document::{differences, form, lower_case, operations, pairs, urls},
    only_with::{Occurs, occurs, reachable},
    schema::{covers, keeps, same},
    security::{Access, Security},
};

/// The version step that a change requires, in ascending order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Descriptions, and what a released document got wrong: a patch version.
    Documentation,
    /// Additions only: a minor version.
    Compatible,
    /// A client of the old document may fail: a major version.
    Breaking,
}

/// A difference between two documents.
#[derive(Debug)]
pub struct Change {
    pub class: Class,
    /// The operation and the part of it.
    pub place: String,
    /// What changed, with both values.
    pub what: String,
}

/// Every difference between two documents. Listed corrections of the old one are as a
/// change of a description.
pub fn compare(old: &Value, new: &Value) -> Vec<Change> {
    compare_with(old, new, CORRECTIONS)
}

/// As [`compare`], with another list of corrections.
pub fn compare_with(old: &Value, new: &Value, corrections: &[Correction]) -> Vec<Change> {
    let mut comparison = Comparison::default();
    let old_document = resolved(&corrected(old, new, corrections));
    let new_document = resolved(new);
    comparison.documents(&old_document, &new_document);
    let mut changes = comparison.changes;
    if changes.is_empty() && without_version(old) != without_version(new) {
        changes.push(Change {
            class: Class::Documentation,
            place: "the document".to_owned(),
            what: format!("its words differ{}", differences(old, new)),
        });
    }
    changes
}

fn without_version(document: &Value) -> Value {
    let mut document = document.clone();
    document["info"]["version"] = Value::Null;
    document
}

/// The version step that a change of a schema requires, and why; `None` if there is no
/// difference.
type Verdict = (Option<Class>, String);

/// Which side sends the values of a schema.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    Request,
    Response,
}

#[derive(Default)]
struct Comparison {
    changes: Vec<Change>,
    /// Pairs of schemas that were already compared.
    known: Vec<(Side, Value, Value, Verdict)>,
}

impl Comparison {
    fn report(&mut self, class: Class, place: &str, what: impl Into<String>) {
        self.changes.push(Change {
            class,
            place: place.to_owned(),
            what: what.into(),
        });
    }

    fn same(&mut self, place: &str, old: &Value, new: &Value) {
        if old != new {
            self.report(Class::Breaking, place, format!("was {old}, is {new}"));
        }
    }

    fn documents(&mut self, old: &Value, new: &Value) {
        let servers = [old, new].map(|document| urls(&document["servers"]));
        self.same("servers", &servers[0], &servers[1]);
        for (path, (old_item, new_item)) in pairs(&old["paths"], &new["paths"]) {
            let operations =
                |item: Option<&Value>, document| item.map(|item| operations(item, document));
            let old = operations(old_item, old).unwrap_or_default();
            let new = operations(new_item, new).unwrap_or_default();
            for (method, sides) in pairs(&old, &new) {
                let place = format!("{} {path}", method.to_uppercase());
                match sides {
                    (Some(_), None) => self.report(Class::Breaking, &place, "is gone"),
                    (None, Some(_)) => self.report(Class::Compatible, &place, "is new"),
                    (Some(old), Some(new)) if old != new => self.operation(&place, old, new),
                    _ => {}
                }
            }
        }
    }

    fn operation(&mut self, place: &str, old: &Value, new: &Value) {
        self.same(
            &format!("{place}, operationId"),
            &old["operationId"],
            &new["operationId"],
        );
        self.same(
            &format!("{place}, servers"),
            &old["servers"],
            &new["servers"],
        );
        self.security(place, old, new);
        self.parameters(place, &old["parameters"], &new["parameters"]);
        self.request_body(
            &format!("{place}, request body"),
            &old["requestBody"],
            &new["requestBody"],
        );
        for (status, (old_response, new_response)) in pairs(&old["responses"], &new["responses"]) {
            let place = format!("{place}, response {status}");
            match (old_response, new_response) {
                (Some(_), None) => self.report(Class::Compatible, &place, "is gone"),
                (None, Some(_)) => match reachable(status, old, new) {
                    Some(why) => self.report(Class::Breaking, &place, format!("is new: {why}")),
                    None => self.report(Class::Compatible, &place, "is new, with a new parameter"),
                },
                (Some(old_response), Some(new_response)) => {
                    match occurs(status, old, new) {
                        Occurs::Same => {}
                        Occurs::Less => self.report(Class::Compatible, &place, "needs a parameter"),
                        Occurs::More => {
                            let what = "needed a parameter that it no longer needs";
                            self.report(Class::Breaking, &place, what);
                        }
                    }
                    self.response(&place, old_response, new_response);
                }
                (None, None) => {}
            }
        }
    }

    fn security(&mut self, place: &str, old: &Value, new: &Value) {
        let place = format!("{place}, security");
        let (old, new) = (Security::of(old), Security::of(new));
        let sides = format!("was {old}, is {new}");
        match new.access_after(&old) {
            Access::Same => {}
            Access::AsksLess => self.report(Class::Compatible, &place, sides),
            Access::AsksMore => self.report(Class::Breaking, &place, sides),
        }
    }

    fn parameters(&mut self, place: &str, old: &Value, new: &Value) {
        for (name, sides) in pairs(old, new) {
            let place = format!("{place}, {name}");
            match sides {
                (Some(_), None) => self.report(Class::Breaking, &place, "is gone"),
                (None, Some(new)) => self.added_input(&place, new),
                (Some(old), Some(new)) => {
                    self.input(&place, &old["required"], &new["required"]);
                    self.same(&format!("{place}, form"), &form(old), &form(new));
                    self.accepts(&place, &old["schema"], &new["schema"]);
                }
                (None, None) => {}
            }
        }
    }

    fn request_body(&mut self, place: &str, old: &Value, new: &Value) {
        match (old.is_null(), new.is_null()) {
            (true, true) => {}
            (false, true) => self.report(Class::Breaking, place, "is gone"),
            (true, false) => self.added_input(place, new),
            (false, false) => {
                self.input(place, &old["required"], &new["required"]);
                for (media_type, sides) in pairs(&old["content"], &new["content"]) {
                    let place = format!("{place} {media_type}");
                    match sides {
                        (Some(_), None) => {
                            self.report(Class::Breaking, &place, "is no longer taken");
                        }
                        (None, Some(_)) => {
                            self.report(Class::Compatible, &place, "is taken as well");
                        }
                        (Some(old), Some(new)) => {
                            self.accepts(&place, &old["schema"], &new["schema"]);
                        }
                        (None, None) => {}
                    }
                }
            }
        }
    }

    fn added_input(&mut self, place: &str, new: &Value) {
        if new["required"] == true {
            self.report(
                Class::Breaking,
                place,
                "is new and required: old clients do not send it",
            );
        } else {
            self.report(Class::Compatible, place, "is new and optional");
        }
    }

    fn input(&mut self, place: &str, old_required: &Value, new_required: &Value) {
        match (old_required == true, new_required == true) {
            (false, true) => self.report(Class::Breaking, place, "was optional, is required"),
            (true, false) => self.report(Class::Compatible, place, "was required, is optional"),
            _ => {}
        }
    }

    fn response(&mut self, place: &str, old: &Value, new: &Value) {
        for (media_type, sides) in pairs(&old["content"], &new["content"]) {
            let place = format!("{place} {media_type}");
            match sides {
                (Some(_), None) => self.report(Class::Breaking, &place, "is no longer answered"),
                (None, Some(_)) => self.report(Class::Breaking, &place, "is answered as well"),
                (Some(old), Some(new)) => self.responses(&place, &old["schema"], &new["schema"]),
                (None, None) => {}
            }
        }
        let headers = |response: &Value| lower_case(&response["headers"]);
        for (name, sides) in pairs(&headers(old), &headers(new)) {
            let place = format!("{place}, header {name}");
            match sides {
                (Some(_), None) => self.report(Class::Breaking, &place, "is gone"),
                (None, Some(_)) => self.report(Class::Compatible, &place, "is new"),
                (Some(old), Some(new)) => {
                    if old["required"] == true && new["required"] != true {
                        self.report(Class::Breaking, &place, "was always there, may be missing");
                    } else if old["required"] != new["required"] {
                        self.report(
                            Class::Compatible,
                            &place,
                            "might be missing, is always there",
                        );
                    }
                    self.responses(&place, &old["schema"], &new["schema"]);
                }
                (None, None) => {}
            }
        }
    }

    /// Compares schemas of values that clients send.
    fn accepts(&mut self, place: &str, old: &Value, new: &Value) {
        let (class, what) = self.verdict(Side::Request, old, new);
        self.report_verdict(class, place, what);
    }

    /// Compares schemas of values that clients receive.
    fn responses(&mut self, place: &str, old: &Value, new: &Value) {
        let (class, what) = self.verdict(Side::Response, old, new);
        self.report_verdict(class, place, what);
    }

    fn report_verdict(&mut self, class: Option<Class>, place: &str, what: String) {
        if let Some(class) = class {
            self.report(class, place, what);
        }
    }

    /// Compares two schemas. Each pair is compared once: the comparison is slow, and few
    /// schemas are used in many places.
    fn verdict(&mut self, side: Side, old: &Value, new: &Value) -> Verdict {
        if old == new {
            return (None, String::new());
        }
        let known = self.known.iter();
        let mut known = known.filter(|(s, o, n, _)| *s == side && o == old && n == new);
        if let Some((.., verdict)) = known.next() {
            return verdict.clone();
        }
        let contained = match side {
            Side::Request => covers(new, old),
            Side::Response => covers(old, new),
        };
        let verdict = match contained.and_then(|()| keeps(old, new, side == Side::Request)) {
            Ok(()) if same(old, new) => (None, String::new()),
            Ok(()) => {
                let what = match side {
                    Side::Request => "takes more than before",
                    Side::Response => "returns less, or describes it in more detail",
                };
                (Some(Class::Compatible), what.to_owned())
            }
            Err(why) => {
                let what = match side {
                    Side::Request => "no longer takes all it took",
                    Side::Response => "may return what it did not before",
                };
                let what = format!("{what}; {why}{}", differences(old, new));
                (Some(Class::Breaking), what)
            }
        };
        let entry = (side, old.clone(), new.clone(), verdict.clone());
        self.known.push(entry);
        verdict
    }
}
