//! One schema of each side, compared by what it accepts.
//!
//! The containment is decided by the `canonical` module of the `jsonschema`
//! crate. What it cannot decide counts as breaking: a gate that lets doubt pass
//! is none.

use std::collections::BTreeMap;

use jsonschema::canonical::Containment;
use serde_json::Value;

use crate::json_schema::plain;

/// Whether everything that `inner` describes is described by `outer`. `inner` is
/// taken at its word: whoever sends such a value sends the documented fields and
/// no others, so that a new optional field is no break.
pub fn covers(outer: &Value, inner: &Value) -> Result<(), String> {
    if facts(outer, PROMISES) != facts(inner, PROMISES) {
        return Err(format!("one of {PROMISES:?} differs"));
    }
    contains(&plain(outer, false), &plain(inner, true))
}

/// Whether both describe the same documented values.
pub fn same(left: &Value, right: &Value) -> bool {
    let (left, right) = (plain(left, true), plain(right, true));
    contains(&left, &right).is_ok() && contains(&right, &left).is_ok()
}

fn contains(outer: &Value, inner: &Value) -> Result<(), String> {
    if outer == inner {
        return Ok(());
    }
    let patterns = (facts(outer, &["pattern"]), facts(inner, &["pattern"]));
    let canonical = |schema: &Value| {
        // A pattern that both have in the same place decides nothing, and costs
        // the comparison its answer.
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

fn without_shared(schema: &Value, place: &str, patterns: &(Facts, Facts)) -> Value {
    match schema {
        Value::Object(object) => {
            let kept = object.iter().filter_map(|(key, value)| {
                let place = format!("{place}/{key}");
                let pattern = patterns.0.get(&place);
                let shared = pattern.is_some() && pattern == patterns.1.get(&place);
                (!shared).then(|| (key.clone(), without_shared(value, &place, patterns)))
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

/// What JSON Schema takes for a remark, or for less than it is, and a client for
/// a promise: it must be the same wherever both sides have it.
const PROMISES: &[&str] = &["additionalProperties", "default", "format"];

/// The values of these keys, each by its place.
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
