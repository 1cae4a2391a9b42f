//! Deletion, and the ids of tasks.

use poem::http::{Method, StatusCode};
use serde_json::json;

use crate::support::App;

#[tokio::test]
async fn a_second_delete_finds_no_task() {
    let app = App::start().await;
    let task = app.create("ana", "Buy milk").await;
    let path = format!("/api/tasks/{}", task["id"]);

    let first = app.user("ana", Method::DELETE, &path).send().await;
    let second = app.user("ana", Method::DELETE, &path).send().await;
    let read = app.user("ana", Method::GET, &path).send().await;

    let gone = first.expect(StatusCode::OK);
    assert_eq!(gone, json!({"message": "Task deleted successfully"}));
    second.problem(404, "not-found");
    read.problem(404, "not-found");
    assert!(app.list("ana", "").await.is_empty());
}

#[tokio::test]
async fn an_id_is_never_reused() {
    let app = App::start().await;
    let first = app.create("ana", "one").await;
    let path = format!("/api/tasks/{}", first["id"]);

    app.user("ana", Method::DELETE, &path).send().await;
    let second = app.create("ana", "two").await;

    assert!(second["id"].as_i64() > first["id"].as_i64());
}

#[tokio::test]
async fn an_id_that_is_not_a_positive_integer_matches_no_task() {
    let app = App::start().await;
    let task = app.create("ana", "Buy milk").await;
    let id = task["id"].to_string();
    let ids = [
        "undefined",
        "-1",
        "0",
        "1.0",
        "1e3",
        "%20",
        "%00",
        "%FF",
        "+1",
        "0x1",
        "9223372036854775808",
        "123456789012345678901234567890",
    ]
    .map(str::to_owned);
    let operations = [
        (Method::GET, "", None),
        (Method::PUT, "", Some(json!({"title": "x"}))),
        (Method::PATCH, "/complete", Some(json!({"completed": true}))),
        (Method::DELETE, "", None),
    ];

    for text in ids
        .into_iter()
        .chain([format!("0{id}"), format!("+{id}"), format!("{id}a")])
    {
        for (method, tail, body) in &operations {
            let path = format!("/api/tasks/{text}{tail}");
            let mut call = app.user("ana", method.clone(), &path);
            if let Some(body) = body {
                call = call.json(body);
            }
            let problem = call.send().await.problem(404, "not-found");
            assert!(
                problem["detail"]
                    .as_str()
                    .unwrap()
                    .starts_with("No task has the id ")
            );
        }
    }
    assert_eq!(app.list("ana", "").await, [task]);
}
