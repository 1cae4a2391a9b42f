//! `/docs` in a real browser.

use tasks_api_test_support::{prefix_proxy, process::Service};
use tokio::process::Command;

#[tokio::test]
async fn swagger_ui_authorizes_survives_a_reload_and_tries_out() {
    let service = Service::start(&[]).await;
    check(&service, &service.url, "docs", "yes").await;
}

#[tokio::test]
async fn swagger_ui_works_behind_a_proxy_that_strips_a_prefix() {
    let service = Service::start(&[]).await;
    let url = prefix_proxy::start(&service).await;
    check(&service, &url, "docs-prefix", "").await;
}

/// Uses the page at `url`; screenshots go to `folder`. The page must offer the development
/// token unless `has_button` is empty.
async fn check(service: &Service, url: &str, folder: &str, has_button: &str) {
    let line = service
        .banner
        .lines()
        .find(|line| line.starts_with("curl "));
    let token = line
        .unwrap()
        .split(['\'', ' '])
        .find(|word| word.starts_with("ey"));
    let output = format!("{}/{folder}", env!("CARGO_TARGET_TMPDIR"));

    let status = Command::new("node")
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/browser/docs.mjs"
        ))
        .env("BASE_URL", url)
        .env("TOKEN", token.unwrap())
        .env("HAS_BUTTON", has_button)
        .env("OUTPUT", &output)
        .status()
        .await
        .expect("node starts");

    assert!(status.success(), "see above; screenshots are in {output}");
}
