//! The emitted OpenAPI document equals the committed one, and is complete.

use std::collections::BTreeSet;

use serde_json::Value;
use tasks_api::api::{
    rest::problem::ProblemType,
    spec::{API_VERSION, DOCUMENT, YAML},
};
use tasks_api_test_support::json_schema::{plain, resolved};

fn operations() -> Vec<(&'static str, &'static str, &'static Value)> {
    let paths = DOCUMENT["paths"].as_object().unwrap();
    let items = paths.iter().flat_map(|(path, item)| {
        let operations = item.as_object().unwrap().iter();
        operations.map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    });
    items.collect()
}

#[test]
fn the_committed_document_is_the_emitted_one() {
    let committed = include_str!("../../openapi/tasks.yaml");

    assert!(
        committed == YAML.as_str(),
        "openapi/tasks.yaml is not what the code emits: run `just openapi` and commit the result"
    );
}

#[test]
fn the_yaml_and_the_json_are_one_document() {
    let read_back: Value = yaml_serde::from_str(&YAML).unwrap();

    assert_eq!(read_back, *DOCUMENT);
}

#[test]
fn each_operation_has_its_statuses_and_no_others() {
    let table = [
        ("listTasks", "get /api/tasks", "200 304 400"),
        ("createTask", "post /api/tasks", "201 400 403 410 415 422"),
        ("completeTasks", "patch /api/tasks", "200 400 415"),
        ("clearTasks", "delete /api/tasks", "200 400"),
        ("getTask", "get /api/tasks/{id}", "200 304 404"),
        ("updateTask", "put /api/tasks/{id}", "200 400 404 412 415"),
        ("patchTask", "patch /api/tasks/{id}", "200 400 404 412 415"),
        (
            "completeTask",
            "patch /api/tasks/{id}/complete",
            "200 400 404 412 415",
        ),
        ("deleteTask", "delete /api/tasks/{id}", "200 400 404 412"),
        ("restoreTask", "post /api/tasks/{id}/restore", "200 403 404"),
        ("listTrash", "get /api/trash", "200"),
        ("listChanges", "get /api/changes", "200 400 410"),
        ("streamChanges", "get /api/events", "200 400 410"),
        ("eraseData", "delete /api/data", "200"),
    ];
    let any = "401 408 413 429 500 503";

    assert_eq!(operations().len(), table.len());
    for (path, method, operation) in operations() {
        let id = operation["operationId"].as_str().unwrap();
        let row = table.iter().find(|row| row.0 == id);
        let (_, place, own) = row.unwrap_or_else(|| panic!("{id} is not in the contract"));
        assert_eq!(*place, format!("{method} {path}"));
        let expected: BTreeSet<_> = own.split(' ').chain(any.split(' ')).collect();
        let responses = operation["responses"].as_object().unwrap();
        let documented: BTreeSet<_> = responses.keys().map(String::as_str).collect();
        assert_eq!(documented, expected, "{id}");
    }
}

#[test]
fn a_405_belongs_to_no_operation_and_the_description_says_so() {
    let description = DOCUMENT["info"]["description"].as_str().unwrap();

    for part in ["405", "/problems/method-not-allowed", "`Allow`"] {
        assert!(description.contains(part), "{part}");
    }
    for (_, _, operation) in operations() {
        assert!(operation["responses"]["405"].is_null());
    }
}

#[test]
fn each_operation_is_documented_and_secured() {
    for (_, _, operation) in operations() {
        for text in ["summary", "description"] {
            assert!(
                operation[text]
                    .as_str()
                    .is_some_and(|text| !text.is_empty())
            );
        }
        let tags = operation["tags"].as_array().unwrap();
        assert_eq!(tags.len(), 1);
        let groups = DOCUMENT["tags"].as_array().unwrap();
        let is_described = |group: &Value| {
            group["name"] == tags[0] && group["description"].as_str().is_some_and(|d| !d.is_empty())
        };
        assert!(groups.iter().any(is_described));
        assert_eq!(
            operation["security"],
            serde_json::json!([{"bearerAuth": []}])
        );
    }
    let scheme = &DOCUMENT["components"]["securitySchemes"]["bearerAuth"];
    assert_eq!(scheme["type"], "http");
    assert_eq!(scheme["scheme"], "bearer");
    assert_eq!(scheme["bearerFormat"], "JWT");
    let accepted = scheme["description"].as_str().unwrap();
    for part in [
        "HS256", "EdDSA", "ES256", "ES384", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512",
        "`exp`", "fraction", "16 KiB",
    ] {
        assert!(accepted.contains(part), "{part} in {accepted}");
    }
}

#[test]
fn every_schema_has_an_example_that_is_valid() {
    let document = resolved(&DOCUMENT);
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        assert!(schema.get("example").is_some(), "{name}");
        let options = jsonschema::options().should_validate_formats(true);
        let validator = options.build(&plain(schema, true)).unwrap();
        assert!(validator.is_valid(&schema["example"]), "{name}");
    }
}

