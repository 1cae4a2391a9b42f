//! Malformed HTTP on a real socket: rejected or closed, never a server error. A request
//! that follows in the same bytes is not executed.

mod cases;

use std::time::Duration;

use serde_json::Value;
use tasks_api_test_support::process::{SECRET, Service, token};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use self::cases::{
    Case,
    Ending::{Closed, Goes},
    chunks, framing, headers, starts,
};

/// Sends bytes; returns everything received until the connection is closed.
async fn exchange(service: &Service, bytes: &[u8]) -> String {
    let address = service.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The service may close the connection before all is written.
    let _ = stream.write_all(bytes).await;
    let mut responses = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let read = timeout(Duration::from_secs(20), stream.read(&mut buffer)).await;
        match read.expect("the connection ends") {
            Ok(0) | Err(_) => break,
            Ok(length) => responses.extend_from_slice(&buffer[..length]),
        }
    }
    String::from_utf8(responses).unwrap()
}

/// The statuses of the responses. Each failure must be a problem with a request id.
#[track_caller]
fn statuses(name: &str, responses: &str) -> Vec<u16> {
    let responses = responses.split("HTTP/1.1 ").skip(1);
    let statuses = responses.map(|response| {
        let status: u16 = response[..3].parse().unwrap();
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        assert!(status < 500, "{name}: {response}");
        if status >= 400 {
            let problem: Value = serde_json::from_str(body).expect(name);
            assert_eq!(problem["status"], status, "{name}");
            let length = format!("content-length: {}", body.len());
            for header in [
                &length,
                "application/problem+json",
                "x-request-id: ",
                "date: ",
            ] {
                assert_eq!(head.matches(header).count(), 1, "{name}: {response}");
            }
        }
        status
    });
    statuses.collect()
}

#[tokio::test]
async fn malformed_requests_smuggle_no_second_request() {
    let service = Service::start(&[("BETTER_AUTH_SECRET", SECRET)]).await;
    service.wait_until_ready().await;
    let ana = token("ana").await;
    let (mut next, mut wrong) = (Vec::new(), Vec::<String>::new());

    let cases = starts().into_iter().chain(headers());
    for each in cases.chain(framing(&ana)).chain(chunks(&ana)) {
        let Case {
            name,
            bytes,
            ending,
        } = each;
        let body = format!("{{\"title\": \"behind {name}\"}}");
        let second = format!(
            "POST /api/tasks HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
             Authorization: Bearer {ana}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let responses = exchange(&service, &[bytes, second.into_bytes()].concat()).await;

        let expected = match ending {
            Closed(status) => vec![status],
            Goes(status) => vec![status, 201],
        };
        let statuses = statuses(name, &responses);
        if statuses != expected {
            wrong.push(format!("{name}: {statuses:?}, not {expected:?}"));
        }
        if let Goes(_) = ending {
            next.push(format!("behind {name}"));
        }
    }

    assert!(wrong.is_empty(), "{wrong:#?}");
    let list = service.client(&ana).list("").await.tasks();
    let titles = list
        .iter()
        .rev()
        .map(|task| task["title"].as_str().unwrap());
    assert_eq!(
        titles.collect::<Vec<_>>(),
        next,
        "and nothing else was done"
    );
}
