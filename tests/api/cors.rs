//! Cross-origin rules.

use poem::http::{Method, StatusCode};
use serde_json::json;

use crate::support::{Answer, App, ORIGIN};

fn varies_by_origin(answer: &Answer) -> bool {
    let values = answer.headers.get_all("vary").iter();
    values
        .flat_map(|v| v.to_str().unwrap().split(", "))
        .any(|v| v == "Origin")
}

#[tokio::test]
async fn a_preflight_of_an_allowed_origin_allows_what_is_in_use() {
    let app = App::start().await;

    let answer = app
        .request(Method::OPTIONS, "/api/tasks/1/complete")
        .header("origin", ORIGIN)
        .header("access-control-request-method", "PATCH")
        .header(
            "access-control-request-headers",
            "authorization,content-type,x-later",
        )
        .send()
        .await;

    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(answer.header("access-control-allow-origin"), ORIGIN);
    assert_eq!(answer.header("access-control-allow-credentials"), "true");
    let methods = answer.header("access-control-allow-methods");
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
        assert!(methods.split(", ").any(|m| m == method), "{methods}");
    }
    let headers = answer.header("access-control-allow-headers");
    for header in ["authorization", "content-type", "x-later"] {
        assert!(headers.contains(header), "{headers}");
    }
    assert!(
        answer
            .header("access-control-max-age")
            .parse::<u32>()
            .unwrap()
            > 0
    );
    assert!(varies_by_origin(&answer));
}

#[tokio::test]
async fn every_answer_to_an_allowed_origin_can_be_read_problems_included() {
    let app = App::start().await;

    for (call, status) in [
        (app.user("ana", Method::GET, "/api/tasks"), 200),
        (
            app.user("ana", Method::POST, "/api/tasks").json(&json!({})),
            400,
        ),
        (app.request(Method::GET, "/api/tasks"), 401),
        (app.request(Method::GET, "/nothing"), 404),
        (app.request(Method::DELETE, "/api/tasks"), 405),
        (
            app.user("ana", Method::POST, "/api/tasks")
                .body("x".repeat(200_000)),
            413,
        ),
        (app.user("ana", Method::POST, "/api/tasks").body("x"), 415),
    ] {
        let answer = call.header("origin", ORIGIN).send().await;
        assert_eq!(answer.status.as_u16(), status);
        assert_eq!(answer.header("access-control-allow-origin"), ORIGIN);
        assert_eq!(answer.header("access-control-allow-credentials"), "true");
        let exposed = answer.header("access-control-expose-headers");
        for header in ["Location", "Retry-After", "X-Request-Id"] {
            assert!(exposed.contains(header), "{exposed}");
        }
        assert!(varies_by_origin(&answer));
    }
}

#[tokio::test]
async fn a_disallowed_origin_is_served_without_permission_to_read() {
    let app = App::start().await;

    for origin in [
        "https://evil.example.com",
        "https://app.example.com.evil.com",
        "http://app.example.com",
        "https://app.example.com:444",
        "null",
    ] {
        let answer = app
            .user("ana", Method::POST, "/api/tasks")
            .header("origin", origin)
            .json(&json!({"title": "Buy milk"}))
            .send()
            .await;
        let preflight = app
            .request(Method::OPTIONS, "/api/tasks")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .send()
            .await;

        assert_eq!(answer.status, StatusCode::CREATED, "{origin}");
        for answer in [answer, preflight] {
            let mut names = answer.headers.keys().map(poem::http::HeaderName::as_str);
            assert!(!names.any(|name| name.starts_with("access-control-")));
            assert!(varies_by_origin(&answer));
        }
    }
}

#[tokio::test]
async fn without_an_origin_the_answer_still_varies_by_it() {
    let app = App::start().await;

    let answer = app.user("ana", Method::GET, "/api/tasks").send().await;

    assert!(varies_by_origin(&answer));
    assert_eq!(answer.header("access-control-allow-origin"), "");
}
