//! Added, removed and renamed fields.

use serde_json::json;

use super::Case;
use crate::{
    compare::Class::{Breaking, Compatible},
    mutations::Edit::{Push, Remove, Set},
};

#[expect(clippy::too_many_lines, reason = "it is a table")]
pub fn cases() -> Vec<Case> {
    let text = json!({"type": "string"});
    let time = json!({"type": "string", "format": "date-time"});
    let defaulted = json!({"type": "integer", "format": "int32", "default": 0});
    vec![
        (
            "an optional field of a request gone",
            Breaking,
            "unknown fields are ignored, so what old clients send is lost silently",
            vec![Remove(
                "/components/schemas/CreateTask/properties/description",
            )],
        ),
        (
            "an optional field of a request renamed",
            Breaking,
            "as above",
            vec![
                Remove("/components/schemas/UpdateTask/properties/completed"),
                Set(
                    "/components/schemas/UpdateTask/properties/done",
                    json!({"type": "boolean"}),
                ),
            ],
        ),
        (
            "an optional field of a response gone",
            Breaking,
            "undocumented, the field may be anything; and a client that shows it shows nothing",
            vec![Remove("/components/schemas/Problem/properties/errors")],
        ),
        (
            "an optional field of a response renamed",
            Breaking,
            "as above",
            vec![
                Remove("/components/schemas/Problem/properties/request_id"),
                Set("/components/schemas/Problem/properties/id", text.clone()),
            ],
        ),
        (
            "a field of a nested object gone",
            Breaking,
            "the rule holds at every depth",
            vec![
                Remove("/components/schemas/FieldError/properties/field"),
                Set(
                    "/components/schemas/FieldError/required",
                    json!(["message"]),
                ),
            ],
        ),
        (
            "an optional time more in a request",
            Compatible,
            "its format binds no one who does not send it",
            vec![Set(
                "/components/schemas/CreateTask/properties/due_at",
                time.clone(),
            )],
        ),
        (
            "an optional number with a default more in a request",
            Compatible,
            "nor does its default",
            vec![Set(
                "/components/schemas/CreateTask/properties/estimate",
                defaulted,
            )],
        ),
        (
            "a time more in a response",
            Compatible,
            "old clients ignore what they do not know",
            vec![
                Set("/components/schemas/Task/properties/due_at", time),
                Push("/components/schemas/Task/required", json!("due_at")),
            ],
        ),
        (
            "an object more in a response",
            Compatible,
            "as above, with all that is inside",
            vec![Set(
                "/components/schemas/Task/properties/list",
                json!({"type": "object", "required": ["id"], "properties": {"id": {"type": "integer", "format": "int64"}}}),
            )],
        ),
        (
            "a required field more in a request",
            Breaking,
            "old clients do not send it",
            vec![
                Set("/components/schemas/CreateTask/properties/list", text),
                Push("/components/schemas/CreateTask/required", json!("list")),
            ],
        ),
        (
            "an optional field of a response now always there",
            Compatible,
            "a promise more",
            vec![Push(
                "/components/schemas/Problem/required",
                json!("request_id"),
            )],
        ),
        (
            "no unknown fields in a response",
            Compatible,
            "a promise more",
            vec![Set(
                "/components/schemas/Deleted/additionalProperties",
                json!(false),
            )],
        ),
        (
            "unknown fields taken by the document's word",
            Compatible,
            "a promise more: left out, they are ignored, and a later field may take their names",
            vec![Set(
                "/components/schemas/CreateTask/additionalProperties",
                json!(true),
            )],
        ),
    ]
}
