//! Every failure, of every layer, has a problem body (RFC 9457).

use futures_util::StreamExt;
use poem::{
    Body,
    http::{Method, StatusCode},
};
use serde_json::{Value, json};
use tasks_api::{
    api::{
        rest::{header::IdempotencyKey, json_array::JsonArray},
        tasks::{
            ChangesPage, CreateTask, CreatedTask, Expected, ListTasks, PatchTask, Removal, Task,
            TaskError, TaskList, TaskService, TrashedTask, Watch,
        },
    },
    auth::User,
    middleware::health::Readiness,
};

use crate::support::App;

#[tokio::test]
async fn an_unknown_path_is_a_problem() {
    let app = App::start().await;

    for path in [
        "/nothing",
        "/api",
        "/api/",
        "/api/tasks/1/2",
        "/api/tasks/1/complete/x",
        "//",
        "/docs/nothing.js",
        "/docs/../Cargo.toml",
        "/%FF%FE",
    ] {
        let response = app.user("ana", Method::GET, path).send().await;
        response.problem(404, "not-found");
    }
}

#[tokio::test]
async fn an_unsupported_method_lists_the_allowed_ones() {
    let app = App::start().await;

    for (method, path, allow) in [
        (
            Method::PUT,
            "/api/tasks",
            "GET, POST, PATCH, DELETE, HEAD, OPTIONS",
        ),
        (
            Method::POST,
            "/api/tasks/1",
            "GET, PUT, PATCH, DELETE, HEAD, OPTIONS",
        ),
        (Method::GET, "/api/tasks/1/complete", "PATCH, OPTIONS"),
        (Method::GET, "/api/tasks/1/restore", "POST, OPTIONS"),
        (Method::DELETE, "/api/trash", "GET, HEAD, OPTIONS"),
        (Method::POST, "/api/changes", "GET, HEAD, OPTIONS"),
        (Method::POST, "/api/events", "GET, HEAD, OPTIONS"),
        (Method::GET, "/api/data", "DELETE, OPTIONS"),
        (Method::POST, "/docs", "GET, HEAD, OPTIONS"),
        (Method::DELETE, "/health/live/", "GET, HEAD, OPTIONS"),
    ] {
        let response = app.user("ana", method, path).send().await;
        response.problem(405, "method-not-allowed");
        let options = app.request(Method::OPTIONS, path).send().await;

        let names = |text: &str| {
            let mut names: Vec<_> = text.split(", ").map(str::to_owned).collect();
            names.sort();
            names
        };
        assert_eq!(names(response.header("allow")), names(allow), "{path}");
        assert_eq!(options.status, StatusCode::NO_CONTENT);
        assert_eq!(names(options.header("allow")), names(allow), "{path}");
    }
}

#[tokio::test]
async fn head_is_handled_like_get() {
    let app = App::start().await;

    let response = app.user("ana", Method::HEAD, "/api/tasks").send().await;

    assert_eq!(response.status, StatusCode::OK);
    assert_eq!(response.header("content-type"), "application/json");
}

#[tokio::test]
async fn a_trailing_slash_serves_the_same_resource() {
    let app = App::start().await;
    let task = app.create("ana", "Buy milk").await;
    let id = &task["id"];

    let list = app.user("ana", Method::GET, "/api/tasks/?status=pending");
    let read = app.user("ana", Method::GET, &format!("/api/tasks/{id}/"));
    let complete = app.user("ana", Method::PATCH, &format!("/api/tasks/{id}/complete/"));
    let create = app.user("ana", Method::POST, "/api/tasks/");

    assert_eq!(list.send().await.expect(StatusCode::OK), json!([task]));
    assert_eq!(read.send().await.expect(StatusCode::OK), task);
    let done = complete.json(&json!({"completed": true})).send().await;
    assert_eq!(done.expect(StatusCode::OK)["completed"], true);
    let created = create.json(&json!({"title": "x"})).send().await;
    created.expect(StatusCode::CREATED);
}

#[tokio::test]
async fn a_body_without_a_json_content_type_is_415() {
    let app = App::start().await;
    let body = json!({"title": "Buy milk"}).to_string();
    let post = || app.user("ana", Method::POST, "/api/tasks");

    for content_type in [
        None,
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("multipart/form-data; boundary=x"),
        Some("application/jsonx"),
        Some("text/json"),
        Some("json"),
    ] {
        let mut call = post();
        if let Some(content_type) = content_type {
            call = call.header("content-type", content_type);
        }
        let response = call.body(body.clone()).send().await;
        response.problem(415, "unsupported-media-type");
    }
    for content_type in [
        "application/json",
        "Application/JSON; charset=UTF-8",
        "application/merge-patch+json",
    ] {
        let call = post().header("content-type", content_type);
        assert_eq!(
            call.body(body.clone()).send().await.status,
            StatusCode::CREATED
        );
    }
    let compressed = post()
        .header("content-type", "application/json")
        .header("content-encoding", "gzip");
    let response = compressed.body(body).send().await;
    response.problem(415, "unsupported-media-type");
}

