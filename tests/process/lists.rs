//! Long lists on a real socket: complete, or visibly broken off.

use reqwest::{Client, Method, StatusCode};
use sea_orm::{ConnectionTrait, Database};
use serde_json::Value;
use tasks_api_test_support::{
    client::TasksClient,
    database::TestDatabase,
    process::{Service, client, token},
};

/// Some 40 MB: more than the buffers of a socket hold.
const TASKS: usize = 4_000;

#[tokio::test]
async fn a_long_list_is_complete_or_broken_off() {
    let database = TestDatabase::create().await;
    let service = Service::on(database.url()).await;
    service.wait_until_ready().await;
    let outside = Database::connect(database.url()).await.unwrap();
    database.fill("ana", TASKS, &"ä".repeat(5_000), 2).await;
    let ana = token("ana").await;
    let http2 = Client::builder().http2_prior_knowledge().build().unwrap();
    let clients = [client(), http2].map(|http| TasksClient::new(http, &service.url, &ana));

    let mut begun = Vec::new();
    for client in &clients {
        let list = client.list("").await.tasks();
        let ids: Vec<_> = list.iter().map(|task| task["id"].as_i64()).collect();
        assert_eq!(ids.len(), TASKS);
        assert!(ids.is_sorted_by(|a, b| a > b), "newest first, none twice");
        let head = client.request(Method::HEAD, "").send().await.unwrap();
        assert_eq!(head.status(), StatusCode::OK);
        let mut response = client.request(Method::GET, "").send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let first = response.chunk().await.unwrap().unwrap().to_vec();
        begun.push((first, response));
    }
    let rename = "ALTER TABLE tasks RENAME TO gone";
    outside.execute_unprepared(rename).await.unwrap();

    for (mut json, mut response) in begun {
        let end = loop {
            match response.chunk().await {
                Ok(Some(chunk)) => json.extend(chunk),
                end => break end,
            }
        };
        assert!(end.is_err(), "an error, not an end");
        assert!(serde_json::from_slice::<Value>(&json).is_err());
    }
    let refused = clients[0].list("").await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    service.signal("-TERM");
    let (_, log) = service.end().await;
    assert_eq!(log.matches("a response broke off").count(), 2, "{log}");
    assert!(!log.contains("gone"), "{log}");
}
