//! TLS to `PostgreSQL` and to a key set: what connects, and the one line that says why not,
//! in the log and by `doctor`.

mod key_set;
mod postgres;

use std::net::SocketAddr;

use tasks_api_test_support::process::Service;
use tokio::{
    io::AsyncWriteExt,
    net::TcpListener,
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
};

/// The log line with `what` of a service with these variables, once it was not ready.
async fn logged(variables: &[(&str, &str)], what: &str) -> String {
    let service = Service::start(variables).await;
    let ready = service.request(reqwest::Method::GET, "/health/ready");
    assert_eq!(ready.send().await.unwrap().status(), 503);
    service.signal("-TERM");
    let (_, log) = service.end().await;
    let found = log.lines().find(|line| line.contains(what));
    assert!(found.is_some(), "{what}: {log}");
    found.unwrap().to_owned()
}

/// A server that sends `response` to whatever arrives, and reports it.
async fn plain_server(response: &'static [u8]) -> (SocketAddr, UnboundedReceiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, receiver) = unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.readable().await.unwrap();
            let _ = stream.write_all(response).await;
            let _ = sender.send(());
        }
    });
    (address, receiver)
}
