//! Updating and completing a task.

use poem::http::{Method, StatusCode};
use serde_json::json;

use super::{complete, post, put};
use crate::support::App;

#[tokio::test]
async fn an_update_keeps_omitted_fields() {
    let app = App::start().await;
    let task = post(&app, &json!({"title": "a", "description": "keep me"})).await;
    let id = &task.expect(StatusCode::CREATED)["id"];

    let steps = [
        (json!({"title": " b "}), json!(["b", "keep me", false])),
        (
            json!({"title": "b", "completed": true}),
            json!(["b", "keep me", true]),
        ),
        (json!({"title": "c"}), json!(["c", "keep me", true])),
        (
            json!({"title": "c", "description": "new"}),
            json!(["c", "new", true]),
        ),
        (
            json!({"title": "c", "description": null}),
            json!(["c", null, true]),
        ),
        (
            json!({"title": "c", "description": ""}),
            json!(["c", "", true]),
        ),
        (
            json!({"title": "d", "description": "e", "completed": false}),
            json!(["d", "e", false]),
        ),
    ];
    for (body, expected) in steps {
        let task = put(&app, id, &body).await.expect(StatusCode::OK);
        let seen = json!([task["title"], task["description"], task["completed"]]);
        assert_eq!(seen, expected, "after {body}");
        assert_eq!(app.list("ana", "").await, [task]);
    }
}

#[tokio::test]
async fn an_update_without_a_title_is_rejected_and_changes_nothing() {
    let app = App::start().await;
    let task = app.create("ana", "Buy milk").await;

    for (body, field) in [
        (json!({}), "title"),
        (json!({"description": "x"}), "title"),
        (json!({"title": "x", "completed": null}), "completed"),
        (json!({"title": "x", "completed": 1}), "completed"),
    ] {
        let problem = put(&app, &task["id"], &body)
            .await
            .problem(400, "invalid-request");
        assert_eq!(problem["errors"][0]["field"], field, "{body}");
    }
    assert_eq!(app.list("ana", "").await, [task]);
}

#[tokio::test]
async fn completing_sets_the_value_and_never_toggles() {
    let app = App::start().await;
    let task = app.create("ana", "Buy milk").await;

    for completed in [true, true, false, false, true] {
        let response = complete(&app, &task["id"], &json!({"completed": completed})).await;
        let seen = response.expect(StatusCode::OK);
        assert_eq!(seen["completed"], completed);
        assert_eq!(seen["title"], "Buy milk");
    }
}

#[tokio::test]
async fn completing_without_a_value_names_the_field() {
    let app = App::start().await;
    let task = app.create("ana", "Buy milk").await;
    let path = format!("/api/tasks/{}/complete", task["id"]);

    let nothing = app.user("ana", Method::PATCH, &path).send().await;
    let empty = complete(&app, &task["id"], &json!({})).await;
    let text = complete(&app, &task["id"], &json!({"completed": "true"})).await;

    for (response, message) in [
        (nothing, "is required"),
        (empty, "is required"),
        (text, "must be true or false"),
    ] {
        let problem = response.problem(400, "invalid-request");
        assert_eq!(
            problem["errors"],
            json!([{"field": "completed", "message": message}])
        );
    }
}

#[tokio::test]
async fn every_write_advances_updated_at_and_keeps_created_at() {
    let app = App::start().await;
    let task = app.create("ana", "Buy milk").await;
    let mut last = task["updated_at"].as_str().unwrap().to_owned();

    for round in 0..5 {
        let changed = if round % 2 == 0 {
            put(&app, &task["id"], &json!({"title": "Buy milk"})).await
        } else {
            complete(&app, &task["id"], &json!({"completed": false})).await
        };
        let changed = changed.expect(StatusCode::OK);
        let now = changed["updated_at"].as_str().unwrap().to_owned();
        assert!(now > last, "{now} is not after {last}");
        assert_eq!(changed["created_at"], task["created_at"]);
        last = now;
    }
}
