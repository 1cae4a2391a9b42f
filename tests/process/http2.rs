//! HTTP/2 without TLS, as balancers speak it: the same service.

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
async fn requests_that_share_a_connection_each_get_their_own_answer() {
    let service = service().await;
    let ana = TasksClient::new(http2(), &service.url, &token("ana").await);

    let mut answers = JoinSet::new();
    for n in 0..300 {
        let task = json!({"title": format!("Task {n}")});
        let post = ana.request(Method::POST, "").json(&task);
        answers.spawn(async move { (n, post.send().await.unwrap()) });
    }
    while let Some(answer) = answers.join_next().await {
        let (n, answer) = answer.unwrap();
        assert_eq!(answer.version(), Version::HTTP_2);
        assert_eq!(answer.status(), StatusCode::CREATED);
        let place = answer.headers()["location"].to_str().unwrap().to_owned();
        let task: Value = answer.json().await.unwrap();
        assert_eq!(task["title"], format!("Task {n}"));
        assert_eq!(place, format!("/api/tasks/{}", task["id"]));
    }

    assert_eq!(ana.list("").await.tasks().len(), 300);
}

#[tokio::test]
async fn its_failures_are_the_same_problems() {
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
async fn a_stop_answers_what_is_in_flight() {
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
    let answer = tokio::spawn(post.send());
    sleep(Duration::from_millis(500)).await;

    service.signal("-TERM");

    assert_eq!(answer.await.unwrap().unwrap().status(), StatusCode::CREATED);
    assert_eq!(service.end().await.0, Some(0));
}
