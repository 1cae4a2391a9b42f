//! The OpenAPI document: what the framework makes of `tasks.rs`, made plain by
//! [`normalise`]. The same document is printed, committed, served and shown.

use std::sync::LazyLock;

use chrono::DateTime;
use poem::http::Method;
use poem_openapi::{ContactObject, LicenseObject, OpenApi, OpenApiService, ServerObject};
use serde_json::{Map, Value, json};

use crate::api::{
    rest::{
        problem::{Kind, PROBLEM_JSON, Problem},
        service::DocumentOnly,
    },
    tasks::TasksApi,
};

/// The version of the API (Semantic Versioning 2.0.0), not of this program.
pub const API_VERSION: &str = "1.0.0";

const DESCRIPTION: &str = "A private list of tasks for each user of an application that signs its \
users in elsewhere. Send the application's JWT as a bearer token: its `sub` claim is the user.

Every answer carries `X-Request-Id`. Every answer of status 400 and above is a problem \
(RFC 9457) whose `type` is stable. A trailing slash in a path changes nothing.";

/// The document as JSON text.
pub static JSON: LazyLock<String> = LazyLock::new(|| format!("{:#}\n", *DOCUMENT));

/// The document as YAML text: `openapi/tasks.yaml`.
pub static YAML: LazyLock<String> = LazyLock::new(|| {
    // Maps with text keys, texts, numbers and booleans alone: this cannot fail.
    let yaml = yaml_serde::to_string(&*DOCUMENT);
    let yaml = yaml.unwrap_or_else(|error| unreachable!("the document as YAML: {error}"));
    yaml.lines().map(quote_time).collect()
});

/// A line of YAML, its value quoted where it is a time: YAML 1.1, which many
/// parsers still read, has a type for those, and the document means text.
fn quote_time(line: &str) -> String {
    match line.split_once(": ") {
        Some((key, value)) if DateTime::parse_from_rfc3339(value).is_ok() => {
            format!("{key}: '{value}'\n")
        }
        _ => format!("{line}\n"),
    }
}

/// The document.
pub static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let service = OpenApiService::new(TasksApi::new(DocumentOnly), "Tasks API", API_VERSION)
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
    let paths = TasksApi::<DocumentOnly>::meta()
        .into_iter()
        .flat_map(|api| api.paths);
    let routes = paths.flat_map(|path| {
        path.operations.into_iter().map(move |operation| Route {
            path: path.path.clone(),
            method: operation.method,
            operation_id: operation.operation_id.unwrap_or_default(),
        })
    });
    routes.collect()
});

/// Makes the framework's document what its readers expect.
fn normalise(mut document: Value) -> Value {
    document["openapi"] = json!("3.0.3");
    tidy(&mut document);
    let request_id = json!({"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}});
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    let operations = paths.flat_map(|(_, item)| item.as_object_mut().into_iter().flatten());
    for (_, operation) in operations {
        let responses = operation["responses"].as_object_mut().into_iter().flatten();
        for (status, response) in responses {
            if let Some(name) = problem_name(status) {
                *response = json!({"$ref": format!("#/components/responses/{name}")});
            } else {
                let headers = response["headers"].take();
                let mut all = headers.as_object().cloned().unwrap_or_default();
                all.extend(request_id.as_object().cloned().unwrap_or_default());
                response["headers"] = Value::Object(all);
            }
        }
    }
    let components = &mut document["components"];
    let kind = &mut components["schemas"]["Problem"]["properties"]["type"]["description"];
    let kinds: Vec<_> = Kind::ALL.iter().map(|k| format!("`{}`", k.uri())).collect();
    *kind = format!(
        "{} The kinds so far: {}.",
        kind.as_str().unwrap_or_default(),
        kinds.join(", ")
    )
    .into();
    components["headers"] = json!({
        "X-Request-Id": {
            "description": "Names this answer in the service's logs.",
            "required": true,
            "schema": {"type": "string"},
            "example": "019f0a7e-5b0c-7c3e-9d54-2f6b8c1a7e90",
        },
    });
    components["responses"] = problem_responses(&request_id);
    document
}

/// Removes what says nothing, and writes whole numbers as such.
fn tidy(value: &mut Value) {
    match value {
        Value::Object(object) => {
            if object.contains_key("in") {
                object.remove("explode");
                object.remove("deprecated");
            }
            if object.contains_key("schema") && object.get("deprecated") == Some(&json!(false)) {
                object.remove("deprecated");
            }
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

/// The kinds of problem of a status, none for a status that is no problem.
fn kinds_of(status: &str) -> impl Iterator<Item = Kind> {
    let kinds = Kind::ALL.into_iter();
    kinds.filter(move |kind| kind.status().to_string() == status)
}

/// The name of a status's shared response.
fn problem_name(status: &str) -> Option<String> {
    let title = kinds_of(status).next()?.title();
    Some(title.split(' ').map(capitalised).collect())
}

fn capitalised(word: &str) -> String {
    let (first, rest) = word.split_at(1.min(word.len()));
    first.to_uppercase() + rest
}

/// One shared response for each status that an operation refers to.
fn problem_responses(request_id: &Value) -> Value {
    let mut responses = Map::new();
    let documented = Kind::ALL.into_iter().filter(|kind| {
        !matches!(
            kind,
            Kind::MethodNotAllowed | Kind::RequestTimeout | Kind::OutcomeUnknown
        )
    });
    for kind in documented {
        let status = kind.status().to_string();
        let mut headers = request_id.clone();
        for (name, description, required, schema) in problem_headers(kind) {
            headers[name] = json!({
                "description": description,
                "required": required,
                "schema": schema,
            });
        }
        let examples: Map<_, _> = kinds_of(&status)
            .map(|kind| {
                let value = serde_json::to_value(Problem::example(kind)).unwrap_or_default();
                (kind.slug().to_owned(), json!({"value": value}))
            })
            .collect();
        let response = json!({
            "description": kind.description(),
            "headers": headers,
            "content": {
                PROBLEM_JSON: {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "examples": examples,
                },
            },
        });
        responses.extend(problem_name(&status).map(|name| (name, response)));
    }
    Value::Object(responses)
}

/// The headers that a kind of problem adds: name, description, required, schema.
fn problem_headers(kind: Kind) -> Vec<(&'static str, &'static str, bool, Value)> {
    match kind {
        Kind::Unauthorized => vec![(
            "WWW-Authenticate",
            "`Bearer`, with `error=\"invalid_token\"` once a token was sent (RFC 6750).",
            true,
            json!({"type": "string"}),
        )],
        Kind::RateLimited | Kind::Unavailable => vec![(
            "Retry-After",
            "In how many seconds to try again.",
            true,
            json!({"type": "integer", "minimum": 1}),
        )],
        _ => vec![],
    }
}
