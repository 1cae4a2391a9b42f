//! `/health/ready` under many requests, and what it logs.

use std::{fs, time::Duration};

use futures_util::future::join_all;
use reqwest::{Client, StatusCode};
use tasks_api_test_support::process::{SECRET, Service, client, free_port};
use tokio::time::sleep;

async fn status(client: &Client, service: &Service) -> StatusCode {
    let ready = client.get(format!("{}/health/ready", service.url));
    ready.send().await.unwrap().status()
}

async fn wait_for(service: &Service, expected: StatusCode) {
    let client = client();
    for _ in 0..200 {
        if status(&client, service).await == expected {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("readiness is never {expected}");
}

/// The lines of the log about readiness, after the service ended.
async fn logged(service: Service) -> Vec<String> {
    service.signal("-TERM");
    let (_, log) = service.end().await;
    let about = |line: &&str| line.contains("ready") || line.contains("response");
    log.lines().filter(about).map(str::to_owned).collect()
}

#[tokio::test]
async fn a_flood_of_checks_logs_one_line_while_the_database_is_down() {
    let nowhere = format!("postgres://127.0.0.1:{}/tasks", free_port());
    let service = Service::start(&[
        ("DATABASE_URL", nowhere.as_str()),
        ("BETTER_AUTH_SECRET", SECRET),
    ])
    .await;

    let client = client();
    for _ in 0..3 {
        let checks = join_all((0..200).map(|_| status(&client, &service))).await;
        assert!(checks.iter().all(|s| *s == StatusCode::SERVICE_UNAVAILABLE));
    }

    let lines = logged(service).await;
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert!(lines[0].contains("not ready"), "{lines:#?}");
}

#[tokio::test]
async fn each_change_of_readiness_is_logged_once() {
    let folder = tempfile::tempdir().unwrap();
    let (file, moved) = (folder.path().join("tasks.db"), folder.path().join("moved"));
    let url = format!("sqlite://{}", file.display());
    let service = Service::on(&url).await;
    wait_for(&service, StatusCode::OK).await;

    fs::rename(&file, &moved).unwrap();
    wait_for(&service, StatusCode::SERVICE_UNAVAILABLE).await;
    sleep(Duration::from_millis(600)).await;
    wait_for(&service, StatusCode::SERVICE_UNAVAILABLE).await;
    fs::rename(&moved, &file).unwrap();
    wait_for(&service, StatusCode::OK).await;

    let lines = logged(service).await;
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert!(lines[0].contains("not ready") && lines[1].contains("ready again"));
}
