//! No user can read or change another user's tasks.

use poem::http::{Method, StatusCode};
use serde_json::{Value, json};
use tasks_api::api::spec::DOCUMENT;

use crate::support::App;

/// Every operation of the document, as a method and a path template.
fn operations() -> Vec<(String, String)> {
    let paths = DOCUMENT["paths"].as_object().unwrap();
    let methods = |(path, item): (&String, &Value)| {
        let methods = item.as_object().unwrap().keys();
        methods
            .map(|m| (m.to_uppercase(), path.clone()))
            .collect::<Vec<_>>()
    };
    paths.iter().flat_map(methods).collect()
}

/// The operations that name a task, each with a body that would succeed.
fn table() -> Vec<(&'static str, &'static str, Option<Value>)> {
    vec![
        ("GET", "/api/tasks/{id}", None),
        ("PUT", "/api/tasks/{id}", Some(json!({"title": "stolen"}))),
        ("PATCH", "/api/tasks/{id}", Some(json!({"title": "stolen"}))),
        ("DELETE", "/api/tasks/{id}", None),
        ("POST", "/api/tasks/{id}/restore", None),
        (
            "PATCH",
            "/api/tasks/{id}/complete",
            Some(json!({"completed": true})),
        ),
    ]
}

#[test]
fn every_operation_with_an_id_is_in_the_table() {
    let table: Vec<_> = table()
        .iter()
        .map(|row| format!("{} {}", row.0, row.1))
        .collect();

    for (method, path) in operations() {
        if path.contains('{') {
            assert!(
                table.contains(&format!("{method} {path}")),
                "{method} {path} names a resource: add it to the table of this test"
            );
        }
    }
    assert_eq!(
        operations().len(),
        14,
        "a new operation: does it isolate users?"
    );
}

