//! Long lists of one user: what they cost other users, and how much memory they hold.
//! `LIST_TASKS` sets how many tasks the user has (2,000 by default), `LIST_SECONDS` how
//! long each phase takes (5 by default), `LISTS` how many are sent at once (64 by
//! default). With `LIST_COMPLETE`, fast clients read them to their ends.

#![cfg(target_os = "linux")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use reqwest::{Client, Method, StatusCode};
use tasks_api_test_support::{
    client::TasksClient,
    database::TestDatabase,
    process::{Service, token},
};
use tokio::{process::Command, task::JoinSet, time::sleep};

/// Lists that the user reads at once: far below the rate limit.
const PARALLEL: usize = 4;
/// Resident memory of the service, in KiB: a quarter of what `deploy/` allows.
const MEMORY: u64 = 256 * 1024;

fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |n| n.parse().unwrap())
}

fn seconds() -> Duration {
    Duration::from_secs(setting("LIST_SECONDS", 5) as u64)
}

/// `SQLite`, and `PostgreSQL` where there is a server.
async fn databases() -> Vec<TestDatabase> {
    let mut databases = vec![TestDatabase::sqlite()];
    if std::env::var_os("TEST_DATABASE_URL").is_some() {
        databases.push(TestDatabase::postgres().await);
    }
    databases
}

/// The service, and so many tasks of Eve with this description.
async fn start(database: &TestDatabase, description: &str) -> Service {
    let service = Service::on(database.url()).await;
    service.wait_until_ready().await;
    let tasks = setting("LIST_TASKS", 2000);
    database.fill("eve", tasks, description, 2).await;
    service
}

/// The 50th and 99th percentile in milliseconds of the times in which `client` reads a
/// task, and how many reads failed.
async fn read(client: &TasksClient, id: i64, query: &str) -> ([f64; 2], usize) {
    let (mut times, mut failed) = (Vec::new(), 0);
    let path = if query == "get" {
        format!("/{id}")
    } else {
        query.to_owned()
    };
    let end = Instant::now() + seconds();
    while Instant::now() < end {
        let began = Instant::now();
        let response = client.send(Method::GET, &path, None).await;
        times.push(began.elapsed().as_secs_f64() * 1e3);
        failed += usize::from(response.status != StatusCode::OK);
    }
    times.sort_by(f64::total_cmp);
    let at = |percent: usize| times[times.len() * percent / 100];
    ([at(50), at(99)], failed)
}

/// Reads lists in programs of their own, whose work is none of the test's, until `over`.
fn read_lists(service: &Service, token: &str, query: &str, over: &Arc<AtomicBool>) -> JoinSet<()> {
    let url = format!("{}/api/tasks{query}", service.url);
    let mut readers = JoinSet::new();
    for _ in 0..PARALLEL {
        let (url, over) = (url.clone(), Arc::clone(over));
        let bearer = format!("Authorization: Bearer {token}");
        readers.spawn(async move {
            while !over.load(Relaxed) {
                let mut curl = Command::new("curl");
                curl.args(["-sS", "-o", "/dev/null", "-H", &bearer, &url]);
                let read = curl.kill_on_drop(true).status().await;
                assert!(read.unwrap().success(), "a list is complete");
            }
        });
    }
    readers
}

