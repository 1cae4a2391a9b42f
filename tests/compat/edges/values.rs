//! Allowed values: formats, patterns, nulls, enumerations.

use serde_json::json;

use super::{Case, STATUS, TITLE, below};
use crate::{
    compare::Class::{Breaking, Compatible, Documentation},
    mutations::Edit::{Remove, Set},
};

#[expect(clippy::too_many_lines, reason = "it is a table")]
pub fn cases() -> Vec<Case> {
    vec![
        (
            "a request's format gone",
            Compatible,
            "more is taken",
            vec![Remove(
                "/paths/~1api~1tasks~1{id}/get/parameters/0/schema/format",
            )],
        ),
        (
            "a request's format more",
            Breaking,
            "less is taken",
            vec![Set(below(TITLE, "format"), json!("email"))],
        ),
        (
            "a response's format gone",
            Breaking,
            "a promise less",
            vec![Remove(
                "/components/schemas/Task/properties/created_at/format",
            )],
        ),
        (
            "a response's format more",
            Compatible,
            "a promise more",
            vec![Set(
                "/components/headers/X-Request-Id/schema/format",
                json!("uuid"),
            )],
        ),
        (
            "a status of 64 bits in a response",
            Breaking,
            "it no longer fits where clients put it",
            vec![Set(
                "/components/schemas/Problem/properties/status/format",
                json!("int64"),
            )],
        ),
        (
            "an id of 32 bits in a response",
            Compatible,
            "every 32-bit number is a 64-bit number",
            vec![Set(
                "/components/schemas/Task/properties/id/format",
                json!("int32"),
            )],
        ),
        (
            "a default gone",
            Breaking,
            "who leaves the parameter away can no longer know what it means",
            vec![Remove(below(STATUS, "schema/default"))],
        ),
        (
            "a number in place of a whole number",
            Breaking,
            "a response may now have a fraction",
            vec![Set(
                "/components/schemas/Task/properties/id/type",
                json!("number"),
            )],
        ),
        (
            "null in place of a list",
            Breaking,
            "clients iterate over it",
            vec![Set(
                "/components/schemas/Problem/properties/errors/nullable",
                json!(true),
            )],
        ),
        (
            "null as a title, with the pattern",
            Compatible,
            "more is taken, whatever the pattern does to the algebra",
            vec![Set(below(TITLE, "nullable"), json!(true))],
        ),
        (
            "a longer title, with the pattern",
            Compatible,
            "as above",
            vec![Set(below(TITLE, "maxLength"), json!(201))],
        ),
        (
            "a pattern of a response gone",
            Breaking,
            "a promise less",
            vec![Remove(
                "/components/schemas/Problem/properties/type/pattern",
            )],
        ),
        (
            "a pattern of a response more",
            Compatible,
            "a promise more",
            vec![Set(
                "/components/schemas/Deleted/properties/message/pattern",
                json!("^Task"),
            )],
        ),
        (
            "an enum on a response's text",
            Compatible,
            "fewer values",
            vec![Set(
                "/components/schemas/Deleted/properties/message/enum",
                json!(["gone"]),
            )],
        ),
        (
            "an enum on a request's text",
            Breaking,
            "fewer values",
            vec![Set(below(TITLE, "enum"), json!(["milk"]))],
        ),
        (
            "at most 100 tasks in a list",
            Compatible,
            "fewer lists",
            vec![Set(
                "/paths/~1api~1tasks/get/responses/200/content/application~1json/schema/maxItems",
                json!(100),
            )],
        ),
        (
            "a list in an envelope",
            Breaking,
            "an object is no array",
            vec![Set(
                "/paths/~1api~1tasks/get/responses/200/content/application~1json/schema",
                json!({"type": "object", "required": ["items"], "properties": {"items": {"type": "array", "items": {"$ref": "#/components/schemas/Task"}}}}),
            )],
        ),
        (
            "the same enum in another order",
            Documentation,
            "a set has no order",
            vec![Set(
                below(STATUS, "schema/enum"),
                json!(["pending", "completed", "all"]),
            )],
        ),
        (
            "the same required fields in another order",
            Documentation,
            "a set has no order",
            vec![Set(
                "/components/schemas/FieldError/required",
                json!(["message", "field"]),
            )],
        ),
    ]
}
