//! Paths, servers, headers and security.

use serde_json::json;
use tasks_api::api::spec::DOCUMENT;

use super::{Case, STATUS, below};
use crate::{
    compare::Class::{Breaking, Compatible, Documentation},
    mutations::Edit::{Push, Remove, Set},
};

#[expect(clippy::too_many_lines, reason = "it is a table")]
pub fn cases() -> Vec<Case> {
    let required =
        json!([{"name": "tenant", "in": "query", "required": true, "schema": {"type": "string"}}]);
    let optional = json!([{"name": "tenant", "in": "query", "schema": {"type": "string"}}]);
    let key = json!({"type": "apiKey", "in": "header", "name": "X-Key"});
    let add_key = || Set("/components/securitySchemes/key", key.clone());
    let schema = DOCUMENT["components"]["schemas"]["Deleted"].clone();
    vec![
        (
            "a required parameter for a whole path",
            Breaking,
            "it holds for each operation there",
            vec![Set("/paths/~1api~1tasks/parameters", required)],
        ),
        (
            "an optional parameter for a whole path",
            Compatible,
            "it holds for each operation there",
            vec![Set("/paths/~1api~1tasks/parameters", optional)],
        ),
        (
            "a description of a path",
            Documentation,
            "it is no operation",
            vec![Set("/paths/~1api~1tasks/description", json!("Tasks."))],
        ),
        (
            "another server for one operation",
            Breaking,
            "clients ask elsewhere",
            vec![Set("/paths/~1api~1tasks/get/servers", json!([{"url": "/v2"}]))],
        ),
        (
            "another way to write a parameter",
            Breaking,
            "the same values travel as other text",
            vec![Set(below(STATUS, "style"), json!("pipeDelimited"))],
        ),
        (
            "a parameter that moves into the header",
            Breaking,
            "old clients send it in the query",
            vec![Set(below(STATUS, "in"), json!("header"))],
        ),
        (
            "a header's name in other letters",
            Documentation,
            "header names have no case (RFC 9110, 5.1)",
            vec![
                Remove("/paths/~1api~1tasks/post/responses/201/headers/Location"),
                Set(
                    "/paths/~1api~1tasks/post/responses/201/headers/location",
                    DOCUMENT["paths"]["/api/tasks"]["post"]["responses"]["201"]["headers"]["Location"].clone(),
                ),
            ],
        ),
        (
            "security asked for by the whole document",
            Breaking,
            "an operation without its own takes the document's",
            vec![
                add_key(),
                Remove("/paths/~1api~1tasks/get/security"),
                Set("/security", json!([{"key": []}])),
            ],
        ),
        (
            "the same security, asked for by the whole document",
            Documentation,
            "what an operation asks for is the same",
            vec![
                Remove("/paths/~1api~1tasks/get/security"),
                Set("/security", json!([{"bearerAuth": []}])),
            ],
        ),
        (
            "a key as well as a token",
            Breaking,
            "old clients have none",
            vec![
                add_key(),
                Set("/paths/~1api~1tasks/get/security", json!([{"bearerAuth": [], "key": []}])),
            ],
        ),
        (
            "a key or a token",
            Compatible,
            "the token still does",
            vec![
                add_key(),
                Set("/paths/~1api~1tasks/get/security", json!([{"bearerAuth": []}, {"key": []}])),
            ],
        ),
        (
            "a token or nothing",
            Compatible,
            "the token still does",
            vec![Push("/paths/~1api~1tasks/get/security", json!({}))],
        ),
        (
            "a token of a scope",
            Breaking,
            "old tokens lack it",
            vec![Set("/paths/~1api~1tasks/get/security", json!([{"bearerAuth": ["tasks"]}]))],
        ),
        (
            "another name of a security scheme",
            Documentation,
            "it is not sent",
            vec![
                Set(
                    "/components/securitySchemes/jwt",
                    DOCUMENT["components"]["securitySchemes"]["bearerAuth"].clone(),
                ),
                Set("/paths/~1api~1tasks/get/security", json!([{"jwt": []}])),
            ],
        ),
        (
            "a schema that nothing uses",
            Documentation,
            "it describes nothing that is sent",
            vec![Set("/components/schemas/Spare", schema)],
        ),
        (
            "a status that takes any",
            Breaking,
            "a status more",
            vec![Set(
                "/paths/~1api~1tasks/get/responses/default",
                json!({"description": "Whatever else."}),
            )],
        ),
        (
            "a path with another name for its id",
            Breaking,
            "the same on the wire, but generated clients name their arguments by it",
            vec![
                Remove("/paths/~1api~1tasks~1{id}~1complete"),
                Set(
                    "/paths/~1api~1tasks~1{task_id}~1complete",
                    DOCUMENT["paths"]["/api/tasks/{id}/complete"].clone(),
                ),
            ],
        ),
        (
            "a parameter written once for its path",
            Documentation,
            "it holds for each operation there, as before",
            vec![
                Set(
                    "/paths/~1api~1tasks~1{id}/parameters",
                    json!([DOCUMENT["paths"]["/api/tasks/{id}"]["get"]["parameters"][0]]),
                ),
                Remove("/paths/~1api~1tasks~1{id}/get/parameters/0"),
            ],
        ),
        (
            "an operation that is on its way out",
            Documentation,
            "it still works",
            vec![Set("/paths/~1api~1tasks/get/deprecated", json!(true))],
        ),
    ]
}
