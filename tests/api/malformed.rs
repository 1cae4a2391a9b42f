//! Malformed input of every kind: never a fault of ours, always a problem, and
//! the same status on every database.

mod addresses;
mod bodies;

use poem::http::{Method, Uri};

use crate::support::{Answer, App, token};

/// An answer to malformed input: of this status, and whole.
#[track_caller]
fn check(case: &str, answer: &Answer, expected: u16) {
    assert_eq!(answer.status.as_u16(), expected, "{case}: {answer:?}");
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
    answer.problem(expected, kind);
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
async fn a_method_that_nobody_knows_is_405() {
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
        let answer = app.user("ana", method.clone(), "/api/tasks").send().await;
        check(method.as_str(), &answer, 405);
        assert!(!answer.text.contains("eyJ"), "the token is not sent back");
    }
    let asterisk = app.user("ana", Method::OPTIONS, "*").send().await;
    check("OPTIONS *", &asterisk, 404);
    for uri in [
        "http://evil.example.com/api/tasks",
        "https://a:b@[::1]:99/api/tasks/",
    ] {
        let absolute = app.user("ana", Method::GET, uri).send().await;
        check(uri, &absolute, 200);
        assert!(uri.parse::<Uri>().unwrap().authority().is_some());
    }
}
