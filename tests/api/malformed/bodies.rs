//! Bodies, and the headers that describe them.

use poem::http::Method;

use super::check;
use crate::support::App;

const JSON: &str = "application/json";

fn text(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    let units = std::iter::once(0xFEFF).chain(text.encode_utf16());
    units.flat_map(bytes).collect()
}

/// A body whose title is these bytes.
fn title(bytes: &[u8]) -> Vec<u8> {
    [b"{\"title\": \"", bytes, b"\"}"].concat()
}

fn nested(depth: usize, open: &str, inside: &str, close: &str) -> Vec<u8> {
    let value = open.repeat(depth) + inside + &close.repeat(depth);
    text(&format!("{{\"title\": \"a\", \"x\": {value}}}"))
}

/// A name, a body of `POST /api/tasks`, and the expected status.
type Body = (&'static str, Vec<u8>, u16);

fn texts() -> Vec<Body> {
    vec![
        ("U+0000, escaped", title(br"a\u0000b"), 400),
        ("U+0000 as it is", title(b"a\0b"), 400),
        ("a high surrogate alone", title(br"\ud800"), 400),
        ("a low surrogate alone", title(br"\udc00"), 400),
        (
            "surrogates in the wrong order",
            title(br"\udc00\ud800"),
            400,
        ),
        ("a pair of surrogates", title(br"\ud83d\ude00"), 201),
        ("no UTF-8", title(b"\xff\xfe"), 400),
        ("an overlong U+0000", title(b"a\xc0\x80"), 400),
        ("a surrogate in UTF-8", title(b"\xed\xa0\x80"), 400),
        ("half a character", title(b"\xe2\x82"), 400),
        ("past U+10FFFF", title(b"\xf4\x90\x80\x80"), 400),
        ("a line break in a string", title(b"a\nb"), 400),
        ("an escape that is none", title(br"\x41"), 400),
        ("half an escape", title(br"\u00"), 400),
        (
            "white space alone",
            title("\u{2003}\u{a0} ".as_bytes()),
            400,
        ),
        ("an empty title", title(b""), 400),
        ("201 characters", title(&[b'a'; 201]), 400),
        (
            "200 characters of 4 bytes",
            title("😀".repeat(200).as_bytes()),
            201,
        ),
        ("right-to-left override", title("\u{202e}a".as_bytes()), 201),
        ("SQL", title(b"'); DROP TABLE tasks; --"), 201),
    ]
}

fn values() -> Vec<Body> {
    vec![
        ("100,000 arrays", text(&"[".repeat(100_000)), 400),
        ("30,000 objects", text(&"{\"\":".repeat(30_000)), 400),
        ("100,000 objects", text(&"{\"\":".repeat(100_000)), 413),
        ("60,000 arrays, closed", nested(60_000, "[", "", "]"), 400),
        (
            "20,000 objects, closed",
            nested(20_000, "{\"\":", "1", "}"),
            400,
        ),
        ("100 arrays", nested(100, "[", "", "]"), 201),
        (
            "past i64",
            text(r#"{"title": "a", "id": 9223372036854775808}"#),
            201,
        ),
        (
            "past u64",
            text(r#"{"title": "a", "id": 18446744073709551616}"#),
            201,
        ),
        (
            "a float for an id",
            text(r#"{"title": "a", "id": 1.5}"#),
            201,
        ),
        (
            "a huge exponent",
            text(r#"{"title": "a", "id": 1e999999999}"#),
            400,
        ),
        (
            "a tiny exponent",
            text(r#"{"title": "a", "id": 1e-999999999}"#),
            201,
        ),
        (
            "a number for a title",
            text(r#"{"title": 9223372036854775808}"#),
            400,
        ),
        ("NaN", text(r#"{"title": NaN}"#), 400),
        ("Infinity", text(r#"{"title": "a", "x": -Infinity}"#), 400),
        (
            "a hexadecimal number",
            text(r#"{"title": "a", "x": 0x1}"#),
            400,
        ),
        ("a leading zero", text(r#"{"title": "a", "x": 01}"#), 400),
        ("a leading plus", text(r#"{"title": "a", "x": +1}"#), 400),
        (
            "a number without an end",
            text(r#"{"title": "a", "x": 1.}"#),
            400,
        ),
        ("an array for a title", text(r#"{"title": ["a"]}"#), 400),
        ("an object for a title", text(r#"{"title": {"a": 1}}"#), 400),
        ("null for a title", text(r#"{"title": null}"#), 400),
        ("true for a title", text(r#"{"title": true}"#), 400),
        (
            "false for a description",
            text(r#"{"title": "a", "description": false}"#),
            400,
        ),
        (
            "U+0000 in a description",
            text(r#"{"title": "a", "description": "\u0000"}"#),
            400,
        ),
        (
            "someone else's id",
            text(r#"{"title": "a", "user_id": "eve", "id": 1}"#),
            201,
        ),
        (
            "a prototype",
            text(r#"{"title": "a", "__proto__": {"completed": true}}"#),
            201,
        ),
    ]
}

fn syntax() -> Vec<Body> {
    vec![
        (
            "the last of two titles counts",
            text(r#"{"title": "", "title": "a"}"#),
            201,
        ),
        (
            "the last of two titles is empty",
            text(r#"{"title": "a", "title": ""}"#),
            400,
        ),
        ("a byte order mark", text("\u{feff}{\"title\": \"a\"}"), 400),
        (
            "UTF-16, little-endian",
            utf16(r#"{"title": "a"}"#, u16::to_le_bytes),
            400,
        ),
        (
            "UTF-16, big-endian",
            utf16(r#"{"title": "a"}"#, u16::to_be_bytes),
            400,
        ),
        ("nothing", vec![], 400),
        ("a space", text(" "), 400),
        ("a byte that is none", vec![0], 400),
        ("null", text("null"), 400),
        ("true", text("true"), 400),
        ("a number", text("1"), 400),
        ("a string", text("\"title\""), 400),
        ("an array", text(r#"[{"title": "a"}]"#), 400),
        ("an empty object", text("{}"), 400),
        ("a trailing comma", text(r#"{"title": "a",}"#), 400),
        ("a leading comma", text(r#"{,"title": "a"}"#), 400),
        ("a comment", text(r#"{"title": "a" /* b */}"#), 400),
        ("a comment at the end", text("{\"title\": \"a\"} // b"), 400),
        ("single quotes", text("{'title': 'a'}"), 400),
        ("no quotes", text("{title: \"a\"}"), 400),
        ("two objects", text(r#"{"title": "a"}{"title": "b"}"#), 400),
        ("an object without an end", text(r#"{"title": "a""#), 400),
        ("a string without an end", text(r#"{"title": "a"#), 400),
        (
            "a space that JSON does not know",
            text("\u{a0}{\"title\": \"a\"}"),
            400,
        ),
        ("a form", text("title=a"), 400),
        ("XML", text("<title>a</title>"), 400),
    ]
}

fn bodies() -> Vec<Body> {
    let spaces = " ".repeat(128 * 1024);
    let sizes = vec![
        ("128 KiB of spaces", text(&spaces), 400),
        ("a byte more", text(&(spaces + " ")), 413),
    ];
    [texts(), values(), syntax(), sizes].concat()
}

#[tokio::test]
async fn a_malformed_body_is_a_client_error() {
    let app = App::start().await;
    let mut created = 0;

    for (case, body, expected) in bodies() {
        let call = app.user("ana", Method::POST, "/api/tasks");
        let response = call.header("content-type", JSON).body(body).send().await;
        check(case, &response, expected);
        created += usize::from(expected == 201);
    }

    assert_eq!(
        app.list("ana", "").await.len(),
        created,
        "and nothing else was"
    );
    assert!(app.list("eve", "").await.is_empty());
}

#[tokio::test]
async fn a_malformed_body_changes_no_task() {
    let app = App::start().await;
    let task = app.create("ana", "Buy milk").await;
    let path = format!("/api/tasks/{}", task["id"]);
    let complete = format!("{path}/complete");

    let titles = bodies()
        .into_iter()
        .filter(|(_, _, expected)| *expected >= 400);
    let mut cases: Vec<_> = titles
        .map(|(case, body, expected)| (Method::PUT, &path, case, body, expected))
        .collect();
    for (case, body) in [
        ("a number", r#"{"completed": 1}"#),
        ("text", r#"{"completed": "true"}"#),
        ("null", r#"{"completed": null}"#),
        ("a list", r#"{"completed": [true]}"#),
        ("nothing", ""),
        ("another case", r#"{"Completed": true}"#),
    ] {
        cases.push((Method::PATCH, &complete, case, text(body), 400));
    }
    let completed = r#"{"title": "a", "completed": "yes"}"#;
    cases.push((
        Method::PUT,
        &path,
        "completed is text",
        text(completed),
        400,
    ));

    for (method, path, case, body, expected) in cases {
        let call = app.user("ana", method, path).header("content-type", JSON);
        check(case, &call.body(body).send().await, expected);
    }

    assert_eq!(app.list("ana", "").await, [task]);
}

#[tokio::test]
async fn malformed_body_headers_are_a_client_error() {
    let app = App::start().await;
    let latin = b"{\"title\": \"caf\xe9\"}".to_vec();
    let json = text(r#"{"title": "a"}"#);

    for (case, headers, body, expected) in [
        ("no type", vec![], &json, 415),
        (
            "an empty type",
            vec![("content-type", &b""[..])],
            &json,
            415,
        ),
        (
            "no text",
            vec![("content-type", b"application/json\xff")],
            &json,
            415,
        ),
        (
            "two types",
            vec![
                ("content-type", b"application/json"),
                ("content-type", b"text/plain"),
            ],
            &json,
            415,
        ),
        (
            "the same twice",
            vec![
                ("content-type", b"application/json"),
                ("content-type", b"application/json"),
            ],
            &json,
            415,
        ),
        (
            "two in one",
            vec![("content-type", b"application/json, text/plain")],
            &json,
            415,
        ),
        (
            "another charset",
            vec![("content-type", b"application/json; charset=iso-8859-1")],
            &latin,
            400,
        ),
        (
            "another charset of ASCII",
            vec![("content-type", b"application/json; charset=iso-8859-1")],
            &json,
            201,
        ),
        (
            "an odd parameter",
            vec![("content-type", b"application/json;;=; charset")],
            &json,
            201,
        ),
        (
            "JSON lines",
            vec![("content-type", b"application/jsonl")],
            &json,
            415,
        ),
        (
            "gzip",
            vec![
                ("content-type", b"application/json"),
                ("content-encoding", b"gzip"),
            ],
            &json,
            415,
        ),
        (
            "gzip after identity",
            vec![
                ("content-type", b"application/json"),
                ("content-encoding", b"identity"),
                ("content-encoding", b"gzip"),
            ],
            &json,
            415,
        ),
        (
            "an unknown coding",
            vec![
                ("content-type", b"application/json"),
                ("content-encoding", b"\xff"),
            ],
            &json,
            415,
        ),
    ] {
        let mut call = app.user("ana", Method::POST, "/api/tasks");
        for (name, value) in headers {
            call = call.header(name, value);
        }
        check(case, &call.body(body.clone()).send().await, expected);
    }
}
