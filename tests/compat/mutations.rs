//! Tests of the comparison with mutations of the real document. Each has the class that
//! the comparison must assign.

use serde_json::{Value, json};
use tasks_api::api::spec::DOCUMENT;

use crate::compare::{Class, compare};

use Class::{Breaking, Compatible, Documentation};

/// One edit of a document.
pub enum Edit {
    /// Sets the value at a JSON pointer (RFC 6901).
    Set(&'static str, Value),
    /// Removes the value at a JSON pointer.
    Remove(&'static str),
    /// Appends a value to the array at a JSON pointer.
    Push(&'static str, Value),
}

use Edit::{Push, Remove, Set};

/// Applies an edit.
pub fn apply(document: &mut Value, edit: Edit) {
    let split = |pointer: &'static str| pointer.rsplit_once('/').expect("a place in something");
    match edit {
        Set(pointer, value) => {
            let (parent, key) = split(pointer);
            let parent = document.pointer_mut(parent).expect(pointer);
            match parent {
                Value::Array(values) => values[key.parse::<usize>().unwrap()] = value,
                object => object[key.replace("~1", "/")] = value,
            }
        }
        Remove(pointer) => {
            let (parent, key) = split(pointer);
            match document.pointer_mut(parent).expect(pointer) {
                Value::Array(values) => {
                    values.remove(key.parse().unwrap());
                }
                object => {
                    let object = object.as_object_mut().expect(pointer);
                    object.remove(&key.replace("~1", "/")).expect(pointer);
                }
            }
        }
        Push(pointer, value) => {
            let array = document.pointer_mut(pointer).and_then(Value::as_array_mut);
            array.expect(pointer).push(value);
        }
    }
}

#[rustfmt::skip] // a row is a line
#[allow(clippy::too_many_lines, reason = "it is a table")]
fn table() -> Vec<(&'static str, Class, Edit)> {
    let optional =
        json!({"name": "q", "in": "query", "required": false, "schema": {"type": "string"}});
    let required =
        json!({"name": "q", "in": "query", "required": true, "schema": {"type": "string"}});
    let header = json!({"schema": {"type": "string"}});
    let response = json!({"description": "Gone."});
    let operation = json!({"operationId": "x", "responses": {"200": {"description": "x"}}});
    vec![
        // Operations
        ("an operation gone", Breaking, Remove("/paths/~1api~1tasks~1{id}/delete")),
        ("a path gone", Breaking, Remove("/paths/~1api~1tasks~1{id}~1complete")),
        ("an operation more", Compatible, Set("/paths/~1api~1trash/delete", operation.clone())),
        ("a path more", Compatible, Set("/paths/~1api~1lists", json!({"get": operation}))),
        ("another operationId", Breaking, Set("/paths/~1api~1tasks/get/operationId", json!("getTasks"))),
        ("no operationId", Breaking, Remove("/paths/~1api~1tasks/get/operationId")),
        ("another server", Breaking, Set("/servers/0/url", json!("/v2"))),
        // Parameters
        ("an optional parameter more", Compatible, Push("/paths/~1api~1tasks/get/parameters", optional)),
        ("a required parameter more", Breaking, Push("/paths/~1api~1tasks/get/parameters", required)),
        ("a parameter gone", Breaking, Remove("/paths/~1api~1tasks/get/parameters/0")),
        ("a parameter now required", Breaking, Set("/paths/~1api~1tasks/get/parameters/0/required", json!(true))),
        ("another name of a parameter", Breaking, Set("/paths/~1api~1tasks/get/parameters/0/name", json!("state"))),
        ("a value less of a parameter", Breaking, Remove("/paths/~1api~1tasks/get/parameters/0/schema/enum/2")),
        ("a value more of a parameter", Compatible, Push("/paths/~1api~1tasks/get/parameters/0/schema/enum", json!("late"))),
        ("another default of a parameter", Breaking, Set("/paths/~1api~1tasks/get/parameters/0/schema/default", json!("pending"))),
        ("an id from 10 on", Breaking, Set("/paths/~1api~1tasks~1{id}/get/parameters/0/schema/minimum", json!(10))),
        ("an id that is text", Breaking, Set("/paths/~1api~1tasks~1{id}/get/parameters/0/schema/type", json!("string"))),
        ("an id of 32 bits", Breaking, Set("/paths/~1api~1tasks~1{id}/get/parameters/0/schema/format", json!("int32"))),
        // Requests
        ("a shorter title", Breaking, Set("/components/schemas/CreateTask/properties/title/maxLength", json!(100))),
        ("a longer title", Compatible, Set("/components/schemas/CreateTask/properties/title/maxLength", json!(300))),
        ("a title of at least two", Breaking, Set("/components/schemas/CreateTask/properties/title/minLength", json!(2))),
        ("an empty title", Compatible, Remove("/components/schemas/CreateTask/properties/title/minLength")),
        ("another pattern", Breaking, Set("/components/schemas/CreateTask/properties/title/pattern", json!("^[a-z]+$"))),
        ("no pattern", Compatible, Remove("/components/schemas/CreateTask/properties/title/pattern")),
        ("a description now required", Breaking, Push("/components/schemas/CreateTask/required", json!("description"))),
        ("a title now optional", Compatible, Set("/components/schemas/CreateTask/required", json!([]))),
        ("no null as a description", Breaking, Remove("/components/schemas/UpdateTask/properties/description/nullable")),
        ("null as a title", Compatible, Set("/components/schemas/UpdateTask/properties/title/nullable", json!(true))),
        ("text for completed", Breaking, Set("/components/schemas/CompleteTask/properties/completed/type", json!("string"))),
        ("an optional field more", Compatible, Set("/components/schemas/CreateTask/properties/due", json!({"type": "string"}))),
        ("a field of a request gone, others refused", Breaking, Set("/components/schemas/UpdateTask", json!({"type": "object", "required": ["title"], "additionalProperties": false, "properties": {"title": {"type": "string"}}}))),
        ("unknown fields refused", Breaking, Set("/components/schemas/CompleteTask/additionalProperties", json!(false))),
        ("a body now optional", Compatible, Set("/paths/~1api~1tasks/post/requestBody/required", json!(false))),
        ("no body", Breaking, Remove("/paths/~1api~1tasks/post/requestBody")),
        ("a required body more", Breaking, Set("/paths/~1api~1tasks~1{id}/delete/requestBody", json!({"required": true, "content": {}}))),
        ("a media type more to send", Compatible, Set("/paths/~1api~1tasks/post/requestBody/content/text~1plain", json!({"schema": {"type": "string"}}))),
        ("a media type less to send", Breaking, Remove("/paths/~1api~1tasks/post/requestBody/content/application~1json")),
        // Responses
        ("a status more", Breaking, Set("/paths/~1api~1tasks~1{id}/get/responses/410", response.clone())),
        ("a status less", Compatible, Remove("/paths/~1api~1tasks~1{id}/get/responses/404")),
        ("a status that needs no parameter any more", Breaking, Remove("/paths/~1api~1tasks~1{id}/delete/x-only-with")),
        ("a status that another parameter causes as well", Breaking, Push("/paths/~1api~1tasks~1{id}/delete/x-only-with/400", json!(["id"]))),
        ("another success", Breaking, Set("/paths/~1api~1tasks~1{id}/delete/responses/204", response)),
        ("a field of a response renamed", Breaking, Set("/components/schemas/Task/properties", json!({"id": {"type": "integer"}}))),
        ("a field of a response now optional", Breaking, Remove("/components/schemas/Task/required/4")),
        ("a field of a response gone", Breaking, Remove("/components/schemas/Task/properties/completed")),
        ("a field more in a response", Compatible, Set("/components/schemas/Task/properties/due", json!({"type": "string"}))),
        ("null where none was", Breaking, Set("/components/schemas/Task/properties/title/nullable", json!(true))),
        ("never null where it was", Compatible, Remove("/components/schemas/Task/properties/description/nullable")),
        ("longer titles in a response", Breaking, Set("/components/schemas/Task/properties/title/maxLength", json!(300))),
        ("shorter titles in a response", Compatible, Set("/components/schemas/Task/properties/title/maxLength", json!(100))),
        ("an id that is text in a response", Breaking, Set("/components/schemas/Task/properties/id/type", json!("string"))),
        ("a date in place of a time", Breaking, Set("/components/schemas/Task/properties/created_at/format", json!("date"))),
        ("an object in place of an array", Breaking, Set("/paths/~1api~1tasks/get/responses/200/content/application~1json/schema", json!({"type": "object"}))),
        ("another media type", Breaking, Set("/components/responses/NotFound/content", json!({"application/json": {"schema": {"type": "object"}}}))),
        ("problems without a type", Breaking, Remove("/components/schemas/Problem/required/0")),
        ("a header gone", Breaking, Remove("/paths/~1api~1tasks/post/responses/201/headers/Location")),
        ("a header that may be missing", Breaking, Set("/components/headers/X-Request-Id/required", json!(false))),
        ("a header more", Compatible, Set("/paths/~1api~1tasks/get/responses/200/headers/X-Total", header)),
        ("a header of another type", Breaking, Set("/components/responses/TooManyRequests/headers/Retry-After/schema/type", json!("string"))),
        // Security
        ("no security", Compatible, Set("/paths/~1api~1tasks/get/security", json!([]))),
        ("another scheme", Breaking, Set("/components/securitySchemes/bearerAuth/scheme", json!("basic"))),
        ("a key in place of a token", Breaking, Set("/components/securitySchemes/bearerAuth", json!({"type": "apiKey", "in": "header", "name": "X-Key"}))),
        // Descriptions
        ("another description", Documentation, Set("/paths/~1api~1tasks/get/description", json!("Lists."))),
        ("another summary", Documentation, Set("/paths/~1api~1tasks/get/summary", json!("Tasks"))),
        ("another example", Documentation, Set("/components/schemas/Task/example/title", json!("Buy bread"))),
        ("another title", Documentation, Set("/info/title", json!("To-dos"))),
        ("a contact", Documentation, Set("/info/contact/email", json!("tasks@example.com"))),
        ("another tag", Documentation, Set("/tags/0/description", json!("Tasks."))),
        ("a description of a status", Documentation, Set("/components/responses/NotFound/description", json!("No."))),
        ("the same written differently", Documentation, Set("/components/schemas/Deleted/properties/message", json!({"allOf": [{"type": "string"}]}))),
    ]
}

#[test]
fn each_mutation_is_classified() {
    let mut wrong = Vec::new();

    let table = table();
    let count = table.len();
    for (name, expected, edit) in table {
        let mut document = DOCUMENT.clone();
        apply(&mut document, edit);
        let changes = compare(&DOCUMENT, &document);
        let class = changes.iter().map(|change| change.class).max();
        if class != Some(expected) {
            wrong.push(format!(
                "{name}: {expected:?} expected, {class:?} found: {changes:#?}"
            ));
        }
    }

    assert!(count >= 40);
    assert!(
        wrong.is_empty(),
        "{} of {count}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn a_document_does_not_differ_from_itself() {
    assert!(compare(&DOCUMENT, &DOCUMENT).is_empty());
}

#[test]
fn a_change_names_its_operation_its_place_and_both_sides() {
    let mut document = DOCUMENT.clone();
    apply(
        &mut document,
        Set(
            "/components/schemas/CreateTask/properties/title/maxLength",
            json!(100),
        ),
    );

    let changes = compare(&DOCUMENT, &document);

    let change = &changes[0];
    assert_eq!(
        change.place,
        "POST /api/tasks, request body application/json"
    );
    for part in [
        "no longer takes",
        "/properties/title/maxLength: was 200, is 100",
    ] {
        assert!(change.what.contains(part), "{part} in {}", change.what);
    }
}
