//! The three steps of a stop: readiness fails, requests are still accepted, requests in
//! flight are completed.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use tasks_api_test_support::{
    process::{SECRET, Service, token},
    slow_client::{Kind, SlowClient},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::sleep,
};

async fn service(stop_delay: &str) -> Service {
    let variables = [("BETTER_AUTH_SECRET", SECRET), ("STOP_DELAY", stop_delay)];
    let service = Service::start(&variables).await;
    service.wait_until_ready().await;
    service
}

/// Waits until the readiness check fails.
async fn wait_until_not_ready(service: &Service) {
    for _ in 0..300 {
        let ready = service.request(Method::GET, "/health/ready").send().await;
        if ready.expect("a response").status() == StatusCode::SERVICE_UNAVAILABLE {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("the readiness check does not fail");
}

#[tokio::test]
async fn requests_are_served_until_the_load_balancer_stops() {
    let service = service("2").await;
    let ana = token("ana").await;

    service.signal("-TERM");
    wait_until_not_ready(&service).await;

    // On a new connection, as from a load balancer that has not checked yet.
    service.client(&ana).list("").await.expect(StatusCode::OK);
    assert_eq!(service.end().await.0, Some(0));
}

#[tokio::test]
async fn a_second_signal_ends_the_stop_delay() {
    let service = service("300").await;

    service.signal("-TERM");
    wait_until_not_ready(&service).await;
    service.signal("-TERM");

    assert_eq!(service.end().await.0, Some(0));
}

#[tokio::test]
async fn slow_clients_cannot_delay_the_exit() {
    let service = service("0").await;
    let mut held = Vec::new();
    for kind in Kind::ALL {
        held.push(SlowClient::start(&service, kind, &token("ana").await).await);
    }
    sleep(Duration::from_millis(500)).await;

    service.signal("-TERM");

    assert_eq!(service.end().await.0, Some(0));
}

#[tokio::test]
async fn a_request_in_flight_is_completed() {
    let service = service("0").await;
    let ana = token("ana").await;
    let address = service.url.strip_prefix("http://").unwrap().to_owned();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /api/tasks HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ana}\r\n\
         Content-Type: application/json\r\nContent-Length: 16\r\n\r\n{{\"title\":"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // The head has arrived, and half of the body.
    sleep(Duration::from_millis(300)).await;

    service.signal("-TERM");
    sleep(Duration::from_millis(300)).await;
    stream.write_all(b"\"Milk\"}").await.unwrap();

    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    assert!(response.starts_with("HTTP/1.1 201 "), "{response}");
    assert_eq!(service.end().await.0, Some(0));
}

/// A service with half a request, whose stop has begun.
async fn stopping(stop_delay: &str, signal: &str) -> (Service, TcpStream) {
    let service = service(stop_delay).await;
    let address = service.url.strip_prefix("http://").unwrap().to_owned();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /api/tasks HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: 16\r\n\r\n{{\"title\":",
        token("ana").await
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    sleep(Duration::from_millis(300)).await;
    service.signal(signal);
    sleep(Duration::from_millis(300)).await;
    (service, stream)
}

#[tokio::test]
async fn a_second_signal_ends_the_wait_for_requests_in_flight() {
    for signal in ["-INT", "-TERM"] {
        let (mut service, _half) = stopping("0", signal).await;
        assert!(service.child.try_wait().unwrap().is_none(), "it waits");

        service.signal(signal);

        let (code, log) = service.end().await;
        assert_eq!(code, Some(0), "{log}");
        assert!(log.contains("a further signal ends"), "{log}");
        assert!(log.contains("stopped"), "{log}");
    }
}

#[tokio::test]
async fn a_third_signal_ends_the_process_at_once() {
    for (signal, expected) in [("-INT", 130), ("-TERM", 143)] {
        let (mut service, _half) = stopping("300", signal).await;
        service.signal(signal);
        sleep(Duration::from_millis(300)).await;
        assert!(service.child.try_wait().unwrap().is_none(), "it waits");

        service.signal(signal);

        let (code, log) = service.end().await;
        assert_eq!(code, Some(expected), "{log}");
        assert!(log.contains("stopped at once"), "{log}");
    }
}

#[tokio::test]
async fn half_a_head_does_not_delay_the_exit() {
    let service = service("0").await;
    let address = service.url.strip_prefix("http://").unwrap().to_owned();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /health/live HTTP").await.unwrap();
    sleep(Duration::from_millis(300)).await;

    service.signal("-INT");

    let (code, log) = service.end().await;
    assert_eq!(code, Some(0));
    assert!(!log.contains("shutdown timeout"), "{log}");
}

#[tokio::test]
async fn a_stop_as_soon_as_the_banner_is_printed_is_graceful() {
    for _ in 0..5 {
        let service = Service::start(&[]).await;
        service.signal("-TERM");

        let (code, log) = service.end().await;

        assert_eq!(code, Some(0), "{log}");
        assert!(log.contains("stopped"), "{log}");
    }
}
