//! HTTP/2 without TLS (h2c), as load balancers use it.

use std::time::Duration;

use reqwest::{Client, Method, StatusCode, Version};
use serde_json::{Value, json};
use tasks_api_test_support::{
    client::{Response, TasksClient},
    process::{SECRET, Service, token},
};
use tokio::{task::JoinSet, time::sleep};

fn http2() -> Client {
    let client = Client::builder().http2_prior_knowledge();
    client.timeout(Duration::from_secs(30)).build().unwrap()
}

async fn service() -> Service {
    let service = Service::start(&[("BETTER_AUTH_SECRET", SECRET)]).await;
    service.wait_until_ready().await;
    service
}

#[tokio::test]
async fn multiplexed_requests_get_their_own_responses() {
    let service = service().await;
    let ana = TasksClient::new(http2(), &service.url, &token("ana").await);

    let mut responses = JoinSet::new();
    for n in 0..300 {
        let task = json!({"title": format!("Task {n}")});
        let post = ana.request(Method::POST, "").json(&task);
        responses.spawn(async move { (n, post.send().await.unwrap()) });
    }
    while let Some(response) = responses.join_next().await {
        let (n, response) = response.unwrap();
        assert_eq!(response.version(), Version::HTTP_2);
        assert_eq!(response.status(), StatusCode::CREATED);
        let place = response.headers()["location"].to_str().unwrap().to_owned();
        let task: Value = response.json().await.unwrap();
        assert_eq!(task["title"], format!("Task {n}"));
        assert_eq!(place, format!("/api/tasks/{}", task["id"]));
    }

    assert_eq!(ana.list("").await.tasks().len(), 300);
}

#[tokio::test]
async fn http2_failures_are_the_same_problems() {
    let service = service().await;
    let ana = TasksClient::new(http2(), &service.url, &token("ana").await);
    let large = json!({"title": "x".repeat(200_000)});
    let cases = [
        (http2().get(format!("{}/api/tasks", service.url)), 401),
        (ana.request(Method::GET, "/1"), 404),
        (ana.request(Method::PUT, ""), 405),
        (ana.request(Method::POST, "").json(&large), 413),
        (ana.request(Method::POST, "").body("{}"), 415),
    ];

    for (request, status) in cases {
        let response = Response::of(request).await;
        assert!(response.headers.contains_key("x-request-id"));
        assert_eq!(response.status, status);
        assert_eq!(response.body["status"], status);
    }
}

#[tokio::test]
async fn too_many_or_too_large_headers_are_a_problem() {
    let service = service().await;
    let client = http2();
    let get = || client.get(format!("{}/health/live", service.url));
    let many = |count| (0..count).fold(get(), |request, n| request.header("x-many", n));

    assert_eq!(many(90).send().await.unwrap().status(), StatusCode::OK);
    for request in [
        get().header("cookie", "0".repeat(70_000)),
        many(101),
        many(1_000),
    ] {
        let response = Response::of(request).await;
        assert!(response.headers.contains_key("x-request-id"));
        assert_eq!(response.status.as_u16(), 431);
        assert_eq!(response.body["type"], "/problems/head-too-large");
    }
    // Beyond what is announced to the client (SETTINGS_MAX_HEADER_LIST_SIZE), the HTTP
    // library responds by itself.
    let huge = get().header("cookie", "0".repeat(200_000)).send().await;
    assert!(huge.is_err() || huge.unwrap().status().as_u16() == 431);
    assert_eq!(get().send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_stop_completes_requests_in_flight() {
    let service = service().await;
    let ana = TasksClient::new(http2(), &service.url, &token("ana").await);
    let (half, rest) = (&b"{\"title\": "[..], &b"\"Milk\"}"[..]);
    let body =
        reqwest::Body::wrap_stream(futures_util::stream::unfold(0, move |part| async move {
            let bytes = match part {
                0 => half,
                1 => {
                    sleep(Duration::from_secs(1)).await;
                    rest
                }
                _ => return None,
            };
            Some((Ok::<_, std::io::Error>(bytes), part + 1))
        }));
    let post = ana.request(Method::POST, "");
    let post = post.header("content-type", "application/json").body(body);
    let response = tokio::spawn(post.send());
    sleep(Duration::from_millis(500)).await;

    service.signal("-TERM");

    assert_eq!(
        response.await.unwrap().unwrap().status(),
        StatusCode::CREATED
    );
    assert_eq!(service.end().await.0, Some(0));
}
