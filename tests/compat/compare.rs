//! Two `OpenAPI` 3.0 documents, compared by what a client of the old one may rely
//! on with a server of the new one.
//!
//! What requests accept may only grow; what responses may contain may only
//! shrink. So an additional status is a break (a client that handles every
//! documented one meets another), and one status less is none.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use serde_json::{Map, Value};

use crate::{
    json_schema::resolved,
    schema::{covers, same},
};

/// What a change asks of the version, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Words alone: a patch.
    Documentation,
    /// More than before, and nothing less: a minor version.
    Compatible,
    /// A client of the old document may fail: a major version.
    Breaking,
}

/// One difference.
#[derive(Debug)]
pub struct Change {
    pub class: Class,
    /// The operation and the part of it.
    pub place: String,
    /// What happened, with both sides.
    pub what: String,
}

/// Every difference between two documents.
pub fn compare(old: &Value, new: &Value) -> Vec<Change> {
    let mut comparison = Comparison::default();
    let (old_document, new_document) = (resolved(old), resolved(new));
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

/// Where two schemas differ, a line each, with both sides.
fn differences(old: &Value, new: &Value) -> String {
    fn walk(place: &str, old: &Value, new: &Value, lines: &mut String) {
        if old.is_object() && new.is_object() {
            for (key, (old, new)) in pairs(old, new) {
                let nothing = Value::Null;
                // What is only a consequence, or differs always.
                if matches!(key, "example" | "version") {
                    continue;
                }
                let place = format!("{place}/{key}");
                walk(
                    &place,
                    old.unwrap_or(&nothing),
                    new.unwrap_or(&nothing),
                    lines,
                );
            }
        } else if old != new {
            // Writing to a String cannot fail.
            let _ = write!(lines, "\n    {place}: was {old}, is {new}");
        }
    }
    let mut lines = String::new();
    walk("", old, new, &mut lines);
    lines
}

#[derive(Default)]
struct Comparison {
    changes: Vec<Change>,
}

/// The entries of two objects by key, either side possibly missing.
fn pairs<'a>(
    old: &'a Value,
    new: &'a Value,
) -> BTreeMap<&'a str, (Option<&'a Value>, Option<&'a Value>)> {
    let (old, new) = (old.as_object(), new.as_object());
    let keys = |object: Option<&'a Map<String, Value>>| object.into_iter().flat_map(Map::keys);
    let all: BTreeSet<_> = keys(old).chain(keys(new)).collect();
    let get =
        |object: Option<&'a Map<String, Value>>, key: &String| object.and_then(|o| o.get(key));
    all.into_iter()
        .map(|key| (key.as_str(), (get(old, key), get(new, key))))
        .collect()
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
        let urls = |document: &Value| {
            let servers = document["servers"].as_array().cloned().unwrap_or_default();
            servers
                .iter()
                .map(|server| server["url"].clone())
                .collect::<Value>()
        };
        self.same("servers", &urls(old), &urls(new));
        for (path, (old_item, new_item)) in pairs(&old["paths"], &new["paths"]) {
            let nothing = Value::Null;
            let items = (old_item.unwrap_or(&nothing), new_item.unwrap_or(&nothing));
            for (method, sides) in pairs(items.0, items.1) {
                let place = format!("{} {path}", method.to_uppercase());
                match sides {
                    (Some(_), None) => self.report(Class::Breaking, &place, "is gone"),
                    (None, Some(_)) => self.report(Class::Compatible, &place, "is new"),
                    (Some(old_operation), Some(new_operation)) => {
                        let schemes = |d: &Value| d["components"]["securitySchemes"].clone();
                        self.operation(&place, old_operation, new_operation);
                        self.security(
                            &place,
                            (old_operation, &schemes(old)),
                            (new_operation, &schemes(new)),
                        );
                    }
                    (None, None) => {}
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
        self.parameters(place, &old["parameters"], &new["parameters"]);
        self.request_body(
            &format!("{place}, request body"),
            &old["requestBody"],
            &new["requestBody"],
        );
        for (status, sides) in pairs(&old["responses"], &new["responses"]) {
            let place = format!("{place}, response {status}");
            match sides {
                (Some(_), None) => self.report(Class::Compatible, &place, "is gone"),
                (None, Some(_)) => {
                    let what =
                        "is new: a client that handles every documented status does not know it";
                    self.report(Class::Breaking, &place, what);
                }
                (Some(old), Some(new)) => self.response(&place, old, new),
                (None, None) => {}
            }
        }
    }

    /// The schemes that an operation asks for, each with what it is.
    fn security(&mut self, place: &str, old: (&Value, &Value), new: (&Value, &Value)) {
        let place = format!("{place}, security");
        let asked = |(operation, schemes): (&Value, &Value)| {
            let asked = operation["security"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            let names = asked
                .iter()
                .filter_map(Value::as_object)
                .flat_map(Map::keys);
            let parts = ["type", "scheme", "in", "name"];
            let scheme = |name: &String| parts.map(|part| schemes[name][part].clone());
            names
                .map(|name| (name.clone(), scheme(name)))
                .collect::<Vec<_>>()
        };
        let (old, new) = (asked(old), asked(new));
        if new.is_empty() && !old.is_empty() {
            self.report(Class::Compatible, &place, "is no longer asked for");
        } else if old != new {
            self.report(Class::Breaking, &place, format!("was {old:?}, is {new:?}"));
        }
    }

    fn parameters(&mut self, place: &str, old: &Value, new: &Value) {
        let by_name = |parameters: &Value| {
            let parameters = parameters.as_array().cloned().unwrap_or_default();
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let named = parameters.into_iter().map(|parameter| {
                let name = format!(
                    "{} parameter {}",
                    text(&parameter["in"]),
                    text(&parameter["name"])
                );
                (name, parameter)
            });
            named.collect::<Value>()
        };
        for (name, sides) in pairs(&by_name(old), &by_name(new)) {
            let place = format!("{place}, {name}");
            match sides {
                (Some(_), None) => self.report(Class::Breaking, &place, "is gone"),
                (None, Some(new)) => self.added_input(&place, new),
                (Some(old), Some(new)) => {
                    self.input(&place, &old["required"], &new["required"]);
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
                (Some(old), Some(new)) => self.answers(&place, &old["schema"], &new["schema"]),
                (None, None) => {}
            }
        }
        for (name, sides) in pairs(&old["headers"], &new["headers"]) {
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
                    self.answers(&place, &old["schema"], &new["schema"]);
                }
                (None, None) => {}
            }
        }
    }

    /// The schema of what a client sends.
    fn accepts(&mut self, place: &str, old: &Value, new: &Value) {
        match covers(new, old) {
            Ok(()) if same(old, new) => {}
            Ok(()) => self.report(Class::Compatible, place, "takes more than before"),
            Err(why) => {
                let what = format!(
                    "no longer takes all it took; {why}{}",
                    differences(old, new)
                );
                self.report(Class::Breaking, place, what);
            }
        }
    }

    /// The schema of what a client receives.
    fn answers(&mut self, place: &str, old: &Value, new: &Value) {
        match covers(old, new) {
            Ok(()) if same(old, new) => {}
            Ok(()) => self.report(Class::Compatible, place, "answers less, or says more of it"),
            Err(why) => {
                let what = format!("may answer what it did not; {why}{}", differences(old, new));
                self.report(Class::Breaking, place, what);
            }
        }
    }
}
