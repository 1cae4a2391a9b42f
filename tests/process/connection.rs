//! What a client's connection meets, on a real socket.

use std::time::Duration;

use tasks_api_test_support::process::Service;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    time::{sleep, timeout},
};

/// Reads one answer: its status line, and past its body.
async fn answer(stream: &mut BufReader<TcpStream>) -> String {
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
async fn a_refused_request_whose_body_comes_late_gets_its_answer() {
    let service = Service::start(&[]).await;
    let address = service.url.strip_prefix("http://").unwrap();
    let mut stream = BufReader::new(TcpStream::connect(address).await.unwrap());
    let head = "POST /api/tasks HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
                Content-Length: 14\r\n\r\n";

    for _ in 0..3 {
        stream.write_all(head.as_bytes()).await.unwrap();
        // Long enough for the answer to be made before the body is there.
        sleep(Duration::from_millis(100)).await;
        stream.write_all(b"{\"title\": \"a\"}").await.unwrap();
        let status = timeout(Duration::from_secs(10), answer(&mut stream)).await;
        assert_eq!(status.unwrap(), "HTTP/1.1 401 Unauthorized\r\n");
    }
}
