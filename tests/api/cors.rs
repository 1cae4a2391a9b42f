//! Cross-origin requests (CORS).

use poem::http::{Method, StatusCode};
use serde_json::json;

use crate::support::{App, ORIGIN, Response};

fn varies_by_origin(response: &Response) -> bool {
    let values = response.headers.get_all("vary").iter();
    values
        .flat_map(|v| v.to_str().unwrap().split(", "))
        .any(|v| v == "Origin")
}

#[tokio::test]
async fn a_preflight_allows_the_methods_and_headers_in_use() {
    let app = App::start().await;

    let response = app
        .request(Method::OPTIONS, "/api/tasks/1/complete")
        .header("origin", ORIGIN)
        .header("access-control-request-method", "PATCH")
        .header(
            "access-control-request-headers",
            "authorization,content-type,x-later",
        )
        .send()
        .await;

    assert_eq!(response.status, StatusCode::NO_CONTENT);
    assert_eq!(response.header("access-control-allow-origin"), ORIGIN);
    assert_eq!(response.header("access-control-allow-credentials"), "true");
    let methods = response.header("access-control-allow-methods");
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
        assert!(methods.split(", ").any(|m| m == method), "{methods}");
    }
    let headers = response.header("access-control-allow-headers");
    for header in ["authorization", "content-type", "x-later"] {
        assert!(headers.contains(header), "{headers}");
    }
    assert!(
        response
            .header("access-control-max-age")
            .parse::<u32>()
            .unwrap()
            > 0
    );
    assert!(varies_by_origin(&response));
}

#[tokio::test]
async fn a_preflight_that_asks_for_no_headers_is_told_those_of_the_contract() {
    let app = App::start().await;

    let response = app
        .request(Method::OPTIONS, "/api/tasks/1")
        .header("origin", ORIGIN)
        .header("access-control-request-method", "PATCH")
        .send()
        .await;

    let allowed = response.header("access-control-allow-headers");
    let allowed: Vec<_> = allowed.split(", ").collect();
    for header in [
        "authorization",
        "content-type",
        "if-match",
        "if-none-match",
        "idempotency-key",
        "last-event-id",
    ] {
        assert!(allowed.contains(&header), "{header} in {allowed:?}");
    }
}

#[tokio::test]
async fn an_allowed_origin_may_read_every_response() {
    let app = App::start().await;

    for (call, status) in [
        (app.user("ana", Method::GET, "/api/tasks"), 200),
        (
            app.user("ana", Method::POST, "/api/tasks").json(&json!({})),
            400,
        ),
        (app.request(Method::GET, "/api/tasks"), 401),
        (app.request(Method::GET, "/nothing"), 404),
        (app.request(Method::PUT, "/api/tasks"), 405),
        (
            app.user("ana", Method::GET, "/api/tasks")
                .header("if-none-match", "*"),
            304,
        ),
        (
            app.user("ana", Method::POST, "/api/tasks")
                .body("x".repeat(200_000)),
            413,
        ),
        (app.user("ana", Method::POST, "/api/tasks").body("x"), 415),
    ] {
        let response = call.header("origin", ORIGIN).send().await;
        assert_eq!(response.status.as_u16(), status);
        assert_eq!(response.header("access-control-allow-origin"), ORIGIN);
        assert_eq!(response.header("access-control-allow-credentials"), "true");
        let exposed = response.header("access-control-expose-headers");
        let exposed: Vec<_> = exposed.split(", ").collect();
        for header in [
            "ETag",
            "Link",
            "Location",
            "Idempotency-Replayed",
            "Retry-After",
            "RateLimit",
            "RateLimit-Policy",
            "WWW-Authenticate",
            "X-Request-Id",
        ] {
            assert!(exposed.contains(&header), "{header} in {exposed:?}");
        }
        assert!(varies_by_origin(&response));
    }
}

#[tokio::test]
async fn a_disallowed_origin_may_not_read_the_response() {
    let app = App::start().await;

    for origin in [
        "https://evil.example.com",
        "https://app.example.com.evil.com",
        "http://app.example.com",
        "https://app.example.com:444",
        "null",
    ] {
        let response = app
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

        assert_eq!(response.status, StatusCode::CREATED, "{origin}");
        for response in [response, preflight] {
            let mut names = response.headers.keys().map(poem::http::HeaderName::as_str);
            assert!(!names.any(|name| name.starts_with("access-control-")));
            assert!(varies_by_origin(&response));
        }
    }
}

#[tokio::test]
async fn a_response_without_an_origin_still_varies_by_it() {
    let app = App::start().await;

    let response = app.user("ana", Method::GET, "/api/tasks").send().await;

    assert!(varies_by_origin(&response));
    assert_eq!(response.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn origins_of_the_own_machine_are_allowed_in_development_alone() {
    let local = [
        "http://localhost",
        "http://localhost:3000",
        "http://localhost:5173",
        "http://127.0.0.1:65535",
    ];
    let foreign = [
        "https://localhost:3000",
        "http://localhost.evil.com",
        "http://localhost:",
        "http://localhost:3000.evil.com",
        "http://localhost:3000@evil.com",
        "http://127.0.0.1.evil.com",
        "http://127.0.0.10",
        "http://evil.localhost:3000",
        "http://192.168.0.1:3000",
    ];

    for environment in ["development", "staging", "production"] {
        let app = App::configured(&[("ENVIRONMENT", environment)]).await;
        for origin in local.into_iter().chain(foreign) {
            let call = app.request(Method::GET, "/health/live");
            let response = call.header("origin", origin).send().await;

            let is_allowed = environment == "development" && local.contains(&origin);
            let allowed = if is_allowed { origin } else { "" };
            let header = response.header("access-control-allow-origin");
            assert_eq!(header, allowed, "{origin} in {environment}");
        }
    }
}
