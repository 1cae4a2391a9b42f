//! Forms of `DATABASE_URL` in the real process: each works as `docs/database-urls.md`
//! says, and no output contains the password at any log level.

use reqwest::StatusCode;
use sea_orm::{ConnectionTrait, Database, DbBackend, Statement};
use tasks_api_test_support::{
    database::TestDatabase,
    process::{SECRET, Service, run, run_in, token},
};
use url::Url;

const PASSWORD: &str = "s3cr3t-p4ss";

/// The exit codes of `serve`, `migrate status` and `doctor`, and their output.
async fn try_verbs(url: &str) -> ([Option<i32>; 3], String) {
    let variables = [
        ("DATABASE_URL", url),
        ("BETTER_AUTH_SECRET", SECRET),
        ("PORT", "0"),
        ("RUST_LOG", "trace"),
    ];
    let mut codes = [None; 3];
    let mut said = String::new();
    let verbs = [&["serve"][..], &["migrate", "status"], &["doctor"]];
    for (code, verb) in codes.iter_mut().zip(verbs) {
        let output = run(&variables, verb).await;
        *code = output.status.code();
        said += &String::from_utf8_lossy(&output.stdout);
        said += &String::from_utf8_lossy(&output.stderr);
    }
    for piece in ["s3cr3t", "p4ss"] {
        assert!(!said.contains(piece), "{url}: {said}");
    }
    (codes, said)
}

#[tokio::test]
async fn every_verb_rejects_an_invalid_url_without_the_password() {
    for (url, why) in [
        ("mysql://ana:s3cr3t-p4ss@db/tasks", "mysql is not supported"),
        ("ana:s3cr3t-p4ss@db", "unknown scheme"),
        ("host=db password=s3cr3t-p4ss", "is not a URL"),
        ("\"postgres://ana:s3cr3t-p4ss@db/tasks\"", "quotation marks"),
        ("postgres://ana:1#s3cr3t-p4ss@db/tasks", "percent-encoded"),
        (
            "postgres://ana:s3cr3t-p4ss@db/tasks?s3cr3t-p4ss",
            "is not known",
        ),
        ("postgres://ana:s3cr3t-p4ss%FF@db/tasks", "not UTF-8"),
        ("postgres://ana:s3cr3t-p4ss@db:0/tasks", "1 to 65535"),
        (
            "postgres://ana:s3cr3t-p4ss@db/tasks?sslmode=maybe",
            "sslmode",
        ),
        (
            "postgres://ana:s3cr3t-p4ss@db/tasks?sslmode=verify-full&sslrootcert=/none.pem",
            "sslrootcert: the file cannot be read",
        ),
        (
            "postgres://ana:s3cr3t-p4ss@db/tasks?sslkey=s3cr3t-p4ss",
            "sslkey: the file cannot be read",
        ),
        ("sqlite://ana:s3cr3t-p4ss@db/tasks", "names a host"),
    ] {
        let (codes, said) = try_verbs(url).await;

        assert_eq!(codes, [Some(2), Some(2), Some(1)], "{url}: {said}");
        assert_eq!(said.matches("DATABASE_URL").count(), 3, "{url}: {said}");
        assert!(said.contains(why), "{url}: {said}");
    }
}

