//! The fields of version 1.1: date, time, priority, tags, position.

use poem::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{post, put};
use crate::support::App;

async fn patch(app: &App, id: &Value, body: &Value) -> crate::support::Response {
    let call = app.user("ana", Method::PATCH, &format!("/api/tasks/{id}"));
    call.json(body).send().await
}

/// A body with each invalid value: the field is named, in every operation that has it.
#[tokio::test]
async fn an_invalid_value_is_named_and_changes_nothing() {
    let app = App::start().await;
    let task = app.create("ana", "a").await;
    for (field, value) in [
        ("due_date", json!("2026-02-29")),
        ("due_date", json!("2026-2-1")),
        ("due_date", json!("0000-01-01")),
        ("due_date", json!("2026-02-01T00:00:00Z")),
        ("due_date", json!(20_260_201)),
        ("due_time", json!("24:00")),
        ("due_time", json!("9:00")),
        ("due_time", json!("09:00:00")),
        ("due_time", json!(9)),
        ("priority", json!("urgent")),
        ("priority", json!("High")),
        ("priority", json!(null)),
        ("priority", json!(3)),
        ("tags", json!("a")),
        ("tags", json!(null)),
        ("tags", json!([1])),
        ("tags", json!([" "])),
        ("tags", json!(["a\u{0}"])),
        ("tags", json!(["é".repeat(51)])),
        ("tags", json!(vec!["a"; 21])),
        ("position", json!("")),
        ("position", json!("a-b")),
        ("position", json!("a".repeat(65))),
        ("position", json!(null)),
    ] {
        let mut body = json!({"title": "x", "due_date": "2026-01-01"});
        body[field] = value.clone();
        for response in [
            post(&app, &body).await,
            put(&app, &task["id"], &body).await,
            patch(&app, &task["id"], &body).await,
        ] {
            let problem = response.problem(400, "invalid-request");
            assert_eq!(problem["errors"][0]["field"], field, "{value}");
        }
    }
    assert_eq!(app.list("ana", "").await, [task]);
}

#[tokio::test]
async fn a_time_without_a_date_is_400_and_clearing_the_date_clears_the_time() {
    let app = App::start().await;
    let alone = json!({"title": "a", "due_time": "09:00"});
    let both = json!({"title": "a", "due_date": null, "due_time": "09:00"});
    let problem = post(&app, &alone).await.problem(400, "invalid-request");
    assert_eq!(problem["errors"][0]["field"], "due_time");
    post(&app, &both).await.problem(400, "invalid-request");
    let task = app.create("ana", "a").await;
    for body in [&alone, &both] {
        put(&app, &task["id"], body)
            .await
            .problem(400, "invalid-request");
        let problem = patch(&app, &task["id"], body).await;
        let problem = problem.problem(400, "invalid-request");
        assert_eq!(problem["errors"][0]["field"], "due_time");
    }

    let dated = json!({"title": "a", "due_date": "2026-01-01"});
    put(&app, &task["id"], &dated).await.expect(StatusCode::OK);
    let timed = put(&app, &task["id"], &alone).await.expect(StatusCode::OK);
    assert_eq!(
        (&timed["due_date"], &timed["due_time"]),
        (&json!("2026-01-01"), &json!("09:00"))
    );
    let cleared = patch(&app, &task["id"], &json!({"due_date": null})).await;
    let cleared = cleared.expect(StatusCode::OK);
    assert_eq!(
        (&cleared["due_date"], &cleared["due_time"]),
        (&Value::Null, &Value::Null)
    );
}

#[tokio::test]
async fn tags_are_trimmed_and_unique_and_keep_their_order() {
    let app = App::start().await;
    let tags = json!([" b", "a ", "b", "B", "日本"]);
    let task = post(&app, &json!({"title": "a", "tags": tags})).await;
    let task = task.expect(StatusCode::CREATED);
    assert_eq!(task["tags"], json!(["b", "a", "B", "日本"]));
}

#[tokio::test]
async fn a_put_of_a_client_of_1_0_keeps_every_new_field() {
    let app = App::start().await;
    let full = json!({
        "title": "a", "due_date": "2026-01-01", "due_time": "23:59", "priority": "high",
        "tags": ["x"], "position": "zz",
    });
    let task = post(&app, &full).await.expect(StatusCode::CREATED);

    let written = put(&app, &task["id"], &json!({"title": "b", "completed": true})).await;
    let written = written.expect(StatusCode::OK);

    for field in ["due_date", "due_time", "priority", "tags", "position"] {
        assert_eq!(written[field], full[field], "{field}");
    }
    assert_eq!(written["completed_at"], written["updated_at"]);
}

#[tokio::test]
async fn a_patch_takes_both_media_types_and_an_empty_one_writes_nothing() {
    let app = App::start().await;
    let task = app.create("ana", "a").await;
    let path = format!("/api/tasks/{}", task["id"]);
    for (media_type, status) in [
        ("application/json", 200),
        ("application/merge-patch+json", 200),
        ("application/merge-patch+json; charset=utf-8", 200),
        // Another kind of patch (RFC 6902).
        ("application/json-patch+json", 415),
        ("application/vnd.api+json", 415),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
    ] {
        let call = app.user("ana", Method::PATCH, &path);
        let call = call
            .header("content-type", media_type)
            .body("{\"unknown\": 1}");
        let response = call.send().await;
        assert_eq!(response.status.as_u16(), status, "{media_type}");
    }
    assert_eq!(app.list("ana", "").await, std::slice::from_ref(&task));
    for refused in [
        json!({"title": null}),
        json!({"title": ""}),
        json!({"completed": null}),
    ] {
        patch(&app, &task["id"], &refused)
            .await
            .problem(400, "invalid-request");
    }
    patch(&app, &json!(99), &json!({}))
        .await
        .problem(404, "not-found");
}
