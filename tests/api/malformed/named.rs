//! A body that cannot be read names the field with the error wherever one is known.

use poem::http::{Method, StatusCode};

use crate::support::App;

/// A name, a body, the field that the problem names, and a part of its rule.
type Case = (&'static str, Vec<u8>, &'static str, &'static str);

const HALF: &str = "must not contain half of a surrogate pair";
const UTF_8: &str = "must be encoded in UTF-8";
const DEEP: &str = "must not contain arrays or objects nested more than 126 levels deep";
const HUGE: &str = "must not contain a number beyond the range of a 64-bit float";
const VALID: &str = "must be valid JSON";

/// A body whose ignored field `x` has this value.
fn ignored(value: &str) -> Vec<u8> {
    format!(r#"{{"title": "a", "x": {value}, "y": 1}}"#).into_bytes()
}

fn nested(depth: usize) -> Vec<u8> {
    ignored(&("[".repeat(depth) + &"]".repeat(depth)))
}

#[expect(clippy::too_many_lines, reason = "it is a table")]
fn cases() -> Vec<Case> {
    let text = |text: &str| text.as_bytes().to_vec();
    let long = "n".repeat(101);
    vec![
        ("a high surrogate", ignored(r#""\ud800""#), "x", HALF),
        ("a low surrogate", ignored(r#""\uDFFF""#), "x", HALF),
        (
            "a high surrogate, then text",
            ignored(r#""\ud800 a""#),
            "x",
            HALF,
        ),
        (
            "a high surrogate, then a letter",
            ignored(r#""\ud800\u0041""#),
            "x",
            HALF,
        ),
        (
            "a high surrogate, then an escape",
            ignored(r#""\ud800\n""#),
            "x",
            HALF,
        ),
        (
            "two high surrogates",
            ignored(r#""\ud83d\ud83d""#),
            "x",
            HALF,
        ),
        (
            "deep in an ignored field",
            ignored(r#"[{"z": ["\udc00"]}]"#),
            "x",
            HALF,
        ),
        (
            "in the name of a field below",
            ignored(r#"{"\ud800": 1}"#),
            "x",
            HALF,
        ),
        (
            "in a used field",
            text(r#"{"title": "\ud800"}"#),
            "title",
            HALF,
        ),
        (
            "in the second field",
            text(r#"{"title": "a", "description": "b\udfff"}"#),
            "description",
            HALF,
        ),
        (
            "in the name of a field",
            text(r#"{"title": "a", "\ud800": 1}"#),
            "body",
            HALF,
        ),
        (
            "a byte of another charset",
            b"{\"title\": \"caf\xe9\"}".to_vec(),
            "title",
            UTF_8,
        ),
        (
            "that in an ignored field",
            b"{\"title\": \"a\", \"x\": \"\xff\"}".to_vec(),
            "x",
            UTF_8,
        ),
        (
            "that in the name of a field",
            b"{\"title\": \"a\", \"\xff\": 1}".to_vec(),
            "body",
            UTF_8,
        ),
        ("127 levels", nested(127), "x", DEEP),
        ("1e999", ignored("1e999"), "x", HUGE),
        ("-1e999", ignored("[-1e999]"), "x", HUGE),
        (
            "1e999 as a title",
            text(r#"{"title": 1e999}"#),
            "title",
            HUGE,
        ),
        ("NaN", ignored("NaN"), "x", VALID),
        ("a leading zero", ignored("01"), "x", VALID),
        ("no value", ignored(""), "x", VALID),
        ("an unknown escape", ignored(r#""\x""#), "x", VALID),
        ("a line break in a string", ignored("\"a\nb\""), "x", VALID),
        ("an open string", text(r#"{"title": "a"#), "title", VALID),
        ("an open array", text(r#"{"title": ["a"#), "title", VALID),
        ("no colon", text(r#"{"title" "a"}"#), "title", VALID),
        ("an open object", text(r#"{"title": "a""#), "body", VALID),
        (
            "a trailing comma",
            text(r#"{"title": "a",}"#),
            "body",
            VALID,
        ),
        (
            "text after the object",
            text(r#"{"title": "a"} b"#),
            "body",
            VALID,
        ),
        (
            "a brace after the object",
            text(r#"{"title": "a"}}"#),
            "body",
            VALID,
        ),
        (
            "two objects",
            text(r#"{"title": "a"}{"title": "b"}"#),
            "body",
            VALID,
        ),
        ("a number for a name", text(r#"{1: "a"}"#), "body", VALID),
        ("an empty name", text(r#"{"": "\ud800"}"#), "body", HALF),
        (
            "a name of 101 letters",
            text(&format!(r#"{{"{long}": "\ud800"}}"#)),
            "body",
            HALF,
        ),
        (
            "the last of two is of the wrong type",
            text(r#"{"title": "a", "title": 1}"#),
            "title",
            "must be a string",
        ),
        ("null", text("null"), "body", "must be a JSON object"),
        (
            "an array",
            text(r#"["\ud800"]"#),
            "body",
            "must be a JSON object",
        ),
        ("a word", text("title"), "body", VALID),
    ]
}

#[tokio::test]
async fn an_unreadable_body_names_the_field_with_the_error() {
    let app = App::start().await;

    for (name, body, field, rule) in cases() {
        let call = app.user("ana", Method::POST, "/api/tasks").body(body);
        let response = call.header("content-type", "application/json").send().await;
        let problem = response.problem(400, "invalid-request");

        let errors = problem["errors"].as_array().unwrap();
        assert_eq!(errors.len(), 1, "{name}: {problem}");
        assert_eq!(errors[0]["field"], field, "{name}: {problem}");
        let message = errors[0]["message"].as_str().unwrap();
        assert!(message.starts_with(rule), "{name}: {problem}");
        assert_eq!(problem["detail"], format!("{field} {message}"));
        let has_place = rule != "must be a JSON object" && rule != "must be a string";
        assert_eq!(
            message.contains(" (see line "),
            has_place,
            "{name}: {message}"
        );
    }
    assert!(app.list("ana", "").await.is_empty());
}

#[tokio::test]
async fn a_name_of_100_characters_is_repeated() {
    let app = App::start().await;
    let name = "é".repeat(100);

    let body = format!(r#"{{"{name}": NaN}}"#);
    let call = app.user("ana", Method::POST, "/api/tasks").body(body);
    let response = call.header("content-type", "application/json").send().await;

    let problem = response.problem(400, "invalid-request");
    assert_eq!(problem["errors"][0]["field"], name);
}

#[tokio::test]
async fn the_last_of_two_fields_with_one_name_counts() {
    let app = App::start().await;

    let body = r#"{"title": "a", "x": 1, "title": "b", "x": [2]}"#;
    let call = app.user("ana", Method::POST, "/api/tasks").body(body);
    let response = call.header("content-type", "application/json").send().await;

    assert_eq!(response.expect(StatusCode::CREATED)["title"], "b");
}

#[tokio::test]
async fn a_field_may_be_nested_126_levels_deep() {
    let app = App::start().await;

    let call = app
        .user("ana", Method::POST, "/api/tasks")
        .body(nested(126));
    let response = call.header("content-type", "application/json").send().await;

    response.expect(StatusCode::CREATED);
}
