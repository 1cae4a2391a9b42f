//! Faults of a `PostgreSQL` server under load. Clients get their response or 503 in time.
//! Acknowledged tasks are stored exactly once, rejected ones never. `FAULT_ROUNDS` sets
//! how often each fault occurs (once by default).

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use reqwest::StatusCode;
use sea_orm::ConnectionTrait;
use tasks_api_test_support::{
    client::TasksClient,
    process::{SECRET, Service, client, free_port, token},
};
use tokio::{task::JoinError, time::sleep};

use crate::cluster::Cluster;

const CLIENTS: usize = 16;
/// How long the server is unavailable.
const AWAY: Duration = Duration::from_secs(3);
/// When requests must succeed again at the latest, with room for a slow machine.
const BOUND: Duration = Duration::from_secs(15);

/// The title of the task that a client completes over and over.
const TO_COMPLETE: &str = "To complete";

/// A fault of the server.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Stop,
    PowerCut,
    CrashedProcess,
    Freeze,
    LockedTable,
    ReadOnly,
    NoConnections,
}

const FAULTS: [Fault; 7] = [
    Fault::Stop,
    Fault::PowerCut,
    Fault::CrashedProcess,
    Fault::Freeze,
    Fault::LockedTable,
    Fault::ReadOnly,
    Fault::NoConnections,
];

impl Fault {
    /// Causes the fault and repairs it.
    async fn happen(self, cluster: &Cluster) {
        match self {
            Self::Stop | Self::PowerCut => {
                let fast = matches!(self, Self::Stop);
                cluster.down(if fast { "fast" } else { "immediate" });
                sleep(AWAY).await;
                cluster.up();
            }
            Self::CrashedProcess => cluster.crash_a_process().await,
            Self::Freeze => {
                cluster.signal_all("-STOP");
                sleep(AWAY).await;
                cluster.signal_all("-CONT");
            }
            Self::LockedTable => {
                let admin = cluster.admin().await;
                let lock = "BEGIN; LOCK TABLE tasks; SELECT pg_sleep(3); COMMIT";
                // The service's timeout is shorter than the lock is held.
                admin.execute_unprepared(lock).await.unwrap();
            }
            Self::ReadOnly => {
                cluster.set("default_transaction_read_only = on").await;
                sleep(AWAY).await;
                cluster.set("default_transaction_read_only = off").await;
            }
            Self::NoConnections => {
                let taken = cluster.crowd().await;
                sleep(AWAY).await;
                join_all(
                    taken
                        .into_iter()
                        .map(|one| async { one.close().await.unwrap() }),
                )
                .await;
            }
        }
    }
}

/// The outcome of a creation, as reported to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Created,
    NotDone,
    Unknown,
}

/// What all writers share.
#[derive(Default)]
struct Load {
    over: AtomicBool,
    created: AtomicUsize,
}

impl Load {
    /// Ends it, once there were enough creations: a loaded machine needs longer for them.
    async fn end(&self) {
        while self.created.load(Relaxed) <= 100 {
            sleep(Duration::from_millis(20)).await;
        }
        self.over.store(true, Relaxed);
    }
}

/// A client that creates tasks with unique titles, and reads.
struct Writer {
    client: TasksClient,
    name: usize,
    outcomes: BTreeMap<String, Outcome>,
    longest: Duration,
}

impl Writer {
    async fn work(&mut self, load: &Load) {
        while !load.over.load(Relaxed) {
            let title = format!("{} {}", self.name, self.outcomes.len());
            let began = Instant::now();
            let outcome = self.create(&title).await;
            self.longest = self.longest.max(began.elapsed());
            self.outcomes.insert(title, outcome);
            let created = usize::from(outcome == Outcome::Created);
            load.created.fetch_add(created, Relaxed);

            let began = Instant::now();
            let read = self.client.get(1).await;
            assert!(matches!(read.status.as_u16(), 200 | 404 | 503), "{read:?}");
            self.longest = self.longest.max(began.elapsed());
            if read.status == StatusCode::SERVICE_UNAVAILABLE {
                sleep(Duration::from_millis(20)).await;
            }
        }
    }

    async fn create(&self, title: &str) -> Outcome {
        let response = self.client.create(title).await;
        match response.status {
            StatusCode::CREATED => Outcome::Created,
            StatusCode::SERVICE_UNAVAILABLE => {
                assert!(response.headers.contains_key("retry-after"));
                match response.body["type"].as_str().unwrap() {
                    "/problems/service-unavailable" => Outcome::NotDone,
                    "/problems/outcome-unknown" => Outcome::Unknown,
                    other => panic!("{other}"),
                }
            }
            status => panic!("{status}: {}", response.body),
        }
    }
}

