//! Lists.

use poem::http::Method;
use serde_json::json;

use super::complete;
use crate::support::App;

#[tokio::test]
async fn a_new_user_has_no_tasks() {
    let app = App::start().await;

    let tasks = app.list("ana", "").await;

    assert!(tasks.is_empty());
}

#[tokio::test]
async fn a_list_is_complete_and_newest_first() {
    let app = App::start().await;
    for number in 0..120 {
        app.create("ana", &format!("Task {number}")).await;
    }

    let tasks = app.list("ana", "").await;

    let titles: Vec<_> = tasks.iter().map(|t| t["title"].as_str().unwrap()).collect();
    let expected: Vec<_> = (0..120).rev().map(|n| format!("Task {n}")).collect();
    assert_eq!(titles, expected);
    assert!(tasks.is_sorted_by_key(|task| -task["id"].as_i64().unwrap()));
}

#[tokio::test]
async fn a_list_can_be_filtered_by_status() {
    let app = App::start().await;
    let done = app.create("ana", "done").await;
    app.create("ana", "open").await;
    complete(&app, &done["id"], &json!({"completed": true})).await;

    let titles = async |query| {
        let tasks = app.list("ana", query).await;
        let titles = tasks.iter().map(|task| task["title"].clone());
        titles.collect::<Vec<_>>()
    };

    assert_eq!(titles("").await, ["open", "done"]);
    assert_eq!(titles("?status=all").await, ["open", "done"]);
    assert_eq!(titles("?status=pending").await, ["open"]);
    assert_eq!(titles("?status=completed&unknown=1").await, ["done"]);
}

#[tokio::test]
async fn an_unknown_status_lists_the_three_allowed_ones() {
    let app = App::start().await;

    for query in ["?status=done", "?status=", "?status=ALL", "?status=%00"] {
        let path = format!("/api/tasks{query}");
        let response = app.user("ana", Method::GET, &path).send().await;
        let problem = response.problem(400, "invalid-request");
        assert_eq!(
            problem["detail"],
            "status must be one of all, pending, completed"
        );
        assert_eq!(problem["errors"][0]["field"], "status");
    }
    let twice = app.user("ana", Method::GET, "/api/tasks?status=all&status=pending");
    let problem = twice.send().await.problem(400, "invalid-request");
    assert_eq!(problem["detail"], "status must be given once");
}
