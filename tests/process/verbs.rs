//! The verbs of the command line.

use std::{net::TcpListener, process::Output};

use tasks_api::api::spec::API_VERSION;
use tasks_api_test_support::{
    database::{TestDatabase, has_workers},
    process::{SECRET, Service, run, token},
};

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
async fn openapi_prints_the_committed_document_without_any_configuration() {
    let bad = [("ENVIRONMENT", "nonsense"), ("DATABASE_URL", "nonsense")];

    let yaml = run(&bad, &["openapi"]).await;
    let json = run(&bad, &["openapi", "--format", "json"]).await;

    assert!(yaml.status.success() && json.status.success());
    assert_eq!(stdout(&yaml), include_str!("../../openapi/tasks.yaml"));
    let document: serde_json::Value = serde_json::from_str(&stdout(&json)).unwrap();
    assert_eq!(document["info"]["version"], API_VERSION);
}

#[tokio::test]
async fn help_and_version_need_no_configuration() {
    let bad = [("ENVIRONMENT", "nonsense")];

    for verb in [
        &[][..],
        &["serve"],
        &["openapi"],
        &["migrate"],
        &["migrate", "up"],
        &["token"],
        &["doctor"],
        &["resync"],
        &["health"],
    ] {
        let help = run(&bad, &[verb, &["--help"]].concat()).await;
        let version = run(&bad, &[verb, &["--version"]].concat()).await;
        assert!(
            help.status.success() && stdout(&help).contains("Usage:"),
            "{verb:?}"
        );
        let text = stdout(&version);
        assert!(
            version.status.success() && text.contains(env!("CARGO_PKG_VERSION")),
            "{verb:?}"
        );
    }
}

#[tokio::test]
async fn an_unknown_verb_exits_with_2() {
    let output = run(&[], &["sreve"]).await;

    assert_eq!(output.status.code(), Some(2));
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("serve"),
        "it suggests one"
    );
}

#[tokio::test]
async fn migrations_run_up_and_down_and_report_their_status() {
    let database = TestDatabase::create().await;
    let variables = [("DATABASE_URL", database.url())];
    let migrate = async |arguments: &[&str]| {
        let output = run(&variables, &[&["migrate"], arguments].concat()).await;
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        stdout(&output)
    };

    migrate(&["up"]).await;
    let up = migrate(&["status"]).await;
    let count = up.lines().count().to_string();
    migrate(&["down", "--steps", &count]).await;
    let down = migrate(&["status"]).await;
    let again = migrate(&["up"]).await;

    assert!(
        !up.is_empty() && up.lines().all(|line| line.starts_with("applied")),
        "{up}"
    );
    assert!(
        down.lines().all(|line| line.starts_with("pending")),
        "{down}"
    );
    assert_eq!(again, up);
}

#[tokio::test]
async fn token_requires_the_secret_and_a_valid_subject() {
    let without = run(&[], &["token", "--sub", "ana"]).await;
    let blank = run(&[("BETTER_AUTH_SECRET", SECRET)], &["token", "--sub", " "]).await;

    assert_eq!(without.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&without.stderr).contains("BETTER_AUTH_SECRET"));
    assert_eq!(blank.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&blank.stderr).contains("the subject must be"));
}

#[tokio::test]
async fn doctor_reports_every_check() {
    let database = TestDatabase::create().await;
    let variables = [
        ("DATABASE_URL", database.url()),
        ("BETTER_AUTH_SECRET", SECRET),
    ];
    assert!(run(&variables, &["migrate", "up"]).await.status.success());

    let good = run(&variables, &["doctor", "--token", &token("ana").await]).await;
    let bad_token = run(&variables, &["doctor", "--token", "rubbish"]).await;

    let text = stdout(&good);
    assert!(good.status.success(), "{text}");
    for subject in [
        "configuration",
        "database",
        "migration",
        "tokens",
        "token: accepted; its user is \"ana\"",
    ] {
        assert!(
            text.contains(&format!("ok    {subject}")),
            "{subject} in {text}"
        );
    }
    assert_eq!(bad_token.status.code(), Some(1));
    assert!(stdout(&bad_token).contains("FAIL  token"));
}

