//! Rate limits as clients see them. The quotas are so low that none is refilled during a
//! test.

use std::{sync::Arc, time::Instant};

use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use poem::http::{Method, StatusCode};
use serde_json::json;
use tasks_api::{
    middleware::health::Readiness,
    store::{DatabaseUrl, Store},
};
use tasks_api_test_support::database::TestDatabase;

use crate::support::{App, ORIGIN, Response};

/// Asserts status 429 with the limit's policy and `Retry-After`.
#[track_caller]
fn refused(response: &Response, policy: &str) {
    response.problem(429, "rate-limited");
    let wait: u64 = response.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(response.header("retry-after"), wait.to_string());
    let standing = format!("\"{policy}\";r=0;t={wait}");
    assert!(response.header("ratelimit").starts_with(&standing));
}

#[tokio::test]
async fn a_user_over_the_limit_is_told_when_to_retry() {
    let app = App::configured(&[("RATE_LIMIT_PER_USER", "2")]).await;
    let create = |user| {
        let call = app.user(user, Method::POST, "/api/tasks");
        call.json(&json!({"title": "Buy milk"}))
    };

    let first = create("ana").send().await;
    let second = create("ana").send().await;
    let third = create("ana").send().await;
    let list = app.user("bo", Method::GET, "/api/tasks").send().await;

    for (response, standing) in [
        (&first, "\"user\";r=1;t=30"),
        (&second, "\"user\";r=0;t=30"),
    ] {
        assert_eq!(response.status, StatusCode::CREATED);
        assert_eq!(response.header("ratelimit-policy"), "\"user\";q=2;w=60");
        assert_eq!(response.header("ratelimit"), standing);
    }
    refused(&third, "user");
    assert_eq!(third.header("ratelimit-policy"), "\"user\";q=2;w=60");
    assert_eq!(
        list.status,
        StatusCode::OK,
        "another user has another count"
    );
}

#[tokio::test]
async fn a_rate_limited_request_is_not_executed() {
    let app = App::configured(&[("RATE_LIMIT_PER_USER", "3")]).await;
    app.create("ana", "one").await;
    app.create("ana", "two").await;

    let list = app.list("ana", "").await;
    let task = format!("/api/tasks/{}", list[0]["id"]);
    let delete = app.user("ana", Method::DELETE, &task).send().await;

    assert_eq!(list.len(), 2);
    refused(&delete, "user");
}

#[tokio::test]
async fn an_address_over_the_limit_is_rejected_before_any_other_check() {
    let app = App::configured(&[("RATE_LIMIT_PER_ADDRESS", "4")]).await;

    app.request(Method::GET, "/api/tasks")
        .send()
        .await
        .problem(401, "unauthorized");
    app.request(Method::GET, "/api/nothing")
        .send()
        .await
        .problem(404, "not-found");
    let options = app.request(Method::OPTIONS, "/api/tasks").send().await;
    assert_eq!(options.status, StatusCode::NO_CONTENT);
    assert_eq!(options.header("ratelimit"), "\"address\";r=1;t=45");
    app.list("ana", "").await;

    for call in [
        app.request(Method::GET, "/api/tasks"),
        app.request(Method::GET, "/api/tasks").bearer("rubbish"),
        app.user("ana", Method::GET, "/api/tasks"),
        app.user("ana", Method::POST, "/api/tasks")
            .json(&json!({"title": 1})),
        app.user("ana", Method::POST, "/api/tasks")
            .body("x".repeat(200_000)),
        app.request(Method::PUT, "/api/tasks/"),
        app.request(Method::GET, "/api"),
        app.request(Method::GET, "/api/nothing"),
    ] {
        refused(&call.send().await, "address");
    }
}

#[tokio::test]
async fn preflights_health_and_documents_are_not_counted() {
    let app = App::configured(&[
        ("RATE_LIMIT_PER_ADDRESS", "1"),
        ("RATE_LIMIT_PER_USER", "1"),
    ])
    .await;
    app.list("ana", "").await;

    for path in [
        "/health/live",
        "/health/ready",
        "/docs",
        "/openapi.yaml",
        "/",
        "/apis",
    ] {
        let response = app.request(Method::GET, path).send().await;
        assert_ne!(response.status, StatusCode::TOO_MANY_REQUESTS, "{path}");
        assert_eq!(response.header("ratelimit-policy"), "", "{path}");
    }
    let preflight = app
        .request(Method::OPTIONS, "/api/tasks")
        .header("origin", ORIGIN)
        .header("access-control-request-method", "POST");
    let preflight = preflight.send().await;
    assert_eq!(preflight.status, StatusCode::NO_CONTENT);
    assert_eq!(preflight.header("ratelimit-policy"), "");
}

