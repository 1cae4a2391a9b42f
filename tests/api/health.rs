//! Liveness and readiness.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use poem::http::{Method, StatusCode};
use tasks_api::{
    middleware::health::Readiness,
    store::{DatabaseUrl, Store},
};
use tasks_api_test_support::database::TestDatabase;

use crate::support::App;

#[tokio::test]
async fn liveness_needs_no_token() {
    let app = App::start().await;

    let response = app.request(Method::GET, "/health/live").send().await;

    assert_eq!(response.expect(StatusCode::OK)["status"], "live");
    assert_eq!(response.header("cache-control"), "no-store");
}

#[tokio::test]
async fn readiness_follows_its_checks_and_the_shutdown() {
    let database = TestDatabase::create().await;
    let url = DatabaseUrl::parse(database.url()).unwrap();
    let store = Store::connect(&url, 10).await.unwrap();
    let well = Arc::new(AtomicBool::new(true));
    let seen = well.clone();
    let readiness = Readiness::new(move || {
        let well = seen.load(Ordering::Relaxed);
        std::future::ready(well.then_some(()).ok_or("It is away."))
    });
    let app = App::over(store, &readiness);
    let ready = async || {
        // The result of the check before is shared for half a second.
        tokio::time::sleep(Duration::from_millis(500)).await;
        app.request(Method::GET, "/health/ready").send().await
    };

    assert_eq!(ready().await.expect(StatusCode::OK)["status"], "ready");
    well.store(false, Ordering::Relaxed);
    let away = ready().await;
    well.store(true, Ordering::Relaxed);
    assert_eq!(ready().await.status, StatusCode::OK);
    readiness.stop();
    let stopping = ready().await;

    let problem = away.problem(503, "service-unavailable");
    assert_eq!(problem["detail"], "It is away.");
    assert!(away.header("retry-after").parse::<u32>().unwrap() > 0);
    let problem = stopping.problem(503, "service-unavailable");
    assert_eq!(problem["detail"], "This instance is stopping.");
}
