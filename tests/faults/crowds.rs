//! Many connections of one client: without a request, and with responses that it does not
//! take. `CROWD` sets the number of idle connections (2,000 by default).

#![cfg(target_os = "linux")]

use std::{net::SocketAddr, time::Duration};

use futures_util::future::join_all;
use reqwest::StatusCode;
use tasks_api_test_support::{
    http2::Http2,
    process::{SECRET, Service, client, token},
};
use tokio::{
    net::{TcpSocket, TcpStream},
    time::{Instant, sleep, timeout},
};

async fn service(variables: &[(&str, &str)]) -> (Service, SocketAddr) {
    let mut all = vec![("BETTER_AUTH_SECRET", SECRET)];
    all.extend(variables);
    let service = Service::start(&all).await;
    service.wait_until_ready().await;
    let address = service.url.strip_prefix("http://").unwrap().parse();
    (service, address.unwrap())
}

/// Requests `path` 100 times on each of `connections`, without a window, with a PING every
/// five seconds; returns the growth of the memory, and how long the connections lived.
async fn hold(path: &str, connections: usize) -> (u64, Duration) {
    let (service, address) = service(&[]).await;
    // What is made once for all requests is no growth.
    let first = client().get(format!("{}{path}", service.url)).send().await;
    assert_eq!(first.unwrap().status(), StatusCode::OK);
    let before = service.memory("VmRSS") / 1024;
    let began = Instant::now();
    let mut clients = Vec::new();
    for _ in 0..connections {
        let mut client = Http2::connect(address, 0).await;
        for _ in 0..100 {
            client.get(path).await.unwrap();
        }
        clients.push(tokio::spawn(async move {
            loop {
                if client.ping().await.is_err() {
                    return began.elapsed();
                }
                let next = async { while client.next().await.is_some() {} };
                if timeout(Duration::from_secs(5), next).await.is_ok() {
                    return began.elapsed();
                }
                if began.elapsed() > Duration::from_mins(2) {
                    return began.elapsed();
                }
            }
        }));
    }
    let mut longest = Duration::ZERO;
    for client in clients {
        longest = longest.max(client.await.unwrap());
    }
    let peak = service.memory("VmHWM") / 1024 - before;
    println!(
        "{connections} connections, 100 requests of {path} each without a window: {peak} MiB \
         at most, {} MiB afterwards, closed after {longest:.1?}",
        (service.memory("VmRSS") / 1024).saturating_sub(before)
    );
    (peak, longest)
}

#[tokio::test]
async fn responses_that_are_not_taken_hold_little_memory_for_a_short_time() {
    for (path, connections, limit) in [
        ("/openapi.json", 5, 32),
        ("/docs/swagger-ui-bundle.js", 5, 32),
        ("/health/live", 100, 96),
    ] {
        let (peak, longest) = hold(path, connections).await;
        assert!(longest < Duration::from_secs(40), "{path}: {longest:?}");
        assert!(peak <= limit, "{path}: {peak} MiB");
    }
}

#[tokio::test]
async fn idle_connections_of_one_address_lock_out_nobody() {
    let crowd: usize = std::env::var("CROWD").map_or(2_000, |n| n.parse().unwrap());
    let (service, address) = service(&[("MAX_CONNECTIONS", &crowd.to_string())]).await;
    let before = service.memory("VmRSS") / 1024;
    let mut idle = Vec::new();
    while idle.len() < crowd {
        // Each is used once: an unused one would be closed after ten seconds.
        let connect = || async {
            let mut stream = TcpStream::connect(address).await.ok()?;
            live(&mut stream).await.map(|()| stream)
        };
        let many = join_all((0..100).map(|_| timeout(Duration::from_secs(5), connect())));
        idle.extend(many.await.into_iter().map(|stream| stream.ok().flatten()));
    }
    let ana = token("ana").await;
    let (mut served, mut longest) = (0, Duration::ZERO);
    for _ in 0..20 {
        let began = Instant::now();
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
        let request = async {
            let mut stream = socket.connect(address).await.ok()?;
            live(&mut stream).await
        };
        let done = timeout(Duration::from_secs(2), request).await;
        served += usize::from(matches!(done, Ok(Some(()))));
        longest = longest.max(began.elapsed());
    }
    let ana = service.client(&ana);
    let same = ana.list("");
    let same = timeout(Duration::from_secs(2), same).await.is_ok();
    println!(
        "{crowd} idle connections of 127.0.0.1: {served} of 20 health checks of 127.0.0.2 \
         served, the slowest in {longest:.0?}; a list of 127.0.0.1 served: {same}; {} MiB more",
        (service.memory("VmRSS") / 1024).saturating_sub(before)
    );
    assert!(served == 20 && same);
    sleep(Duration::from_millis(100)).await;
}

/// A health check on this connection; `None` if it gets no response.
async fn live(stream: &mut TcpStream) -> Option<()> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let request = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n";
    stream.write_all(request).await.ok()?;
    let mut start = [0; 12];
    stream.read_exact(&mut start).await.ok()?;
    (&start == b"HTTP/1.1 200").then_some(())
}