/// Some tools take the value of each property, parameter or header from its own example.
#[test]
fn every_property_parameter_and_header_has_an_example_that_is_valid() {
    let document = resolved(&DOCUMENT);
    let mut places = Vec::new();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        for (property, schema) in schema["properties"].as_object().into_iter().flatten() {
            places.push((format!("{name}.{property}"), schema, &schema["example"]));
        }
    }
    for (method, path, operation) in operations() {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let place = format!("{method} {path} {}", parameter["name"]);
            places.push((place, &parameter["schema"], &parameter["example"]));
        }
    }
    let responses = document["components"]["responses"].as_object().unwrap();
    let operations = document["paths"].as_object().unwrap().values();
    let operations = operations.flat_map(|item| item.as_object().unwrap().values());
    let successes = operations.flat_map(|operation| operation["responses"].as_object().unwrap());
    for (response, content) in responses.iter().chain(successes) {
        for (name, header) in content["headers"].as_object().unwrap() {
            let place = format!("{response} {name}");
            places.push((place, &header["schema"], &header["example"]));
        }
    }
    assert!(places.len() > 50, "{} places", places.len());
    for (place, schema, example) in places {
        let validator = jsonschema::validator_for(&plain(schema, true)).unwrap();
        assert!(validator.is_valid(example), "{place}: {example}");
        assert!(!example.is_null(), "{place}");
    }
}

#[test]
fn every_problem_is_described_with_its_media_type_and_headers() {
    for (name, response) in DOCUMENT["components"]["responses"].as_object().unwrap() {
        let content = response["content"].as_object().unwrap();
        assert!(content.keys().eq(["application/problem+json"]), "{name}");
        let body = &content["application/problem+json"];
        assert_eq!(body["schema"]["$ref"], "#/components/schemas/Problem");
        assert!(body["examples"].as_object().is_some_and(|e| !e.is_empty()));
        assert!(response["headers"].get("X-Request-Id").is_some());
    }
    let header = |response: &str, header: &str| {
        let response = &DOCUMENT["components"]["responses"][response];
        response["headers"].get(header).is_some()
    };
    assert!(header("Unauthorized", "WWW-Authenticate"));
    assert!(header("TooManyRequests", "Retry-After"));
    assert!(header("ServiceUnavailable", "Retry-After"));
    assert!(
        !header("RequestTimeout", "Connection"),
        "HTTP/2 has no such header"
    );
}

#[test]
fn the_known_types_of_problem_are_listed_apart_from_the_open_property() {
    let schemas = &DOCUMENT["components"]["schemas"];
    let property = &schemas["Problem"]["properties"]["type"];

    assert_eq!(property["type"], "string");
    assert!(property["enum"].is_null() && property["anyOf"].is_null());
    let listed = schemas["ProblemType"]["enum"].as_array().unwrap();
    let kinds = ProblemType::ALL.iter().map(|kind| kind.uri());
    assert!(listed.iter().map(|kind| kind.as_str().unwrap()).eq(kinds));
    // Each response shows those that it may have.
    for (name, response) in DOCUMENT["components"]["responses"].as_object().unwrap() {
        let examples = &response["content"]["application/problem+json"]["examples"];
        let shown = examples.as_object().unwrap().len();
        assert_eq!(
            shown,
            if name == "ServiceUnavailable" { 2 } else { 1 },
            "{name}"
        );
    }
}

#[test]
fn dates_and_times_are_strings_in_any_version_of_yaml() {
    for line in YAML.lines() {
        let value = line.rsplit([' ']).next().unwrap();
        let of_digits = |separator| {
            let mut parts = value.split(separator);
            let is_number =
                |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            value.contains(separator) && parts.all(is_number)
        };
        let is_value =
            line.ends_with(&format!(": {value}")) || line.ends_with(&format!("- {value}"));
        assert!(!is_value || !(of_digits('-') || of_digits(':')), "{line}");
    }
}

#[test]
fn the_document_has_no_redundant_parts() {
    let text = YAML.as_str();

    assert_eq!(DOCUMENT["info"]["version"], API_VERSION);
    assert_eq!(DOCUMENT["info"]["license"]["name"], "MIT");
    assert!(DOCUMENT["info"]["contact"]["name"].is_string());
    assert_eq!(DOCUMENT["servers"][0]["url"], "/");
    for ugly in [
        "charset",
        ": 1.0\n",
        ": 400.0",
        "explode",
        "deprecated: false",
        "CONTENT-TYPE",
        "LOCATION",
    ] {
        assert!(!text.contains(ugly), "{ugly} in the document");
    }
    let description = &DOCUMENT["components"]["schemas"]["Task"]["properties"]["description"];
    assert_eq!(description["nullable"], true);
    let required = DOCUMENT["components"]["schemas"]["Task"]["required"].as_array();
    assert_eq!(
        required.map(Vec::len),
        Some(15),
        "every key is always present"
    );
}
