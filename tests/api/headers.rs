//! The security headers of every response.

use poem::http::Method;
use serde_json::json;

use crate::support::{App, Call, ORIGIN, Response};

const STRICT: &str = "default-src 'none'; frame-ancestors 'none'";

/// One request of every kind, and the status of its response.
fn calls(app: &App) -> Vec<(Call<'_>, u16)> {
    let post = || app.user("ana", Method::POST, "/api/tasks");
    let preflight = app
        .request(Method::OPTIONS, "/api/tasks")
        .header("origin", ORIGIN)
        .header("access-control-request-method", "POST");
    vec![
        (app.user("ana", Method::GET, "/api/tasks"), 200),
        (app.user("ana", Method::HEAD, "/api/tasks"), 200),
        (
            app.user("ana", Method::GET, "/api/tasks")
                .header("if-none-match", "*"),
            304,
        ),
        (post().json(&json!({"title": "Buy milk"})), 201),
        (preflight, 204),
        (app.request(Method::OPTIONS, "/api/tasks"), 204),
        (post().json(&json!({})), 400),
        (app.request(Method::GET, "/api/tasks"), 401),
        (app.user("ana", Method::GET, "/api/tasks/0"), 404),
        (app.request(Method::GET, "/nothing"), 404),
        (app.request(Method::GET, "/docs/nothing"), 404),
        (app.request(Method::PUT, "/api/tasks"), 405),
        (post().body("x".repeat(200_000)), 413),
        (post().body("x"), 415),
        (app.request(Method::GET, "/health/live"), 200),
        (app.request(Method::GET, "/health/ready"), 200),
        (app.request(Method::GET, "/"), 200),
        (app.request(Method::GET, "/openapi.yaml"), 200),
        (app.request(Method::GET, "/openapi.json"), 200),
    ]
}

fn check(response: &Response, case: &str, transport: &str) {
    for (name, expected) in [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("strict-transport-security", transport),
        ("server", ""),
        ("x-powered-by", ""),
        ("via", ""),
    ] {
        assert_eq!(response.header(name), expected, "{name} of {case}");
    }
    assert!(!response.header("cache-control").is_empty(), "{case}");
    let version = env!("CARGO_PKG_VERSION");
    for (name, value) in &response.headers {
        let value = String::from_utf8_lossy(value.as_bytes()).to_lowercase();
        for leak in [version, "hyper", "poem", "rust"] {
            assert!(!value.contains(leak), "{name}: {value} of {case}");
        }
        let once = name == "vary" || response.headers.get_all(name).iter().count() == 1;
        assert!(once, "{name} of {case}");
    }
}

#[tokio::test]
async fn every_response_has_the_security_headers() {
    for (environment, transport) in [
        ("development", ""),
        ("staging", "max-age=31536000; includeSubDomains"),
        ("production", "max-age=31536000; includeSubDomains"),
    ] {
        let app = App::configured(&[("ENVIRONMENT", environment)]).await;

        for (index, (call, status)) in calls(&app).into_iter().enumerate() {
            let response = call.send().await;
            let case = format!("call {index}: {status}");
            assert_eq!(response.status.as_u16(), status, "{case}");
            check(&response, &case, transport);
            assert_eq!(response.header("content-security-policy"), STRICT, "{case}");
        }
        for path in ["/docs", "/docs/", "/docs/index.css"] {
            let response = app.request(Method::GET, path).send().await;
            assert_eq!(response.status.as_u16(), 200);
            check(&response, path, transport);
            let policy = response.header("content-security-policy");
            assert!(
                policy.contains("script-src 'self'") && policy.contains("frame-ancestors 'none'")
            );
        }
        for path in ["/problems", "/problems/not-found"] {
            let response = app.request(Method::GET, path).send().await;
            assert_eq!(response.status.as_u16(), 200);
            check(&response, path, transport);
            let policy = response.header("content-security-policy");
            assert!(policy.starts_with("default-src 'none'; style-src 'self'; img-src 'self';"));
            assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("script"));
        }
    }
}
