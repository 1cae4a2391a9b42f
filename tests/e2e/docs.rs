//! `/docs` in a real browser.

use tasks_api_test_support::process::Service;
use tokio::process::Command;

#[tokio::test]
async fn swagger_ui_authorizes_survives_a_reload_and_tries_out() {
    let service = Service::start(&[]).await;
    let line = service
        .banner
        .lines()
        .find(|line| line.starts_with("curl "));
    let token = line
        .unwrap()
        .split(['\'', ' '])
        .find(|word| word.starts_with("ey"));
    let output = concat!(env!("CARGO_TARGET_TMPDIR"), "/docs");

    let status = Command::new("node")
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/browser/docs.mjs"
        ))
        .env("BASE_URL", &service.url)
        .env("TOKEN", token.unwrap())
        .env("OUTPUT", output)
        .status()
        .await
        .expect("node starts");

    assert!(status.success(), "see above; screenshots are in {output}");
}
