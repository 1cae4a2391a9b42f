//! Connections through a real `PgBouncer`: accepted where prepared statements are safe,
//! rejected with a remedy where they are not, and no password in any output.

use std::{process::Output, time::Duration};

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use tasks_api_test_support::{
    database::TestDatabase,
    pgbouncer::{PASSWORD, Program, url},
    process::{SECRET, Service, free_port, run, token},
};
use tokio::time::{Instant, sleep};

mod tracking;

const SESSION: &str = "pool_mode = session";
const TRANSACTION: &str = "pool_mode = transaction";
const TRACKING: &str = "max_prepared_statements = 100";
const NO_TRACKING: &str = "max_prepared_statements = 0";

/// Transaction mode without tracking. Before 1.21 the setting itself is an error.
fn untracked(program: &Program) -> Vec<&'static str> {
    let off = program.tracks.then_some(NO_TRACKING);
    [TRANSACTION].into_iter().chain(off).collect()
}

/// The output of a command; panics if it contains the password.
fn said(output: &Output) -> String {
    let said = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    let said = said.concat();
    assert!(!said.contains(PASSWORD), "{said}");
    said
}

async fn statuses(service: &Service) -> [StatusCode; 2] {
    let ready = service.request(Method::GET, "/health/ready").send().await;
    let list = service.client(&token("ana").await).list("").await;
    [ready.unwrap().status(), list.status]
}

