//! Real clients that send a body that the service refuses: each gets the response, and not
//! a broken pipe. Each script prints a line `{name} {status} {type of the problem}` for each
//! exchange.

use std::process::Stdio;

use tasks_api_test_support::process::{SECRET, Service, token};
use tokio::process::Command;

/// The script of `client` in `tests/e2e/refused_bodies`, run by `program`, and the number of
/// its exchanges for each request.
async fn check(program: &str, script: &str, each: usize) {
    let service = Service::start(&[("BETTER_AUTH_SECRET", SECRET)]).await;
    service.wait_until_ready().await;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/refused_bodies");
    let ana = token("ana").await;

    for (method, path, token, expected) in [
        (
            "POST",
            "/api/tasks",
            "rubbish",
            "401 /problems/unauthorized",
        ),
        (
            "POST",
            "/api/tasks",
            &ana,
            "413 /problems/content-too-large",
        ),
        (
            "PUT",
            "/api/tasks",
            &ana,
            "405 /problems/method-not-allowed",
        ),
        ("POST", "/nothing", &ana, "404 /problems/not-found"),
    ] {
        let url = format!("{}{path}", service.url);
        let output = Command::new(program)
            .arg(format!("{folder}/{script}"))
            .args([method, &url, token])
            .stderr(Stdio::inherit())
            .output()
            .await
            .expect("the client starts");
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text.lines().count(), each, "{text}");
        for line in text.lines() {
            assert!(line.ends_with(expected), "{method} {path}: {line}");
        }
    }
}

#[tokio::test]
async fn node_gets_the_response_to_a_refused_body() {
    check("node", "node.mjs", 4).await;
}

#[tokio::test]
async fn python_gets_the_response_to_a_refused_body() {
    check("python3", "python.py", 4).await;
}

#[tokio::test]
async fn curl_gets_the_response_to_a_refused_body() {
    check("sh", "curl.sh", 4).await;
}
