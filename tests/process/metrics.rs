//! Metrics: on a separate port, correct, and without any client input.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tasks_api_test_support::{
    database::TestDatabase,
    events::{Events, request},
    process::{SECRET, Service, client, free_port, run, token},
};
use tokio::time::{sleep, timeout};

struct Measured {
    service: Service,
    port: String,
    _database: TestDatabase,
}

impl Measured {
    async fn start(more: &[(&str, &str)]) -> Self {
        let (database, port) = (TestDatabase::create().await, free_port().to_string());
        let mut variables = vec![
            ("DATABASE_URL", database.url()),
            ("BETTER_AUTH_SECRET", SECRET),
            ("METRICS_PORT", &port),
        ];
        variables.extend(more);
        let service = Service::start(&variables).await;
        service.wait_until_ready().await;
        Self {
            service,
            port,
            _database: database,
        }
    }

    async fn text(&self) -> String {
        let url = format!("http://127.0.0.1:{}/metrics", self.port);
        let response = client().get(url).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let kind = response.headers()["content-type"].to_str().unwrap();
        assert!(kind.starts_with("application/openmetrics-text"), "{kind}");
        response.text().await.unwrap()
    }

    /// The value of the line that begins with `name`.
    async fn value(&self, name: &str) -> Option<f64> {
        let text = self.text().await;
        let mut lines = text.lines();
        let found = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        found.map(|value| value.parse().unwrap())
    }

    async fn call(&self, method: &str, path: &str, token: &str) -> StatusCode {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let call = self.service.request(method, path);
        let call = call.bearer_auth(token).json(&json!({"title": "Milk"}));
        call.send().await.unwrap().status()
    }
}

fn requests(operation: &str, status: u16) -> String {
    format!("tasks_api_requests_total{{operation=\"{operation}\",status=\"{status}\"}}")
}

#[tokio::test]
async fn requests_are_counted_by_operation_and_status() {
    let measured = Measured::start(&[]).await;
    let ana = token("ana").await;

    for _ in 0..3 {
        assert_eq!(measured.call("POST", "/api/tasks", &ana).await, 201);
    }
    assert_eq!(
        measured
            .call("GET", "/api/tasks/424242424242424242", &ana)
            .await,
        404
    );
    assert_eq!(measured.call("GET", "/api/tasks", "no token").await, 401);
    assert_eq!(measured.call("GET", "/wp-login.php", &ana).await, 404);
    assert_eq!(measured.call("BREW", "/api/tasks", &ana).await, 405);

    for (operation, status, count) in [
        ("createTask", 201, 3.0),
        ("getTask", 404, 1.0),
        ("listTasks", 401, 1.0),
        ("other", 404, 1.0),
        ("other", 405, 1.0),
    ] {
        let counted = measured.value(&requests(operation, status)).await;
        assert_eq!(counted, Some(count), "{operation} {status}");
    }
    let seconds = "tasks_api_request_duration_seconds_count{operation=\"createTask\"}";
    assert_eq!(measured.value(seconds).await, Some(3.0));
    let batches = "tasks_api_batch_size_count{lane=\"write\"}";
    assert!(measured.value(batches).await >= Some(1.0));
    let queued = "tasks_api_queue_depth{lane=\"write\"}";
    assert_eq!(measured.value(queued).await, Some(0.0));
    let open = "tasks_api_database_connections{state=\"open\"}";
    assert!(measured.value(open).await >= Some(1.0));
    let text = measured.text().await;
    assert!(text.contains("tasks_api_build_info{version=\""), "{text}");
    assert!(text.ends_with("# EOF\n"));
    for chosen in ["ana", "424242424242424242", "wp-login", "BREW", "Milk"] {
        assert!(!text.contains(chosen), "{chosen} is client input");
    }
}

