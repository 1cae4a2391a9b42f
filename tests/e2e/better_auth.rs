//! Tokens of a real Better Auth server (`tests/better-auth`) with the default settings of
//! its JWT plugin. `BETTER_AUTH_URL` is the only variable.

use std::process::Stdio;

use reqwest::StatusCode;
use serde_json::Value;
use tasks_api_test_support::process::{Service, client};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

/// A running Better Auth server. It ends when the value is dropped.
struct BetterAuth {
    url: String,
    secret: String,
    _child: Child,
}

impl BetterAuth {
    async fn start(variables: &[(&str, &str)]) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/better-auth/server.mjs");
        let mut child = Command::new("node")
            .arg(script)
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("node starts");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.next_line().await.unwrap().expect("a line");
        let ready: Value = serde_json::from_str(&line).expect("JSON");
        Self {
            url: ready["baseUrl"].as_str().unwrap().to_owned(),
            secret: ready["secret"].as_str().unwrap().to_owned(),
            _child: child,
        }
    }

    async fn post(&self, path: &str) -> Value {
        let call = client().post(format!("{}{path}", self.url));
        call.send().await.unwrap().json().await.unwrap()
    }
}

async fn status(service: &Service, token: &Value) -> StatusCode {
    let token = token.as_str().expect("a token");
    service.client(token).list("").await.status
}

#[tokio::test]
async fn better_auth_url_alone_is_enough_to_accept_its_tokens() {
    let issuer = BetterAuth::start(&[]).await;
    let service = Service::start(&[("BETTER_AUTH_URL", &issuer.url)]).await;

    let user = issuer.post("/test/sign-up").await;
    let client = service.client(user["token"].as_str().unwrap());
    let created = client.create("Milk").await;

    let task = created.expect(StatusCode::CREATED);
    assert_eq!(task["user_id"], user["userId"]);
}

#[tokio::test]
async fn a_new_key_is_found_without_a_restart() {
    let issuer = BetterAuth::start(&[]).await;
    let service = Service::start(&[("BETTER_AUTH_URL", &issuer.url)]).await;
    let before = issuer.post("/test/sign-up").await;
    assert_eq!(status(&service, &before["token"]).await, StatusCode::OK);

    issuer.post("/test/rotate-keys").await;
    let after = issuer.post("/test/sign-up").await;

    assert_eq!(status(&service, &after["token"]).await, StatusCode::OK);
}

#[tokio::test]
async fn other_better_auth_tokens_are_rejected_with_the_shared_secret() {
    let issuer = BetterAuth::start(&[]).await;
    let service = Service::start(&[
        ("BETTER_AUTH_URL", &issuer.url),
        ("BETTER_AUTH_SECRET", &issuer.secret),
    ])
    .await;

    let user = issuer.post("/test/sign-up").await;

    assert_eq!(status(&service, &user["token"]).await, StatusCode::OK);
    for name in ["sessionDataCookie", "emailVerificationToken"] {
        let status = status(&service, &user[name]).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{name}: {}", user[name]);
    }
}

#[tokio::test]
async fn tokens_signed_with_the_secret_are_accepted() {
    let issuer = BetterAuth::start(&[("SIGN", "hs256")]).await;
    let service = Service::start(&[("BETTER_AUTH_SECRET", &issuer.secret)]).await;

    let user = issuer.post("/test/sign-up").await;

    assert_eq!(status(&service, &user["token"]).await, StatusCode::OK);
}

#[tokio::test]
async fn a_session_cookie_signed_by_the_key_set_is_rejected() {
    let issuer = BetterAuth::start(&[("SESSION_COOKIE", "jwks")]).await;
    let key_set = format!("{}/api/auth/jwks", issuer.url);
    // Without an audience, only its type distinguishes it from an access token.
    let service = Service::start(&[("JWKS_URL", &key_set)]).await;

    let user = issuer.post("/test/sign-up").await;

    assert_eq!(status(&service, &user["token"]).await, StatusCode::OK);
    let cookie = status(&service, &user["sessionDataCookie"]).await;
    assert_eq!(cookie, StatusCode::UNAUTHORIZED);
}
