//! The first steps of a new user: banner, token, tasks, logs.

use reqwest::StatusCode;
use serde_json::{Value, json};
use tasks_api_test_support::{
    database::TestDatabase,
    process::{SECRET, Service, client, command, token},
};
use tokio::io::{AsyncBufReadExt, BufReader};

#[tokio::test]
async fn the_printed_token_and_address_return_an_empty_list() {
    let service = Service::start(&[]).await;
    let mut lines = service.banner.lines();
    let line = lines.find(|line| line.starts_with("curl ")).unwrap();
    let (header, url) = line.rsplit_once("' ").unwrap();
    let token = header.rsplit_once(' ').unwrap().1;

    let response = client().get(url).bearer_auth(token).send().await.unwrap();

    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.text().await.unwrap(), "[]");
}

#[tokio::test]
async fn a_user_creates_changes_and_deletes_tasks() {
    let database = TestDatabase::create().await;
    let service = Service::on(database.url()).await;
    let ana = service.client(&token("ana").await);
    let bob = service.client(&token("bob").await);

    let milk = ana.create("Milk").await.expect(StatusCode::CREATED);
    let bread = ana.create("Bread").await.expect(StatusCode::CREATED);
    let id = milk["id"].as_i64().unwrap();
    let task = json!({"title": "Oat milk", "description": "two"});
    let milk = ana.update(id, &task).await.expect(StatusCode::OK);
    assert_eq!(milk["title"], "Oat milk");
    let milk = ana.complete(id, true).await.expect(StatusCode::OK);
    assert_eq!(ana.list("").await.tasks(), [bread.clone(), milk.clone()]);
    assert_eq!(ana.list("?status=pending").await.tasks(), [bread]);
    assert_eq!(ana.list("?status=completed").await.tasks(), [milk]);
    assert!(bob.list("").await.tasks().is_empty());
    bob.delete(id).await.expect(StatusCode::NOT_FOUND);
    ana.delete(id).await.expect(StatusCode::OK);
    let problem = ana.get(id).await.expect(StatusCode::NOT_FOUND);
    assert_eq!(problem["type"], "/problems/not-found");
}

#[tokio::test]
async fn tasks_survive_a_restart() {
    let database = TestDatabase::create().await;
    let ana = token("ana").await;

    let first = Service::on(database.url()).await;
    let created = first.client(&ana).create("Milk").await;
    let created = created.expect(StatusCode::CREATED);
    first.signal("-TERM");
    let (code, _) = first.end().await;
    let second = Service::on(database.url()).await;
    let list = second.client(&ana).list("").await.tasks();

    assert_eq!(code, Some(0));
    assert_eq!(list, [created]);
}

#[tokio::test]
async fn logs_contain_the_request_and_never_the_token() {
    let service = Service::start(&[
        ("BETTER_AUTH_SECRET", SECRET),
        ("RUST_LOG", "info,tasks_api::access=debug"),
    ])
    .await;
    let ana = token("ana-the-user").await;

    let response = service.client(&ana).get(7).await;
    let id = response.headers["x-request-id"].to_str().unwrap();
    service.signal("-INT");
    let (code, log) = service.end().await;

    assert_eq!(code, Some(0));
    let line = log
        .lines()
        .find(|line| line.contains(id))
        .expect("a line of the request");
    for part in ["GET", "/api/tasks/{id}", "404", "user="] {
        assert!(line.contains(part), "{part} in {line}");
    }
    assert!(
        !log.contains(&ana) && !log.contains("ana-the-user"),
        "{log}"
    );
}

#[tokio::test]
async fn production_logs_one_json_object_per_line() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = command(
        folder.path(),
        &[
            ("ENVIRONMENT", "production"),
            ("BETTER_AUTH_SECRET", SECRET),
            ("PORT", "0"),
        ],
    )
    .stderr(std::process::Stdio::piped())
    .spawn()
    .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();

    let mut listening = Value::Null;
    while let Some(line) = lines.next_line().await.unwrap() {
        listening = serde_json::from_str(&line).expect("JSON");
        if listening["message"] == "listening" {
            break;
        }
    }
    child.kill().await.unwrap();

    assert_eq!(listening["environment"], "production");
    assert!(
        listening["address"]
            .as_str()
            .unwrap()
            .starts_with("127.0.0.1:")
    );
    assert!(!listening.to_string().contains(SECRET));
}
