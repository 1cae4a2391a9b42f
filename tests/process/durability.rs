//! Acknowledged tasks survive kill -9. `KILLS` sets the number of kills (20 by default).

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tasks_api_test_support::{
    client::TasksClient,
    database::TestDatabase,
    process::{SECRET, Service, client, token},
};
use tokio::time::timeout;

const WRITERS: usize = 8;

#[tokio::test]
async fn every_acknowledged_task_survives_kill_9() {
    let kills: u64 = std::env::var("KILLS").map_or(20, |n| n.parse().unwrap());
    let database = TestDatabase::create().await;
    let variables = [
        ("DATABASE_URL", database.url()),
        ("BETTER_AUTH_SECRET", SECRET),
        ("TASKS_PER_USER", "1000000"),
    ];
    let ana = token("ana").await;
    let acknowledged = Arc::new(Mutex::new(BTreeSet::new()));
    let http = client();

    for round in 0..kills {
        let mut service = Service::start(&variables).await;
        let writers = (0..WRITERS).map(|_| {
            let acknowledged = acknowledged.clone();
            let client = TasksClient::new(http.clone(), &service.url, &ana);
            tokio::spawn(async move {
                loop {
                    let create = client.request(Method::POST, "");
                    let sent = create.json(&json!({"title": "Milk"})).send().await;
                    let Ok(response) = sent else { return };
                    assert_eq!(response.status(), StatusCode::CREATED);
                    let Ok(task) = response.json::<Value>().await else {
                        return;
                    };
                    let id = task["id"].as_i64().unwrap();
                    assert!(acknowledged.lock().unwrap().insert(id), "{id} twice");
                }
            })
        });
        let writers: Vec<_> = writers.collect();
        // On a busy machine the first writes take longer than all of the others.
        let before = acknowledged.lock().unwrap().len();
        let first = async {
            while acknowledged.lock().unwrap().len() < before + WRITERS {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(Duration::from_mins(1), first).await.unwrap();
        tokio::time::sleep(Duration::from_millis(10 * (round % 20))).await;
        service.child.kill().await.unwrap();
        for writer in join_all(writers).await {
            writer.unwrap();
        }
    }

    let service = Service::start(&variables).await;
    let list = service.client(&ana).list("").await.tasks();
    let stored: BTreeSet<_> = list
        .iter()
        .map(|task| task["id"].as_i64().unwrap())
        .collect();
    let acknowledged = acknowledged.lock().unwrap();
    assert!(
        acknowledged.len() > 100,
        "only {} writes",
        acknowledged.len()
    );
    println!("{kills} kills, {} acknowledged", acknowledged.len());
    let missing: Vec<_> = acknowledged.difference(&stored).collect();
    assert!(missing.is_empty(), "lost: {missing:?}");
}
