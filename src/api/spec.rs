//! The OpenAPI document: what the framework emits for [`operations`], normalised.
//! The same document is printed, committed and served.

use std::{str::FromStr, sync::LazyLock};

use chrono::{DateTime, NaiveDate, NaiveTime};
use poem::http::Method;
use poem_openapi::{ContactObject, LicenseObject, OpenApi, OpenApiService, ServerObject};
use serde_json::{Map, Value, json};

use crate::api::{
    rest::{
        problem::{Documented, PROBLEM_JSON, ProblemType, Row},
        service::DocumentOnly,
    },
    tasks::{
        OWN_PROBLEMS, Operations, OwnProblem, example_problem, examples, operations, value_examples,
    },
};

/// The version of the API (Semantic Versioning 2.0.0), not of the program.
pub const API_VERSION: &str = "1.1.0";

const DESCRIPTION: &str = "A private list of tasks for each user of an application that signs its \
users in elsewhere. Send the application's JWT as a bearer token: its `sub` claim is the user.

Every response has the header `X-Request-Id`. The body of every response with status 400 or \
above is a problem (RFC 9457) with a stable `type`. The one exception is 431 for HTTP/2 header \
fields of more than 96 KiB, which has neither. A trailing slash in a path is ignored.

A path that does not exist is 404 (`/problems/not-found`). A method that the path does not support is \
405 (`/problems/method-not-allowed`) with the header `Allow`; it belongs to the path, so no operation \
documents it.";

/// The largest integer that JavaScript represents exactly: 2^53 - 1. Ids are counted from 1,
/// so none is larger. (As a validator of the field, the framework would round it.)
const MAX_SAFE_INTEGER: i64 = 9_007_199_254_740_991;

/// The page of all problem types.
const PROBLEMS: &str = "/problems";

/// The request id in the examples.
const REQUEST_ID: &str = "019f0a7e-5b0c-7c3e-9d54-2f6b8c1a7e90";

/// The document as JSON text.
pub static JSON: LazyLock<String> = LazyLock::new(|| json_text(&DOCUMENT));

/// The document as YAML text: `openapi/tasks.yaml`.
pub static YAML: LazyLock<String> = LazyLock::new(|| yaml_text(&DOCUMENT));

/// The document with another URL of its server.
#[must_use]
pub fn with_server(url: &str) -> Value {
    let mut document = DOCUMENT.clone();
    document["servers"][0]["url"] = json!(url);
    document["externalDocs"]["url"] = json!(format!("{url}{PROBLEMS}"));
    document
}

/// A document as JSON text.
#[must_use]
pub fn json_text(document: &Value) -> String {
    format!("{document:#}\n")
}

/// A document as YAML text.
#[must_use]
pub fn yaml_text(document: &Value) -> String {
    // A JSON value always serializes.
    let yaml = yaml_serde::to_string(document);
    let yaml = yaml.unwrap_or_else(|error| unreachable!("the document as YAML: {error}"));
    yaml.lines().map(quote_time).collect()
}

/// Quotes the value of a line of YAML if it is a date or a time. YAML 1.1, which many
/// parsers still read, has types for them (18:00 is 1,080); here they are strings.
fn quote_time(line: &str) -> String {
    let is_time = |value: &str| {
        DateTime::parse_from_rfc3339(value).is_ok()
            || NaiveDate::from_str(value).is_ok()
            || NaiveTime::from_str(value).is_ok()
    };
    match line.split_once(": ") {
        Some((key, value)) if is_time(value) => format!("{key}: '{value}'\n"),
        _ => format!("{line}\n"),
    }
}

/// The document.
pub static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let service = OpenApiService::new(operations(DocumentOnly), "Tasks API", API_VERSION)
        .description(DESCRIPTION)
        .contact(ContactObject::new().name("The Tasks API developers"))
        .license(LicenseObject::new("MIT").url("https://opensource.org/license/mit"))
        .server(ServerObject::new("/").description("The service that serves this document"));
    let document = serde_json::from_str(&service.spec());
    normalise(document.unwrap_or_else(|error| unreachable!("the document as JSON: {error}")))
});

/// A route of the contract.
#[derive(Debug)]
pub struct Route {
    /// The path template, as `/api/tasks/{id}`.
    pub path: String,
    /// The method.
    pub method: Method,
    /// The `operationId`, which is a stable name for metrics.
    pub operation_id: &'static str,
}

/// The routes of the contract.
pub static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(|| {
    let apis = Operations::<DocumentOnly>::meta().into_iter();
    let paths = apis.flat_map(|api| api.paths);
    let routes = paths.flat_map(|path| {
        path.operations.into_iter().map(move |operation| Route {
            path: path.path.clone(),
            method: operation.method,
            operation_id: operation.operation_id.unwrap_or_default(),
        })
    });
    routes.collect()
});

