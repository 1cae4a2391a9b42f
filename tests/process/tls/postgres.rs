//! TLS to `PostgreSQL`.

use std::path::Path;

use tasks_api_test_support::{
    certificates::{Authority, text},
    postgres_server::PostgresServer,
    process::{SECRET, run},
};

use super::{logged, plain_server};

/// `doctor` on this database: whether it succeeds, and its line on the database.
async fn doctor(url: &str) -> (bool, String) {
    let output = run(&[("DATABASE_URL", url)], &["doctor"]).await;
    let said = String::from_utf8_lossy(&output.stdout);
    let mut lines = said.lines().filter(|line| line.contains(" database: "));
    let line = lines.next().unwrap().to_owned();
    assert_eq!(lines.next(), None, "{said}");
    (output.status.success(), line)
}

struct Server {
    server: PostgresServer,
    authority: Authority,
}

impl Server {
    fn start() -> Self {
        let authority = Authority::new();
        let right = authority.server(&["localhost", "127.0.0.1"]);
        let server = PostgresServer::with_tls(&right, &authority.file());
        Self { server, authority }
    }

    fn url(&self, host: &str, parameters: &str) -> String {
        let port = self.server.port;
        format!("postgres://postgres@{host}:{port}/postgres?{parameters}")
    }

    fn known(&self) -> String {
        format!("sslrootcert={}", self.authority.file().display())
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL's server programs"]
async fn each_sslmode_checks_what_it_promises_of_each_certificate() {
    let rig = Server::start();
    let authority = &rig.authority;
    let known = rig.known();
    let foreign = Authority::new();
    let unknown = "is not of a known certificate authority; sslrootcert";
    let other = "is for another host: other.test, wants localhost";
    let modes = |mode: &str| format!("sslmode={mode}&{known}");
    for (certificate, results) in [
        (
            authority.server(&["localhost"]),
            [("verify-ca", ""), ("verify-full", "")],
        ),
        (
            authority.server(&["other.test"]),
            [("verify-ca", ""), ("verify-full", other)],
        ),
        (
            authority.expired(&["localhost"]),
            [("verify-ca", "has expired: it was valid until 20"); 2],
        ),
        (
            authority.not_yet_valid(&["localhost"]),
            [("verify-full", "is not valid yet: it is valid from 20"); 2],
        ),
        (
            foreign.server(&["localhost"]),
            [("verify-ca", unknown), ("verify-full", unknown)],
        ),
        (
            authority.self_signed(&["localhost"]),
            [("verify-ca", unknown), ("verify-full", unknown)],
        ),
        (
            foreign.own(),
            [("verify-full", "is a certificate authority's own"); 2],
        ),
    ] {
        rig.server.present(&certificate);
        let (ok, line) = doctor(&rig.url("localhost", "sslmode=require")).await;
        assert!(ok, "require takes every certificate: {line}");
        for (mode, why) in results {
            let (ok, line) = doctor(&rig.url("localhost", &modes(mode))).await;

            assert_eq!(ok, why.is_empty(), "{mode}: {line}");
            let said = why.is_empty() || line.contains(&format!("the server's certificate {why}"));
            assert!(said, "{mode}, {why}: {line}");
        }
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL's server programs"]
async fn an_authority_that_is_not_named_is_not_known() {
    let rig = Server::start();
    let known = rig.known();
    let unknown = "is not of a known certificate authority";
    for (host, parameters, why) in [
        ("localhost", "sslmode=verify-full", unknown),
        ("localhost", "sslmode=verify-ca", unknown),
        (
            "localhost",
            "sslmode=verify-full&sslrootcert=system",
            unknown,
        ),
        ("localhost", "sslaccept=strict", unknown),
        ("localhost", "sslmode=prefer", ""),
        ("localhost", "", ""),
        ("localhost", &format!("sslmode=require&{known}"), ""),
        ("localhost", &format!("sslaccept=strict&{known}"), ""),
        ("127.0.0.1", &format!("sslmode=verify-full&{known}"), ""),
        (
            "localhost",
            "sslmode=disable",
            "no pg_hba.conf entry for host",
        ),
    ] {
        let (ok, line) = doctor(&rig.url(host, parameters)).await;

        assert_eq!(ok, why.is_empty(), "{parameters}: {line}");
        assert!(line.contains(why), "{parameters}: {line}");
        let shows = line.contains("SQLSTATE") || !line.contains("at line");
        assert!(shows, "{line}");
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL's server programs"]
async fn a_client_certificate_is_sent_and_a_wrong_one_is_reported() {
    let rig = Server::start();
    let right = rig.authority.client("certified");
    let other = rig.authority.client("somebody");
    let foreign = Authority::new();
    let unknown = foreign.client("certified");
    let made = std::process::Command::new("psql")
        .args(["-h", text(&rig.server.socket()), "-U", "postgres", "-p"])
        .args([&rig.server.port.to_string(), "-c"])
        .arg("CREATE ROLE certified LOGIN")
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let url = |certificate: &Path, key: &Path| {
        let files = format!(
            "sslmode=verify-full&{}&sslcert={}&sslkey={}",
            rig.known(),
            certificate.display(),
            key.display()
        );
        rig.url("localhost", &files)
            .replace("//postgres@", "//certified@")
    };
    let without = rig
        .url("localhost", &format!("sslmode=verify-full&{}", rig.known()))
        .replace("//postgres@", "//certified@");
    let no_file = Path::new("/none");
    for (url, why) in [
        (url(&right.certificate, &right.key), ""),
        (without, "requires a valid client certificate"),
        (url(&other.certificate, &other.key), "SQLSTATE 28"),
        (
            url(&unknown.certificate, &unknown.key),
            "the server refuses the client certificate",
        ),
        (
            url(&right.certificate, &other.key),
            "the client certificate and its key do not belong together",
        ),
        (url(no_file, &right.key), "sslcert: the file cannot be read"),
    ] {
        let output = run(&[("DATABASE_URL", &url)], &["doctor"]).await;

        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.success(), why.is_empty(), "{why}: {said}");
        assert!(said.contains(why), "{why}: {said}");
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL's server programs"]
async fn the_service_starts_with_a_wrong_certificate_and_logs_why_it_is_not_ready() {
    let rig = Server::start();
    rig.server.present(&rig.authority.expired(&["localhost"]));
    let url = rig.url("localhost", &format!("sslmode=verify-full&{}", rig.known()));
    let variables = [
        ("DATABASE_URL", url.as_str()),
        ("BETTER_AUTH_SECRET", SECRET),
    ];

    let line = logged(&variables, "certificate").await;

    assert!(
        line.contains("the server's certificate has expired"),
        "{line}"
    );
}

#[tokio::test]
#[ignore = "needs PostgreSQL's server programs"]
async fn a_server_without_tls_is_reported_where_tls_is_required() {
    let rig = Server::start();
    let socket = rig.server.socket();
    // Over its socket there is no TLS, whatever the mode.
    let by_socket = format!(
        "postgres://postgres@:{}/postgres?host={}&sslmode=verify-full",
        rig.server.port,
        socket.display()
    );
    let (address, _) = plain_server(b"N").await;
    let without = format!("postgres://postgres@{address}/postgres?sslmode=");

    let (ok, line) = doctor(&by_socket).await;

    assert!(ok, "{line}");
    for mode in ["require", "verify-ca", "verify-full"] {
        let (ok, line) = doctor(&format!("{without}{mode}")).await;
        assert!(!ok, "{line}");
        assert!(line.ends_with("server does not support TLS"), "{line}");
    }
}