#[tokio::test]
async fn long_lists_of_one_user_do_not_delay_others() {
    let mut delayed = Vec::new();
    for database in databases().await {
        let service = start(&database, &"ä".repeat(10_000)).await;
        let (eve, bob) = (token("eve").await, service.client(&token("bob").await));
        let task = bob.create("Milk").await.expect(StatusCode::CREATED);
        let id = task["id"].as_i64().unwrap();
        read(&bob, id, "get").await;

        let name = if database.is_postgres() {
            "PostgreSQL"
        } else {
            "SQLite"
        };
        for lists in ["", "?status=completed"] {
            for query in ["get", ""] {
                let (idle, _) = read(&bob, id, query).await;
                let over = Arc::new(AtomicBool::new(false));
                let mut readers = read_lists(&service, &eve, lists, &over);
                sleep(Duration::from_millis(200)).await;
                let (busy, failed) = read(&bob, id, query).await;
                over.store(true, Relaxed);
                readers.abort_all();
                while let Some(read) = readers.join_next().await {
                    assert!(read.is_ok_and(|()| true) || over.load(Relaxed));
                }

                let what = if query == "get" {
                    "a task"
                } else {
                    "a short list"
                };
                let figures = format!(
                    "{name}, lists {lists:?}: {what} in {idle:.2?} ms at p50 and p99, \
                     {busy:.2?} beside {PARALLEL} long lists, {failed} refused"
                );
                println!("{figures}");
                // A machine that is busy otherwise delays some of a hundred by itself.
                if failed > 0 || busy[1] > f64::max(3.0 * idle[1], 20.0) {
                    delayed.push(figures);
                }
            }
        }
    }
    assert!(delayed.is_empty(), "{delayed:#?}");
}

/// How fast clients read.
#[derive(Debug, Clone, Copy)]
enum Pace {
    Fast,
    /// One chunk, and then a rest.
    Slow,
}

/// Reads lists at once on one HTTP/2 connection; returns the bytes, the lists that were
/// complete or refused, and the most memory of the service.
async fn memory_of(service: &Service, token: &str, pace: Pace) -> (usize, [usize; 2], u64) {
    let http = Client::builder().http2_prior_knowledge().build().unwrap();
    let eve = TasksClient::new(http, &service.url, token);
    let bytes = Arc::new(AtomicUsize::new(0));
    let ends = Arc::new([const { AtomicUsize::new(0) }; 2]);
    let mut readers = JoinSet::new();
    for _ in 0..setting("LISTS", 64) {
        let (list, bytes, ends) = (eve.request(Method::GET, ""), bytes.clone(), ends.clone());
        readers.spawn(async move {
            let mut response = list.send().await.unwrap();
            if response.status() == StatusCode::SERVICE_UNAVAILABLE {
                ends[1].fetch_add(1, Relaxed);
                return;
            }
            assert_eq!(response.status(), StatusCode::OK);
            let mut end = None;
            while let Some(chunk) = response.chunk().await.unwrap() {
                bytes.fetch_add(chunk.len(), Relaxed);
                end = chunk.last().copied().or(end);
                if matches!(pace, Pace::Slow) {
                    sleep(Duration::from_secs(1)).await;
                }
            }
            assert_eq!(end, Some(b']'));
            ends[0].fetch_add(1, Relaxed);
        });
    }
    let most = match (pace, std::env::var_os("LIST_COMPLETE")) {
        (Pace::Fast, Some(_)) => Duration::from_mins(10),
        _ => seconds(),
    };
    let all = async { while readers.join_next().await.map(Result::unwrap).is_some() {} };
    let _ = tokio::time::timeout(most, all).await;
    let [complete, refused] = [0, 1].map(|end: usize| ends[end].load(Relaxed));
    (
        bytes.load(Relaxed),
        [complete, refused],
        service.memory("VmHWM"),
    )
}

#[tokio::test]
async fn long_lists_hold_little_memory() {
    let mut exceeded = Vec::new();
    for database in databases().await {
        let name = if database.is_postgres() {
            "PostgreSQL"
        } else {
            "SQLite"
        };
        let service = start(&database, &"x".repeat(10_000)).await;
        let eve = token("eve").await;
        for pace in [Pace::Slow, Pace::Fast] {
            let began = Instant::now();
            let (bytes, [complete, refused], memory) = memory_of(&service, &eve, pace).await;
            let figures = format!(
                "{name}, {pace:?}: {} MiB in {:.1?}, {complete} complete, {refused} refused, \
                 at most {} MiB of memory",
                bytes >> 20,
                began.elapsed(),
                memory >> 10
            );
            println!("{figures}");
            // So many lists are within the budget.
            if refused > 0 || memory > MEMORY {
                exceeded.push(figures);
            }
        }
    }
    assert!(exceeded.is_empty(), "{exceeded:#?}");
}
