//! The bearer scheme in HTTP (RFC 6750). The `auth` suite tests the verification of tokens.

use poem::http::{Method, StatusCode};
use serde_json::json;

use crate::support::{App, token, token_with};

#[tokio::test]
async fn without_a_token_the_challenge_names_no_error() {
    let app = App::start().await;

    for header in [
        None,
        Some("Basic YW5hOnNlc2FtZQ=="),
        Some("bearerx abc"),
        Some(""),
    ] {
        let mut call = app.request(Method::GET, "/api/tasks");
        if let Some(value) = header {
            call = call.header("authorization", value);
        }
        let response = call.send().await;
        response.problem(401, "unauthorized");
        assert_eq!(response.header("www-authenticate"), "Bearer", "{header:?}");
    }
}

#[tokio::test]
async fn an_invalid_token_is_reported_without_details() {
    let app = App::start().await;
    let expired = token_with(&json!({"sub": "ana", "exp": 1_000_000_000}));
    let forged = token("ana") + "x";
    let mut texts = Vec::new();

    for value in [
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        "bearer rubbish".to_owned(),
        format!("Bearer {expired}"),
        format!("Bearer {forged}"),
        format!("Bearer {} {}", token("ana"), token("ana")),
    ] {
        let call = app.request(Method::GET, "/api/tasks");
        let response = call.header("authorization", &value).send().await;
        response.problem(401, "unauthorized");
        let challenge = response.header("www-authenticate");
        assert_eq!(challenge, "Bearer error=\"invalid_token\"", "{value}");
        texts.push(response.text);
    }

    texts.dedup();
    assert_eq!(texts.len(), 1, "they look alike: {texts:?}");
}

#[tokio::test]
async fn two_authorization_headers_are_rejected() {
    let app = App::start().await;

    let call = app
        .user("ana", Method::GET, "/api/tasks")
        .bearer(&token("eve"));

    call.send().await.problem(401, "unauthorized");
}

#[tokio::test]
async fn the_scheme_name_is_case_insensitive() {
    let app = App::start().await;

    for scheme in ["Bearer", "bearer", "BEARER"] {
        let call = app.request(Method::GET, "/api/tasks");
        let value = format!("{scheme} {}", token("ana"));
        let response = call.header("authorization", &value).send().await;
        assert_eq!(response.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn the_token_is_verified_before_anything_else() {
    let app = App::start().await;

    for (method, path, body) in [
        (Method::POST, "/api/tasks", "{\"title\": 1}".to_owned()),
        (Method::POST, "/api/tasks", "{{{".to_owned()),
        (Method::POST, "/api/tasks", "x".repeat(200_000)),
        (Method::GET, "/api/tasks?status=nonsense", String::new()),
        (Method::GET, "/api/tasks/undefined", String::new()),
        (Method::PUT, "/api/tasks/1", String::new()),
        (Method::PATCH, "/api/tasks/1/complete", "[]".to_owned()),
    ] {
        for call in [
            app.request(method.clone(), path),
            app.request(method.clone(), path).bearer("rubbish"),
        ] {
            let response = call.body(body.clone()).send().await;
            response.problem(401, "unauthorized");
        }
    }
}

#[tokio::test]
async fn a_token_outside_the_header_is_ignored() {
    let app = App::start().await;
    let token = token("ana");

    let query = format!("/api/tasks?access_token={token}&token={token}");
    let by_query = app.request(Method::GET, &query).send().await;
    let by_cookie = app
        .request(Method::GET, "/api/tasks")
        .header(
            "cookie",
            format!("token={token}; better-auth.session_token={token}"),
        )
        .send()
        .await;

    by_query.problem(401, "unauthorized");
    by_cookie.problem(401, "unauthorized");
}
