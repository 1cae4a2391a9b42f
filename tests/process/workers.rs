//! Worker threads: connections are divided among them, and what is one for the process
//! stays one.

use std::{fs, time::Duration};

use futures_util::future::join_all;
use reqwest::StatusCode;
use sea_orm::{ConnectionTrait, Database, DbBackend, Statement};
use tasks_api_test_support::{
    client::TasksClient,
    database::TestDatabase,
    process::{SECRET, Service, token},
};

const WORKERS: usize = 4;

async fn start(variables: &[(&str, &str)]) -> (TestDatabase, Service) {
    let database = TestDatabase::create().await;
    let workers = WORKERS.to_string();
    let all = [
        ("DATABASE_URL", database.url()),
        ("BETTER_AUTH_SECRET", SECRET),
        ("WORKERS", &workers),
    ];
    let service = Service::start(&[&all, variables].concat()).await;
    service.wait_until_ready().await;
    (database, service)
}

/// Clients with a connection each.
fn clients(service: &Service, token: &str, count: usize) -> Vec<TasksClient> {
    let clients = (0..count).map(|_| service.client(token));
    clients.collect()
}

/// The processor time of each worker thread, in clock ticks.
#[cfg(target_os = "linux")]
fn times(service: &Service) -> Vec<u64> {
    let tasks = format!("/proc/{}/task", service.child.id().unwrap());
    let stats = fs::read_dir(tasks).unwrap().filter_map(|task| {
        let stat = fs::read_to_string(task.unwrap().path().join("stat")).ok()?;
        let (name, fields) = stat.rsplit_once(") ")?;
        let fields: Vec<_> = fields.split(' ').collect();
        let ticks = |index: usize| fields[index].parse::<u64>().unwrap();
        name.contains("(worker-").then(|| ticks(11) + ticks(12))
    });
    stats.collect()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn every_worker_serves_where_there_are_as_many_connections() {
    let (_database, service) = start(&[]).await;
    let ana = token("ana").await;
    let clients = clients(&service, &ana, WORKERS);

    // Until each thread has used a tick of ten milliseconds.
    while times(&service).contains(&0) {
        let requests = clients.iter().map(async |client| {
            for _ in 0..20 {
                client.list("").await.expect(StatusCode::OK);
            }
        });
        join_all(requests).await;
    }

    assert_eq!(times(&service).len(), WORKERS);
}

#[tokio::test]
async fn tasks_are_the_same_on_every_worker() {
    let (_database, service) = start(&[]).await;
    let ana = token("ana").await;
    let clients = clients(&service, &ana, 2 * WORKERS);

    for client in &clients {
        client.create("Milk").await.expect(StatusCode::CREATED);
    }

    let lists = join_all(clients.iter().map(|client| client.list(""))).await;
    let lists: Vec<_> = lists.into_iter().map(|list| list.tasks()).collect();
    assert_eq!(lists[0].len(), clients.len());
    assert!(lists.iter().all(|list| *list == lists[0]));
}

#[tokio::test]
async fn a_rate_limit_counts_the_requests_of_all_workers() {
    // A burst is a tenth of it.
    let (_database, service) = start(&[("RATE_LIMIT_PER_USER", "200")]).await;
    let ana = token("ana").await;
    let clients = clients(&service, &ana, 40);

    let responses = join_all(clients.iter().map(|client| client.get(1))).await;

    let limited = responses
        .iter()
        .filter(|r| r.status == StatusCode::TOO_MANY_REQUESTS);
    // Some tokens return while the requests are under way.
    assert!((10..=20).contains(&limited.count()));
}

#[tokio::test]
async fn a_stop_finishes_the_requests_of_all_workers() {
    let (_database, service) = start(&[("STOP_DELAY", "1")]).await;
    let ana = token("ana").await;
    let clients = clients(&service, &ana, 2 * WORKERS);

    let requests = join_all(clients.iter().map(|client| client.create("Milk")));
    let stop = async { service.signal("-TERM") };
    let (responses, ()) = tokio::join!(requests, stop);
    let (code, _) = service.end().await;

    assert_eq!(code, Some(0));
    for response in responses {
        response.expect(StatusCode::CREATED);
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
#[expect(clippy::disallowed_methods, reason = "counts the server's sessions")]
async fn all_workers_together_keep_to_the_limit_of_database_connections() {
    let (database, service) = start(&[("DATABASE_CONNECTIONS", "10"), ("WORKERS", "8")]).await;
    let ana = token("ana").await;
    let clients = clients(&service, &ana, 64);

    let load = clients.iter().map(async |client| {
        for _ in 0..10 {
            client.create("Milk").await.expect(StatusCode::CREATED);
            client.list("").await.expect(StatusCode::OK);
            client.get(1).await;
        }
    });
    let admin = Database::connect(database.url()).await.unwrap();
    let count = async {
        let mut most = 0;
        for _ in 0..20 {
            let sessions = "SELECT count(*) FROM pg_stat_activity WHERE \
                            datname = current_database() AND application_name = 'tasks-api'";
            let sessions = Statement::from_string(DbBackend::Postgres, sessions);
            let row = admin.query_one_raw(sessions).await.unwrap().unwrap();
            most = most.max(row.try_get_by_index::<i64>(0).unwrap());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        most
    };
    let (_, most) = tokio::join!(join_all(load), count);

    assert!((3..=10).contains(&most), "{most}");
}
