//! A proxy that serves the service under a prefix of the path, which it strips, as ingress
//! controllers and gateways do.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

use crate::process::Service;

/// The prefix.
pub const PREFIX: &str = "/tools/tasks";

/// Starts a proxy in front of the service; returns its URL, with the prefix. It ends with
/// the runtime.
pub async fn start(service: &Service) -> String {
    let upstream = service.url.strip_prefix("http://").unwrap().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (client, _) = listener.accept().await.unwrap();
            let upstream = upstream.clone();
            // It fails where the client is gone.
            tokio::spawn(async move { forward(client, &upstream).await });
        }
    });
    format!("http://{address}{PREFIX}")
}

/// Forwards one request, and closes the connection after its response.
async fn forward(mut client: TcpStream, upstream: &str) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if client.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    let (method, rest) = text.split_once(' ').unwrap_or_default();
    let Some(rest) = rest.strip_prefix(PREFIX) else {
        let nothing = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        return client.write_all(nothing.as_bytes()).await;
    };
    let slash = if rest.starts_with('/') { "" } else { "/" };
    let (line, rest) = rest.split_once("\r\n").unwrap_or_default();
    let head = format!("{method} {slash}{line}\r\nConnection: close\r\n{rest}");
    let mut service = TcpStream::connect(upstream).await?;
    service.write_all(head.as_bytes()).await?;
    copy_bidirectional(&mut client, &mut service).await?;
    Ok(())
}
