//! Configuration variables take effect.

use reqwest::{Method, StatusCode};
use sea_orm::{ConnectionTrait, Database};
use serde_json::json;
use tasks_api_test_support::{
    database::TestDatabase,
    process::{SECRET, Service, run, token},
};

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

async fn is_allowed(service: &Service, origin: &str) -> bool {
    let request = service.request(Method::GET, "/health/live");
    let response = request.header("origin", origin).send().await.unwrap();
    let allowed = response.headers().get("access-control-allow-origin");
    allowed.is_some_and(|allowed| allowed == origin)
}

#[tokio::test]
async fn only_cors_origins_may_read_responses() {
    let origins = "https://a.example.com, https://b.example.com/, https://*.vercel.app, \
                   capacitor://localhost, ";
    let chosen = Service::start(&[("CORS_ORIGINS", origins)]).await;
    let by_default = Service::start(&[]).await;

    for origin in [
        "https://a.example.com",
        "https://b.example.com",
        "https://my-app.vercel.app",
        "capacitor://localhost",
    ] {
        assert!(is_allowed(&chosen, origin).await, "{origin}");
        assert!(!is_allowed(&by_default, origin).await, "{origin}");
    }
    for origin in [
        "https://vercel.app",
        "https://a.b.vercel.app",
        "https://c.example.com",
    ] {
        assert!(!is_allowed(&chosen, origin).await, "{origin}");
    }
    assert!(is_allowed(&by_default, "http://localhost:3000").await);
}

#[tokio::test]
async fn a_refused_origin_is_logged_once() {
    let service = Service::start(&[("CORS_ORIGINS", "https://a.example.com")]).await;

    for origin in ["https://b.example.com", "https://c.example.com"] {
        for _ in 0..3 {
            assert!(!is_allowed(&service, origin).await);
        }
    }
    assert!(is_allowed(&service, "https://a.example.com").await);

    service.signal("-TERM");
    let (_, log) = service.end().await;
    assert_eq!(log.matches("CORS_ORIGINS").count(), 2, "{log}");
    for (origin, count) in [("//a.", 0), ("//b.", 1), ("//c.", 1)] {
        assert_eq!(log.matches(origin).count(), count, "{log}");
    }
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

#[tokio::test]
async fn a_secret_with_a_border_is_used_as_it_is_with_a_warning() {
    for (before, after) in [("", "\n"), (" ", ""), ("\"", "\""), ("", "")] {
        let secret = format!("{before}{SECRET}{after}");
        let service = Service::start(&[("BETTER_AUTH_SECRET", &secret)]).await;
        let signed_with = async |secret: &str| {
            let output = run(
                &[("BETTER_AUTH_SECRET", secret)],
                &["token", "--sub", "ana"],
            )
            .await;
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        };
        let (same, trimmed) = (signed_with(&secret).await, signed_with(SECRET).await);
        let has_border = secret != SECRET;

        assert_eq!(create(&service, &same).await, StatusCode::CREATED);
        let is_accepted = create(&service, &trimmed).await == StatusCode::CREATED;
        assert_eq!(is_accepted, !has_border, "{secret:?}");

        service.signal("-TERM");
        let (_, log) = service.end().await;
        let warnings = log.matches("BETTER_AUTH_SECRET begins or ends").count();
        assert_eq!(warnings, usize::from(has_border), "{log}");
        assert!(!log.contains(SECRET), "{log}");
    }
}

/// Dates and times of day have no zone: neither the service's nor the database's counts.
#[tokio::test]
async fn dates_are_the_same_in_every_time_zone() {
    let ana = token("ana").await;
    for zone in ["Pacific/Honolulu", "Pacific/Kiritimati", "Europe/Berlin"] {
        let database = TestDatabase::create().await;
        if database.is_postgres() {
            let name = database.url().rsplit('/').next().unwrap();
            let outside = Database::connect(database.url()).await.unwrap();
            let set = format!("ALTER DATABASE {name} SET timezone = '{zone}'");
            outside.execute_unprepared(&set).await.unwrap();
        }
        let variables = [SHARED, ("DATABASE_URL", database.url()), ("TZ", zone)];
        let service = Service::start(&variables).await;
        service.wait_until_ready().await;
        let client = service.client(&ana);
        for (date, time) in [
            ("2026-01-01", "00:00"),
            ("2026-03-29", "02:30"),
            ("0001-01-01", "23:59"),
        ] {
            let new = json!({"title": "Milk", "due_date": date, "due_time": time});
            let created = client.send(Method::POST, "", Some(&new)).await;
            let created = created.expect(StatusCode::CREATED);
            let read = client.get(&created["id"]).await.expect(StatusCode::OK);
            assert_eq!(read, created);
            assert_eq!(
                (&read["due_date"], &read["due_time"]),
                (&json!(date), &json!(time))
            );
            let by = client
                .list(&format!("?due_by={date}&limit=1"))
                .await
                .tasks();
            assert_eq!(by.len(), 1, "{zone} {date}");
        }
        let first = client.list("?sort=due").await.tasks();
        assert_eq!(first[0]["due_date"], "0001-01-01");
    }
}
