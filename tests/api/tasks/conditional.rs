//! Conditional requests: `ETag`, `If-None-Match`, `If-Match`.

use poem::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{complete, post, put};
use crate::support::{App, Response};

async fn read(app: &App, path: &str, known: &str) -> Response {
    let call = app.user("ana", Method::GET, path);
    call.header("if-none-match", known).send().await
}

/// A write of each operation with `If-Match`.
async fn writes(app: &App, id: &Value, expected: &str) -> Vec<Response> {
    let path = format!("/api/tasks/{id}");
    let complete = format!("{path}/complete");
    let mut responses = Vec::new();
    for (method, path, body) in [
        (Method::PUT, &path, json!({"title": "x"})),
        (Method::PATCH, &path, json!({"title": "x"})),
        (Method::PATCH, &path, json!({})),
        (Method::PATCH, &complete, json!({"completed": true})),
        (Method::DELETE, &path, Value::Null),
        (Method::DELETE, &format!("{path}?trash=true"), Value::Null),
    ] {
        let call = app.user("ana", method, path).header("if-match", expected);
        let call = if body.is_null() {
            call
        } else {
            call.json(&body)
        };
        responses.push(call.send().await);
    }
    responses
}

#[tokio::test]
async fn a_tag_is_the_version_and_changes_with_every_write() {
    let app = App::start().await;
    let created = post(&app, &json!({"title": "a"})).await;
    let tag = created.header("etag").to_owned();
    let task = created.expect(StatusCode::CREATED);
    assert_eq!(tag, format!("\"{}\"", task["version"]));
    let path = format!("/api/tasks/{}", task["id"]);

    let written = complete(&app, &task["id"], &json!({"completed": false})).await;
    assert_eq!(written.header("etag"), "", "the body has the version");
    let written = written.expect(StatusCode::OK);
    assert_ne!(
        written["version"], task["version"],
        "although nothing changed"
    );
    let got = app.user("ana", Method::GET, &path).send().await;
    assert_eq!(got.header("etag"), format!("\"{}\"", written["version"]));
    let put = put(&app, &task["id"], &json!({"title": "b"})).await;
    assert_eq!(put.header("etag"), "");
    let patched = app
        .user("ana", Method::PATCH, &path)
        .json(&json!({"title": "c"}));
    let patched = patched.send().await;
    let tag = patched.header("etag").to_owned();
    assert_eq!(
        tag,
        format!("\"{}\"", patched.expect(StatusCode::OK)["version"])
    );
}

#[tokio::test]
async fn a_state_that_the_client_has_is_304_without_a_body() {
    let app = App::start().await;
    let task = app.create("ana", "a").await;
    let (path, version) = (format!("/api/tasks/{}", task["id"]), &task["version"]);

    for known in [
        format!("\"{version}\""),
        format!("W/\"{version}\""),
        format!("\"{version}-gzip\""),
        format!("\"99\", \"{version}\""),
        "*".to_owned(),
    ] {
        let response = read(&app, &path, &known).await;
        assert_eq!(response.status, StatusCode::NOT_MODIFIED, "{known}");
        assert_eq!(response.header("etag"), format!("\"{version}\""));
        assert!(response.header("vary").to_lowercase().contains("origin"));
        assert_eq!(response.header("cache-control"), "no-store");
        assert!(response.text.is_empty());
    }
    for known in ["\"99\"", "W/\"99\"", "58", "\"", "\"1x\"", ""] {
        read(&app, &path, known).await.expect(StatusCode::OK);
    }
    let foreign = app
        .user("ben", Method::GET, &path)
        .header("if-none-match", "*");
    foreign.send().await.problem(404, "not-found");
}

#[tokio::test]
async fn the_tag_of_a_list_changes_with_any_write_of_the_user_and_with_no_other() {
    let app = App::start().await;
    let mut tags = Vec::new();
    let tag = async |query: &str| {
        let path = format!("/api/tasks{query}");
        let list = app.user("ana", Method::GET, &path).send().await;
        list.header("etag").to_owned()
    };
    tags.push(tag("").await);
    let id = app.create("ana", "a").await["id"].clone();
    tags.push(tag("").await);
    complete(&app, &id, &json!({"completed": true})).await;
    tags.push(tag("").await);
    let path = format!("/api/tasks/{id}");
    app.user("ana", Method::DELETE, &path)
        .send()
        .await
        .expect(StatusCode::OK);
    tags.push(tag("").await);

    let mut different = tags.clone();
    different.sort();
    different.dedup();
    assert_eq!(different.len(), 4, "{tags:?}");
    let last = tags.pop().unwrap();
    app.create("ben", "b").await;
    for query in ["", "?status=completed", "?limit=1", "?sort=due&q=x"] {
        assert_eq!(tag(query).await, last, "{query}");
        let path = format!("/api/tasks{query}");
        let response = read(&app, &path, &last).await;
        assert_eq!(response.status, StatusCode::NOT_MODIFIED, "{query}");
        assert_eq!(response.header("etag"), last);
        read(&app, &path, &tags[0]).await.expect(StatusCode::OK);
    }
    let foreign = app
        .user("ben", Method::GET, "/api/tasks")
        .header("if-none-match", &last);
    foreign.send().await.expect(StatusCode::OK);
}

