//! Clients that take their time, by intent or by accident: each is shown out,
//! and nobody else notices. `SLOW_CLIENTS` of each kind: 20 unless said otherwise.

use std::{
    collections::BTreeMap,
    io::ErrorKind,
    time::{Duration, Instant},
};

use reqwest::StatusCode;
use serde_json::json;
use tasks_api_test_support::process::{SECRET, Service, client, token};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    task::JoinSet,
    time::{interval, sleep, timeout},
};

/// How long any of them may stay. A drip a second shows it to a second.
const LIMIT: Duration = Duration::from_secs(35);
/// How long one may stay that does not finish a head.
const HEAD_LIMIT: Duration = Duration::from_secs(15);

/// What a slow client does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Silent,
    HalfRequestLine,
    HalfHeader,
    DrippedHeader,
    HalfBody,
    DrippedBody,
    NeverReading,
}

impl Kind {
    pub const ALL: [Self; 7] = [
        Self::Silent,
        Self::HalfRequestLine,
        Self::HalfHeader,
        Self::DrippedHeader,
        Self::HalfBody,
        Self::DrippedBody,
        Self::NeverReading,
    ];

    fn limit(self) -> Duration {
        match self {
            Self::HalfBody | Self::DrippedBody | Self::NeverReading => LIMIT,
            _ => HEAD_LIMIT,
        }
    }

    /// What it sends at once.
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
            // More answers than the buffers on the way hold.
            Self::NeverReading => (line("GET") + &authorization + "\r\n").repeat(30),
        }
    }

    fn drips(self) -> bool {
        matches!(self, Self::DrippedHeader | Self::DrippedBody)
    }
}

/// One of them, on its connection.
pub struct SlowClient {
    kind: Kind,
    stream: TcpStream,
    began: Instant,
}

impl SlowClient {
    /// Connects, and sends what its kind sends at once.
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

    /// How long it was served, and what it was told.
    async fn stay(mut self) -> (Kind, Duration, String) {
        let mut seconds = interval(Duration::from_secs(1));
        let mut told = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            if self.kind == Kind::NeverReading {
                // A reset is seen without a read.
                seconds.tick().await;
                match self.stream.try_write(b"x") {
                    Err(error) if error.kind() != ErrorKind::WouldBlock => break,
                    _ => continue,
                }
            }
            tokio::select! {
                read = self.stream.read(&mut buffer) => match read {
                    Ok(0) | Err(_) => break,
                    Ok(length) => told.extend_from_slice(&buffer[..length]),
                },
                _ = seconds.tick(), if self.kind.drips() => {
                    let _ = self.stream.try_write(b"x");
                }
            }
        }
        let told = String::from_utf8(told).unwrap();
        (self.kind, self.began.elapsed(), told)
    }
}

/// The wait for an answer that one of a hundred exceeds, with some rest between
/// them.
async fn p99(url: &str, token: &str, until: Instant) -> Duration {
    let client = client();
    let mut waits = Vec::new();
    while Instant::now() < until {
        let began = Instant::now();
        let answer = client.get(url).bearer_auth(token).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "an honest client");
        let _ = answer.bytes().await.unwrap();
        waits.push(began.elapsed());
        sleep(Duration::from_millis(2)).await;
    }
    waits.sort();
    waits[waits.len() * 99 / 100]
}

/// Creates a task; the path where it is.
async fn create(service: &Service, token: &str, description: &str) -> String {
    let task = json!({"title": "A task", "description": description});
    let post = client().post(format!("{}/api/tasks", service.url));
    let answer = post.bearer_auth(token).json(&task).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::CREATED);
    answer.headers()["location"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn slow_clients_are_shown_out_and_nobody_notices() {
    let each: usize = std::env::var("SLOW_CLIENTS").map_or(20, |n| n.parse().unwrap());
    let service = Service::start(&[("BETTER_AUTH_SECRET", SECRET)]).await;
    service.wait_until_ready().await;
    let (ana, bob) = (token("ana").await, token("bob").await);
    // A list of a megabyte, for those who do not read it.
    for _ in 0..100 {
        create(&service, &ana, &"x".repeat(10_000)).await;
    }
    let honest = format!("{}{}", service.url, create(&service, &bob, "").await);
    let usual = p99(&honest, &bob, Instant::now() + Duration::from_secs(5)).await;

    let mut clients = JoinSet::new();
    for kind in Kind::ALL {
        for _ in 0..each {
            let client = SlowClient::start(&service, kind, &ana).await;
            clients.spawn(timeout(LIMIT * 2, client.stay()));
        }
    }
    let meanwhile = Instant::now() + Duration::from_secs(30);
    let (meanwhile, ends) = tokio::join!(p99(&honest, &bob, meanwhile), clients.join_all());

    let mut longest = BTreeMap::new();
    for end in ends {
        let (kind, stayed, told) = end.expect("each is closed");
        let most: &mut Duration = longest.entry(format!("{kind:?}")).or_default();
        *most = stayed.max(*most);
        assert!(stayed < kind.limit(), "{kind:?} stayed for {stayed:?}");
        match kind {
            Kind::HalfBody | Kind::DrippedBody => {
                assert!(told.starts_with("HTTP/1.1 408 "), "{kind:?}: {told}");
                assert!(told.contains("/problems/request-timeout"), "{told}");
            }
            _ => assert_eq!(told, "", "{kind:?}"),
        }
    }
    println!("{each} of each kind; the longest stays: {longest:.1?}");
    println!("p99 of an honest client: {usual:.2?}, meanwhile {meanwhile:.2?}");
}