#[tokio::test]
async fn doctor_reports_unreachable_services() {
    let variables = [
        ("DATABASE_URL", "postgres://ana:sesame@127.0.0.1:1/tasks"),
        ("BETTER_AUTH_URL", "http://127.0.0.1:1"),
    ];

    let output = run(&variables, &["doctor"]).await;

    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    for subject in ["database", "key set"] {
        assert!(
            text.contains(&format!("FAIL  {subject}")),
            "{subject} in {text}"
        );
    }
    assert!(text.contains("Connection refused"), "{text}");
    assert!(!text.contains("sesame"));
}

/// Runs `health` for `port`; returns the exit code and the one line of output.
async fn health(port: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let variables = [
        ("PORT", port),
        // It must ignore these.
        ("ENVIRONMENT", "production"),
        ("DATABASE_URL", "nonsense"),
        ("http_proxy", "http://127.0.0.1:1"),
    ];
    let output = run(&variables, &[&["health"], arguments].concat()).await;
    let said = stdout(&output) + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(said.lines().count(), 1, "{said}");
    (output.status.code(), said)
}

fn port(service: &Service) -> &str {
    service.url.rsplit(':').next().unwrap()
}

#[tokio::test]
async fn health_succeeds_when_the_service_is_ready() {
    let database = TestDatabase::create().await;
    let service = Service::on(database.url()).await;
    service.wait_until_ready().await;

    let ready = health(port(&service), &[]).await;
    let live = health(port(&service), &["--live"]).await;

    let url = &service.url;
    let said = |word: &str| format!("{word}: {url}/health/{word} returned 200\n");
    assert_eq!(ready, (Some(0), said("ready")));
    assert_eq!(live, (Some(0), said("live")));
}

#[tokio::test]
async fn health_uses_the_loopback_address_for_a_wildcard_host() {
    let database = TestDatabase::create().await;
    let service = Service::on(database.url()).await;
    service.wait_until_ready().await;

    let variables = [("HOST", "0.0.0.0"), ("PORT", port(&service))];
    let output = run(&variables, &["health"]).await;

    assert!(output.status.success());
    assert!(stdout(&output).contains("http://127.0.0.1:"));
}

#[tokio::test]
async fn health_reports_why_a_service_is_not_ready() {
    let service = Service::on("postgres://ana:sesame@127.0.0.1:1/tasks").await;

    let (code, said) = health(port(&service), &[]).await;
    let (live, _) = health(port(&service), &["--live"]).await;

    assert_eq!(code, Some(1));
    assert!(said.contains("returned 503: The database is unreachable."));
    assert_eq!(live, Some(0), "it runs all the same");
}

#[tokio::test]
async fn health_fails_when_nothing_listens_or_responds() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();

    let silent = health(&port, &[]).await;
    drop(listener);
    let nobody = health(&port, &[]).await;
    let unknown = health("0", &[]).await;
    let nonsense = health("eighty", &[]).await;

    for ((code, said), why) in [
        (silent, "no response within 3 seconds"),
        (nobody, "refused"),
        (unknown, "PORT is 0"),
        (nonsense, "PORT: got \"eighty\""),
    ] {
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("not ready: ") && said.contains(why), "{said}");
    }
}

#[tokio::test]
async fn migrate_distribute_says_what_it_did_or_what_it_needs() {
    let database = TestDatabase::create().await;
    let variables = [("DATABASE_URL", database.url())];
    let distribute = ["migrate", "distribute", "--shards", "8"];

    let too_early = run(&variables, &distribute).await;
    assert!(run(&variables, &["migrate", "up"]).await.status.success());
    let output = run(&variables, &distribute).await;

    assert_eq!(too_early.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&output.stderr);
    if has_workers() {
        let done = "the tables are distributed by user; shards: 8, servers: 2\n";
        assert!(output.status.success(), "{errors}");
        assert_eq!(stdout(&output), done);
    } else {
        assert_ne!(output.status.code(), Some(0));
        assert!(errors.contains("Citus"), "{errors}");
    }
}