/// RFC 9110, section 13.2.1: conditions count where the response is a success without them.
#[tokio::test]
async fn an_invalid_request_is_400_whatever_state_the_client_has() {
    let app = App::start().await;
    for title in ["a", "b"] {
        app.create("ana", title).await;
    }
    let list = app.user("ana", Method::GET, "/api/tasks?limit=1").send();
    let list = list.await;
    let tag = list.header("etag").to_owned();
    let (_, next) = list.header("link").split_once('<').unwrap();
    let (next, _) = next.split_once('>').unwrap();
    let next = next.trim_start_matches("/api/tasks");

    for known in [tag.as_str(), "*"] {
        let page = read(&app, &format!("/api/tasks{next}"), known).await;
        assert_eq!(page.status, StatusCode::NOT_MODIFIED);
        assert_eq!(page.header("etag"), tag);
        for (query, field) in [
            ("?cursor=x", "cursor"),
            (&format!("{next}&sort=due"), "cursor"),
            ("?limit=0", "limit"),
            ("?status=x", "status"),
        ] {
            let response = read(&app, &format!("/api/tasks{query}"), known).await;
            let problem = response.problem(400, "invalid-request");
            assert_eq!(problem["errors"][0]["field"], field, "{query}");
        }
    }
    read(&app, &format!("/api/tasks{next}"), "\"x\"")
        .await
        .expect(StatusCode::OK);

    let time = json!({"title": "a", "due_time": "10:00"});
    for expected in ["\"1\"", "\"99\"", "*"] {
        for method in [Method::PUT, Method::PATCH] {
            let call = app.user("ana", method, "/api/tasks/1");
            let response = call.header("if-match", expected).json(&time).send().await;
            let problem = response.problem(400, "invalid-request");
            assert_eq!(problem["errors"][0]["field"], "due_time", "{expected}");
        }
    }
}

#[tokio::test]
async fn a_write_for_another_state_is_412_with_the_task_as_it_is() {
    let app = App::start().await;
    let task = app.create("ana", "a").await;
    let task = complete(&app, &task["id"], &json!({"completed": true})).await;
    let task = task.expect(StatusCode::OK);

    for expected in [
        "\"1\"",
        "\"99\"",
        "W/\"2\"",
        "\"02\"",
        "\"x\"",
        "\"2-gzip\"",
        "\"\"",
    ] {
        for response in writes(&app, &task["id"], expected).await {
            let problem = response.problem(412, "version-conflict");
            assert_eq!(problem["current"], task, "{expected}");
        }
    }
    for unreadable in ["2", "\"2", "", "*, \"2\"", "\"2\" \"3\""] {
        for response in writes(&app, &task["id"], unreadable).await {
            let problem = response.problem(400, "invalid-request");
            assert_eq!(problem["errors"][0]["field"], "If-Match", "{unreadable}");
        }
    }
    for response in writes(&app, &json!(99), "\"2\"").await {
        response.problem(404, "not-found");
    }
    assert_eq!(app.list("ana", "").await, std::slice::from_ref(&task));
    for expected in ["*", "\"1\", \"2\"", "\"2\""] {
        let call = app.user("ana", Method::PATCH, &format!("/api/tasks/{}", task["id"]));
        let call = call.header("if-match", expected).json(&json!({}));
        assert_eq!(call.send().await.expect(StatusCode::OK), task, "{expected}");
    }
}

#[tokio::test]
async fn a_client_without_the_new_headers_overwrites_as_before() {
    let app = App::start().await;
    let task = app.create("ana", "a").await;

    for title in ["b", "c"] {
        let written = put(&app, &task["id"], &json!({"title": title})).await;
        assert_eq!(written.expect(StatusCode::OK)["title"], title);
    }
}
