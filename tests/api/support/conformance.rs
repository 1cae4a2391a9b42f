//! Validates every response against the document: status, media type, headers and body.
//! An undocumented header or field is an error.

use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

use jsonschema::Validator;
use poem::http::{HeaderMap, Method, Uri};
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

/// The schema of the data of an event.
static EVENT: LazyLock<Validator> =
    LazyLock::new(|| validator(&DOCUMENT["components"]["schemas"]["Changes"]));

/// The schema of problems outside the documented operations.
static PROBLEM: LazyLock<Validator> =
    LazyLock::new(|| validator(&DOCUMENT["components"]["schemas"]["Problem"]));

/// Headers that any response may have: of HTTP itself, CORS and browser security. An `OpenAPI` document does not list them.
const COMMON_HEADERS: [&str; 12] = [
    "allow",
    "cache-control",
    "connection",
    "content-length",
    "content-security-policy",
    "content-type",
    "referrer-policy",
    "strict-transport-security",
    "vary",
    "x-accel-buffering",
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
    uri: &Uri,
    sent: &HeaderMap,
    response: &Response,
) -> Result<(), String> {
    let path = uri.path();
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
    only_with(operation, status, uri, sent)?;
    let place = format!("{method} {template} {status}");
    headers(&place, documented, response)?;
    if documented["content"].is_null() {
        let is_empty = response.text.is_empty() && content_type.is_empty();
        return is_empty
            .then_some(())
            .ok_or_else(|| "a body is not documented".to_owned());
    }
    let validator = SCHEMAS.get(&format!("{place} {media_type}"));
    let validator = validator.ok_or_else(|| format!("{media_type:?} is not documented"))?;
    if media_type == "text/event-stream" {
        // It is read event by event.
        return Ok(());
    }
    body(validator, response)
}

/// Validates the data of an event.
pub fn event(data: &Value) -> Result<(), String> {
    let valid = EVENT.validate(data);
    valid.map_err(|error| format!("{}: {error}", error.instance_path()))
}

