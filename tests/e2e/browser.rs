//! `/docs`, `/reference`, and pages of other origins in a real browser.

use tasks_api_test_support::{
    prefix_proxy,
    process::{SECRET, Service, start_outside_development, token},
};
use tokio::process::Command;

#[tokio::test]
async fn swagger_ui_authorizes_survives_a_reload_and_tries_out() {
    let service = Service::start(&[]).await;
    let token = banner_token(&service);
    check("docs", &service.url, token, &[("HAS_BUTTON", "yes")]).await;
}

#[tokio::test]
async fn swagger_ui_works_behind_a_proxy_that_strips_a_prefix() {
    let service = Service::start(&[]).await;
    let url = prefix_proxy::start(&service).await;
    check("docs", &url, banner_token(&service), &[]).await;
}

#[tokio::test]
async fn scalar_sends_requests_with_the_development_token_and_with_another() {
    let service = Service::start(&[("BETTER_AUTH_SECRET", SECRET)]).await;
    let token = token("ana").await;
    check("reference", &service.url, &token, &[("HAS_TOKEN", "yes")]).await;
}

#[tokio::test]
async fn scalar_works_behind_a_proxy_that_strips_a_prefix() {
    let service = Service::start(&[("BETTER_AUTH_SECRET", SECRET)]).await;
    let url = prefix_proxy::start(&service).await;
    check("reference", &url, &token("ana").await, &[]).await;
}

#[tokio::test]
async fn in_development_a_page_on_any_port_of_this_machine_may_call() {
    let service = Service::start(&[]).await;
    let token = banner_token(&service);
    check("origins", &service.url, token, &[("ALLOWED", "yes")]).await;
}

#[tokio::test]
async fn in_production_no_page_of_this_machine_may_call() {
    let folder = tempfile::tempdir().unwrap();
    let variables = [("ENVIRONMENT", "production")];
    let (_child, url) = start_outside_development(folder.path(), &variables).await;
    check("origins", &url, &token("ana").await, &[]).await;
}

/// The token that the start prints.
fn banner_token(service: &Service) -> &str {
    let mut lines = service.banner.lines();
    lines.find(|line| line.starts_with("ey")).expect("a token")
}

/// Runs a script of `tests/browser` against the service at `url`. Screenshots go to a
/// folder with the name of the test.
async fn check(script: &str, url: &str, token: &str, variables: &[(&str, &str)]) {
    let root = env!("CARGO_MANIFEST_DIR");
    let thread = std::thread::current();
    let test = thread.name().unwrap().replace("::", "-");
    let output = format!("{}/{test}", env!("CARGO_TARGET_TMPDIR"));

    let status = Command::new("node")
        .arg(format!("{root}/tests/browser/{script}.mjs"))
        .env("BASE_URL", url)
        .env("TOKEN", token)
        .env("OUTPUT", &output)
        .envs(variables.iter().copied())
        .status()
        .await
        .expect("node starts");

    assert!(status.success(), "see above; screenshots are in {output}");
}