/// Completes the framework's document and removes its noise.
fn normalise(mut document: Value) -> Value {
    document["openapi"] = json!("3.0.3");
    document["externalDocs"] = json!({"description": "The types of problem", "url": PROBLEMS});
    tidy(&mut document);
    order_groups(&mut document);
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    let operations = paths.flat_map(|(_, item)| item.as_object_mut().into_iter().flatten());
    for (_, operation) in operations {
        let problems = ProblemType::ALL.iter().map(|kind| kind.row());
        let problems: Vec<_> = problems
            .filter(|row| is_documented(operation, row.documented))
            .collect();
        let parameters = operation
            .get_mut("parameters")
            .and_then(Value::as_array_mut);
        for parameter in parameters.into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap_or_default();
            parameter["example"] = match parameter["schema"]["enum"].as_array().map(Vec::as_slice) {
                Some([only]) => only.clone(),
                _ => value_examples()[name].take(),
            };
        }
        if let Some(responses) = operation["responses"].as_object_mut() {
            responses.remove("default");
            for response in responses.values_mut() {
                let headers = response.get_mut("headers").and_then(Value::as_object_mut);
                for (name, header) in headers.into_iter().flatten() {
                    header["example"] = value_examples()[name].take();
                }
                add_common_headers(response);
            }
        }
        let id = operation["operationId"].clone();
        let own = OWN_PROBLEMS.iter().filter(|own| id == own.operation);
        let own: Vec<_> = own.collect();
        for row in problems
            .into_iter()
            .chain(own.iter().map(|own| own.kind.row()))
        {
            let name = format!("#/components/responses/{}", response_name(row));
            operation["responses"][row.status.to_string()] = json!({"$ref": name});
        }
        if let Some(responses) = operation["responses"].as_object_mut() {
            responses.sort_keys();
        }
        mark_conditional(operation, &own);
    }
    let components = &mut document["components"];
    complete_schemas(&mut components["schemas"]);
    components["headers"] = common_headers();
    components["responses"] = problem_responses();
    document
}

/// Puts the groups into the order of their first operations, and leaves each operation one:
/// its own, which the framework adds to that of all operations.
fn order_groups(document: &mut Value) {
    let mut order = Vec::new();
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    for (_, operation) in paths.flat_map(|(_, item)| item.as_object_mut().into_iter().flatten()) {
        if let Some(own) = operation["tags"].as_array_mut().and_then(Vec::pop) {
            operation["tags"] = json!([own]);
            order.push(own);
        }
    }
    if let Some(groups) = document["tags"].as_array_mut() {
        groups.sort_by_key(|group| order.iter().position(|own| *own == group["name"]));
    }
}

/// The headers that any response of an operation has.
fn common_headers() -> Value {
    let header = |is_always_there: bool, example: &str, description: &str| {
        json!({
            "description": description,
            "required": is_always_there,
            "schema": {"type": "string"},
            "example": example,
        })
    };
    json!({
        "RateLimit": header(
            false,
            "\"user\";r=59;t=1",
            "For each limit that the request was counted on, how many requests are possible now \
             (`r`), and after how many seconds there are more (`t`). Absent where the operator \
             has set no limits.",
        ),
        "RateLimit-Policy": header(
            false,
            "\"user\";q=600;w=60",
            "The limits themselves: `q` requests in `w` seconds.",
        ),
        "X-Request-Id": header(
            true,
            REQUEST_ID,
            "Identifies this response in the logs of the service.",
        ),
    })
}

fn add_common_headers(response: &mut Value) {
    for (name, _) in common_headers().as_object().into_iter().flatten() {
        response["headers"][name] = json!({"$ref": format!("#/components/headers/{name}")});
    }
}

/// Says which statuses occur only for requests with some parameters: clients of an older
/// document, which does not have them, never get these statuses.
fn mark_conditional(operation: &mut Value, own: &[&OwnProblem]) {
    let mut only_with = Map::new();
    if operation["responses"]["304"].is_object() {
        only_with.insert("304".to_owned(), json!(["If-None-Match"]));
    }
    for own in own {
        let sets = match own.only_with {
            [] => continue,
            [set] => json!(set),
            sets => json!(sets),
        };
        only_with.insert(own.kind.row().status.to_string(), sets);
    }
    if !only_with.is_empty() {
        only_with.sort_keys();
        operation["x-only-with"] = only_with.into();
    }
}