#[tokio::test]
async fn an_unreachable_server_is_reported_without_the_password() {
    for url in [
        "postgres://ana:s3cr3t-p4ss@127.0.0.1:1/tasks",
        "postgresql+asyncpg://ana:s3cr3t-p4ss@localhost:1/tasks?ssl=require",
        "postgres://127.0.0.1:1/tasks?user=ana&password=s3cr3t-p4ss",
        "postgres://ana:s3cr3t-p4ss@[::1]:1/tasks",
        "postgres://ana:s3cr3t-p4ss@none.invalid/tasks?sslmode=verify-full",
        "postgres:///tasks?host=/none&user=ana&password=s3cr3t-p4ss",
    ] {
        let variables = [
            ("DATABASE_URL", url),
            ("BETTER_AUTH_SECRET", SECRET),
            ("RUST_LOG", "trace"),
        ];
        let status = run(&variables, &["migrate", "status"]).await;
        let doctor = run(&variables, &["doctor"]).await;
        let service = Service::start(&variables).await;
        let list = service.client(&token("ana").await).list("").await;

        let problem = list.expect(StatusCode::SERVICE_UNAVAILABLE);
        let mut said = format!("{problem}{}", service.banner);
        service.signal("-TERM");
        said += &service.end().await.1;
        assert_eq!(status.status.code(), Some(1), "{url}");
        assert_eq!(doctor.status.code(), Some(1), "{url}");
        for output in [status, doctor] {
            said += &String::from_utf8_lossy(&output.stdout);
            said += &String::from_utf8_lossy(&output.stderr);
        }
        assert!(!said.contains(PASSWORD), "{url}: {said}");
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn url_forms_of_other_programs_reach_the_same_server() {
    let database = TestDatabase::postgres().await;
    let url = Url::parse(database.url()).unwrap();
    let (host, port) = (url.host_str().unwrap(), url.port().unwrap_or(5432));
    let name = url.path().trim_start_matches('/');
    let user = url.username();
    let password = url.password().unwrap_or(PASSWORD);
    for url in [
        format!("postgresql://{user}:{password}@{host}:{port}/{name}"),
        format!("POSTGRES://{user}:{password}@{host}:{port}/{name}?sslmode=prefer"),
        format!("postgresql+psycopg2://{user}:{password}@{host}:{port}/{name}?sslmode=disable"),
        format!("postgresql+asyncpg://{user}:{password}@{host}:{port}/{name}?ssl=false"),
        format!("postgres://{host}:{port}/{name}?user={user}&password={password}"),
        format!("postgres://{user}:{password}@{host}:{port}/other?dbname={name}"),
        format!("postgres:///{name}?host={host}&port={port}&user={user}&password={password}"),
        format!("  postgres://{user}:{password}@{host}:{port}/{name}\n"),
    ] {
        let variables = [("DATABASE_URL", url.as_str()), ("RUST_LOG", "trace")];

        let output = run(&variables, &["migrate", "up"]).await;

        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(output.status.success(), "{url}: {said}");
        assert!(!said.contains(PASSWORD), "{url}: {said}");
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
#[expect(clippy::disallowed_methods, reason = "asks for the server's socket")]
async fn forms_with_a_socket_reach_the_server_by_its_socket() {
    let database = TestDatabase::postgres().await;
    let url = Url::parse(database.url()).unwrap();
    let outside = Database::connect(database.url()).await.unwrap();
    let folder = "SELECT split_part(current_setting('unix_socket_directories'), ',', 1) AS folder";
    let row = outside.query_one_raw(Statement::from_string(DbBackend::Postgres, folder));
    let folder: String = row.await.unwrap().unwrap().try_get("", "folder").unwrap();
    let encoded = folder.replace('/', "%2F");
    let (name, user) = (url.path().trim_start_matches('/'), url.username());
    let (port, password) = (url.port().unwrap_or(5432), PASSWORD);
    for url in [
        format!("postgresql://{user}:{password}@:{port}/{name}?host={folder}"),
        format!("postgresql://{user}:{password}@:{port}/{name}?host={encoded}"),
        format!("postgresql://{user}:{password}@/{name}?host={folder}&port={port}"),
        format!("postgresql://{user}:{password}@{encoded}:{port}/{name}"),
        format!("postgres://elsewhere/other?host={encoded}&port={port}&user={user}&dbname={name}"),
        format!("postgres:///{name}?host={folder}&port={port}&user={user}&password={password}"),
        format!("postgres://{user}@:{port}/{name}?host={folder}&sslmode=require&schema=public"),
    ] {
        let variables = [("DATABASE_URL", url.as_str()), ("RUST_LOG", "trace")];

        let output = run(&variables, &["doctor"]).await;

        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(output.status.success(), "{url}: {said}");
        assert!(
            said.contains(&format!("{encoded}:{port}/{name} responds")),
            "{url}: {said}"
        );
        assert!(!said.contains(PASSWORD), "{url}: {said}");
    }
}

#[tokio::test]
async fn foreign_parameters_are_named_in_one_log_line() {
    let url = "postgres://ana:s3cr3t-p4ss@127.0.0.1:1/tasks?schema=public&pgbouncer=true\
               &connection_limit=1&sslmode=disable";

    let output = run(&[("DATABASE_URL", url)], &["migrate", "status"]).await;

    let said = String::from_utf8_lossy(&output.stderr);
    let named = "parameters=\"schema, pgbouncer, connection_limit\"";
    let lines: Vec<_> = said
        .lines()
        .filter(|l| l.contains("change nothing here"))
        .collect();
    assert!(lines.len() == 1 && lines[0].contains(named), "{said}");
}

#[tokio::test]
async fn each_url_form_opens_the_file_it_names() {
    for (url, file) in [
        ("sqlite://a/tasks.db", "a/tasks.db"),
        ("sqlite:b.db", "b.db"),
        ("sqlite:///./c.db", "c.db"),
        ("sqlite+aiosqlite:///d/tasks.db", "d/tasks.db"),
        ("sqlite+pysqlite:///./e.db?mode=rwc", "e.db"),
        (" sqlite://f%20g.db ", "f g.db"),
        ("", "data/tasks.db"),
        ("  ", "data/tasks.db"),
    ] {
        let folder = tempfile::tempdir().unwrap();

        let output = run_in(folder.path(), &[("DATABASE_URL", url)], &["migrate", "up"]).await;

        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{url}: {said}");
        assert!(folder.path().join(file).is_file(), "{url}");
    }
    let directory = run(&[("DATABASE_URL", "sqlite:///")], &["migrate", "up"]).await;
    assert_eq!(directory.status.code(), Some(1));
}
