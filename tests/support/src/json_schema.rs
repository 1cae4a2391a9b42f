//! Conversion of `OpenAPI` 3.0 schemas to plain JSON Schema.

use serde_json::{Map, Value, json};

/// The document with every `$ref` replaced by its target.
pub fn resolved(document: &Value) -> Value {
    resolve(document, document)
}

/// A part of the document with every `$ref` replaced by its target.
pub fn resolve(part: &Value, document: &Value) -> Value {
    match part {
        Value::Object(object) => {
            let reference = object.get("$ref").and_then(Value::as_str);
            if let Some(reference) = reference {
                let target = document.pointer(reference.trim_start_matches('#'));
                return resolve(target.expect("a reference into the document"), document);
            }
            let fields = object.iter();
            fields
                .map(|(k, v)| (k.clone(), resolve(v, document)))
                .collect()
        }
        Value::Array(values) => values.iter().map(|v| resolve(v, document)).collect(),
        other => other.clone(),
    }
}

/// Keys that do not constrain values.
const ANNOTATIONS: [&str; 6] = [
    "default",
    "deprecated",
    "description",
    "example",
    "externalDocs",
    "title",
];

/// An `OpenAPI` 3.0 schema as JSON Schema. `nullable` becomes `anyOf` with `null`. With
/// `closed`, objects accept no undocumented fields.
pub fn plain(schema: &Value, closed: bool) -> Value {
    let Some(object) = schema.as_object() else {
        return schema.clone();
    };
    let mut plain = Map::new();
    for (key, value) in object {
        let value = match key.as_str() {
            "nullable" => continue,
            annotation if ANNOTATIONS.contains(&annotation) => continue,
            "properties" => {
                let properties = value.as_object().into_iter().flatten();
                properties
                    .map(|(name, schema)| (name.clone(), self::plain(schema, closed)))
                    .collect()
            }
            "items" | "additionalProperties" | "not" => self::plain(value, closed),
            "allOf" | "anyOf" | "oneOf" => {
                let schemas = value.as_array().into_iter().flatten();
                schemas.map(|schema| self::plain(schema, closed)).collect()
            }
            _ => value.clone(),
        };
        plain.insert(key.clone(), value);
    }
    if closed && plain.contains_key("properties") {
        // A required field without a schema accepts any value.
        for name in object
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            if let (Some(properties), Some(name)) =
                (plain["properties"].as_object_mut(), name.as_str())
            {
                properties.entry(name).or_insert(json!({}));
            }
        }
        plain.entry("additionalProperties").or_insert(json!(false));
    }
    let plain = Value::Object(plain);
    if schema["nullable"] == true {
        json!({"anyOf": [plain, {"type": "null"}]})
    } else {
        plain
    }
}
