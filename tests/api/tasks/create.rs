//! Creating a task.

use poem::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{post, put};
use crate::support::{App, Response};

#[tokio::test]
async fn a_created_task_has_every_field_and_a_location() {
    let app = App::start().await;

    let response = post(
        &app,
        &json!({"title": "  Buy milk\n", "description": " blue "}),
    )
    .await;

    let task = response.expect(StatusCode::CREATED);
    assert_eq!(response.header("content-type"), "application/json");
    assert_eq!(
        response.header("location"),
        format!("/api/tasks/{}", task["id"])
    );
    assert!(task["id"].as_i64().is_some_and(|id| id > 0));
    assert_eq!(task["user_id"], "ana");
    assert_eq!(task["title"], "Buy milk");
    assert_eq!(task["description"], " blue ");
    assert_eq!(task["completed"], false);
    assert_eq!(task["created_at"], task["updated_at"]);
    assert_eq!(task.as_object().unwrap().len(), 15);
}

#[tokio::test]
async fn times_are_rfc_3339_in_utc_with_microseconds() {
    let app = App::start().await;

    let task = app.create("ana", "Buy milk").await;

    for name in ["created_at", "updated_at"] {
        let text = task[name].as_str().unwrap();
        let fraction = text.split_once('.').unwrap().1;
        assert!(chrono::DateTime::parse_from_rfc3339(text).is_ok(), "{text}");
        assert_eq!(
            (fraction.len(), fraction.ends_with('Z')),
            (7, true),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_missing_description_is_returned_as_null() {
    let app = App::start().await;

    for body in [
        json!({"title": "a"}),
        json!({"title": "a", "description": null}),
    ] {
        let task = post(&app, &body).await.expect(StatusCode::CREATED);
        let list = app.list("ana", "").await;

        assert_eq!(task.get("description"), Some(&Value::Null));
        assert_eq!(list[0].get("description"), Some(&Value::Null));
    }
}

#[tokio::test]
async fn fields_of_the_server_are_never_taken_from_the_body() {
    let app = App::start().await;

    let body = json!({
        "title": "Buy milk", "id": 999_999, "user_id": "eve", "completed": true,
        "created_at": "2000-01-01T00:00:00Z", "surprise": {"deep": []},
    });
    let task = post(&app, &body).await.expect(StatusCode::CREATED);
    assert_ne!(task["id"], 999_999);
    assert_eq!(task["user_id"], "ana");
    assert_eq!(task["completed"], false);
    assert!(!task["created_at"].as_str().unwrap().starts_with("2000"));
    assert!(task.get("surprise").is_none());
}

#[tokio::test]
async fn lengths_count_characters_and_the_limits_are_exact() {
    let app = App::start().await;
    let good = [
        json!({"title": "a"}),
        json!({"title": "é".repeat(200)}),
        json!({"title": "😀".repeat(200)}),
        json!({"title": format!("  {}  ", "x".repeat(200))}),
        json!({"title": "a", "description": ""}),
        json!({"title": "a", "description": "😀".repeat(10_000)}),
        json!({"title": "a", "description": "line\nline\ttab \u{1}"}),
    ];
    let bad = [
        (json!({}), "title", "is required"),
        (
            json!({"title": ""}),
            "title",
            "must be 1 to 200 characters long",
        ),
        (
            json!({"title": " \t\n\u{2003}"}),
            "title",
            "must be 1 to 200 characters long",
        ),
        (
            json!({"title": "x".repeat(201)}),
            "title",
            "must be 1 to 200 characters long",
        ),
        (
            json!({"title": "😀".repeat(201)}),
            "title",
            "must be 1 to 200 characters long",
        ),
        (
            json!({"title": "a\0b"}),
            "title",
            "must not contain the character U+0000",
        ),
        (json!({"title": null}), "title", "must be a string"),
        (json!({"title": 1}), "title", "must be a string"),
        (json!({"title": true}), "title", "must be a string"),
        (json!({"title": ["a"]}), "title", "must be a string"),
        (
            json!({"title": "a", "description": 1}),
            "description",
            "must be a string",
        ),
        (
            json!({"title": "a", "description": "\0"}),
            "description",
            "must not contain the character U+0000",
        ),
        (
            json!({"title": "a", "description": "x".repeat(10_001)}),
            "description",
            "must be at most 10000 characters long",
        ),
    ];

    for body in good {
        let task = post(&app, &body).await.expect(StatusCode::CREATED);
        let id = &task["id"];
        let path = format!("/api/tasks/{id}");
        let stored = app.user("ana", Method::GET, &path).send().await;
        assert_eq!(stored.expect(StatusCode::OK), task);
        assert_eq!(task["title"], body["title"].as_str().unwrap().trim());
        assert_eq!(
            task["description"],
            *body.get("description").unwrap_or(&Value::Null)
        );
    }
    for (body, field, message) in bad {
        let problem = post(&app, &body).await.problem(400, "invalid-request");
        assert_eq!(
            problem["errors"],
            json!([{"field": field, "message": message}])
        );
        assert_eq!(problem["detail"], format!("{field} {message}"));
    }
}

#[tokio::test]
async fn a_title_has_a_visible_character() {
    let app = App::start().await;
    let task = app.create("ana", "Buy milk").await;

    for title in [
        "\u{200b}",
        "\u{3164}",
        "\u{2800}\u{2800}",
        "\u{115f}\u{1160}\u{ffa0}",
        "\u{17b4}\u{17b5}",
        "\u{180e}",
        "\u{2060}\u{2061}\u{2062}\u{2063}\u{2064}",
        "\u{fe0f}",
        "\u{ad}",
        "\u{202e}",
        "\u{200d} \u{200d}",
        " \u{feff}\u{200b}\u{feff} ",
        "\u{1d159}",
        "\u{e0001}\u{e0041}\u{e007f}",
        "\u{e0100}",
    ] {
        let body = json!({"title": title});
        let message = "must have at least one visible character";
        for response in [post(&app, &body).await, put(&app, &task["id"], &body).await] {
            let problem = response.problem(400, "invalid-request");
            assert_eq!(
                problem["errors"],
                json!([{"field": "title", "message": message}]),
                "{title:?}"
            );
        }
    }
    assert_eq!(app.list("ana", "").await, [task]);
}

#[tokio::test]
async fn invisible_characters_beside_visible_ones_are_kept() {
    let app = App::start().await;

    for title in [
        "👩\u{200d}👩\u{200d}👧",
        "❤\u{fe0f}",
        "🏴\u{e0067}\u{e0062}\u{e007f}",
        "\u{202e}abc",
        "می\u{200c}خواهم",
        "\u{200b}a\u{200b}",
        "\u{301}",
    ] {
        let task = app.create("ana", title).await;
        assert_eq!(task["title"], title);
    }
}

#[tokio::test]
async fn white_space_is_that_of_unicode_and_u_feff() {
    let app = App::start().await;

    for space in ('\u{1}'..=char::MAX).filter(|c| c.is_whitespace() || *c == '\u{feff}') {
        let padded = app.create("ana", &format!("{space}a{space}b{space}")).await;
        let alone = post(&app, &json!({"title": space})).await;

        assert_eq!(padded["title"], format!("a{space}b"));
        let problem = alone.problem(400, "invalid-request");
        assert_eq!(problem["detail"], "title must be 1 to 200 characters long");
    }
    for other in ['\u{1c}', '\u{1f}', '\u{200b}', '\u{180e}', '\u{2060}'] {
        let title = format!("{other}a{other}");
        assert_eq!(app.create("ana", &title).await["title"], title);
    }
}

#[tokio::test]
async fn all_invalid_fields_are_reported_at_once() {
    let app = App::start().await;
    let task = app.create("ana", "Buy milk").await;

    let created = post(&app, &json!({"title": 1, "description": 2})).await;
    let updated = put(
        &app,
        &task["id"],
        &json!({"description": 2, "completed": "true"}),
    )
    .await;

    let fields = |response: Response| {
        let problem = response.problem(400, "invalid-request");
        let errors = problem["errors"].as_array().unwrap().clone();
        errors
            .iter()
            .map(|e| e["field"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(fields(created), ["title", "description"]);
    assert_eq!(fields(updated), ["title", "description", "completed"]);

    // So is what one field says of another.
    let created = post(&app, &json!({"title": "", "due_time": "10:00"})).await;
    let both = json!({"title": "", "due_date": null, "due_time": "10:00"});
    let updated = put(&app, &task["id"], &both).await;
    assert_eq!(fields(created), ["title", "due_time"]);
    assert_eq!(fields(updated), ["title", "due_time"]);
    // A time is not judged by a date that cannot be read.
    let unreadable = json!({"title": "", "due_date": "x", "due_time": "10:00"});
    let created = post(&app, &unreadable).await;
    assert_eq!(fields(created), ["title", "due_date"]);
}

#[tokio::test]
async fn the_quota_limits_the_number_of_tasks() {
    let app = App::with_quota(2).await;
    app.create("ana", "one").await;
    let two = app.create("ana", "two").await;

    let third = post(&app, &json!({"title": "three"})).await;
    app.create("bob", "another user's").await;
    let path = format!("/api/tasks/{}", two["id"]);
    app.user("ana", Method::DELETE, &path).send().await;
    let after_delete = post(&app, &json!({"title": "three"})).await;

    let problem = third.problem(403, "quota-exceeded");
    assert!(problem["detail"].as_str().unwrap().contains('2'));
    after_delete.expect(StatusCode::CREATED);
    assert_eq!(app.list("ana", "").await.len(), 2);
}
