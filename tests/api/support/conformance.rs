//! Validates every response against the document: status, media type, headers and body.
//! An undocumented header or field is an error.

use std::{collections::HashMap, sync::LazyLock};

use jsonschema::Validator;
use poem::http::{HeaderMap, Method};
use serde_json::Value;
use tasks_api::api::spec;
use tasks_api_test_support::json_schema::{plain, resolved};

use super::Response;

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| resolved(&spec::DOCUMENT));

/// Schemas, closed to undocumented fields, by operation, status and media type or header.
static SCHEMAS: LazyLock<HashMap<String, Validator>> = LazyLock::new(|| {
    let mut schemas = HashMap::new();
    for (path, item) in DOCUMENT["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            for (status, documented) in operation["responses"].as_object().into_iter().flatten() {
                let parts = ["content", "headers"].map(|part| documented[part].as_object());
                for (name, described) in parts.into_iter().flatten().flatten() {
                    let key = format!("{method} {path} {status} {name}");
                    schemas.insert(key, validator(&described["schema"]));
                }
            }
        }
    }
    schemas
});

/// The schema of problems outside the documented operations.
static PROBLEM: LazyLock<Validator> =
    LazyLock::new(|| validator(&DOCUMENT["components"]["schemas"]["Problem"]));

/// Headers that any response may have: of HTTP itself, rate limits, CORS and browser
/// security. An `OpenAPI` document does not list them.
const COMMON_HEADERS: [&str; 13] = [
    "allow",
    "cache-control",
    "connection",
    "content-length",
    "content-security-policy",
    "content-type",
    "ratelimit",
    "ratelimit-policy",
    "referrer-policy",
    "strict-transport-security",
    "vary",
    "x-content-type-options",
    "x-frame-options",
];

fn validator(schema: &Value) -> Validator {
    let options = jsonschema::options().should_validate_formats(true);
    options.build(&plain(schema, true)).expect("a schema")
}

/// The path template of the document that matches `path`.
fn template(path: &str) -> Option<&'static str> {
    let segments: Vec<_> = path.trim_end_matches('/').split('/').collect();
    let mut templates = DOCUMENT["paths"].as_object()?.keys();
    let found = templates.find(|template| {
        let expected: Vec<_> = template.split('/').collect();
        let same = |(e, s): (&&str, &&str)| e.starts_with('{') && !s.is_empty() || e == s;
        expected.len() == segments.len() && expected.iter().zip(&segments).all(same)
    });
    found.map(String::as_str)
}

/// Validates a response; the error says what is undocumented. On undocumented paths and
/// methods a failure must be a problem, and a success is not validated. `sent` are the
/// headers of the request.
pub fn check(
    method: &Method,
    path: &str,
    sent: &HeaderMap,
    response: &Response,
) -> Result<(), String> {
    let content_type = response.header("content-type");
    let media_type = content_type.split(';').next().unwrap_or_default();
    let method = if method == Method::HEAD {
        &Method::GET
    } else {
        method
    };
    let method = method.as_str().to_lowercase();
    let operation =
        template(path).map(|template| (template, &DOCUMENT["paths"][template][&method]));
    let Some((template, operation)) = operation.filter(|(_, operation)| operation.is_object())
    else {
        return match response.status.as_u16() {
            ..400 => Ok(()),
            _ if media_type != "application/problem+json" => {
                Err("a failure that is no problem".to_owned())
            }
            _ => body(&PROBLEM, response),
        };
    };
    let status = response.status.as_str();
    let documented = &operation["responses"][status];
    if documented.is_null() {
        return Err(format!("status {status} is not documented"));
    }
    only_with(operation, status, sent)?;
    let place = format!("{method} {template} {status}");
    headers(&place, documented, response)?;
    let validator = SCHEMAS.get(&format!("{place} {media_type}"));
    let validator = validator.ok_or_else(|| format!("{media_type:?} is not documented"))?;
    body(validator, response)
}

/// A status in the operation's `x-only-with` occurs only if the request has all of the
/// headers that it maps to.
fn only_with(operation: &Value, status: &str, sent: &HeaderMap) -> Result<(), String> {
    let needed = operation["x-only-with"][status].as_array();
    let mut needed = needed.into_iter().flatten().filter_map(Value::as_str);
    match needed.find(|name| !sent.contains_key(*name)) {
        Some(name) => Err(format!("status {status} without the header {name}")),
        None => Ok(()),
    }
}

fn headers(place: &str, documented: &Value, response: &Response) -> Result<(), String> {
    let documented = documented["headers"].as_object();
    let documented = || documented.into_iter().flatten();
    for (name, header) in documented() {
        let values: Vec<_> = response.headers.get_all(name).iter().collect();
        let text = match values.as_slice() {
            [] if header["required"] == true => {
                return Err(format!("the header {name} is missing"));
            }
            [] => continue,
            [value] => value.to_str().map_err(|error| error.to_string())?,
            _ => return Err(format!("the header {name} is there more than once")),
        };
        let value = match header["schema"]["type"].as_str() {
            Some("integer" | "number" | "boolean") => serde_json::from_str(text).ok(),
            _ => Some(text.into()),
        };
        let validator = &SCHEMAS[&format!("{place} {name}")];
        if !value.is_some_and(|value: Value| validator.is_valid(&value)) {
            return Err(format!("the header {name} has another form: {text:?}"));
        }
    }
    for name in response.headers.keys().map(poem::http::HeaderName::as_str) {
        let ours = documented().any(|(documented, _)| documented.eq_ignore_ascii_case(name));
        if !ours && !COMMON_HEADERS.contains(&name) && !name.starts_with("access-control-") {
            return Err(format!("the header {name} is not documented"));
        }
    }
    Ok(())
}

