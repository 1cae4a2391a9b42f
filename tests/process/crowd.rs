//! More connections than the process has file descriptors: it waits until some are closed,
//! and then serves again.

#![cfg(target_os = "linux")]

use std::{fs, process::Command, time::Duration};

use reqwest::StatusCode;
use tasks_api_test_support::process::{SECRET, Service, token};
use tokio::{net::TcpStream, time::sleep};

/// The CPU time of the process in clock ticks of 10 ms (proc(5)).
fn ticks(service: &Service) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", service.child.id().unwrap()));
    let stat = stat.unwrap();
    let fields = stat.rsplit_once(')').unwrap().1.split_whitespace();
    fields
        .skip(11)
        .take(2)
        .map(|n| n.parse::<u64>().unwrap())
        .sum()
}

#[tokio::test]
async fn the_service_survives_a_lack_of_file_descriptors() {
    let service = Service::start(&[("BETTER_AUTH_SECRET", SECRET)]).await;
    service.wait_until_ready().await;
    let ana = token("ana").await;
    service.client(&ana).list("").await.expect(StatusCode::OK);
    let id = service.child.id().unwrap().to_string();
    let limited = Command::new("prlimit")
        .args(["--pid", &id, "--nofile=64:64"])
        .status();
    assert!(limited.expect("prlimit of util-linux").success());

    let address = service.url.strip_prefix("http://").unwrap();
    let mut crowd = Vec::new();
    for _ in 0..100 {
        // The kernel completes the handshake. Those that are not accepted stay queued.
        crowd.push(TcpStream::connect(address).await.unwrap());
    }
    sleep(Duration::from_millis(500)).await;
    let before = ticks(&service);
    sleep(Duration::from_secs(2)).await;
    let spent = ticks(&service) - before;
    drop(crowd);

    service.client(&ana).list("").await.expect(StatusCode::OK);
    // A busy loop would use 200.
    assert!(spent < 50, "{spent} hundredths of a second in two seconds");
    service.signal("-TERM");
    let (code, log) = service.end().await;
    assert_eq!(code, Some(0));
    assert!(log.contains("cannot accept connections"), "{log}");
}