/// Waits until a creation and a list succeed; returns how long that took.
async fn back(service: &Service, token: &str) -> Duration {
    let client = service.client(token);
    let began = Instant::now();
    while began.elapsed() < BOUND {
        let created = client.create("A probe").await.status;
        let listed = client.list("").await.status;
        if created == StatusCode::CREATED && listed == StatusCode::OK {
            return began.elapsed();
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("requests do not succeed again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL's programs"]
async fn no_server_fault_loses_or_duplicates_a_task() {
    let rounds: usize = std::env::var("FAULT_ROUNDS").map_or(1, |n| n.parse().unwrap());
    let cluster = Cluster::start().await;
    let metrics = free_port().to_string();
    let variables = [
        ("METRICS_PORT", &*metrics),
        ("DATABASE_URL", &*cluster.url()),
        ("BETTER_AUTH_SECRET", SECRET),
        ("TASKS_PER_USER", "10000000"),
    ];
    let service = Service::start(&variables).await;
    service.wait_until_ready().await;
    let load = Arc::new(Load::default());
    let probe = token("probe").await;
    let mut writers = Vec::new();
    for name in 0..CLIENTS {
        let mut writer = Writer {
            client: service.client(&token(&format!("writer {name}")).await),
            name,
            outcomes: BTreeMap::new(),
            longest: Duration::ZERO,
        };
        let load = Arc::clone(&load);
        writers.push(tokio::spawn(async move {
            writer.work(&load).await;
            writer
        }));
    }

    for fault in FAULTS.into_iter().cycle().take(FAULTS.len() * rounds) {
        sleep(Duration::from_secs(1)).await;
        fault.happen(&cluster).await;
        let back = back(&service, &probe).await;
        println!("{fault:?}: requests succeed again after {back:.2?}");
    }
    load.end().await;
    let numbers = client().get(format!("http://127.0.0.1:{metrics}/metrics"));
    let numbers = numbers.send().await.unwrap().text().await.unwrap();
    for kind in ["not_connected", "refused", "lost", "too_slow"] {
        let line = format!("tasks_api_database_errors_total{{kind=\"{kind}\"}}");
        assert!(numbers.contains(&line), "{kind}: {numbers}");
    }

    let (counts, longest) = tally(join_all(writers).await).await;
    println!("{counts:?}; the longest response time: {longest:.2?}");
    assert!(longest < BOUND);
}

/// Compares what the clients were told with what is stored. Returns how often each
/// outcome was told, and the longest response time.
async fn tally(writers: Vec<Result<Writer, JoinError>>) -> (BTreeMap<Outcome, usize>, Duration) {
    let mut counts = BTreeMap::<_, usize>::new();
    let mut longest = Duration::ZERO;
    for writer in writers {
        let writer = writer.expect("nothing but 2xx, 404 and 503");
        longest = longest.max(writer.longest);
        let list = writer.client.list("").await.tasks();
        let mut stored = BTreeMap::<_, usize>::new();
        for task in &list {
            *stored.entry(task["title"].as_str().unwrap()).or_default() += 1;
        }
        for (title, outcome) in &writer.outcomes {
            *counts.entry(*outcome).or_default() += 1;
            let times = stored.remove(&**title).unwrap_or(0);
            let right = match outcome {
                Outcome::Created => times == 1,
                Outcome::NotDone => times == 0,
                Outcome::Unknown => times <= 1,
            };
            assert!(right, "{title:?}, {outcome:?}, is stored {times} times");
        }
        assert!(stored.is_empty(), "unknown tasks: {stored:?}");
    }
    (counts, longest)
}

/// PostgreSQL executes COMMIT, and may be told to end the session before it responds.
/// Batches of more than one kind of write end with COMMIT.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL's programs"]
async fn sessions_that_end_during_a_commit_leave_no_false_response() {
    let rounds: u32 = std::env::var("FAULT_ROUNDS").map_or(1, |n| n.parse().unwrap());
    let cluster = Cluster::start().await;
    let service = Service::start(&[
        ("DATABASE_URL", &*cluster.url()),
        ("BETTER_AUTH_SECRET", SECRET),
        ("TASKS_PER_USER", "10000000"),
    ])
    .await;
    service.wait_until_ready().await;
    let load = Arc::new(Load::default());
    let mut writers = Vec::new();
    for name in 0..20 {
        let client = service.client(&token(&format!("writer {name}")).await);
        let id = client.create(TO_COMPLETE).await.body["id"]
            .as_i64()
            .unwrap();
        let mut writer = Writer {
            client,
            name,
            outcomes: BTreeMap::from([(TO_COMPLETE.to_owned(), Outcome::Created)]),
            longest: Duration::ZERO,
        };
        let completer = service.client(&token(&format!("writer {name}")).await);
        let load = Arc::clone(&load);
        writers.push(tokio::spawn(async move {
            let completing = async {
                while !load.over.load(Relaxed) {
                    let status = completer.complete(id, true).await.status;
                    assert!(matches!(status.as_u16(), 200 | 503), "{status}");
                }
            };
            let (writer, ()) = tokio::join!(
                async {
                    writer.work(&load).await;
                    writer
                },
                completing
            );
            writer
        }));
    }

    let end_sessions = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                        WHERE application_name = 'tasks-api'";
    let admin = cluster.admin().await;
    for _ in 0..40 * rounds {
        sleep(Duration::from_millis(150)).await;
        admin.execute_unprepared(end_sessions).await.unwrap();
    }
    back(&service, &token("probe").await).await;
    load.end().await;

    let (counts, _) = tally(join_all(writers).await).await;
    println!("{counts:?}");
}