#[tokio::test]
async fn invalid_tokens_are_counted_and_do_not_block_valid_ones() {
    let app = App::configured(&[("RATE_LIMIT_FAILED_AUTH", "3")]).await;
    let bad = || {
        app.request(Method::GET, "/api/tasks")
            .bearer("rubbish")
            .send()
    };
    let none = || app.request(Method::GET, "/api/tasks").send();

    for left in (0..3).rev() {
        let response = bad().await;
        response.problem(401, "unauthorized");
        assert_eq!(
            response.header("ratelimit-policy"),
            "\"failed-auth\";q=3;w=60"
        );
        let standing = format!("\"failed-auth\";r={left};");
        assert!(response.header("ratelimit").starts_with(&standing));
    }

    for _ in 0..3 {
        refused(&bad().await, "failed-auth");
        app.list("ana", "").await;
        none().await.problem(401, "unauthorized");
    }
}

#[tokio::test]
async fn the_closest_limit_comes_first_and_cors_exposes_it() {
    let app = App::configured(&[("ENVIRONMENT", "production")]).await;
    let list = || {
        app.user("ana", Method::GET, "/api/tasks")
            .header("origin", ORIGIN)
    };

    let good = list().send().await;
    let bad = app.request(Method::GET, "/api/tasks").bearer("rubbish");
    let bad = bad.send().await;

    let lists = |response: &Response| {
        ["ratelimit-policy", "ratelimit"].map(|n| response.header(n).to_owned())
    };
    assert_eq!(
        lists(&good),
        [
            "\"user\";q=600;w=60, \"address\";q=3000;w=60",
            "\"user\";r=59;t=1, \"address\";r=299;t=1"
        ]
    );
    assert!(lists(&bad)[0].starts_with("\"failed-auth\";q=60;w=60, \"address\";"));
    let exposed = good.header("access-control-expose-headers");
    for name in ["RateLimit", "RateLimit-Policy", "Retry-After"] {
        assert!(exposed.split(", ").any(|exposed| exposed == name));
    }
}

#[tokio::test]
async fn development_has_no_rate_limits() {
    let app = App::start().await;

    for _ in 0..700 {
        let response = app.user("ana", Method::GET, "/api/tasks/1").send().await;
        assert_eq!(response.status, StatusCode::NOT_FOUND);
        assert_eq!(response.header("ratelimit-policy"), "");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_clients_at_once_get_exactly_the_quota() {
    let app = Arc::new(App::configured(&[("RATE_LIMIT_PER_USER", "10")]).await);
    let started = Instant::now();

    let clients = (0..50).map(|_| {
        let app = Arc::clone(&app);
        tokio::spawn(async move {
            let mut passed = 0;
            for _ in 0..10 {
                let response = app.user("ana", Method::GET, "/api/tasks").send().await;
                match response.status {
                    StatusCode::OK => passed += 1,
                    _ => refused(&response, "user"),
                }
            }
            passed
        })
    });
    let mut passed = 0;
    for client in clients.collect::<Vec<_>>() {
        passed += client.await.unwrap();
    }

    // The quota refills by one every 6 seconds, which a slow machine may take.
    let most = 10 + started.elapsed().as_secs() / 6;
    assert!((10..=most).contains(&passed), "{passed} of {most}");
}

#[tokio::test]
async fn a_request_beyond_the_number_in_progress_is_refused_at_once() {
    const MOST: usize = 4_096;
    let database = TestDatabase::create().await;
    let url = DatabaseUrl::parse(database.url()).unwrap();
    let store = Store::connect(&url, 10).await.unwrap();
    // The requests in progress wait for a check that does not end.
    let app = App::over(store, &Readiness::new(std::future::pending));
    let get = |path| app.request(Method::GET, path).send();

    let mut waiting: FuturesUnordered<_> = (0..MOST).map(|_| get("/health/ready")).collect();
    assert!(waiting.next().now_or_never().is_none());

    for path in ["/health/ready", "/docs", "/api/tasks", "/nothing"] {
        let refused = get(path).await;
        let problem = refused.problem(503, "service-unavailable");
        let detail = "Too many requests are in progress; try again in a moment.";
        assert_eq!(problem["detail"], detail);
        assert!(refused.header("retry-after").parse::<u32>().unwrap() > 0);
    }
    assert_eq!(get("/health/live").await.status, StatusCode::OK);

    drop(waiting);
    get("/api/tasks").await.problem(401, "unauthorized");
}