/// A status in the operation's `x-only-with` occurs only if the request has all of the
/// headers and query parameters that it maps to, or of one of several sets of them.
fn only_with(operation: &Value, status: &str, uri: &Uri, sent: &HeaderMap) -> Result<(), String> {
    let needed = &operation["x-only-with"][status];
    let Some(entries) = needed.as_array() else {
        return Ok(());
    };
    let query = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let query: HashSet<_> = query.map(|(name, _)| name).collect();
    let is_sent = |name: &Value| {
        let name = name.as_str().unwrap_or_default();
        sent.contains_key(name) || query.contains(name)
    };
    let mut sets = entries.iter().filter_map(Value::as_array);
    let has_all = if entries.iter().all(Value::is_string) {
        entries.iter().all(is_sent)
    } else {
        sets.any(|set| set.iter().all(is_sent))
    };
    let missing = || format!("status {status} without {needed}");
    has_all.then_some(()).ok_or_else(missing)
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

    const TASK: &str = r#"{"id": 1, "version": 1, "user_id": "ana", "title": "a", "description": null,
        "completed": false, "completed_at": null, "due_date": null, "due_time": null,
        "priority": "none", "tags": [], "position": "Ze", "idempotency_key": null,
        "created_at": "2026-01-05T08:30:00.123456Z", "updated_at": "2026-01-05T08:30:00.123456Z"}"#;
    const TAG: (&str, &str) = ("etag", "\"1\"");
    const PROBLEM: &str = r#"{"type": "/problems/x", "title": "x", "status": 503, "detail": "x"}"#;
    const JSON: (&str, &str) = ("content-type", "application/json");
    const PROBLEM_JSON: (&str, &str) = ("content-type", "application/problem+json");
    const ID: (&str, &str) = ("x-request-id", "1");

    #[test]
    fn a_documented_response_passes() {
        let get = |response: &Response| {
            check(
                &Method::GET,
                &Uri::from_static("/api/tasks/1/"),
                &HeaderMap::new(),
                response,
            )
        };

        assert_eq!(get(&response(200, &[JSON, ID, TAG], TASK)), Ok(()));
        let away = response(503, &[PROBLEM_JSON, ID, ("retry-after", "2")], PROBLEM);
        assert_eq!(get(&away), Ok(()));
    }

    #[test]
    fn an_undocumented_operation_must_return_a_complete_problem() {
        let problem = PROBLEM.replace("503", "405");
        let post = |text| {
            check(
                &Method::POST,
                &Uri::from_static("/api/tasks/1"),
                &HeaderMap::new(),
                &response(405, &[PROBLEM_JSON, ID], text),
            )
        };

        assert_eq!(post(&problem), Ok(()));
        assert!(post("{}").unwrap_err().contains("required"));
    }

    #[test]
    fn a_status_that_needs_a_parameter_is_found_without_it() {
        let operation = json!({"x-only-with": {
            "412": ["If-Match"], "410": ["A", "b"], "400": [["If-Match"], ["A", "b"]],
        }});
        let with = |names: &[&'static str]| -> HeaderMap {
            let headers = names.iter();
            headers
                .map(|name| (HeaderName::from_static(name), HeaderValue::from_static("1")))
                .collect()
        };

        for (status, uri, sent, is_allowed) in [
            ("412", "/", &[][..], false),
            ("412", "/", &["if-none-match"], false),
            ("412", "/", &["if-match"], true),
            ("410", "/", &["a"], false),
            ("410", "/?b=1", &[], false),
            ("410", "/?c=b&B=1", &["a"], false),
            ("410", "/?b=1", &["a"], true),
            ("410", "/", &["a", "b"], true),
            ("400", "/", &[], false),
            ("400", "/", &["a"], false),
            ("400", "/", &["if-match"], true),
            ("400", "/?b", &["a"], true),
            ("404", "/", &[], true),
        ] {
            let uri = Uri::from_static(uri);
            let found = only_with(&operation, status, &uri, &with(sent));
            assert_eq!(found.is_ok(), is_allowed, "{status} {uri} {sent:?}");
        }
    }

    #[test]
    fn a_status_without_a_body_must_have_none() {
        let unchanged = |headers: &[(&'static str, &str)], text| {
            let sent = [(
                "if-none-match".parse().unwrap(),
                HeaderValue::from_static("\"1\""),
            )];
            let uri = Uri::from_static("/api/tasks/1");
            let response = response(304, headers, text);
            check(&Method::GET, &uri, &sent.into_iter().collect(), &response)
        };

        assert_eq!(unchanged(&[ID, TAG], ""), Ok(()));
        assert!(
            unchanged(&[ID], "")
                .unwrap_err()
                .contains("ETag is missing")
        );
        assert!(unchanged(&[ID, TAG], TASK).unwrap_err().contains("body"));
        assert!(
            unchanged(&[ID, TAG, JSON], "")
                .unwrap_err()
                .contains("body")
        );
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
            (response(200, &[JSON, TAG], TASK), "X-Request-Id is missing"),
            (response(202, &[JSON, ID], TASK), "status 202"),
            (
                response(200, &[("content-type", "text/html"), ID, TAG], TASK),
                "text/html",
            ),
            (response(200, &[JSON, ID, TAG], &more), "owner"),
            (response(200, &[JSON, ID, TAG], &less), "user_id"),
            (response(200, &[JSON, ID, TAG], &wrong), "boolean"),
            (response(200, &[JSON, ID, TAG], &undated), "date-time"),
            (
                response(200, &[JSON, ID, trace, TAG], TASK),
                "header x-trace",
            ),
            (response(200, &[JSON, ID, ID, TAG], TASK), "more than once"),
            (
                response(503, &[PROBLEM_JSON, ID, ("retry-after", "2")], &away),
                "says status 500",
            ),
            (response(200, &[JSON, ID, TAG], "nothing"), "expected"),
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

        let uri = Uri::from_static("/api/tasks/1");
        for (response, expected) in table {
            let found = check(&Method::GET, &uri, &HeaderMap::new(), &response).unwrap_err();
            assert!(found.contains(expected), "{expected} in {found}");
        }
        let elsewhere = check(
            &Method::GET,
            &Uri::from_static("/nothing"),
            &HeaderMap::new(),
            &response(404, &[JSON], "{}"),
        );
        assert!(elsewhere.unwrap_err().contains("no problem"));
    }
}
