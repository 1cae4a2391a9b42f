//! Client connections on a real socket.

use std::time::Duration;

use tasks_api_test_support::process::Service;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    time::{sleep, timeout},
};

/// Reads one response to the end of its body; returns its status line.
async fn response(stream: &mut BufReader<TcpStream>) -> String {
    let (mut status, mut length) = (String::new(), 0);
    stream.read_line(&mut status).await.unwrap();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    stream.read_exact(&mut vec![0; length]).await.unwrap();
    status
}

#[tokio::test]
async fn a_rejected_request_with_a_late_body_gets_its_response() {
    let service = Service::start(&[]).await;
    let address = service.url.strip_prefix("http://").unwrap();
    let mut stream = BufReader::new(TcpStream::connect(address).await.unwrap());
    let head = "POST /api/tasks HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
                Content-Length: 14\r\n\r\n";

    for _ in 0..3 {
        stream.write_all(head.as_bytes()).await.unwrap();
        // The response is ready before the body arrives.
        sleep(Duration::from_millis(100)).await;
        stream.write_all(b"{\"title\": \"a\"}").await.unwrap();
        let status = timeout(Duration::from_secs(10), response(&mut stream)).await;
        assert_eq!(status.unwrap(), "HTTP/1.1 401 Unauthorized\r\n");
    }
}
