//! Concurrent requests.

use futures_util::future::join_all;
use poem::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{App, Response};

async fn create(app: &App, user: &str, title: &str) -> Response {
    let call = app.user(user, Method::POST, "/api/tasks");
    call.json(&json!({"title": title})).send().await
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_writers_at_once_all_succeed() {
    let app = App::start().await;

    let writers = (0..50).map(async |writer| {
        let user = format!("user {}", writer % 5);
        for round in 0..4 {
            let task = create(&app, &user, &format!("{writer} {round}")).await;
            let task = task.expect(StatusCode::CREATED);
            let path = format!("/api/tasks/{}/complete", task["id"]);
            let call = app.user(&user, Method::PATCH, &path);
            let done = call.json(&json!({"completed": true})).send().await;
            done.expect(StatusCode::OK);
        }
    });
    join_all(writers).await;

    for user in 0..5 {
        let tasks = app.list(&format!("user {user}"), "?status=completed").await;
        assert_eq!(tasks.len(), 40);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_quota_is_exact_under_concurrency() {
    let app = App::with_quota(10).await;

    let writers = (0..50).map(async |_| create(&app, "ana", "Milk").await.status);
    let statuses = join_all(writers).await;

    let count = |status| statuses.iter().filter(|s| **s == status).count();
    assert_eq!(count(StatusCode::CREATED), 10);
    assert_eq!(count(StatusCode::FORBIDDEN), 40);
    assert_eq!(app.list("ana", "").await.len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_quota_stays_exact_through_deletes() {
    let app = App::with_quota(5).await;

    let users = (0..8).map(async |_| {
        for _ in 0..10 {
            let response = create(&app, "ana", "Milk").await;
            if response.status == StatusCode::CREATED {
                let task: Value = serde_json::from_str(&response.text).unwrap();
                let path = format!("/api/tasks/{}", task["id"]);
                app.user("ana", Method::DELETE, &path).send().await;
            } else {
                response.problem(403, "quota-exceeded");
            }
        }
    });
    join_all(users).await;

    assert!(app.list("ana", "").await.is_empty());
    for _ in 0..5 {
        create(&app, "ana", "Milk")
            .await
            .expect(StatusCode::CREATED);
    }
    create(&app, "ana", "Milk")
        .await
        .problem(403, "quota-exceeded");
}

#[tokio::test]
async fn a_quota_of_zero_rejects_the_first_task() {
    let app = App::with_quota(0).await;

    let response = create(&app, "ana", "Milk").await;

    response.problem(403, "quota-exceeded");
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_one_of_many_deletes_succeeds() {
    let app = App::start().await;
    let task = app.create("ana", "Milk").await;
    let path = format!("/api/tasks/{}", task["id"]);

    let deletes = (0..20).map(async |_| {
        let call = app.user("ana", Method::DELETE, &path);
        call.send().await.status
    });
    let statuses = join_all(deletes).await;

    let gone = statuses.iter().filter(|status| **status == StatusCode::OK);
    assert_eq!(gone.count(), 1);
}
