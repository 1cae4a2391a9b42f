//! The `curl` line of the banner, run in a shell.

use tasks_api_test_support::process::Service;

#[tokio::test]
async fn the_printed_curl_line_returns_an_empty_list() {
    let service = Service::start(&[]).await;
    let line = service
        .banner
        .lines()
        .find(|line| line.starts_with("curl "));

    let output = tokio::process::Command::new("sh")
        .args(["-c", &format!("{} -sS -w ' %{{http_code}}'", line.unwrap())])
        .output()
        .await
        .unwrap();

    assert_eq!(String::from_utf8_lossy(&output.stdout), "[] 200");
}
