//! A rolling restart of two instances behind a load balancer with readiness checks: no
//! request fails. `RESTARTS` sets the number of restarts (4 by default).

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use futures_util::future::join_all;
use reqwest::{Client, StatusCode};
use tasks_api_test_support::{
    client::TasksClient,
    database::TestDatabase,
    process::{SECRET, Service, client, token},
};
use tokio::time::sleep;

/// The interval of the readiness checks.
const PROBE: Duration = Duration::from_millis(200);

/// The URLs of the ready instances.
type Ready = Arc<Mutex<Vec<String>>>;

/// Checks the instances repeatedly.
async fn probe(instances: Ready, ready: Ready, over: Arc<AtomicBool>) {
    let client = Client::builder().timeout(PROBE * 5).build().unwrap();
    while !over.load(Relaxed) {
        let all = instances.lock().unwrap().clone();
        let mut found = Vec::new();
        for url in all {
            let response = client.get(format!("{url}/health/ready")).send().await;
            if response.is_ok_and(|response| response.status().is_success()) {
                found.push(url);
            }
        }
        *ready.lock().unwrap() = found;
        sleep(PROBE).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_when_instances_are_restarted() {
    let restarts: usize = std::env::var("RESTARTS").map_or(4, |n| n.parse().unwrap());
    let database = TestDatabase::create().await;
    let variables = [
        ("DATABASE_URL", database.url()),
        ("BETTER_AUTH_SECRET", SECRET),
        ("STOP_DELAY", "2"),
        ("TASKS_PER_USER", "10000000"),
    ];
    let mut services = Vec::new();
    for _ in 0..2 {
        let service = Service::start(&variables).await;
        service.wait_until_ready().await;
        services.push(service);
    }
    let urls = services.iter().map(|one| one.url.clone()).collect();
    let instances: Ready = Arc::new(Mutex::new(urls));
    let ready: Ready = Arc::new(Mutex::new(instances.lock().unwrap().clone()));
    let (over, served) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let prober = tokio::spawn(probe(instances.clone(), ready.clone(), over.clone()));
    let ana = token("ana").await;
    let clients = (0..8).map(|number| {
        let (ready, over, served) = (ready.clone(), over.clone(), served.clone());
        let (http, ana) = (client(), ana.clone());
        tokio::spawn(async move {
            for n in number.. {
                if over.load(Relaxed) {
                    break;
                }
                let url = {
                    let ready = ready.lock().unwrap();
                    assert!(!ready.is_empty(), "one of the two is always ready");
                    ready[n % ready.len()].clone()
                };
                let client = TasksClient::new(http.clone(), &url, &ana);
                client.create("Milk").await.expect(StatusCode::CREATED);
                served.fetch_add(1, Relaxed);
            }
        })
    });
    let clients: Vec<_> = clients.collect();

    let mut meanwhile = 0;
    for _ in 0..restarts {
        sleep(PROBE * 2).await;
        let old = services.remove(0);
        let before = served.load(Relaxed);
        old.signal("-TERM");
        let url = old.url.clone();
        assert_eq!(old.end().await.0, Some(0));
        meanwhile += served.load(Relaxed) - before;
        let new = Service::start(&variables).await;
        new.wait_until_ready().await;
        let mut instances = instances.lock().unwrap();
        instances.retain(|one| *one != url);
        instances.push(new.url.clone());
        services.push(new);
    }
    over.store(true, Relaxed);
    assert!(meanwhile > 0, "no request was served during a restart");

    for client in join_all(clients).await {
        client.expect("201 alone");
    }
    prober.await.unwrap();
    println!(
        "{restarts} restarts, {} requests, none failed",
        served.load(Relaxed)
    );
}