#[tokio::test]
async fn a_missing_body_names_the_first_missing_field() {
    let app = App::start().await;

    for (method, path, field) in [
        (Method::POST, "/api/tasks", "title"),
        (Method::PUT, "/api/tasks/1", "title"),
        (Method::PATCH, "/api/tasks/1/complete", "completed"),
        (Method::PATCH, "/api/tasks", "completed"),
    ] {
        for content_type in ["application/json", "text/plain"] {
            let call = app.user("ana", method.clone(), path);
            let response = call.header("content-type", content_type).send().await;
            let problem = response.problem(400, "invalid-request");
            assert_eq!(problem["detail"], format!("{field} is required"));
        }
    }
}

#[tokio::test]
async fn a_body_that_is_not_a_json_object_is_400() {
    let app = App::start().await;
    let deep = "[".repeat(100_000);
    let bodies: [&[u8]; 10] = [
        b"{",
        b"nonsense",
        b"[]",
        b"null",
        b"\"title\"",
        b"1",
        b"{\"title\": \"a\",}",
        b"{\"title\": \"a\"} x",
        b"\xff\xfe",
        deep.as_bytes(),
    ];

    for body in bodies {
        let call = app.user("ana", Method::POST, "/api/tasks");
        let call = call.header("content-type", "application/json");
        let response = call.body(body.to_vec()).send().await;
        let problem = response.problem(400, "invalid-request");
        assert_eq!(problem["errors"][0]["field"], "body", "{problem}");
    }
    assert!(app.list("ana", "").await.is_empty());
}

#[tokio::test]
async fn a_body_over_128_kib_is_413_whatever_its_framing() {
    let app = App::start().await;
    let post = |body: Body| {
        let call = app.user("ana", Method::POST, "/api/tasks");
        call.header("content-type", "application/json").body(body)
    };
    let padded = |length: usize| {
        let body = json!({"title": "a"}).to_string();
        let spaces = " ".repeat(length - body.len());
        body + &spaces
    };

    let exact = post(padded(128 * 1024).into()).send().await;
    let over = post(padded(128 * 1024 + 1).into()).send().await;
    let text = padded(128 * 1024 + 1).into_bytes();
    let chunks = futures_util::stream::iter(
        text.chunks(1000)
            .map(<[u8]>::to_vec)
            .map(Ok::<_, std::io::Error>)
            .collect::<Vec<_>>(),
    );
    let chunked = post(Body::from_bytes_stream(chunks)).send().await;

    assert_eq!(exact.status, StatusCode::CREATED);
    over.problem(413, "content-too-large");
    chunked.problem(413, "content-too-large");
}

#[tokio::test]
async fn a_body_that_does_not_arrive_in_time_is_408_and_writes_nothing() {
    let app = App::start().await;
    let id = app.create("ana", "Buy milk").await["id"].to_string();
    tokio::time::pause();

    for (method, path) in [
        (Method::POST, "/api/tasks".to_owned()),
        (Method::PUT, format!("/api/tasks/{id}")),
        (Method::PATCH, format!("/api/tasks/{id}")),
        (Method::PATCH, format!("/api/tasks/{id}/complete")),
        (Method::PATCH, "/api/tasks".to_owned()),
    ] {
        let start = futures_util::stream::iter([Ok::<_, std::io::Error>(b"{\"title\"".to_vec())]);
        let body = Body::from_bytes_stream(start.chain(futures_util::stream::pending()));
        let call = app.user("ana", method, &path).body(body);
        let response = call.header("content-type", "application/json").send().await;

        response.problem(408, "request-timeout");
        assert_eq!(response.header("connection"), "close");
    }
    tokio::time::resume();
    let tasks = app.list("ana", "").await;
    assert_eq!(tasks.len(), 1);
    assert_eq!(tasks[0]["title"], "Buy milk");
}

