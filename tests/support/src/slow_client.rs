//! Clients that send or read too slowly. The service must close their connections in
//! time, and serve other clients meanwhile.

use std::{
    collections::BTreeMap,
    io::ErrorKind,
    time::{Duration, Instant},
};

use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    task::JoinSet,
    time::{interval, sleep, timeout},
};

use crate::process::{SECRET, Service, client, token};

/// When a connection must be closed at the latest. A client that sends one byte a second
/// notices within a second.
const LIMIT: Duration = Duration::from_secs(35);
/// The same for a client that does not complete a request's head.
const HEAD_LIMIT: Duration = Duration::from_secs(15);

/// What a slow client does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It sends nothing.
    Silent,
    /// It sends half of a request line.
    HalfRequestLine,
    /// It sends half of a header field.
    HalfHeader,
    /// It sends a header field, one byte a second.
    DrippedHeader,
    /// It sends half of a body.
    HalfBody,
    /// It sends a body, one byte a second.
    DrippedBody,
    /// It sends requests and reads no response.
    NeverReading,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::Silent,
        Self::HalfRequestLine,
        Self::HalfHeader,
        Self::DrippedHeader,
        Self::HalfBody,
        Self::DrippedBody,
        Self::NeverReading,
    ];

    /// Those that do not complete a head. Their timeout is the shortest.
    pub const HEADS: [Self; 4] = [
        Self::Silent,
        Self::HalfRequestLine,
        Self::HalfHeader,
        Self::DrippedHeader,
    ];

    fn limit(self) -> Duration {
        match self {
            Self::HalfBody | Self::DrippedBody | Self::NeverReading => LIMIT,
            _ => HEAD_LIMIT,
        }
    }

    /// What it sends first.
    fn bytes(self, token: &str) -> String {
        let line = |method: &str| format!("{method} /api/tasks HTTP/1.1\r\nHost: x\r\n");
        let authorization = format!("Authorization: Bearer {token}\r\n");
        match self {
            Self::Silent => String::new(),
            Self::HalfRequestLine => "GET /api/ta".to_owned(),
            Self::HalfHeader => line("GET") + "Authoriz",
            Self::DrippedHeader => line("GET") + "X-Drip: ",
            Self::HalfBody | Self::DrippedBody => {
                let head = "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n";
                line("POST") + &authorization + head + "{\"title\": \""
            }
            // More responses than the buffers in between can hold.
            Self::NeverReading => (line("GET") + &authorization + "\r\n").repeat(30),
        }
    }

    fn drips(self) -> bool {
        matches!(self, Self::DrippedHeader | Self::DrippedBody)
    }
}

/// A slow client and its connection.
pub struct SlowClient {
    kind: Kind,
    stream: TcpStream,
    began: Instant,
}

impl SlowClient {
    /// Connects, and sends the first bytes of its kind.
    pub async fn start(service: &Service, kind: Kind, token: &str) -> Self {
        let address = service.url.strip_prefix("http://").unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        if kind == Kind::NeverReading {
            socket.set_recv_buffer_size(4096).unwrap();
        }
        let mut stream = socket.connect(address.parse().unwrap()).await.unwrap();
        let began = Instant::now();
        stream
            .write_all(kind.bytes(token).as_bytes())
            .await
            .unwrap();
        Self {
            kind,
            stream,
            began,
        }
    }

    /// Waits until the connection is closed; returns how long that took, and what was
    /// received.
    async fn closed(mut self) -> (Kind, Duration, String) {
        let mut seconds = interval(Duration::from_secs(1));
        let mut received = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            if self.kind == Kind::NeverReading {
                // A write reports a reset, so that nothing need be read.
                seconds.tick().await;
                match self.stream.try_write(b"x") {
                    Err(error) if error.kind() != ErrorKind::WouldBlock => break,
                    _ => continue,
                }
            }
            tokio::select! {
                read = self.stream.read(&mut buffer) => match read {
                    Ok(0) | Err(_) => break,
                    Ok(length) => received.extend_from_slice(&buffer[..length]),
                },
                _ = seconds.tick(), if self.kind.drips() => {
                    let _ = self.stream.try_write(b"x");
                }
            }
        }
        let received = String::from_utf8(received).unwrap();
        (self.kind, self.began.elapsed(), received)
    }
}

/// The 99th percentile of the response time until `until`, with a pause of 2 ms between
/// requests.
async fn p99(url: &str, token: &str, until: Instant) -> Duration {
    let client = client();
    let mut times = Vec::new();
    while Instant::now() < until {
        let began = Instant::now();
        let response = client.get(url).bearer_auth(token).send().await.unwrap();
        assert_eq!(
            response.status(),
            StatusCode::OK,
            "a client of normal speed"
        );
        let _ = response.bytes().await.unwrap();
        times.push(began.elapsed());
        sleep(Duration::from_millis(2)).await;
    }
    times.sort();
    times[times.len() * 99 / 100]
}

/// Creates a task; returns its path.
async fn create(service: &Service, token: &str, description: &str) -> String {
    let task = json!({"title": "A task", "description": description});
    let client = service.client(token);
    let response = client.send(Method::POST, "", Some(&task)).await;
    assert_eq!(response.status, StatusCode::CREATED);
    response.headers["location"].to_str().unwrap().to_owned()
}

/// Starts `each` clients of every kind in `kinds`. Panics unless the service closes each
/// connection in time, and serves a client of normal speed for `meanwhile`.
pub async fn check(kinds: &[Kind], each: usize, meanwhile: Duration) {
    // All clients are one address, and may be thousands.
    let unlimited = ("MAX_CONNECTIONS_PER_ADDRESS", "off");
    let service = Service::start(&[("BETTER_AUTH_SECRET", SECRET), unlimited]).await;
    service.wait_until_ready().await;
    let (ana, bob) = (token("ana").await, token("bob").await);
    // A list of a megabyte, which those that never read leave in the buffers.
    for _ in 0..100 {
        create(&service, &ana, &"x".repeat(10_000)).await;
    }
    let task = format!("{}{}", service.url, create(&service, &bob, "").await);
    let usual = p99(&task, &bob, Instant::now() + Duration::from_secs(5)).await;

    let mut clients = JoinSet::new();
    for kind in kinds {
        for _ in 0..each {
            let client = SlowClient::start(&service, *kind, &ana).await;
            clients.spawn(timeout(LIMIT * 2, client.closed()));
        }
    }
    let until = Instant::now() + meanwhile;
    let (meanwhile, ends) = tokio::join!(p99(&task, &bob, until), clients.join_all());

    let mut longest = BTreeMap::new();
    for end in ends {
        let (kind, took, received) = end.expect("the connection is closed");
        let most: &mut Duration = longest.entry(format!("{kind:?}")).or_default();
        *most = took.max(*most);
        assert!(took < kind.limit(), "{kind:?} was closed after {took:?}");
        match kind {
            Kind::HalfBody | Kind::DrippedBody => {
                assert!(
                    received.starts_with("HTTP/1.1 408 "),
                    "{kind:?}: {received}"
                );
                assert!(received.contains("/problems/request-timeout"), "{received}");
            }
            _ => assert_eq!(received, "", "{kind:?}"),
        }
    }
    println!("{each} of each kind; longest time until closed: {longest:.1?}");
    println!("p99 of a client of normal speed: {usual:.2?}, meanwhile {meanwhile:.2?}");
}