#[tokio::test]
async fn another_users_task_looks_like_a_missing_task() {
    let app = App::start().await;
    app.create("eve", "own").await;
    let first = app.create("ana", "of an id that eve has, too").await;
    let task = app.create("ana", "private").await;
    let id = task["id"].to_string();

    for (method, path, body) in table() {
        let response = async |id: &str| {
            let path = path.replace("{id}", id);
            let mut call = app.user("eve", method.parse().unwrap(), &path);
            if let Some(body) = &body {
                call = call.json(body);
            }
            call.send().await
        };
        let foreign = response(&id).await;
        let missing = response("987654321").await;

        foreign.problem(404, "not-found");
        assert_eq!(foreign.text.replace(&id, "987654321"), missing.text);
        let names = |headers: &poem::http::HeaderMap| {
            headers.keys().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(names(&foreign.headers), names(&missing.headers));
    }
    assert_eq!(app.list("ana", "").await, [task, first]);
}

/// The calls of the table on the tasks of this id.
async fn call(app: &App, user: &str, row: &(&str, &str, Option<Value>), id: i64) -> Value {
    let (method, path, body) = row;
    let path = path.replace("{id}", &id.to_string());
    let mut call = app.user(user, method.parse().unwrap(), &path);
    if let Some(body) = body {
        call = call.json(body);
    }
    call.send().await.expect(StatusCode::OK).clone()
}

#[tokio::test]
async fn users_have_tasks_of_the_same_ids_and_each_reaches_only_the_own() {
    for row in table() {
        let app = App::start().await;
        let mut of_ana = Vec::new();
        for number in 1..=7 {
            // In turn: ids that came from one sequence would differ.
            of_ana.insert(0, app.create("ana", &format!("of ana {number}")).await);
            let of_eve = app.create("eve", &format!("of eve {number}")).await;
            assert_eq!(of_ana[0]["id"], of_eve["id"]);
        }
        let id = of_ana[0]["id"].as_i64().unwrap();

        let done = call(&app, "eve", &row, id).await;

        if let Some(owner) = done.get("user_id") {
            assert_eq!(owner, "eve", "{row:?}");
        }
        assert_eq!(app.list("ana", "").await, of_ana, "{row:?}");
        let left = app.list("eve", "").await;
        assert_eq!(left.len(), if row.0 == "DELETE" { 6 } else { 7 }, "{row:?}");
        assert!(left.iter().all(|task| task["user_id"] == "eve"), "{row:?}");
        // Once deleted, an id that another user still has is free of a task.
        if row.0 == "DELETE" {
            let path = format!("/api/tasks/{id}");
            app.user("eve", Method::GET, &path)
                .send()
                .await
                .problem(404, "not-found");
        }
    }
}

#[tokio::test]
async fn a_list_shows_only_the_users_own_tasks() {
    let app = App::start().await;
    // Subjects that differ as little as possible.
    let users = ["ana", "Ana", "ana ", "1", "01", "ána", "an%", "a_a"];
    for user in users {
        app.create(user, &format!("of {user}")).await;
    }

    for user in users {
        let tasks = app.list(user, "").await;

        assert_eq!(tasks.len(), 1, "{user:?}");
        assert_eq!(tasks[0]["user_id"], user);
        assert_eq!(tasks[0]["title"], format!("of {user}").trim());
        assert_eq!(app.list(user, "?status=pending").await.len(), 1);
        assert!(app.list(user, "?status=completed").await.is_empty());
    }
}

#[tokio::test]
async fn an_operation_on_all_tasks_concerns_the_users_own() {
    let app = App::start().await;
    for user in ["ana", "eve"] {
        for title in ["live", "trashed"] {
            app.create(user, &format!("{title}, of {user}")).await;
        }
        let trash = app.user(user, Method::DELETE, "/api/tasks/2?trash=true");
        trash.send().await.expect(StatusCode::OK);
    }
    let read = async |user, path| {
        let response = app.user(user, Method::GET, path).send().await;
        response.expect(StatusCode::OK)
    };
    let before = app.list("ana", "").await;
    let trash = read("ana", "/api/trash").await;
    let changes = read("ana", "/api/changes").await;

    for (path, field) in [("/api/trash", None), ("/api/changes", Some("tasks"))] {
        let all = read("eve", path).await;
        let tasks = field.map_or(&all, |field| &all[field]).as_array().unwrap();
        assert_eq!(tasks.len(), 1, "{path}");
        assert_eq!(tasks[0]["user_id"], "eve");
    }
    for (method, path, body, count) in [
        (
            Method::PATCH,
            "/api/tasks",
            Some(json!({"completed": true})),
            1,
        ),
        (Method::DELETE, "/api/tasks?status=completed", None, 1),
        (Method::DELETE, "/api/data", None, 2),
    ] {
        let call = app.user("eve", method, path);
        let call = match &body {
            Some(body) => call.json(body),
            None => call,
        };
        let done = call.send().await.expect(StatusCode::OK);
        assert_eq!(done["count"], count, "{path}");
        assert_eq!(app.list("ana", "").await, before, "{path}");
        assert_eq!(read("ana", "/api/trash").await, trash, "{path}");
        assert_eq!(read("ana", "/api/changes").await, changes, "{path}");
    }
    assert!(app.list("eve", "").await.is_empty());
    assert_eq!(read("eve", "/api/trash").await, json!([]));
}

#[tokio::test]
async fn a_user_id_in_body_or_query_is_ignored() {
    let app = App::start().await;
    app.create("ana", "private").await;

    let listed = app.list("eve", "?user_id=ana&sub=ana").await;
    let created = app
        .user("eve", Method::POST, "/api/tasks?user_id=ana")
        .header("x-user-id", "ana")
        .json(&json!({"title": "planted", "user_id": "ana"}))
        .send()
        .await;

    assert!(listed.is_empty());
    assert_eq!(created.expect(StatusCode::CREATED)["user_id"], "eve");
    assert_eq!(app.list("ana", "").await.len(), 1);
}
