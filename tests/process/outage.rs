//! The database away: behind a door (a proxy of the test's own) that can be shut
//! or frozen. Only a server can be away, so these take one of `TEST_DATABASE_URL`;
//! an address where nobody listens stands for it otherwise.

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
    process::{SECRET, Service, token},
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    time::{Instant, sleep, timeout},
};
use url::Url;

const OPEN: u8 = 0;
const SHUT: u8 = 1;
const FROZEN: u8 = 2;

/// Longer than any answer may take, with room for a slow machine; a request that
/// hangs would take the client's own 30 s.
const BOUND: Duration = Duration::from_secs(10);

/// Passes connections on to the server, or not.
struct Door {
    url: String,
    state: Arc<AtomicU8>,
}

impl Door {
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
                    let shut = async |states: &[u8]| {
                        while !states.contains(&state.load(Ordering::Relaxed)) {
                            sleep(Duration::from_millis(10)).await;
                        }
                    };
                    if state.load(Ordering::Relaxed) == OPEN {
                        let mut outer = TcpStream::connect(server).await.unwrap();
                        tokio::select! {
                            _ = copy_bidirectional(&mut inner, &mut outer) => {}
                            () = shut(&[SHUT, FROZEN]) => {}
                        }
                    }
                    // Frozen: the connection stays, and nothing moves.
                    shut(&[SHUT, OPEN]).await;
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

/// One create and one list; their statuses, each in bounded time and, where it is
/// 503, a problem that says when to come back.
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
        assert!(started.elapsed() < BOUND, "it does not come back");
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn the_service_starts_without_its_database_and_says_so() {
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
async fn good_answers_return_by_themselves_when_the_database_does() {
    let database = TestDatabase::postgres().await;
    let door = Door::before(&database).await;
    door.set(SHUT);
    let service = service(&door.url).await;
    let ana = token("ana").await;
    assert_eq!(statuses(&service, &ana).await, AWAY, "away at the start");

    for away in [SHUT, FROZEN, SHUT] {
        door.set(OPEN);
        wait_until_back(&service, &ana).await;
        door.set(away);
        let [_, list] = statuses(&service, &ana).await;
        assert_eq!(list, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(statuses(&service, &ana).await, AWAY);
    }
    door.set(OPEN);
    wait_until_back(&service, &ana).await;
}

#[tokio::test]
async fn the_service_starts_without_its_issuer_and_says_so() {
    let service = Service::start(&[("BETTER_AUTH_URL", "http://127.0.0.1:1")]).await;
    // Its header and claims could be good; only a key could tell.
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

/// The time until the system asks whether the other side of a server's connection
/// is still there, for each connection of this process to that server.
#[cfg(target_os = "linux")]
fn keep_alives(process: u32, server: u16) -> Vec<Duration> {
    let sockets = std::fs::read_dir(format!("/proc/{process}/fd")).unwrap();
    let inodes: Vec<_> = sockets
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.replace(']', "")))
        .collect();
    // The table of proc(5): 1 is the local address, 2 the other's, 5 the timer and when
    // it fires, in hundredths of a second, 9 the inode.
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
async fn the_server_soon_asks_after_an_instance_that_is_silent() {
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
    soon.await.expect("a keep-alive of a minute");
}
