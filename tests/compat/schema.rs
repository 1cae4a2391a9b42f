//! Comparison of two schemas by the values that they accept.
//!
//! The `canonical` module of the `jsonschema` crate decides containment. A case that it
//! cannot decide counts as breaking.

use std::collections::BTreeMap;

use jsonschema::canonical::Containment;
use serde_json::{Value, json};
use tasks_api_test_support::json_schema::plain;

/// Whether `outer` accepts every value that `inner` describes. Senders are assumed to send
/// the documented fields of `inner` only, so that a new optional field is no break.
pub fn covers(outer: &Value, inner: &Value) -> Result<(), String> {
    promises(outer, inner)?;
    contains(&plain(outer, false), &plain(inner, true))
}

/// Whether both accept the same documented values.
pub fn same(left: &Value, right: &Value) -> bool {
    let promised = promises(left, right).is_ok() && promises(right, left).is_ok();
    let (left, right) = (plain(left, true), plain(right, true));
    promised && contains(&left, &right).is_ok() && contains(&right, &left).is_ok()
}

fn contains(outer: &Value, inner: &Value) -> Result<(), String> {
    if outer == inner {
        return Ok(());
    }
    let patterns = (facts(outer, &["pattern"]), facts(inner, &["pattern"]));
    let canonical = |schema: &Value| {
        // A pattern that both have in the same place cannot differ, and would make the
        // comparison undecidable. `promises` compares formats.
        let schema = without_shared(schema, "", &patterns);
        jsonschema::canonicalize(&schema).map_err(|error| format!("undecided: {error}"))
    };
    let (outer, inner) = (canonical(outer)?, canonical(inner)?);
    match outer.covers(&inner) {
        Ok(Containment::Yes) => Ok(()),
        Ok(Containment::No) => Err("some values fall outside".to_owned()),
        Ok(Containment::Unknown) => Err("undecided, so taken for a break".to_owned()),
        Err(error) => Err(format!("undecided, so taken for a break: {error}")),
    }
}

type Facts = BTreeMap<String, Value>;

/// Whether the schema has alternatives. One may accept what another rejects, so that a
/// pattern of both sides matters. An alternative of null does not count.
fn chooses(key: &str, value: &Value) -> bool {
    let nullable = || value[1] == json!({"type": "null"});
    match key {
        "not" | "oneOf" => true,
        "anyOf" => value.is_array() && !nullable(),
        _ => false,
    }
}

fn without_shared(schema: &Value, place: &str, patterns: &(Facts, Facts)) -> Value {
    match schema {
        Value::Object(object) => {
            let kept = object.iter().filter_map(|(key, value)| {
                let place = format!("{place}/{key}");
                let pattern = patterns.0.get(&place);
                let shared = pattern.is_some() && pattern == patterns.1.get(&place);
                let promised = key == "format" && value.is_string();
                let nothing = Default::default();
                let patterns = if chooses(key, value) {
                    &nothing
                } else {
                    patterns
                };
                (!shared && !promised)
                    .then(|| (key.clone(), without_shared(value, &place, patterns)))
            });
            kept.collect()
        }
        Value::Array(values) => {
            let values = values.iter().enumerate();
            values
                .map(|(i, v)| without_shared(v, &format!("{place}/{i}"), patterns))
                .collect()
        }
        other => other.clone(),
    }
}

/// Properties that JSON Schema treats as annotations, but clients rely on: `format`, and
/// closed objects. What `outer` promises of a value that both have must hold for `inner`.
fn promises(outer: &Value, inner: &Value) -> Result<(), String> {
    let (outer_format, inner_format) = (part(outer, "format"), part(inner, "format"));
    let within = match (outer_format.as_str(), inner_format.as_str()) {
        (None, _) | (Some("int64"), Some("int32")) | (Some("double"), Some("float")) => true,
        (outer, inner) => outer == inner,
    };
    if !within {
        return Err(format!("the format {outer_format} against {inner_format}"));
    }
    let closed = |schema: &Value| match part(schema, "additionalProperties") {
        Value::Bool(true) => Value::Null,
        other => other.clone(),
    };
    let (outer_closed, inner_closed) = (closed(outer), closed(inner));
    if !outer_closed.is_null() && outer_closed != inner_closed {
        let both = format!("{outer_closed} against {inner_closed}");
        return Err(format!("additionalProperties {both}"));
    }
    for (outer, inner) in shared_parts(outer, inner) {
        promises(outer, inner)?;
    }
    Ok(())
}

