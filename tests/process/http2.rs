//! HTTP/2 without TLS, as balancers speak it: the same service.

use std::time::Duration;

use reqwest::{Client, StatusCode, Version};
use serde_json::{Value, json};
use tasks_api_test_support::process::{SECRET, Service, token};
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
    let (service, client) = (service().await, http2());
    let ana = token("ana").await;
    let tasks = format!("{}/api/tasks", service.url);

    let mut answers = JoinSet::new();
    for n in 0..300 {
        let task = json!({"title": format!("Task {n}")});
        let post = client.post(&tasks).bearer_auth(&ana).json(&task);
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

    let list = client.get(&tasks).bearer_auth(&ana).send().await.unwrap();
    let list: Vec<Value> = list.json().await.unwrap();
    assert_eq!(list.len(), 300);
}

#[tokio::test]
async fn its_failures_are_the_same_problems() {
    let (service, client) = (service().await, http2());
    let ana = token("ana").await;
    let tasks = format!("{}/api/tasks", service.url);
    let large = json!({"title": "x".repeat(200_000)});
    let cases = [
        (client.get(&tasks), 401),
        (client.get(format!("{tasks}/1")).bearer_auth(&ana), 404),
        (client.put(&tasks).bearer_auth(&ana), 405),
        (client.post(&tasks).bearer_auth(&ana).json(&large), 413),
        (client.post(&tasks).bearer_auth(&ana).body("{}"), 415),
    ];

    for (request, status) in cases {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), status);
        assert!(answer.headers().contains_key("x-request-id"));
        let problem: Value = answer.json().await.unwrap();
        assert_eq!(problem["status"], status);
    }
}

#[tokio::test]
async fn a_stop_answers_what_is_in_flight() {
    let (service, client) = (service().await, http2());
    let ana = token("ana").await;
    let tasks = format!("{}/api/tasks", service.url);
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
    let post = client.post(&tasks).bearer_auth(&ana);
    let post = post.header("content-type", "application/json").body(body);
    let answer = tokio::spawn(post.send());
    sleep(Duration::from_millis(500)).await;

    service.signal("-TERM");

    assert_eq!(answer.await.unwrap().unwrap().status(), StatusCode::CREATED);
    assert_eq!(service.end().await.0, Some(0));
}
