//! Each operation's rulings.

use poem::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Answer, App};

async fn put(app: &App, id: &Value, body: &Value) -> Answer {
    let call = app.user("ana", Method::PUT, &format!("/api/tasks/{id}"));
    call.json(body).send().await
}

async fn complete(app: &App, id: &Value, body: &Value) -> Answer {
    let path = format!("/api/tasks/{id}/complete");
    app.user("ana", Method::PATCH, &path)
        .json(body)
        .send()
        .await
}

async fn post(app: &App, body: &Value) -> Answer {
    let call = app.user("ana", Method::POST, "/api/tasks");
    call.json(body).send().await
}

#[tokio::test]
async fn a_new_user_has_no_tasks() {
    let app = App::start().await;

    let tasks = app.list("ana", "").await;

    assert!(tasks.is_empty());
}

#[tokio::test]
async fn a_created_task_has_every_field_and_says_where_it_is() {
    let app = App::start().await;

    let answer = post(
        &app,
        &json!({"title": "  Buy milk\n", "description": " blue "}),
    )
    .await;

    let task = answer.expect(StatusCode::CREATED);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(
        answer.header("location"),
        format!("/api/tasks/{}", task["id"])
    );
    assert!(task["id"].as_i64().is_some_and(|id| id > 0));
    assert_eq!(task["user_id"], "ana");
    assert_eq!(task["title"], "Buy milk");
    assert_eq!(task["description"], " blue ");
    assert_eq!(task["completed"], false);
    assert_eq!(task["created_at"], task["updated_at"]);
    assert_eq!(task.as_object().unwrap().len(), 7);
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
async fn a_missing_description_is_null_and_its_key_is_there() {
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
async fn what_the_server_sets_is_never_taken_from_the_body() {
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
async fn lengths_count_characters_and_the_bounds_are_exact() {
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
async fn every_wrong_field_is_named_at_once() {
    let app = App::start().await;
    let task = app.create("ana", "Buy milk").await;

    let created = post(&app, &json!({"title": 1, "description": 2})).await;
    let updated = put(
        &app,
        &task["id"],
        &json!({"description": 2, "completed": "true"}),
    )
    .await;

    let fields = |answer: Answer| {
        let problem = answer.problem(400, "invalid-request");
        let errors = problem["errors"].as_array().unwrap().clone();
        errors
            .iter()
            .map(|e| e["field"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(fields(created), ["title", "description"]);
    assert_eq!(fields(updated), ["title", "description", "completed"]);
}

#[tokio::test]
async fn a_list_is_newest_first_and_whole() {
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
async fn an_unknown_status_names_the_three_there_are() {
    let app = App::start().await;

    for query in ["?status=done", "?status=", "?status=ALL", "?status=%00"] {
        let path = format!("/api/tasks{query}");
        let answer = app.user("ana", Method::GET, &path).send().await;
        let problem = answer.problem(400, "invalid-request");
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

#[tokio::test]
async fn an_update_keeps_what_it_does_not_name() {
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
async fn an_update_without_a_title_is_refused_and_changes_nothing() {
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
async fn completing_sets_and_never_toggles() {
    let app = App::start().await;
    let task = app.create("ana", "Buy milk").await;

    for completed in [true, true, false, false, true] {
        let answer = complete(&app, &task["id"], &json!({"completed": completed})).await;
        let seen = answer.expect(StatusCode::OK);
        assert_eq!(seen["completed"], completed);
        assert_eq!(seen["title"], "Buy milk");
    }
}

#[tokio::test]
async fn completing_without_saying_so_names_the_field() {
    let app = App::start().await;
    let task = app.create("ana", "Buy milk").await;
    let path = format!("/api/tasks/{}/complete", task["id"]);

    let nothing = app.user("ana", Method::PATCH, &path).send().await;
    let empty = complete(&app, &task["id"], &json!({})).await;
    let text = complete(&app, &task["id"], &json!({"completed": "true"})).await;

    for (answer, message) in [
        (nothing, "is required"),
        (empty, "is required"),
        (text, "must be true or false"),
    ] {
        let problem = answer.problem(400, "invalid-request");
        assert_eq!(
            problem["errors"],
            json!([{"field": "completed", "message": message}])
        );
    }
}

#[tokio::test]
async fn every_write_moves_updated_at_and_leaves_created_at() {
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

#[tokio::test]
async fn a_deleted_task_is_gone_and_the_second_delete_says_so() {
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
async fn an_id_is_never_given_twice() {
    let app = App::start().await;
    let first = app.create("ana", "one").await;
    let path = format!("/api/tasks/{}", first["id"]);

    app.user("ana", Method::DELETE, &path).send().await;
    let second = app.create("ana", "two").await;

    assert!(second["id"].as_i64() > first["id"].as_i64());
}

#[tokio::test]
async fn an_id_that_is_no_positive_integer_names_no_task() {
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

#[tokio::test]
async fn the_quota_bounds_what_a_user_holds() {
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