/// Whether the new schema has every field of the old one, and the same defaults for
/// omitted fields. Containment does not cover either: see the head of `compare.rs`.
pub fn keeps(old: &Value, new: &Value, with_defaults: bool) -> Result<(), String> {
    let kept = fields(new);
    if let Some(name) = fields(old).keys().find(|name| !kept.contains_key(*name)) {
        return Err(format!("the field {name:?} is gone or has another name"));
    }
    let (old_default, new_default) = (part(old, "default"), part(new, "default"));
    if with_defaults && !old_default.is_null() && old_default != new_default {
        return Err(format!("the default was {old_default}, is {new_default}"));
    }
    for (old, new) in shared_parts(old, new) {
        keeps(old, new, with_defaults)?;
    }
    Ok(())
}

/// The value of `key` in a schema, or in the schemas it is composed of.
fn part<'a>(schema: &'a Value, key: &str) -> &'a Value {
    let own = &schema[key];
    let mut composed = composed_of(schema).map(|schema| part(schema, key));
    match own {
        Value::Null => composed.find(|value| !value.is_null()).unwrap_or(own),
        own => own,
    }
}

fn composed_of(schema: &Value) -> impl Iterator<Item = &Value> {
    let lists = ["allOf", "anyOf", "oneOf"].map(|key| schema[key].as_array());
    lists.into_iter().flatten().flatten()
}

/// The fields of an object, and of the schemas it is composed of.
fn fields(schema: &Value) -> BTreeMap<&str, &Value> {
    let mut fields: BTreeMap<_, _> = composed_of(schema).flat_map(fields).collect();
    let own = schema["properties"].as_object().into_iter().flatten();
    fields.extend(own.map(|(name, schema)| (name.as_str(), schema)));
    fields
}

/// The fields and items that both schemas describe.
fn shared_parts<'a>(left: &'a Value, right: &'a Value) -> Vec<(&'a Value, &'a Value)> {
    let others = fields(right);
    let mut shared: Vec<_> = fields(left)
        .into_iter()
        .filter_map(|(name, schema)| Some((schema, *others.get(name)?)))
        .collect();
    let items = (part(left, "items"), part(right, "items"));
    if !items.0.is_null() && !items.1.is_null() {
        shared.push(items);
    }
    shared
}

/// The values of these keys, by their place in the schema.
fn facts(schema: &Value, keys: &[&str]) -> Facts {
    let mut found = BTreeMap::new();
    collect(schema, "", keys, &mut found);
    found
}

fn collect(schema: &Value, place: &str, keys: &[&str], found: &mut Facts) {
    match schema {
        Value::Object(object) => {
            for (key, value) in object {
                let place = format!("{place}/{key}");
                if keys.contains(&key.as_str()) && !value.is_object() {
                    found.insert(place, value.clone());
                } else if key != "example" {
                    collect(value, &place, keys, found);
                }
            }
        }
        Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                collect(value, &format!("{place}/{index}"), keys, found);
            }
        }
        _ => {}
    }
}

#[test]
fn a_pattern_in_one_of_several_alternatives_still_counts() {
    let short = json!({"type": "string", "maxLength": 5, "pattern": "^a"});
    let text = json!({"type": "string", "maxLength": 3});
    let number = json!({"type": "integer"});
    let outer = json!({"anyOf": [short, number]});
    let inner = json!({"anyOf": [short, text]});

    assert!(covers(&outer, &outer).is_ok());
    assert!(covers(&outer, &inner).is_err(), "`bc` is no number");
}
