//! Rate limits on real sockets: which address is counted.

use std::{process::Stdio, time::Duration};

use reqwest::{Method, StatusCode};
use tasks_api_test_support::process::{SECRET, Service, command, token};
use tokio::io::{AsyncBufReadExt, BufReader};

/// The statuses of requests with these values of `X-Forwarded-For`.
async fn statuses(service: &Service, forwarded: &[&str]) -> Vec<u16> {
    let mut statuses = Vec::new();
    for value in forwarded {
        let request = service.request(Method::GET, "/api/tasks");
        let response = request.header("x-forwarded-for", *value).send().await;
        statuses.push(response.unwrap().status().as_u16());
    }
    statuses
}

#[tokio::test]
async fn a_client_cannot_choose_its_rate_limit_address() {
    let limit = ("RATE_LIMIT_PER_ADDRESS", "2");
    let bare = Service::start(&[limit]).await;
    let proxied = Service::start(&[limit, ("TRUSTED_PROXIES", "10.0.0.0/8, 127.0.0.1")]).await;

    let invented = ["198.51.100.1", "198.51.100.2", "198.51.100.3", "::1"];
    assert_eq!(statuses(&bare, &invented).await, [401, 401, 429, 429]);
    let of_two_clients = [
        "203.0.113.7",
        "198.51.100.1, 203.0.113.7",
        "198.51.100.2, 203.0.113.7",
        "203.0.113.8",
        "203.0.113.8, 10.0.0.1",
        "203.0.113.8",
        "203.0.113.7",
    ];
    assert_eq!(
        statuses(&proxied, &of_two_clients).await,
        [401, 401, 429, 401, 401, 429, 429]
    );
}

#[tokio::test]
async fn an_untrusted_proxy_is_logged_once() {
    let limit = ("RATE_LIMIT_PER_ADDRESS", "9");
    let (trusted, other) = ("127.0.0.0/8", "10.0.0.0/8");

    for (proxies, expected) in [(other, 1), (trusted, 0)] {
        let service = Service::start(&[limit, ("TRUSTED_PROXIES", proxies)]).await;
        statuses(&service, &["203.0.113.7", "203.0.113.8"]).await;
        service.signal("-TERM");
        let (_, log) = service.end().await;
        assert_eq!(log.matches("TRUSTED_PROXIES").count(), expected, "{log}");
    }
}

#[tokio::test]
async fn production_logs_an_untrusted_proxy_without_any_limit_configured() {
    let folder = tempfile::tempdir().unwrap();
    let variables = [
        ("ENVIRONMENT", "production"),
        ("BETTER_AUTH_SECRET", SECRET),
        ("PORT", "0"),
    ];
    let mut service = command(folder.path(), &variables);
    let mut service = service.stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(service.stderr.take().unwrap()).lines();
    let mut next_with = async |text: &str| {
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.contains(text) {
                return line;
            }
        }
        panic!("{text} is not logged");
    };

    let listening = next_with("\"listening\"").await;
    let (_, port) = listening.split_once("127.0.0.1:").unwrap();
    let port = port.split_once('"').unwrap().0;
    let request = reqwest::Client::new().get(format!("http://127.0.0.1:{port}/api/tasks"));
    let request = request.header("x-forwarded-for", "203.0.113.7");
    let response = request.send().await.unwrap();

    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    let warning = tokio::time::timeout(Duration::from_secs(30), next_with("TRUSTED_PROXIES"));
    assert!(warning.await.unwrap().contains("WARN"));
}

#[tokio::test]
async fn fifty_connections_at_once_get_exactly_the_quota() {
    let variables = [
        ("BETTER_AUTH_SECRET", SECRET),
        ("RATE_LIMIT_PER_USER", "10"),
    ];
    let service = Service::start(&variables).await;
    service.wait_until_ready().await;
    let ana = token("ana").await;
    let started = std::time::Instant::now();

    let clients = (0..50).map(|_| {
        let client = service.client(&ana);
        tokio::spawn(async move {
            let mut passed = 0;
            for _ in 0..4 {
                match client.list("").await.status {
                    StatusCode::OK => passed += 1,
                    status => assert_eq!(status, StatusCode::TOO_MANY_REQUESTS),
                }
            }
            passed
        })
    });
    let mut passed = 0;
    for client in clients.collect::<Vec<_>>() {
        passed += client.await.unwrap();
    }

    // The quota refills by one every 6 seconds, which a slow machine may take.
    let most = 10 + started.elapsed().as_secs() / 6;
    assert!((10..=most).contains(&passed), "{passed} of {most}");
}
