//! A `PgBouncer` that tracks prepared statements (1.21 and later).

use std::time::Duration;

use reqwest::StatusCode;
use tasks_api_test_support::{
    database::TestDatabase,
    pgbouncer::Program,
    process::{Service, free_port, run, token},
};
use tokio::time::{Instant, sleep};

use super::{NO_TRACKING, TRACKING, TRANSACTION, said, serve_in_parallel, statuses};

#[tokio::test]
#[ignore = "needs PostgreSQL and PgBouncer 1.21"]
async fn transaction_mode_with_tracking_is_supported() {
    let database = TestDatabase::postgres().await;
    let program = Program::find_tracking().await;
    for more in [&[][..], &["default_pool_size = 2"]] {
        let pooler = program.start(&database, &[&[TRANSACTION, TRACKING], more].concat());
        let service = Service::on(&pooler.url).await;
        service.wait_until_ready().await;

        serve_in_parallel(&service, 200).await;

        let doctor = run(&[("DATABASE_URL", &pooler.url)], &["doctor"]).await;
        let said = said(&doctor);
        assert!(
            said.contains("ok    prepared statements: a pooler"),
            "{said}"
        );
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL and PgBouncer 1.21"]
async fn a_pooler_restarted_without_tracking_gets_no_requests() {
    let database = TestDatabase::postgres().await;
    let program = Program::find_tracking().await;
    let port = free_port();
    let pooler = program.start_on(port, &database, &[TRANSACTION, TRACKING]);
    let service = Service::on(&pooler.url).await;
    service.wait_until_ready().await;
    serve_in_parallel(&service, 8).await;

    drop(pooler);
    let pooler = program.start_on(port, &database, &[TRANSACTION, NO_TRACKING]);
    let refused = [StatusCode::SERVICE_UNAVAILABLE; 2];
    // The first readiness check uses the control connection only.
    let [_, list] = statuses(&service).await;
    assert_eq!(list, StatusCode::SERVICE_UNAVAILABLE);
    // Its result is shared for half a second.
    sleep(Duration::from_millis(600)).await;
    for _ in 0..5 {
        assert_eq!(statuses(&service).await, refused);
        // After this pause the workers test their connections before they use them.
        sleep(Duration::from_millis(250)).await;
    }

    drop(pooler);
    let _pooler = program.start_on(port, &database, &[TRANSACTION, TRACKING]);
    service.wait_until_ready().await;
    serve_in_parallel(&service, 8).await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL and PgBouncer 1.21"]
async fn disabled_tracking_is_detected_at_run_time() {
    let database = TestDatabase::postgres().await;
    let program = Program::find_tracking().await;
    let pooler = program.start(&database, &[TRANSACTION, TRACKING]);
    let service = Service::on(&pooler.url).await;
    service.wait_until_ready().await;
    serve_in_parallel(&service, 8).await;

    pooler.reload(&database, &[TRANSACTION, NO_TRACKING]);
    let ana = service.client(&token("ana").await);
    let unsafe_until = Instant::now() + Duration::from_secs(10);
    loop {
        let (created, read) = tokio::join!(ana.create("Milk"), ana.get(1));
        let statuses = [created.status, read.status];
        assert!(!statuses.contains(&StatusCode::INTERNAL_SERVER_ERROR));
        if statuses == [StatusCode::SERVICE_UNAVAILABLE; 2] {
            break;
        }
        assert!(Instant::now() < unsafe_until, "it is not noticed");
    }
    // The result of the last check is shared for half a second.
    sleep(Duration::from_millis(600)).await;
    let [ready, _] = statuses(&service).await;
    assert_eq!(ready, StatusCode::SERVICE_UNAVAILABLE);

    pooler.reload(&database, &[TRANSACTION, TRACKING]);
    service.wait_until_ready().await;
    serve_in_parallel(&service, 8).await;
}