#[tokio::test]
async fn every_response_has_its_request_id() {
    let app = App::start().await;

    let first = app.request(Method::GET, "/health/live").send().await;
    let second = app.request(Method::GET, "/nothing").send().await;
    let given = app.request(Method::GET, "/health/live");
    let given = given
        .header("x-request-id", "from-the-proxy-42")
        .send()
        .await;
    let unsafe_id = app.request(Method::GET, "/health/live");
    let unsafe_id = unsafe_id
        .header("x-request-id", "a b\"c{}=d;e")
        .send()
        .await;

    let id = |response: &crate::support::Response| response.header("x-request-id").to_owned();
    assert!(id(&first).len() >= 16);
    assert_ne!(id(&first), id(&second));
    assert_eq!(id(&given), "from-the-proxy-42");
    assert!(!id(&unsafe_id).contains(' '));
    let tasks = app.user("ana", Method::GET, "/api/tasks").send().await;
    for response in [&first, &second, &tasks] {
        assert_eq!(response.header("x-content-type-options"), "nosniff");
        assert_eq!(response.header("cache-control"), "no-store");
    }
}

/// A service in which every operation fails with a given error.
struct Failing(fn() -> TaskError);

impl TaskService for Failing {
    async fn list(&self, _: &User, _: ListTasks) -> Result<TaskList, TaskError> {
        Err(self.0())
    }

    async fn cursor(&self, _: &User) -> Result<String, TaskError> {
        Err(self.0())
    }

    async fn create(
        &self,
        _: &User,
        _: CreateTask,
        _: Option<IdempotencyKey>,
    ) -> Result<CreatedTask, TaskError> {
        Err(self.0())
    }

    async fn get(&self, _: &User, _: i64) -> Result<Task, TaskError> {
        Err(self.0())
    }

    async fn patch(&self, _: &User, _: i64, _: PatchTask, _: Expected) -> Result<Task, TaskError> {
        Err(self.0())
    }

    async fn complete(&self, _: &User, _: i64, _: bool, _: Expected) -> Result<Task, TaskError> {
        Err(self.0())
    }

    async fn delete(&self, _: &User, _: i64, _: Removal, _: Expected) -> Result<(), TaskError> {
        Err(self.0())
    }

    async fn restore(&self, _: &User, _: i64) -> Result<Task, TaskError> {
        Err(self.0())
    }

    async fn trash(&self, _: &User) -> Result<JsonArray<TrashedTask>, TaskError> {
        Err(self.0())
    }

    async fn complete_all(&self, _: &User, _: bool) -> Result<u64, TaskError> {
        Err(self.0())
    }

    async fn clear(&self, _: &User) -> Result<u64, TaskError> {
        Err(self.0())
    }

    async fn changes(&self, _: &User, _: Option<String>, _: u32) -> Result<ChangesPage, TaskError> {
        Err(self.0())
    }

    async fn watch(&self, _: &User) -> Result<Watch, TaskError> {
        Err(self.0())
    }

    async fn erase(&self, _: &User) -> Result<u64, TaskError> {
        Err(self.0())
    }
}

async fn failure(fail: fn() -> TaskError) -> (crate::support::Response, Value) {
    let app = App::over(Failing(fail), &Readiness::new(async || Ok(())));
    let response = app.user("ana", Method::GET, "/api/tasks").send().await;
    let body = serde_json::from_str(&response.text).unwrap();
    (response, body)
}

#[tokio::test]
async fn an_internal_error_shows_only_the_request_id() {
    let secret = "SELECT * FROM tasks at /srv/db password=sesame";

    for fail in [
        || TaskError::Internal("SELECT * FROM tasks at /srv/db password=sesame".to_owned()),
        || panic!("SELECT * FROM tasks at /srv/db password=sesame"),
    ] {
        let (response, _) = failure(fail).await;
        let problem = response.problem(500, "internal-error");
        assert_eq!(problem["request_id"], response.header("x-request-id"));
        assert!(
            secret
                .split(' ')
                .all(|word| word.len() < 4 || !response.text.contains(word))
        );
    }
}

#[tokio::test]
async fn an_unreachable_database_sets_retry_after() {
    let (away, _) = failure(|| TaskError::Unavailable("db:5432 refused".to_owned())).await;
    let (unknown, _) = failure(|| TaskError::OutcomeUnknown("db:5432 reset".to_owned())).await;

    for (response, kind) in [(away, "service-unavailable"), (unknown, "outcome-unknown")] {
        let problem = response.problem(503, kind);
        assert_eq!(problem["request_id"], response.header("x-request-id"));
        assert!(response.header("retry-after").parse::<u32>().unwrap() > 0);
        assert!(!response.text.contains("5432"));
    }
}
