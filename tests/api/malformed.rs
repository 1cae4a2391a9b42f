//! Malformed input of every kind: always a client error with a problem body, and the same
//! status on every database.

mod addresses;
mod bodies;
mod named;

use poem::http::{Method, Uri};

use crate::support::{App, Response, token};

/// Asserts the status of a response to malformed input, and its complete body.
#[track_caller]
fn check(case: &str, response: &Response, expected: u16) {
    assert_eq!(response.status.as_u16(), expected, "{case}: {response:?}");
    let kind = match expected {
        ..400 => return,
        400 => "invalid-request",
        401 => "unauthorized",
        404 => "not-found",
        405 => "method-not-allowed",
        413 => "content-too-large",
        415 => "unsupported-media-type",
        _ => panic!("{case}: no malformed input is a {expected}"),
    };
    response.problem(expected, kind);
}

#[tokio::test]
async fn malformed_headers_change_nothing() {
    let app = App::start().await;
    let good = format!("Bearer {}", token("ana"));
    let good = good.as_bytes();
    let long = [b"Bearer ".to_vec(), vec![b'a'; 60_000]].concat();

    for (case, headers, expected) in [
        (
            "two tokens",
            vec![("authorization", good), ("authorization", good)],
            401,
        ),
        (
            "two in one",
            vec![("authorization", &[good, b", ", good].concat()[..])],
            401,
        ),
        ("no text", vec![("authorization", b"Bearer \xff\xfe")], 401),
        ("a tab", vec![("authorization", b"Bearer\ta")], 401),
        ("no scheme", vec![("authorization", &good[7..])], 401),
        ("60,000 letters", vec![("authorization", &long)], 401),
        (
            "an odd request id",
            vec![("authorization", good), ("x-request-id", b"\xff{}")],
            200,
        ),
        (
            "a method in a header",
            vec![
                ("authorization", good),
                ("x-http-method-override", b"DELETE"),
            ],
            200,
        ),
        (
            "an odd range",
            vec![("authorization", good), ("range", b"bytes=-1-,\xff")],
            200,
        ),
        (
            "an odd Accept",
            vec![("authorization", good), ("accept", b";;q=\xff")],
            200,
        ),
        (
            "an odd origin",
            vec![("authorization", good), ("origin", b"\xff")],
            200,
        ),
        (
            "an odd address",
            vec![("authorization", good), ("x-forwarded-for", b"\xff, ::::")],
            200,
        ),
        (
            "another path",
            vec![("authorization", good), ("x-original-url", b"/api/tasks/1")],
            200,
        ),
    ] {
        let mut call = app.request(Method::GET, "/api/tasks");
        for (name, value) in headers {
            call = call.header(name, value);
        }
        check(case, &call.send().await, expected);
    }
    let mut hundred = app.user("ana", Method::GET, "/api/tasks");
    for _ in 0..100 {
        hundred = hundred.header("x-more", "of it");
    }
    check("100 headers", &hundred.send().await, 200);
}

#[tokio::test]
async fn an_unknown_method_is_405() {
    let app = App::start().await;

    for method in [
        "TRACE",
        "CONNECT",
        "PROPFIND",
        "GETS",
        "G!#$%&'*+-.^_`|~",
        &"A".repeat(1_000),
    ] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let response = app.user("ana", method.clone(), "/api/tasks").send().await;
        check(method.as_str(), &response, 405);
        assert!(!response.text.contains("eyJ"), "the token is not sent back");
    }
    let asterisk = app.user("ana", Method::OPTIONS, "*").send().await;
    check("OPTIONS *", &asterisk, 404);
    for uri in [
        "http://evil.example.com/api/tasks",
        "https://[::1]:99/api/tasks/",
    ] {
        let absolute = app.user("ana", Method::GET, uri).send().await;
        check(uri, &absolute, 200);
        assert!(uri.parse::<Uri>().unwrap().authority().is_some());
    }
    // RFC 9110, section 4.2.4: user information is an error in a URL of a request.
    let user = app.user("ana", Method::GET, "https://a:b@[::1]:99/api/tasks");
    check("user information", &user.send().await, 400);
}
