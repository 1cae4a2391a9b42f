//! An unreachable database: a proxy in front of the server that a test can close or freeze,
//! or an address where nothing listens.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use reqwest::{Method, StatusCode};
use tasks_api_test_support::{
    database::TestDatabase,
    events::{Events, Item},
    process::{SECRET, Service, token},
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    time::{Instant, sleep, timeout},
};
use url::Url;

const OPEN: u8 = 0;
const CLOSED: u8 = 1;
const FROZEN: u8 = 2;

/// Longer than any response may take, with room for a slow machine. A request that hangs
/// would take the client's 30 s.
const BOUND: Duration = Duration::from_secs(10);

/// A proxy in front of the server.
struct Proxy {
    url: String,
    state: Arc<AtomicU8>,
}

impl Proxy {
    async fn before(database: &TestDatabase) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut url = Url::parse(database.url()).unwrap();
        let server = (
            url.host_str().unwrap().to_owned(),
            url.port().unwrap_or(5432),
        );
        url.set_port(Some(listener.local_addr().unwrap().port()))
            .unwrap();
        url.set_host(Some("127.0.0.1")).unwrap();
        let state = Arc::new(AtomicU8::new(OPEN));
        let seen = state.clone();
        tokio::spawn(async move {
            loop {
                let (mut inner, _) = listener.accept().await.unwrap();
                let (server, state) = (server.clone(), seen.clone());
                tokio::spawn(async move {
                    let becomes = async |states: &[u8]| {
                        while !states.contains(&state.load(Ordering::Relaxed)) {
                            sleep(Duration::from_millis(10)).await;
                        }
                    };
                    if state.load(Ordering::Relaxed) == OPEN {
                        let mut outer = TcpStream::connect(server).await.unwrap();
                        tokio::select! {
                            _ = copy_bidirectional(&mut inner, &mut outer) => {}
                            () = becomes(&[CLOSED, FROZEN]) => {}
                        }
                    }
                    // Frozen: the connection stays open, and no data is passed.
                    becomes(&[CLOSED, OPEN]).await;
                });
            }
        });
        Self {
            url: url.into(),
            state,
        }
    }

    fn set(&self, state: u8) {
        self.state.store(state, Ordering::Relaxed);
    }
}

async fn service(url: &str) -> Service {
    Service::start(&[("DATABASE_URL", url), ("BETTER_AUTH_SECRET", SECRET)]).await
}

/// The statuses of one create and one list. Both must come in bounded time; a 503 must
/// have a problem body and `Retry-After`.
async fn statuses(service: &Service, token: &str) -> [StatusCode; 2] {
    let client = service.client(token);
    let created = timeout(BOUND, client.create("Milk")).await;
    let listed = timeout(BOUND, client.list("")).await;
    [created, listed].map(|response| {
        let response = response.expect("a response in bounded time");
        if response.status == StatusCode::SERVICE_UNAVAILABLE {
            assert!(response.headers.contains_key("retry-after"));
            assert_eq!(response.body["status"], 503);
        }
        response.status
    })
}

const AWAY: [StatusCode; 2] = [StatusCode::SERVICE_UNAVAILABLE; 2];
const BACK: [StatusCode; 2] = [StatusCode::CREATED, StatusCode::OK];

