//! Every answer against the document: status, media type, headers, body, and no
//! field that is not documented.

use std::{collections::HashMap, sync::LazyLock};

use jsonschema::Validator;
use poem::http::Method;
use serde_json::Value;
use tasks_api::api::spec;

use super::{
    Answer,
    json_schema::{plain, resolved},
};

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| resolved(&spec::DOCUMENT));

/// Of each operation, status and media type: the schema, closed.
static BODIES: LazyLock<HashMap<String, Validator>> = LazyLock::new(|| {
    let mut bodies = HashMap::new();
    for (path, item) in DOCUMENT["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            for (status, response) in operation["responses"].as_object().into_iter().flatten() {
                for (media_type, content) in response["content"].as_object().into_iter().flatten() {
                    let schema = plain(&content["schema"], true);
                    let validator = jsonschema::validator_for(&schema).expect("a schema");
                    bodies.insert(format!("{method} {path} {status} {media_type}"), validator);
                }
            }
        }
    }
    bodies
});

/// The template of the document that `path` is an instance of.
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

/// What about the answer is not documented, if anything. Addresses and methods
/// that the document does not have answer with problems, or are not its business.
pub fn check(method: &Method, path: &str, answer: &Answer) -> Result<(), String> {
    let content_type = answer.header("content-type");
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
        let problem = answer.status.as_u16() < 400 || media_type == "application/problem+json";
        return problem
            .then_some(())
            .ok_or_else(|| "a failure that is no problem".to_owned());
    };
    let status = answer.status.as_str();
    let response = &operation["responses"][status];
    if response.is_null() {
        return Err(format!("status {status} is not documented"));
    }
    for (name, header) in response["headers"].as_object().into_iter().flatten() {
        let value = answer.header(name);
        if value.is_empty() && header["required"] == true {
            return Err(format!("the header {name} is missing"));
        }
        if !value.is_empty()
            && header["schema"]["type"] == "integer"
            && value.parse::<i64>().is_err()
        {
            return Err(format!("the header {name} is no integer"));
        }
    }
    let key = format!("{method} {template} {status} {media_type}");
    let validator = BODIES.get(&key);
    let validator = validator.ok_or_else(|| format!("{media_type:?} is not documented"))?;
    let body: Value = serde_json::from_str(&answer.text).map_err(|error| error.to_string())?;
    validator
        .validate(&body)
        .map_err(|error| format!("{}: {error}", error.instance_path()))
}

/// A gate that cannot fail is none.
mod tests {
    use poem::http::{HeaderMap, StatusCode};

    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &str)], text: &str) -> Answer {
        let headers = headers.iter().map(|(name, value)| {
            (
                poem::http::HeaderName::from_static(name),
                value.parse().unwrap(),
            )
        });
        Answer {
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
    fn what_is_documented_passes() {
        let get = |answer: &Answer| check(&Method::GET, "/api/tasks/1/", answer);

        assert_eq!(get(&answer(200, &[JSON, ID], TASK)), Ok(()));
        let away = answer(503, &[PROBLEM_JSON, ID, ("retry-after", "2")], PROBLEM);
        assert_eq!(get(&away), Ok(()));
    }

    #[test]
    fn whatever_is_not_documented_is_found() {
        let more = TASK.replace("\"id\"", "\"owner\": 1, \"id\"");
        let less = TASK.replace("\"user_id\": \"ana\",", "");
        let wrong = TASK.replace("false", "\"no\"");
        let table = [
            (answer(200, &[JSON], TASK), "X-Request-Id is missing"),
            (answer(202, &[JSON, ID], TASK), "status 202"),
            (
                answer(200, &[("content-type", "text/html"), ID], TASK),
                "text/html",
            ),
            (answer(200, &[JSON, ID], &more), "owner"),
            (answer(200, &[JSON, ID], &less), "user_id"),
            (answer(200, &[JSON, ID], &wrong), "boolean"),
            (answer(200, &[JSON, ID], "nothing"), "expected"),
            (
                answer(503, &[PROBLEM_JSON, ID], PROBLEM),
                "Retry-After is missing",
            ),
            (
                answer(503, &[PROBLEM_JSON, ID, ("retry-after", "soon")], PROBLEM),
                "no integer",
            ),
            (answer(400, &[PROBLEM_JSON, ID], PROBLEM), "status 400"),
        ];

        for (answer, expected) in table {
            let found = check(&Method::GET, "/api/tasks/1", &answer).unwrap_err();
            assert!(found.contains(expected), "{expected} in {found}");
        }
        let elsewhere = check(&Method::GET, "/nothing", &answer(404, &[JSON], "{}"));
        assert!(elsewhere.unwrap_err().contains("no problem"));
    }
}
