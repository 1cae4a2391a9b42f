//! The trash, and the operations on all tasks of a user.

use poem::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::complete;
use crate::support::{App, Response};

async fn send(app: &App, method: Method, path: &str) -> Response {
    app.user("ana", method, path).send().await
}

async fn trash(app: &App) -> Vec<Value> {
    let trash = send(app, Method::GET, "/api/trash").await;
    trash.expect(StatusCode::OK).as_array().unwrap().clone()
}

async fn count(app: &App, method: Method, path: &str) -> Value {
    send(app, method, path).await.expect(StatusCode::OK)["count"].clone()
}

async fn complete_all(app: &App, body: &Value) -> Response {
    let call = app.user("ana", Method::PATCH, "/api/tasks");
    call.json(body).send().await
}

#[tokio::test]
async fn a_task_in_the_trash_is_nowhere_else_and_can_be_restored() {
    let app = App::start().await;
    let task = app.create("ana", "Buy milk").await;
    let path = format!("/api/tasks/{}", task["id"]);
    let restore = format!("{path}/restore");

    let deleted = send(&app, Method::DELETE, &format!("{path}?trash=true")).await;
    deleted.expect(StatusCode::OK);

    assert!(app.list("ana", "").await.is_empty());
    send(&app, Method::GET, &path)
        .await
        .problem(404, "not-found");
    complete(&app, &task["id"], &json!({"completed": true}))
        .await
        .problem(404, "not-found");
    let trashed = trash(&app).await;
    assert_eq!(trashed.len(), 1);
    let mut expected = task.clone();
    expected["version"] = trashed[0]["version"].clone();
    expected["deleted_at"] = trashed[0]["deleted_at"].clone();
    assert_eq!(trashed[0], expected);

    let restored = send(&app, Method::POST, &restore)
        .await
        .expect(StatusCode::OK);

    assert_eq!(restored["id"], task["id"]);
    assert!(restored["version"].as_i64() > trashed[0]["version"].as_i64());
    assert!(trash(&app).await.is_empty());
    assert_eq!(app.list("ana", "").await, std::slice::from_ref(&restored));
    // One that is not deleted stays as it is.
    let again = send(&app, Method::POST, &restore).await;
    assert_eq!(again.expect(StatusCode::OK), restored);
    // Deleted for good, from the trash as well.
    for path in [&format!("{path}?trash=true"), &path] {
        send(&app, Method::DELETE, path)
            .await
            .expect(StatusCode::OK);
    }
    assert!(trash(&app).await.is_empty());
    for (method, path) in [(Method::POST, &restore), (Method::DELETE, &path)] {
        send(&app, method, path).await.problem(404, "not-found");
    }
    for id in ["0", "undefined", "-1", "999999999999999999999999999999"] {
        let path = format!("/api/tasks/{id}/restore");
        send(&app, Method::POST, &path)
            .await
            .problem(404, "not-found");
    }
}

#[tokio::test]
async fn a_task_is_not_restored_beyond_the_quota() {
    let app = App::with_quota(1).await;
    let first = app.create("ana", "first").await["id"].to_string();
    let discard = format!("/api/tasks/{first}?trash=true");
    send(&app, Method::DELETE, &discard)
        .await
        .expect(StatusCode::OK);
    app.create("ana", "second").await;

    let restored = send(&app, Method::POST, &format!("/api/tasks/{first}/restore")).await;

    restored.problem(403, "quota-exceeded");
    assert_eq!(trash(&app).await.len(), 1);
}

#[tokio::test]
async fn all_tasks_are_completed_and_reopened() {
    let app = App::start().await;
    for title in ["a", "b", "c"] {
        app.create("ana", title).await;
    }
    complete(&app, &json!(2), &json!({"completed": true})).await;

    let done = complete_all(&app, &json!({"completed": true})).await;
    assert_eq!(done.expect(StatusCode::OK), json!({"count": 2}));
    let again = complete_all(&app, &json!({"completed": true})).await;
    assert_eq!(again.expect(StatusCode::OK), json!({"count": 0}));
    assert_eq!(app.list("ana", "?status=completed").await.len(), 3);
    let open = complete_all(&app, &json!({"completed": false})).await;
    assert_eq!(open.expect(StatusCode::OK), json!({"count": 3}));

    for body in [
        json!({}),
        json!({"completed": "true"}),
        json!({"completed": null}),
    ] {
        let problem = complete_all(&app, &body)
            .await
            .problem(400, "invalid-request");
        assert_eq!(problem["errors"][0]["field"], "completed", "{body}");
    }
    let call = app
        .user("ana", Method::PATCH, "/api/tasks")
        .body("completed");
    call.send().await.problem(415, "unsupported-media-type");
    assert_eq!(app.list("ana", "?status=pending").await.len(), 3);
}

#[tokio::test]
async fn completed_tasks_are_cleared_only_by_a_request_that_says_so() {
    let app = App::start().await;
    for title in ["done", "pending"] {
        app.create("ana", title).await;
    }
    complete(&app, &json!(1), &json!({"completed": true})).await;

    for path in [
        "/api/tasks",
        "/api/tasks/",
        "/api/tasks?status=all",
        "/api/tasks?status=pending",
        "/api/tasks?status=",
        "/api/tasks?Status=completed",
        "/api/tasks?status=completed&status=completed",
    ] {
        let problem = send(&app, Method::DELETE, path).await;
        let problem = problem.problem(400, "invalid-request");
        assert_eq!(problem["errors"][0]["field"], "status", "{path}");
    }
    assert_eq!(app.list("ana", "").await.len(), 2);
    assert!(trash(&app).await.is_empty());

    let clear = "/api/tasks/?status=completed";
    assert_eq!(count(&app, Method::DELETE, clear).await, 1);
    assert_eq!(count(&app, Method::DELETE, clear).await, 0);

    assert_eq!(app.list("ana", "").await[0]["title"], "pending");
    assert_eq!(trash(&app).await[0]["title"], "done");
}

#[tokio::test]
async fn an_erase_counts_tasks_and_leaves_nothing_to_read() {
    let app = App::start().await;
    for title in ["live", "trashed", "deleted"] {
        app.create("ana", title).await;
    }
    for path in ["/api/tasks/2?trash=true", "/api/tasks/3"] {
        send(&app, Method::DELETE, path)
            .await
            .expect(StatusCode::OK);
    }
    let changes = send(&app, Method::GET, "/api/changes").await;
    let cursor = changes.expect(StatusCode::OK)["cursor"].clone();

    assert_eq!(count(&app, Method::DELETE, "/api/data").await, 2);
    assert_eq!(count(&app, Method::DELETE, "/api/data/").await, 0);

    assert!(app.list("ana", "").await.is_empty());
    assert!(trash(&app).await.is_empty());
    let since = format!("/api/changes?since={}", cursor.as_str().unwrap());
    send(&app, Method::GET, &since)
        .await
        .problem(410, "cursor-expired");
    app.create("ana", "new").await;
    send(&app, Method::GET, &since)
        .await
        .problem(410, "cursor-expired");
    send(&app, Method::POST, "/api/tasks/2/restore")
        .await
        .problem(404, "not-found");
}
