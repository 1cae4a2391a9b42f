//! From the banner to the last task, as a newcomer goes.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tasks_api_test_support::{
    database::TestDatabase,
    process::{SECRET, Service, client, command, token},
};
use tokio::io::{AsyncBufReadExt, BufReader};

#[tokio::test]
async fn the_printed_token_and_address_answer_an_empty_list() {
    let service = Service::start(&[]).await;
    let mut lines = service.banner.lines();
    let line = lines.find(|line| line.starts_with("curl ")).unwrap();
    let (header, url) = line.rsplit_once("' ").unwrap();
    let token = header.rsplit_once(' ').unwrap().1;

    let answer = client().get(url).bearer_auth(token).send().await.unwrap();

    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.text().await.unwrap(), "[]");
}

#[tokio::test]
async fn a_user_goes_through_the_whole_story() {
    let database = TestDatabase::create().await;
    let service = Service::on(database.url()).await;
    let (ana, bob) = (token("ana").await, token("bob").await);
    let client = client();
    let call = async |token: &str, method: Method, path: &str, body: Option<Value>| {
        let url = format!("{}{path}", service.url);
        let mut request = client.request(method, url).bearer_auth(token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        (response.status(), response.json::<Value>().await.unwrap())
    };

    let (status, milk) = call(
        &ana,
        Method::POST,
        "/api/tasks",
        Some(json!({"title": "Milk"})),
    )
    .await;
    assert_eq!(status, StatusCode::CREATED);
    let (_, bread) = call(
        &ana,
        Method::POST,
        "/api/tasks",
        Some(json!({"title": "Bread"})),
    )
    .await;
    let milk_path = format!("/api/tasks/{}", milk["id"]);
    let body = json!({"title": "Oat milk", "description": "two"});
    let (status, milk) = call(&ana, Method::PUT, &milk_path, Some(body)).await;
    assert_eq!(
        (status, &milk["title"]),
        (StatusCode::OK, &json!("Oat milk"))
    );
    let done = Some(json!({"completed": true}));
    let (_, milk) = call(&ana, Method::PATCH, &format!("{milk_path}/complete"), done).await;
    let (_, all) = call(&ana, Method::GET, "/api/tasks", None).await;
    assert_eq!(all, json!([bread, milk]));
    let (_, pending) = call(&ana, Method::GET, "/api/tasks?status=pending", None).await;
    assert_eq!(pending, json!([bread]));
    let (_, completed) = call(&ana, Method::GET, "/api/tasks?status=completed", None).await;
    assert_eq!(completed, json!([milk]));
    let (_, of_bob) = call(&bob, Method::GET, "/api/tasks", None).await;
    assert_eq!(of_bob, json!([]));
    let (status, _) = call(&bob, Method::DELETE, &milk_path, None).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (status, _) = call(&ana, Method::DELETE, &milk_path, None).await;
    assert_eq!(status, StatusCode::OK);
    let (status, problem) = call(&ana, Method::GET, &milk_path, None).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(problem["type"], "/problems/not-found");
}

#[tokio::test]
async fn tasks_outlive_the_process() {
    let database = TestDatabase::create().await;
    let ana = token("ana").await;
    let client = client();

    let first = Service::on(database.url()).await;
    let url = format!("{}/api/tasks", first.url);
    let created = client
        .post(url)
        .bearer_auth(&ana)
        .json(&json!({"title": "Milk"}));
    let created: Value = created.send().await.unwrap().json().await.unwrap();
    first.signal("-TERM");
    let (code, _) = first.end().await;
    let second = Service::on(database.url()).await;
    let url = format!("{}/api/tasks", second.url);
    let list: Value = client
        .get(url)
        .bearer_auth(&ana)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();

    assert_eq!(code, Some(0));
    assert_eq!(list, json!([created]));
}

#[tokio::test]
async fn logs_name_the_request_and_never_the_token() {
    let service = Service::start(&[
        ("BETTER_AUTH_SECRET", SECRET),
        ("RUST_LOG", "info,tasks_api::access=debug"),
    ])
    .await;
    let ana = token("ana-the-user").await;

    let url = format!("{}/api/tasks/7", service.url);
    let answer = client().get(url).bearer_auth(&ana).send().await.unwrap();
    let id = answer.headers()["x-request-id"]
        .to_str()
        .unwrap()
        .to_owned();
    service.signal("-INT");
    let (code, log) = service.end().await;

    assert_eq!(code, Some(0));
    let line = log
        .lines()
        .find(|line| line.contains(&id))
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
async fn production_logs_one_json_object_a_line() {
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
