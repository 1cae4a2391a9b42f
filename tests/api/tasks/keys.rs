//! Creations with an `Idempotency-Key`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use poem::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{App, Response, token_with};

async fn create(app: &App, user: &str, key: &str, body: &Value) -> Response {
    let call = app.user(user, Method::POST, "/api/tasks");
    call.header("idempotency-key", key).json(body).send().await
}

#[tokio::test]
async fn a_retry_gets_the_task_as_it_is_now() {
    let app = App::start().await;
    let milk = json!({"title": "Milk", "tags": ["a"]});
    let first = create(&app, "ana", "k-1", &milk).await;
    assert_eq!(first.header("idempotency-replayed"), "");
    let first = first.expect(StatusCode::CREATED);
    assert_eq!(first["idempotency_key"], "k-1");
    let path = format!("/api/tasks/{}", first["id"]);
    let edit = app
        .user("ana", Method::PATCH, &path)
        .json(&json!({"title": "Oat milk"}));
    let edited = edit.send().await.expect(StatusCode::OK);

    for key in ["k-1", "\"k-1\""] {
        let same = json!({"title": " Milk ", "tags": ["a", "a"], "description": null, "x": 1});
        let again = create(&app, "ana", key, &same).await;
        assert_eq!(again.header("idempotency-replayed"), "true");
        assert_eq!(again.header("location"), path);
        assert_eq!(again.header("etag"), format!("\"{}\"", edited["version"]));
        assert_eq!(again.expect(StatusCode::CREATED), edited);
    }
    let other = create(&app, "ana", "k-1", &json!({"title": "Milk"})).await;
    other.problem(422, "key-reused");
    let of_ben = create(&app, "ben", "k-1", &milk).await;
    assert_eq!(of_ben.header("idempotency-replayed"), "");
    assert_eq!(app.list("ana", "").await.len(), 1);
}

#[tokio::test]
async fn a_retry_with_a_new_token_is_the_same_users() {
    let app = App::start().await;
    let milk = json!({"title": "Milk"});
    create(&app, "ana", "k", &milk)
        .await
        .expect(StatusCode::CREATED);

    let expires = SystemTime::now() + Duration::from_mins(9);
    let expires = expires.duration_since(UNIX_EPOCH).unwrap().as_secs();
    let renewed = token_with(&json!({"sub": "ana", "exp": expires, "jti": "renewed"}));
    let call = app.request(Method::POST, "/api/tasks").bearer(&renewed);
    let again = call.header("idempotency-key", "k").json(&milk).send().await;

    assert_eq!(again.header("idempotency-replayed"), "true");
}

#[tokio::test]
async fn a_retry_never_brings_a_deleted_task_back() {
    let app = App::start().await;
    for (key, query) in [("gone", ""), ("trash", "?trash=true")] {
        let milk = json!({"title": "Milk"});
        let task = create(&app, "ana", key, &milk)
            .await
            .expect(StatusCode::CREATED);
        let path = format!("/api/tasks/{}{query}", task["id"]);
        app.user("ana", Method::DELETE, &path)
            .send()
            .await
            .expect(StatusCode::OK);

        create(&app, "ana", key, &milk)
            .await
            .problem(410, "already-deleted");
        let other = create(&app, "ana", key, &json!({"title": "x"})).await;
        other.problem(422, "key-reused");
    }
    assert!(app.list("ana", "").await.is_empty());
}

#[tokio::test]
async fn an_invalid_key_is_named_and_creates_nothing() {
    let app = App::start().await;
    for key in ["", "\"\"", "a b", "\"a", "é", "a/b", &"k".repeat(65)] {
        let response = create(&app, "ana", key, &json!({"title": "Milk"})).await;
        let problem = response.problem(400, "invalid-request");
        assert_eq!(problem["errors"][0]["field"], "Idempotency-Key", "{key}");
    }
    assert!(app.list("ana", "").await.is_empty());
}

#[tokio::test]
async fn a_key_of_a_refused_creation_is_free() {
    let app = App::with_quota(1).await;
    let task = app.create("ana", "a").await;
    let milk = json!({"title": "Milk"});

    create(&app, "ana", "k", &milk)
        .await
        .problem(403, "quota-exceeded");
    create(&app, "ana", "k", &json!({"title": ""}))
        .await
        .problem(400, "invalid-request");
    let path = format!("/api/tasks/{}", task["id"]);
    app.user("ana", Method::DELETE, &path)
        .send()
        .await
        .expect(StatusCode::OK);
    let created = create(&app, "ana", "k", &json!({"title": "Eggs"})).await;
    assert_eq!(created.header("idempotency-replayed"), "");
    created.expect(StatusCode::CREATED);

    // A retry is no new task.
    let again = create(&app, "ana", "k", &json!({"title": "Eggs"})).await;
    again.expect(StatusCode::CREATED);
}