#[tokio::test]
async fn an_aborted_request_is_no_longer_in_flight() {
    let measured = Measured::start(&[]).await;
    let ana = token("ana").await;
    let ana = measured.service.client(&ana);

    let calls = (0..50).map(|n| timeout(Duration::from_micros(n * 40), ana.create("Milk")));
    join_all(calls).await;

    for _ in 0..100 {
        if measured.value("tasks_api_requests_in_flight").await == Some(0.0) {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("{}", measured.text().await);
}

#[tokio::test]
async fn exceeded_limits_are_counted() {
    let measured = Measured::start(&[("RATE_LIMIT_PER_USER", "2")]).await;
    let ana = token("ana").await;

    let mut refused = 0.0;
    for _ in 0..5 {
        let status = measured.call("GET", "/api/tasks", &ana).await;
        refused += f64::from(u8::from(status == StatusCode::TOO_MANY_REQUESTS));
    }

    let hit = "tasks_api_limits_hit_total{limit=\"user\"}";
    assert!(refused > 0.0);
    assert_eq!(measured.value(hit).await, Some(refused));
}

#[tokio::test]
async fn retries_conflicts_and_expired_cursors_are_counted() {
    let measured = Measured::start(&[]).await;
    let ana = token("ana").await;
    let send = async |method: &str, path: &str, header: (&str, &str), body: Value| {
        let url = format!("{}{path}", measured.service.url);
        let request = client()
            .request(method.parse().unwrap(), url)
            .bearer_auth(&ana);
        let request = request.header(header.0, header.1).json(&body);
        request.send().await.unwrap().status().as_u16()
    };

    let key = ("idempotency-key", "k");
    let mut statuses = Vec::new();
    for title in ["Milk", "Milk", "Eggs"] {
        statuses.push(send("POST", "/api/tasks", key, json!({"title": title})).await);
    }
    let other = ("if-match", "\"9\"");
    statuses.push(send("PUT", "/api/tasks/1", other, json!({"title": "Bread"})).await);

    assert_eq!(statuses, [201, 201, 422, 412]);
    let replayed = "tasks_api_creations_replayed_total";
    assert_eq!(measured.value(replayed).await, Some(1.0));
    assert_eq!(
        measured.value(&requests("createTask", 422)).await,
        Some(1.0)
    );
    assert_eq!(
        measured.value(&requests("updateTask", 412)).await,
        Some(1.0)
    );
}

#[tokio::test]
async fn an_unreachable_database_and_key_set_are_counted() {
    let port = free_port().to_string();
    let service = Service::start(&[
        ("DATABASE_URL", "postgres://nobody@127.0.0.1:1/tasks"),
        ("BETTER_AUTH_URL", "http://127.0.0.1:1"),
        ("METRICS_PORT", &port),
    ])
    .await;
    // Header and claims may be valid; only a key can decide.
    let token = "eyJhbGciOiJFZERTQSIsImtpZCI6ImEifQ.eyJzdWIiOiJhbmEifQ.c2lnbmF0dXJl";
    for path in ["/health/ready", "/api/tasks"] {
        let call = service.request(Method::GET, path);
        let response = call.bearer_auth(token).send().await.unwrap();
        assert_eq!(response.status(), 503);
    }

    let url = format!("http://127.0.0.1:{port}/metrics");
    let text = client()
        .get(url)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let failed = "tasks_api_key_set_fetches_total{outcome=\"failure\"} ";
    assert!(text.contains(failed), "{text}");
    assert!(
        !text.contains("key_set_age_seconds "),
        "there is none: {text}"
    );
    assert!(
        text.contains(&format!("{} 1\n", requests("health", 503))),
        "{text}"
    );
}

#[tokio::test]
async fn streams_are_counted_apart_from_requests_in_flight() {
    let measured = Measured::start(&[]).await;
    let (url, ana) = (&measured.service.url, token("ana").await);
    let mut streams = Vec::new();
    for _ in 0..8 {
        let mut stream = Events::open(url, &ana, None).await;
        stream.event().await.unwrap();
        streams.push(stream);
    }
    let refused = request(url, &ana, None).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(measured.call("POST", "/api/tasks", &ana).await, 201);
    for stream in &mut streams {
        stream.event().await.unwrap();
    }

    for (name, value) in [
        ("tasks_api_event_streams", 8.0),
        ("tasks_api_events_sent_total", 16.0),
        ("tasks_api_requests_in_flight", 0.0),
        ("tasks_api_limits_hit_total{limit=\"streams\"}", 1.0),
        (&requests("streamChanges", 200), 8.0),
        (&requests("streamChanges", 429), 1.0),
    ] {
        assert_eq!(measured.value(name).await, Some(value), "{name}");
    }
    // The time to the head of the response.
    let seconds = "tasks_api_request_duration_seconds_count{operation=\"streamChanges\"}";
    assert_eq!(measured.value(seconds).await, Some(9.0));
    drop(streams);
    let none = async {
        while measured.value("tasks_api_event_streams").await != Some(0.0) {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_mins(1), none).await.unwrap();
}

#[tokio::test]
async fn metrics_are_served_on_a_separate_port_only() {
    let measured = Measured::start(&[]).await;
    let port = free_port().to_string();

    assert_eq!(measured.call("GET", "/metrics", "").await, 404);
    for path in ["/", "/api/tasks", "/health/live"] {
        let url = format!("http://127.0.0.1:{}{path}", measured.port);
        let response = client().get(url).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
    }
    for (value, says) in [
        (
            "ninety",
            "METRICS_PORT: got \"ninety\", wants a port number",
        ),
        (&*port, "METRICS_PORT: wants another port than PORT"),
    ] {
        let variables = [("PORT", &*port), ("METRICS_PORT", value)];
        let output = run(&variables, &["serve"]).await;
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{errors}");
        assert!(errors.contains(says), "{errors}");
    }
}