/// Adds what the framework's schemas lack: examples, the types of problem, and that a
/// nullable field of a response is always present.
fn complete_schemas(schemas: &mut Value) {
    for (name, example) in examples().as_object().into_iter().flatten() {
        add_examples(&mut schemas[name], example.clone());
    }
    let invalid = example(ProblemType::InvalidRequest);
    add_examples(&mut schemas["FieldError"], invalid["errors"][0].clone());
    add_examples(&mut schemas["Problem"], invalid);
    schemas["Problem"]["properties"]["request_id"]["example"] = json!(REQUEST_ID);
    for name in ["Task", "TrashedTask", "DeletedTask", "Changes", "Count"] {
        let schema = &mut schemas[name];
        for number in ["id", "version"] {
            if schema["properties"][number].is_object() {
                schema["properties"][number]["maximum"] = json!(MAX_SAFE_INTEGER);
            }
        }
        let fields = schema["properties"].as_object();
        schema["required"] = fields.into_iter().flat_map(Map::keys).cloned().collect();
    }
    let example = schemas["Task"]["example"].clone();
    let current = &mut schemas["Problem"]["properties"]["current"];
    *current = json!({
        "description": current["description"],
        "allOf": [{"$ref": "#/components/schemas/Task"}],
        "example": example,
    });
    // Apart from the property: where it is part of an `anyOf` there, generators make a class
    // of the property, or fail on a type that they do not know.
    let uris: Vec<_> = ProblemType::ALL.iter().map(|kind| kind.uri()).collect();
    schemas["ProblemType"] = json!({
        "type": "string",
        "title": "ProblemType",
        "description": "The types of problem so far, to compare `type` of a `Problem` with. \
                        A later version may have more.",
        "enum": uris,
        "example": ProblemType::NotFound.uri(),
    });
}

/// Adds the example of an object, and its parts as the examples of the properties: some
/// tools read these alone.
fn add_examples(schema: &mut Value, example: Value) {
    let properties = schema["properties"].as_object_mut();
    for (name, property) in properties.into_iter().flatten() {
        if let Some(value) = example.get(name) {
            property["example"] = value.clone();
        }
    }
    schema["example"] = example;
}

/// Removes keys that say nothing, and writes whole numbers without a fraction.
fn tidy(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.retain(|key, value| match key.as_str() {
                "explode" => !value.is_boolean(),
                "deprecated" => *value != json!(false),
                _ => true,
            });
            for (key, value) in object.iter_mut() {
                let whole = value.as_f64().filter(|number| number.fract() == 0.0);
                if let ("minimum" | "maximum", Some(number)) = (key.as_str(), whole) {
                    #[expect(clippy::cast_possible_truncation, reason = "bounds are small")]
                    let number = number as i64;
                    *value = json!(number);
                }
                tidy(value);
            }
        }
        Value::Array(values) => values.iter_mut().for_each(tidy),
        _ => {}
    }
}

/// Whether `operation` documents a response.
fn is_documented(operation: &Value, by: Documented) -> bool {
    let parameters = operation["parameters"].as_array();
    let has_parameter = |place: &str| {
        parameters.is_some_and(|all| all.iter().any(|parameter| parameter["in"] == place))
    };
    let has_body = operation["requestBody"].is_object();
    match by {
        Documented::Everywhere => true,
        Documented::WithInput => has_body || has_parameter("query"),
        Documented::WithBody => has_body,
        Documented::WithPathParameter => has_parameter("path"),
        Documented::Creating => operation["responses"]["201"].is_object(),
        Documented::ByOperation | Documented::Nowhere => false,
    }
}

/// The name of the shared response of a problem type.
fn response_name(row: &Row) -> String {
    let words = row.title.split(' ').map(|word| {
        let (first, rest) = word.split_at(1);
        first.to_uppercase() + rest
    });
    words.collect()
}

/// One shared response for each status that operations document.
fn problem_responses() -> Value {
    let documented = ProblemType::ALL
        .iter()
        .filter(|kind| kind.row().documented != Documented::Nowhere);
    let responses = documented.map(|kind| {
        let row = kind.row();
        let mut headers = Map::new();
        // `Connection` is a header of HTTP/1.1 alone (RFC 9113, section 8.2.2).
        for header in row.headers.iter().filter(|h| h.name != "Connection") {
            let described = json!({
                "description": header.description,
                "required": true,
                "schema": (header.schema)(),
                "example": (header.example)(),
            });
            headers.insert(header.name.to_owned(), described);
        }
        // A type that no operation documents is described by the general one of its status.
        let shown = ProblemType::of_status(row.status)
            .filter(|other| other == kind || other.row().documented == Documented::Nowhere);
        let examples: Map<_, _> = shown
            .map(|kind| (kind.row().slug.to_owned(), json!({"value": example(kind)})))
            .collect();
        let mut response = json!({
            "description": row.description,
            "headers": headers,
            "content": {
                PROBLEM_JSON: {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "examples": examples,
                },
            },
        });
        add_common_headers(&mut response);
        (response_name(row), response)
    });
    Value::Object(responses.collect())
}

/// An example of the body of a problem.
#[must_use]
pub fn example(kind: ProblemType) -> Value {
    json!(example_problem(kind).body(REQUEST_ID))
}
