//! The line that the banner prints, pasted into a shell.

use tasks_api_test_support::process::Service;

#[tokio::test]
async fn the_printed_curl_line_answers_an_empty_list() {
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
