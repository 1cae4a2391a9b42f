//! Parts of an `OpenAPI` document in a normalised form for the comparison.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use serde_json::{Map, Value, json};

use crate::security::Security;

/// The methods of a path item. Its other keys are no operations.
const METHODS: [&str; 8] = [
    "delete", "get", "head", "options", "patch", "post", "put", "trace",
];

/// The operations of a path as they are written.
pub fn methods(item: &Value) -> impl Iterator<Item = &Value> {
    METHODS.iter().filter_map(|method| item.get(*method))
}

/// The operations of a path by method. Each has the parameters, servers and security that
/// it inherits from the path and the document.
pub fn operations(item: &Value, document: &Value) -> Value {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let named = |parameter: &Value| {
        let (place, name) = (text(&parameter["in"]), text(&parameter["name"]));
        (format!("{place} parameter {name}"), parameter.clone())
    };
    let methods = METHODS.iter().filter_map(|method| {
        let mut operation = item.get(*method)?.clone();
        let lists = [&item["parameters"], &operation["parameters"]];
        let parameters = lists.into_iter().filter_map(Value::as_array).flatten();
        operation["parameters"] = parameters.map(named).collect();
        if operation["servers"].is_null() {
            operation["servers"] = item["servers"].clone();
        }
        operation["servers"] = urls(&operation["servers"]);
        let security = Security::resolved(&operation, document);
        operation["security"] = security;
        Some(((*method).to_owned(), operation))
    });
    methods.collect()
}

/// The URLs of a list of servers.
pub fn urls(servers: &Value) -> Value {
    let servers = servers.as_array().into_iter().flatten();
    servers.map(|server| server["url"].clone()).collect()
}

/// How a parameter is serialised, with the defaults filled in.
pub fn form(parameter: &Value) -> Value {
    let usual = match parameter["in"].as_str() {
        Some("query" | "cookie") => "form",
        _ => "simple",
    };
    let style = parameter["style"].as_str().unwrap_or(usual);
    let explode = parameter["explode"].as_bool().unwrap_or(style == "form");
    let reserved = parameter["allowReserved"] == true;
    json!({"style": style, "explode": explode, "allowReserved": reserved, "content": parameter["content"]})
}

/// Keys in lower case: header names are case-insensitive (RFC 9110, section 5.1).
pub fn lower_case(headers: &Value) -> Value {
    let headers = headers.as_object().into_iter().flatten();
    headers
        .map(|(name, header)| (name.to_lowercase(), header.clone()))
        .collect()
}

/// The entries of two objects by key. Either side may be missing.
pub fn pairs<'a>(
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

/// The differences of two schemas, one line each, with both values.
pub fn differences(old: &Value, new: &Value) -> String {
    fn walk(place: &str, old: &Value, new: &Value, lines: &mut String) {
        if old.is_object() && new.is_object() {
            for (key, (old, new)) in pairs(old, new) {
                let nothing = Value::Null;
                // Derived values, and values that always differ.
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
