//! Clients that send a large body and read nothing before it is sent. The response must
//! reach them, although the service refuses the request before the body is there.

use reqwest::{Client, Method};
use serde_json::Value;
use tasks_api_test_support::process::{SECRET, Service, token};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const MEGABYTE: usize = 1_000_000;

/// How a body is sent.
#[derive(Debug, Clone, Copy)]
enum Framing {
    Length,
    Chunked,
    /// With `Expect: 100-continue`, and without waiting for it.
    Expect,
}

const FRAMINGS: [Framing; 3] = [Framing::Length, Framing::Chunked, Framing::Expect];

impl Framing {
    fn head(self, length: usize) -> String {
        match self {
            Self::Length => format!("Content-Length: {length}\r\n"),
            Self::Chunked => "Transfer-Encoding: chunked\r\n".to_owned(),
            Self::Expect => format!("Expect: 100-continue\r\nContent-Length: {length}\r\n"),
        }
    }

    /// Sends a body; panics if the service closes the connection before the end.
    async fn send(self, stream: &mut TcpStream, length: usize) {
        let part = vec![b' '; 50_000];
        for _ in 0..length / part.len() {
            if matches!(self, Self::Chunked) {
                let size = format!("{:x}\r\n", part.len());
                stream.write_all(size.as_bytes()).await.unwrap();
            }
            stream.write_all(&part).await.unwrap();
            if matches!(self, Self::Chunked) {
                stream.write_all(b"\r\n").await.unwrap();
            }
        }
        if matches!(self, Self::Chunked) {
            stream.write_all(b"0\r\n\r\n").await.unwrap();
        }
    }
}

/// Sends a request with a body of this length, then reads; returns the final response.
async fn exchange(service: &Service, line: &str, framing: Framing, length: usize) -> String {
    let address = service.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let (line, headers) = line.split_once('|').unwrap_or((line, ""));
    let framed = framing.head(length);
    let head = format!("{line} HTTP/1.1\r\nHost: x\r\n{headers}{framed}\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    framing.send(&mut stream, length).await;
    let mut received = String::new();
    stream.read_to_string(&mut received).await.unwrap();
    let interim = "HTTP/1.1 100 Continue\r\n\r\n";
    received
        .strip_prefix(interim)
        .unwrap_or(&received)
        .to_owned()
}

#[track_caller]
fn check(response: &str, status: u16, case: &str) {
    let (head, body) = response.split_once("\r\n\r\n").expect(case);
    assert!(
        head.starts_with(&format!("HTTP/1.1 {status} ")),
        "{case}: {head}"
    );
    assert!(head.contains("connection: close"), "{case}: {head}");
    let problem: Value = serde_json::from_str(body).expect(case);
    assert_eq!(problem["status"], status, "{case}");
}

#[tokio::test]
async fn the_response_to_a_refused_large_body_reaches_the_client() {
    let service = Service::start(&[("BETTER_AUTH_SECRET", SECRET)]).await;
    service.wait_until_ready().await;
    let json = "Content-Type: application/json\r\n";
    let bad = format!("Authorization: Bearer rubbish\r\n{json}");
    let good = format!("Authorization: Bearer {}\r\n{json}", token("ana").await);

    for (line, status) in [
        (format!("POST /api/tasks|{json}"), 401),
        (format!("POST /api/tasks|{bad}"), 401),
        (format!("POST /api/tasks|{good}"), 413),
        (format!("PUT /api/tasks/7|{good}"), 413),
        (format!("PUT /api/tasks|{good}"), 405),
        (format!("POST /health/live|{good}"), 405),
        (format!("POST /nothing|{good}"), 404),
        (format!("POST /api/tasks|{good}Host: y\r\n"), 400),
    ] {
        for framing in FRAMINGS {
            for megabytes in [2, 20] {
                let length = megabytes * MEGABYTE;
                let response = exchange(&service, &line, framing, length).await;
                let case = format!("{line} {framing:?} {megabytes} MB");
                check(&response, status, &case);
            }
        }
    }
}

#[tokio::test]
async fn the_response_over_the_rate_limit_reaches_a_client_with_a_large_body() {
    let limit = ("RATE_LIMIT_PER_ADDRESS", "1");
    let service = Service::start(&[("BETTER_AUTH_SECRET", SECRET), limit]).await;

    let first = exchange(&service, "POST /api/tasks", Framing::Length, 2 * MEGABYTE).await;
    check(&first, 401, "the first");
    for framing in FRAMINGS {
        let response = exchange(&service, "POST /api/tasks", framing, 20 * MEGABYTE).await;
        check(&response, 429, &format!("{framing:?}"));
    }
}

#[tokio::test]
async fn the_response_to_a_refused_large_body_reaches_an_http2_client() {
    let service = Service::start(&[("BETTER_AUTH_SECRET", SECRET)]).await;
    service.wait_until_ready().await;
    let ana = token("ana").await;
    let client = Client::builder().http2_prior_knowledge().build().unwrap();

    for (method, path, token, status) in [
        (Method::POST, "/api/tasks", "rubbish", 401),
        (Method::POST, "/api/tasks", &ana, 413),
        (Method::PUT, "/api/tasks", &ana, 405),
        (Method::POST, "/nothing", &ana, 404),
    ] {
        let request = client.request(method, format!("{}{path}", service.url));
        let request = request.bearer_auth(token).body(vec![b' '; 20 * MEGABYTE]);
        let response = request
            .header("content-type", "application/json")
            .send()
            .await;
        let response = response.unwrap();
        assert_eq!(response.status().as_u16(), status);
        let problem: Value = response.json().await.unwrap();
        assert_eq!(problem["status"], status);
    }
}

#[tokio::test]
async fn a_refused_short_body_keeps_the_connection() {
    let service = Service::start(&[("BETTER_AUTH_SECRET", SECRET)]).await;
    let address = service.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();

    for framing in [Framing::Length, Framing::Chunked] {
        let head = framing.head(100_000);
        let head = format!("POST /api/tasks HTTP/1.1\r\nHost: x\r\n{head}\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        framing.send(&mut stream, 100_000).await;
        let mut received = Vec::new();
        while !received.ends_with(b"}") {
            let read = stream.read_buf(&mut received).await.unwrap();
            assert_ne!(read, 0, "the connection is open");
        }
        let response = String::from_utf8(received).unwrap();
        assert!(response.starts_with("HTTP/1.1 401 "), "{response}");
        assert!(!response.contains("connection: close"), "{response}");
    }
}
