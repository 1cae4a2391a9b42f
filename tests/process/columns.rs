//! A column is added under load, as the migration of a newer version does during a rolling
//! update: the instances of this version go on, and no request fails.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use sea_orm::{ConnectionTrait, Database};
use serde_json::json;
use tasks_api_test_support::{
    client::TasksClient,
    database::TestDatabase,
    process::{Service, token},
};
use tokio::time::sleep;

/// All operations in turn, on a task of its own.
async fn use_all(client: TasksClient, over: Arc<AtomicBool>, served: Arc<AtomicUsize>) {
    while !over.load(Relaxed) {
        let task = client.create("Milk").await.expect(StatusCode::CREATED);
        let path = format!("/{}", task["id"]);
        let complete = json!({"completed": true});
        let rename = json!({"title": "Bread"});
        for (method, path, body) in [
            (Method::GET, path.clone(), None),
            (Method::PATCH, format!("{path}/complete"), Some(complete)),
            (Method::GET, String::new(), None),
            (Method::PUT, path.clone(), Some(rename)),
            (Method::DELETE, path, None),
        ] {
            let response = client.send(method, &path, body.as_ref()).await;
            response.expect(StatusCode::OK);
            served.fetch_add(1, Relaxed);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_while_columns_are_added() {
    let database = TestDatabase::create().await;
    let service = Service::on(database.url()).await;
    service.wait_until_ready().await;
    let (over, served) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let tokens = join_all((0..8).map(|n| async move { token(&format!("user{n}")).await })).await;
    let clients = tokens.iter().map(|token| {
        let client = service.client(token);
        tokio::spawn(use_all(client, over.clone(), served.clone()))
    });
    let clients: Vec<_> = clients.collect();

    let newer = Database::connect(database.url()).await.unwrap();
    for number in 0..5 {
        for table in ["tasks", "user_sequences", "trash"] {
            let before = served.load(Relaxed);
            let column = format!("ALTER TABLE {table} ADD COLUMN");
            for kind in ["text", "integer NOT NULL DEFAULT 7"] {
                let name = kind.split(' ').next().unwrap();
                let add = format!("{column} {name}{number} {kind}");
                newer.execute_unprepared(&add).await.unwrap();
            }
            // Every statement is run with the new columns there.
            while served.load(Relaxed) < before + 80 {
                sleep(Duration::from_millis(10)).await;
            }
        }
    }
    over.store(true, Relaxed);

    for client in join_all(clients).await {
        client.expect("success alone");
    }
}
