//! Configuration variables take effect.

use reqwest::{Method, StatusCode};
use tasks_api_test_support::process::{SECRET, Service, run, token};

const ISSUER: (&str, &str) = (
    "JWT_ISSUER",
    "https://id.example.com, https://id2.example.com",
);
const AUDIENCE: (&str, &str) = ("JWT_AUDIENCE", "tasks");
const SHARED: (&str, &str) = ("BETTER_AUTH_SECRET", SECRET);

async fn create(service: &Service, token: &str) -> StatusCode {
    service.client(token).create("Milk").await.status
}

#[tokio::test]
async fn tasks_per_user_limits_the_number_of_tasks() {
    let service = Service::start(&[SHARED, ("TASKS_PER_USER", "1")]).await;
    let ana = token("ana").await;

    assert_eq!(create(&service, &ana).await, StatusCode::CREATED);
    assert_eq!(create(&service, &ana).await, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn only_cors_origins_may_read_responses() {
    let origins = (
        "CORS_ORIGINS",
        "https://a.example.com, https://b.example.com/",
    );
    let chosen = Service::start(&[origins]).await;
    let by_default = Service::start(&[]).await;
    let allowed = async |service: &Service, origin: &str| {
        let request = service.request(Method::GET, "/health/live");
        let response = request.header("origin", origin).send().await.unwrap();
        response
            .headers()
            .contains_key("access-control-allow-origin")
    };

    for origin in ["https://a.example.com", "https://b.example.com"] {
        assert!(allowed(&chosen, origin).await, "{origin}");
        assert!(!allowed(&by_default, origin).await, "{origin}");
    }
    assert!(!allowed(&chosen, "http://localhost:3000").await);
    assert!(allowed(&by_default, "http://localhost:3000").await);
}

#[tokio::test]
async fn jwt_issuer_and_audience_are_required_of_every_token() {
    let service = Service::start(&[SHARED, ISSUER, AUDIENCE]).await;
    let with = async |variables: &[(&str, &str)]| {
        let output = run(variables, &["token", "--sub", "ana"]).await;
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let banner = service
        .banner
        .lines()
        .find(|line| line.starts_with("ey"))
        .unwrap();

    let good = with(&[SHARED, ISSUER, AUDIENCE]).await;
    let no_audience = with(&[SHARED, ISSUER]).await;
    let no_issuer = with(&[SHARED, AUDIENCE]).await;
    let neither = with(&[SHARED]).await;

    for token in [good.as_str(), banner] {
        assert_eq!(create(&service, token).await, StatusCode::CREATED);
    }
    for token in [no_audience, no_issuer, neither] {
        assert_eq!(create(&service, &token).await, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn a_short_secret_causes_a_warning_in_development() {
    let short = Service::start(&[("BETTER_AUTH_SECRET", "short")]).await;
    let long = Service::start(&[SHARED]).await;

    assert!(
        short
            .banner
            .contains("BETTER_AUTH_SECRET is shorter than 32 bytes")
    );
    assert!(!long.banner.contains("shorter"));
    assert!(!short.banner.contains("\"short\""));
}