/// `count` concurrent clients: each creates, completes and reads a task.
async fn serve_in_parallel(service: &Service, count: usize) {
    let users = join_all((0..8).map(async |user| token(&format!("user {user}")).await)).await;
    let client = service.client("");
    let one = async |nth: usize| {
        let user = client.with_token(&users[nth % users.len()]);
        let title = format!("task {nth}");
        let created = user.create(&title).await.expect(StatusCode::CREATED);
        assert_eq!(created["title"], title);
        let id = &created["id"];
        let completed = user.complete(id, true).await.expect(StatusCode::OK);
        assert_eq!(completed["completed"], true);
        let read = user.get(id).await.expect(StatusCode::OK);
        assert_eq!(read, completed);
    };
    join_all((0..count).map(one)).await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL and PgBouncer"]
async fn session_mode_is_supported() {
    let database = TestDatabase::postgres().await;
    let program = Program::find().await;
    for settings in [
        &[SESSION][..],
        &[SESSION, "ignore_startup_parameters = options"],
        &[SESSION, "server_round_robin = 1"],
    ] {
        let pooler = program.start(&database, settings);
        // Each connection holds one of the pooler's 20.
        let service = Service::start(&[
            ("DATABASE_URL", &pooler.url),
            ("BETTER_AUTH_SECRET", SECRET),
            ("DATABASE_CONNECTIONS", "12"),
        ])
        .await;
        service.wait_until_ready().await;

        serve_in_parallel(&service, 16).await;

        let doctor = run(&[("DATABASE_URL", &pooler.url)], &["doctor"]).await;
        let said = said(&doctor);
        assert!(said.contains("ok    prepared statements: each"), "{said}");
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL and PgBouncer"]
async fn session_mode_with_few_sessions_is_recognised() {
    let database = TestDatabase::postgres().await;
    let program = Program::find().await;
    // Fewer than the probe compares: the third connection waits for one of the first two.
    let pooler = program.start(&database, &[SESSION, "default_pool_size = 2"]);

    let output = run(&[("DATABASE_URL", &pooler.url)], &["migrate", "up"]).await;

    assert!(output.status.success(), "{}", said(&output));
}

#[tokio::test]
#[ignore = "needs PostgreSQL and PgBouncer"]
async fn transaction_mode_without_tracking_is_rejected_with_a_remedy() {
    let database = TestDatabase::postgres().await;
    let program = Program::find().await;
    for more in [
        &[][..],
        &["server_round_robin = 1"],
        &["server_round_robin = 1", "min_pool_size = 5"],
        &["default_pool_size = 1"],
        &["ignore_startup_parameters = options"],
    ] {
        let settings = [&untracked(&program), more].concat();
        let pooler = program.start(&database, &settings);
        let variables = [
            ("DATABASE_URL", pooler.url.as_str()),
            ("BETTER_AUTH_SECRET", SECRET),
            ("PORT", "0"),
        ];
        for (verb, code) in [
            (&["serve"][..], 2),
            (&["migrate", "up"], 2),
            (&["migrate", "status"], 2),
            (&["migrate", "down"], 2),
            (&["doctor"], 1),
        ] {
            let output = run(&variables, verb).await;

            let said = said(&output);
            assert_eq!(
                output.status.code(),
                Some(code),
                "{settings:?} {verb:?}: {said}"
            );
            let named = ["DATABASE_URL", "FAIL  prepared statements"];
            assert!(named.iter().any(|name| said.contains(name)), "{said}");
            assert!(
                said.contains("set max_prepared_statements above 0"),
                "{said}"
            );
        }
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL and PgBouncer"]
async fn transaction_mode_is_recognised_under_load_of_other_clients() {
    let database = TestDatabase::postgres().await;
    let program = Program::find().await;
    let pooler = program.start(&database, &untracked(&program));
    let mut options = sea_orm::ConnectOptions::new(&pooler.url);
    options.map_sqlx_postgres_opts(|options| options.extra_float_digits(None));
    let pool = sea_orm::Database::connect(options).await.unwrap();
    let busy = (0..6).map(|nth| {
        let pool = pool.clone();
        tokio::spawn(async move {
            loop {
                let sleep = format!("SELECT pg_sleep(0.00{nth})");
                sea_orm::ConnectionTrait::execute_unprepared(&pool, &sleep)
                    .await
                    .unwrap();
            }
        })
    });
    let busy: Vec<_> = busy.collect();

    for _ in 0..10 {
        let output = run(&[("DATABASE_URL", &pooler.url)], &["migrate", "up"]).await;

        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    }
    for task in busy {
        task.abort();
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL and PgBouncer"]
async fn transaction_mode_is_recognised_behind_two_poolers() {
    let database = TestDatabase::postgres().await;
    let program = Program::find().await;
    let settings = [&untracked(&program), &["so_reuseport = 1"][..]].concat();
    let port = free_port();
    let first = program.start_on(port, &database, &settings);
    let _second = program.start_on(port, &database, &settings);

    for _ in 0..20 {
        let output = run(&[("DATABASE_URL", &first.url)], &["migrate", "up"]).await;

        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL and PgBouncer"]
async fn statement_mode_is_rejected() {
    let database = TestDatabase::postgres().await;
    let program = Program::find().await;
    let pooler = program.start(&database, &["pool_mode = statement"]);

    let output = run(&[("DATABASE_URL", &pooler.url)], &["migrate", "up"]).await;

    let said = said(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("allows no transactions"), "{said}");
}

#[tokio::test]
#[ignore = "needs PostgreSQL and PgBouncer"]
async fn an_unreachable_server_behind_a_pooler_is_retried() {
    let database = TestDatabase::postgres().await;
    let program = Program::find().await;
    let port = free_port();
    let name = database.url().rsplit('/').next().unwrap();
    let away = format!("{name} = host=127.0.0.1 port=1 user=postgres");
    let pooler = program.start_on(port, &database, &["[databases]", &away]);
    let service = Service::on(&pooler.url).await;
    let unavailable = [StatusCode::SERVICE_UNAVAILABLE; 2];
    for _ in 0..10 {
        assert_eq!(statuses(&service).await, unavailable);
        sleep(Duration::from_millis(200)).await;
    }

    drop(pooler);
    let _pooler = program.start_on(port, &database, &[SESSION]);
    service.wait_until_ready().await;
    serve_in_parallel(&service, 8).await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL and PgBouncer"]
async fn a_late_pooler_is_checked_before_any_request() {
    let database = TestDatabase::postgres().await;
    let program = Program::find().await;
    let port = free_port();
    let service = Service::on(&url(port, &database)).await;
    let refused = [StatusCode::SERVICE_UNAVAILABLE; 2];
    assert_eq!(statuses(&service).await, refused, "away");

    let pooler = program.start_on(port, &database, &untracked(&program));
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(4) {
        assert_eq!(statuses(&service).await, refused, "unsafe");
        sleep(Duration::from_millis(200)).await;
    }
    drop(pooler);
    let _pooler = program.start_on(port, &database, &[SESSION]);
    service.wait_until_ready().await;
    serve_in_parallel(&service, 8).await;

    service.signal("-TERM");
    let (code, log) = service.end().await;
    assert_eq!(code, Some(0));
    let told = log.matches("DATABASE_URL cannot be used").count();
    assert_eq!(told, 1, "once, not with every try: {log}");
    assert!(log.contains("max_prepared_statements above 0"), "{log}");
    assert!(!log.contains(PASSWORD), "{log}");
}