async fn wait_until_back(service: &Service, token: &str) {
    let started = Instant::now();
    while statuses(service, token).await != BACK {
        assert!(started.elapsed() < BOUND, "requests do not succeed again");
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn the_service_starts_without_its_database_and_is_not_ready() {
    let service = service("postgres://nobody@127.0.0.1:1/tasks").await;
    let ana = token("ana").await;

    let health = async |path| {
        let request = service.request(Method::GET, &format!("/health/{path}"));
        let response = timeout(BOUND, request.send()).await.unwrap();
        response.unwrap().status()
    };

    assert_eq!(statuses(&service, &ana).await, AWAY);
    assert_eq!(health("live").await, StatusCode::OK);
    assert_eq!(health("ready").await, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_sqlite_file_is_available_at_once() {
    let database = TestDatabase::sqlite();

    let service = service(database.url()).await;

    assert_eq!(statuses(&service, &token("ana").await).await, BACK);
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn requests_succeed_again_once_the_database_is_back() {
    let database = TestDatabase::postgres().await;
    let proxy = Proxy::before(&database).await;
    proxy.set(CLOSED);
    let service = service(&proxy.url).await;
    let ana = token("ana").await;
    assert_eq!(
        statuses(&service, &ana).await,
        AWAY,
        "unreachable at the start"
    );

    for away in [CLOSED, FROZEN, CLOSED] {
        proxy.set(OPEN);
        wait_until_back(&service, &ana).await;
        proxy.set(away);
        let [_, list] = statuses(&service, &ana).await;
        assert_eq!(list, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(statuses(&service, &ana).await, AWAY);
    }
    proxy.set(OPEN);
    wait_until_back(&service, &ana).await;
}

/// What another instance writes meanwhile comes once the database is back, in one stream.
#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_stream_goes_on_after_an_outage_and_has_missed_nothing() {
    let database = TestDatabase::postgres().await;
    let proxy = Proxy::before(&database).await;
    let (instance, other) = (service(&proxy.url).await, service(database.url()).await);
    let ana = token("ana").await;
    wait_until_back(&instance, &ana).await;
    wait_until_back(&other, &ana).await;
    let writer = other.client(&ana);
    let mut stream = Events::open(&instance.url, &ana, None).await;
    stream.event().await.unwrap();

    for away in [CLOSED, FROZEN] {
        proxy.set(away);
        while statuses(&instance, &ana).await != AWAY {
            sleep(Duration::from_millis(100)).await;
        }
        let created = writer.create("meanwhile").await;
        let task = created.expect(StatusCode::CREATED);
        // Longer than some polls, and than the comment of a silent stream.
        let next = stream.next().await.expect("the stream is whole");
        assert_eq!(next, Some(Item::Comment));
        proxy.set(OPEN);
        assert_eq!(stream.event().await.unwrap()["tasks"][0], task);
    }
    instance.signal("-TERM");
    let (_, log) = instance.end().await;
    let waits = log
        .matches("streams of changes wait for the database")
        .count();
    // The stream may go on before the poll does, which then sees one outage.
    assert!((1..=2).contains(&waits), "not with each poll: {log}");
}

#[tokio::test]
async fn the_service_starts_without_its_issuer_and_is_not_ready() {
    let service = Service::start(&[("BETTER_AUTH_URL", "http://127.0.0.1:1")]).await;
    // Header and claims may be valid; only a key can decide.
    let token = "eyJhbGciOiJFZERTQSIsImtpZCI6ImEifQ.eyJzdWIiOiJhbmEifQ.c2lnbmF0dXJl";

    let call = async |path: &str| {
        let request = service.request(Method::GET, path).bearer_auth(token);
        timeout(BOUND, request.send()).await.unwrap().unwrap()
    };

    assert_eq!(call("/health/live").await.status(), StatusCode::OK);
    for path in ["/health/ready", "/api/tasks"] {
        let away = call(path).await;
        assert_eq!(away.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert!(away.headers().contains_key("retry-after"));
    }
}

/// The time until the next TCP keep-alive of the server, for each connection of this
/// process to it.
#[cfg(target_os = "linux")]
fn keep_alives(process: u32, server: u16) -> Vec<Duration> {
    let sockets = std::fs::read_dir(format!("/proc/{process}/fd")).unwrap();
    let inodes: Vec<_> = sockets
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.replace(']', "")))
        .collect();
    // The columns, by proc(5): 1 the local address, 2 the remote address, 5 the timer and
    // when it fires in units of 10 ms, 9 the inode.
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let rows: Vec<Vec<_>> = table
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().collect())
        .collect();
    let is_server = |address: &str| address.ends_with(&format!(":{server:04X}"));
    let ours = rows
        .iter()
        .filter(|row| inodes.contains(&row[9].to_owned()));
    let ours = ours.filter(|row| is_server(row[2]));
    let of_server = ours.filter_map(|ours| rows.iter().find(|row| row[2] == ours[1]));
    let keep_alive = of_server.filter_map(|row| row[5].strip_prefix("02:"));
    keep_alive
        .map(|when| Duration::from_millis(u64::from_str_radix(when, 16).unwrap() * 10))
        .collect()
}

#[cfg(target_os = "linux")]
#[tokio::test]
#[ignore = "needs PostgreSQL on 127.0.0.1"]
async fn the_server_sends_keep_alives_within_a_minute() {
    let database = TestDatabase::postgres().await;
    let server = Url::parse(database.url()).unwrap();
    assert_eq!(
        server.host_str(),
        Some("127.0.0.1"),
        "the sockets of this machine"
    );
    let service = Service::on(database.url()).await;
    service.wait_until_ready().await;
    let client = service.client(&token("ana").await);
    client.list("").await.expect(StatusCode::OK);

    let process = service.child.id().unwrap();
    let soon = timeout(BOUND, async {
        loop {
            let waits = keep_alives(process, server.port().unwrap_or(5432));
            if waits.iter().any(|wait| *wait <= Duration::from_mins(1)) {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
    });
    soon.await.expect("a keep-alive within a minute");
}
