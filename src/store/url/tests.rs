//! The forms of `DATABASE_URL`, and what becomes of each: as the page says.

use std::str::FromStr;

use sqlx::{
    ConnectOptions,
    postgres::{PgConnectOptions, PgSslMode},
};

use super::*;

const PAGE: &str = include_str!("../../../docs/database-urls.md");
/// Every password on the page holds it.
const PASSWORD: &str = "s3cr3t-p4ss";

/// The rows of the page: a form, and what is said of it.
fn rows() -> Vec<(&'static str, &'static str)> {
    let cells = |line: &'static str| {
        let (form, result) = line.strip_prefix("| `")?.split_once("` | ")?;
        Some((form, result.trim_end_matches(" |")))
    };
    PAGE.lines()
        .filter(|line| !line.starts_with("| `DATABASE_URL`"))
        .filter_map(cells)
        .collect()
}

/// What stands in the first pair of backticks.
fn quoted(text: &str) -> &str {
    text.split('`').nth(1).unwrap()
}

#[test]
fn each_form_has_the_result_of_the_page_and_shows_no_password() {
    let rows = rows();

    for (form, result) in &rows {
        let shown = match DatabaseUrl::parse(form) {
            Ok(url) => {
                assert!(!result.starts_with("refused"), "{form}: is accepted");
                assert_eq!(url.to_string(), quoted(result), "{form}");
                if let Some((_, ignored)) = result.split_once("ignored: ") {
                    assert_eq!(url.ignored().join(", "), quoted(ignored), "{form}");
                }
                format!("{url} {url:?}")
            }
            Err(error) => {
                assert!(result.starts_with("refused"), "{form}: {error}");
                let said = error.to_string();
                assert!(said.contains(quoted(result)), "{form}: {said}");
                format!("{error} {error:?}")
            }
        };
        for piece in [PASSWORD, "s3cr3t", "p4ss", "more"] {
            assert!(!shown.contains(piece), "{form}: {shown}");
        }
    }

    assert!(rows.len() > 60, "the page is read: {}", rows.len());
}

fn driver(text: &str) -> PgConnectOptions {
    let Target::Postgres(url) = DatabaseUrl::parse(text).unwrap().0 else {
        panic!("not a PostgreSQL server");
    };
    PgConnectOptions::from_str(url.as_str()).unwrap()
}

#[test]
fn the_driver_reads_every_form_that_is_accepted() {
    let accepted = rows()
        .into_iter()
        .filter(|(_, result)| !result.starts_with("refused"));
    let servers = accepted.filter(|(form, _)| form.to_lowercase().starts_with("postgres"));

    for (form, _) in servers {
        let _ = driver(form);
    }
}

#[test]
fn the_driver_gets_every_part_of_the_url() {
    let pooled = driver(
        "postgresql://ana:sesame@ep-x-1-pooler.aws.neon.tech/neondb\
         ?sslmode=require&channel_binding=require&options=endpoint%3Dep-x-1",
    );
    assert_eq!(pooled.get_host(), "ep-x-1-pooler.aws.neon.tech");
    assert_eq!(pooled.get_username(), "ana");
    assert_eq!(pooled.get_database(), Some("neondb"));
    assert_eq!(pooled.get_options(), None);
    assert!(matches!(pooled.get_ssl_mode(), PgSslMode::Require));

    let pythons = driver("postgresql+asyncpg://ana:sesame@db:6543/tasks?ssl=true");
    assert_eq!((pythons.get_host(), pythons.get_port()), ("db", 6543));
    assert!(matches!(pythons.get_ssl_mode(), PgSslMode::Require));

    let socket = driver("postgres:///tasks?host=/var/run/postgresql&user=ana");
    let folder = socket.get_socket().map(std::path::PathBuf::as_path);
    assert_eq!(folder, Some(std::path::Path::new("/var/run/postgresql")));
    assert_eq!(socket.get_username(), "ana");

    let cloud = driver("postgresql://ana:a%2Fb@/tasks?host=/cloudsql/p:r:i&sslmode=require");
    let folder = cloud.get_socket().map(std::path::PathBuf::as_path);
    assert_eq!(folder, Some(std::path::Path::new("/cloudsql/p:r:i")));
    assert_eq!(cloud.get_database(), Some("tasks"));
    assert!(matches!(cloud.get_ssl_mode(), PgSslMode::Disable));

    for text in [
        "postgres://[::1]:6543/tasks",
        "postgres://:6543/tasks?host=::1",
    ] {
        let address = driver(text);
        assert_eq!((address.get_host(), address.get_port()), ("::1", 6543));
    }

    let odd = driver("postgres://db/?user=a%25b%2Fc&password=d%2525&dbname=e%2Ff");
    assert_eq!(odd.get_username(), "a%b/c");
    assert_eq!(odd.get_database(), Some("e/f"));
    assert_eq!(odd.to_url_lossy().password(), Some("d%2525"));

    for (text, verifies_name) in [
        ("sslmode=require&sslrootcert=/ca.pem", false),
        ("sslrootcert=/ca.pem&ssl=true", false),
        ("sslaccept=strict", true),
        ("sslmode=require&sslaccept=strict", true),
        ("sslmode=prefer&sslmode=verify-full", true),
    ] {
        let url = driver(&format!("postgres://db/tasks?{text}"));
        let mode = url.get_ssl_mode();
        let full = matches!(mode, PgSslMode::VerifyFull);
        assert!(full || matches!(mode, PgSslMode::VerifyCa), "{text}");
        assert_eq!(full, verifies_name, "{text}");
    }

    let encoded = driver("postgres://ana:a%2Fb%40c@db/tasks").to_url_lossy();
    assert_eq!(encoded.password(), Some("a%2Fb%40c"));

    let system = driver("postgres://db/tasks?sslmode=verify-full&sslrootcert=system");
    assert!(matches!(system.get_ssl_mode(), PgSslMode::VerifyFull));
}

#[test]
fn port_and_host_may_be_parameters() {
    let url = driver("postgres://one:1111/tasks?host=two&port=2222&dbname=other");

    assert_eq!((url.get_host(), url.get_port()), ("two", 2222));
    assert_eq!(url.get_database(), Some("other"));
}