fn body(validator: &Validator, response: &Response) -> Result<(), String> {
    let body: Value = serde_json::from_str(&response.text).map_err(|error| error.to_string())?;
    let valid = validator.validate(&body);
    valid.map_err(|error| format!("{}: {error}", error.instance_path()))?;
    let failed = response.status.as_u16() >= 400;
    if failed && body["status"] != response.status.as_u16() {
        return Err(format!("the problem says status {}", body["status"]));
    }
    Ok(())
}

/// The validation must be able to fail.
mod tests {
    use poem::http::{HeaderName, HeaderValue, StatusCode};
    use serde_json::json;

    use super::*;

    fn response(status: u16, headers: &[(&'static str, &str)], text: &str) -> Response {
        let headers = headers.iter().map(|(name, value)| {
            (
                poem::http::HeaderName::from_static(name),
                value.parse().unwrap(),
            )
        });
        Response {
            status: StatusCode::from_u16(status).unwrap(),
            headers: headers.collect::<HeaderMap>(),
            text: text.to_owned(),
        }
    }

    const TASK: &str = r#"{"id": 1, "user_id": "ana", "title": "a", "description": null, "completed": false,
        "created_at": "2026-01-05T08:30:00.123456Z", "updated_at": "2026-01-05T08:30:00.123456Z"}"#;
    const PROBLEM: &str = r#"{"type": "/problems/x", "title": "x", "status": 503, "detail": "x"}"#;
    const JSON: (&str, &str) = ("content-type", "application/json");
    const PROBLEM_JSON: (&str, &str) = ("content-type", "application/problem+json");
    const ID: (&str, &str) = ("x-request-id", "1");

    #[test]
    fn a_documented_response_passes() {
        let get =
            |response: &Response| check(&Method::GET, "/api/tasks/1/", &HeaderMap::new(), response);

        assert_eq!(get(&response(200, &[JSON, ID], TASK)), Ok(()));
        let away = response(503, &[PROBLEM_JSON, ID, ("retry-after", "2")], PROBLEM);
        assert_eq!(get(&away), Ok(()));
    }

    #[test]
    fn an_undocumented_operation_must_return_a_complete_problem() {
        let problem = PROBLEM.replace("503", "405");
        let post = |text| {
            check(
                &Method::POST,
                "/api/tasks/1",
                &HeaderMap::new(),
                &response(405, &[PROBLEM_JSON, ID], text),
            )
        };

        assert_eq!(post(&problem), Ok(()));
        assert!(post("{}").unwrap_err().contains("required"));
    }

    #[test]
    fn a_status_that_needs_a_header_is_found_without_it() {
        let operation = json!({"x-only-with": {"412": ["If-Match"], "410": ["A", "B"]}});
        let with = |names: &[&'static str]| -> HeaderMap {
            let headers = names.iter();
            headers
                .map(|name| (HeaderName::from_static(name), HeaderValue::from_static("1")))
                .collect()
        };

        for (status, sent, missing) in [
            ("412", &[][..], Some("If-Match")),
            ("412", &["if-none-match"], Some("If-Match")),
            ("412", &["if-match"], None),
            ("410", &["a"], Some("B")),
            ("410", &["a", "b"], None),
            ("404", &[], None),
        ] {
            let expected = missing.map(|name| format!("status {status} without the header {name}"));
            assert_eq!(only_with(&operation, status, &with(sent)).err(), expected);
        }
    }

    #[test]
    fn every_undocumented_part_is_found() {
        let more = TASK.replace("\"id\"", "\"owner\": 1, \"id\"");
        let less = TASK.replace("\"user_id\": \"ana\",", "");
        let wrong = TASK.replace("false", "\"no\"");
        let undated = TASK.replace("2026-01-05T", "5 January, ");
        let trace = ("x-trace", "1");
        let away = PROBLEM.replace("503", "500");
        let table = [
            (response(200, &[JSON], TASK), "X-Request-Id is missing"),
            (response(202, &[JSON, ID], TASK), "status 202"),
            (
                response(200, &[("content-type", "text/html"), ID], TASK),
                "text/html",
            ),
            (response(200, &[JSON, ID], &more), "owner"),
            (response(200, &[JSON, ID], &less), "user_id"),
            (response(200, &[JSON, ID], &wrong), "boolean"),
            (response(200, &[JSON, ID], &undated), "date-time"),
            (response(200, &[JSON, ID, trace], TASK), "header x-trace"),
            (response(200, &[JSON, ID, ID], TASK), "more than once"),
            (
                response(503, &[PROBLEM_JSON, ID, ("retry-after", "2")], &away),
                "says status 500",
            ),
            (response(200, &[JSON, ID], "nothing"), "expected"),
            (
                response(503, &[PROBLEM_JSON, ID], PROBLEM),
                "Retry-After is missing",
            ),
            (
                response(503, &[PROBLEM_JSON, ID, ("retry-after", "soon")], PROBLEM),
                "another form",
            ),
            (response(400, &[PROBLEM_JSON, ID], PROBLEM), "status 400"),
        ];

        for (response, expected) in table {
            let found =
                check(&Method::GET, "/api/tasks/1", &HeaderMap::new(), &response).unwrap_err();
            assert!(found.contains(expected), "{expected} in {found}");
        }
        let elsewhere = check(
            &Method::GET,
            "/nothing",
            &HeaderMap::new(),
            &response(404, &[JSON], "{}"),
        );
        assert!(elsewhere.unwrap_err().contains("no problem"));
    }
}
