//! TLS to a key set, and to a collector of traces.

use std::path::Path;

use tasks_api_test_support::{
    certificates::{Authority, text},
    key_server::{KeyServer, Reply},
    process::{Service, run},
    signer::{Kind, Signer},
};

use super::{logged, plain_server};

/// `doctor` with the key set of `server`, and the file of known authorities: whether it
/// succeeds, and its line on the key set.
async fn key_set_doctor(server: &KeyServer, known: &Path) -> (bool, String) {
    let url = server.url.to_string();
    let variables = [("JWKS_URL", url.as_str()), ("SSL_CERT_FILE", text(known))];
    let output = run(&variables, &["doctor"]).await;
    let said = String::from_utf8_lossy(&output.stdout);
    let line = said.lines().find(|line| line.contains(" key set: "));
    (output.status.success(), line.unwrap().to_owned())
}

#[tokio::test]
async fn a_key_set_is_fetched_with_a_certificate_of_a_known_authority_alone() {
    let authority = Authority::named("issuer");
    let renewed = Authority::named("issuer");
    let foreign = Authority::new();
    let signer = Signer::new(Kind::EdDsa, "k");
    let known = authority.file();
    for (certificate, why) in [
        (authority.server(&["localhost"]), ""),
        (
            authority.server(&["other.test"]),
            "is for another host: other.test, wants localhost",
        ),
        (
            authority.expired(&["localhost"]),
            "has expired: it was valid until 20",
        ),
        (
            authority.not_yet_valid(&["localhost"]),
            "is not valid yet: it is valid from 20",
        ),
        (
            foreign.server(&["localhost"]),
            "is not of a known certificate authority; SSL_CERT_FILE",
        ),
        (
            authority.self_signed(&["localhost"]),
            "is not of a known certificate authority; SSL_CERT_FILE",
        ),
        (
            renewed.server(&["localhost"]),
            "is not signed with the key of the known authority of this name; SSL_CERT_FILE",
        ),
        (foreign.own(), "is a certificate authority's own"),
    ] {
        let server = KeyServer::start_tls(Reply::of(&[&signer]), &certificate).await;

        let (ok, line) = key_set_doctor(&server, &known).await;

        assert_eq!(ok, why.is_empty(), "{line}");
        let said = why.is_empty() || line.contains(&format!("the server's certificate {why}"));
        assert!(said, "{why}: {line}");
    }
}

#[tokio::test]
async fn a_wrong_certificate_of_a_key_set_is_logged_in_one_line() {
    let authority = Authority::new();
    let expired = authority.expired(&["localhost"]);
    let server = KeyServer::start_tls(Reply::keys(&[]), &expired).await;
    let known = authority.file();
    let url = server.url.to_string();
    let service = Service::start(&[("JWKS_URL", &url), ("SSL_CERT_FILE", text(&known))]).await;

    let ready = service.request(reqwest::Method::GET, "/health/ready");
    assert_eq!(ready.send().await.unwrap().status(), 503);

    service.signal("-TERM");
    let (_, log) = service.end().await;
    let lines: Vec<_> = log
        .lines()
        .filter(|line| line.to_lowercase().contains("certificate"))
        .collect();
    assert_eq!(lines.len(), 1, "{log}");
    let why = "key set fetch failed url=\"https://localhost";
    assert!(lines[0].contains(why), "{log}");
    assert!(
        lines[0].contains("the server's certificate has expired"),
        "{log}"
    );
}

#[tokio::test]
async fn a_key_set_by_https_of_a_server_without_tls_is_reported() {
    let url = plain_server(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.0;
    let url = format!("https://{url}/jwks");
    let authority = Authority::new();
    let known = authority.file();

    let variables = [("JWKS_URL", url.as_str()), ("SSL_CERT_FILE", text(&known))];
    let output = run(&variables, &["doctor"]).await;

    let said = String::from_utf8_lossy(&output.stdout);
    let line = said.lines().find(|line| line.contains("FAIL  key set"));
    let why = "the server does not respond with TLS";
    assert!(line.is_some_and(|line| line.ends_with(why)), "{said}");
}

#[tokio::test]
async fn without_known_authorities_an_issuer_by_plain_http_works_and_https_says_what_is_missing() {
    let signer = Signer::new(Kind::EdDsa, "k");
    let server = KeyServer::start(Reply::of(&[&signer])).await;
    let plain = server.url.to_string();
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    for file in [Path::new("/none"), &empty] {
        let by_http = [("JWKS_URL", plain.as_str()), ("SSL_CERT_FILE", text(file))];
        let service = Service::start(&by_http).await;
        service.wait_until_ready().await;
        assert!(run(&by_http, &["doctor"]).await.status.success());

        let url = "https://localhost:1/jwks";
        let by_https = [("JWKS_URL", url), ("SSL_CERT_FILE", text(file))];
        let output = run(&by_https, &["doctor"]).await;
        let line = logged(&by_https, "key set fetch failed").await;

        let said = String::from_utf8_lossy(&output.stdout);
        let why = "no certificate authority is known: SSL_CERT_FILE and SSL_CERT_DIR name no";
        assert!(!output.status.success() && said.contains(why), "{said}");
        assert!(line.contains(why), "{line}");
    }
}

#[tokio::test]
async fn authorities_that_are_installed_later_need_no_restart() {
    let authority = Authority::new();
    let right = authority.server(&["localhost"]);
    let signer = Signer::new(Kind::EdDsa, "k");
    let server = KeyServer::start_tls(Reply::of(&[&signer]), &right).await;
    let url = server.url.to_string();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("later.pem");
    let service = Service::start(&[("JWKS_URL", &url), ("SSL_CERT_FILE", text(&file))]).await;
    let ready = service.request(reqwest::Method::GET, "/health/ready");
    assert_eq!(ready.send().await.unwrap().status(), 503);

    std::fs::copy(authority.file(), &file).unwrap();

    service.wait_until_ready().await;
}

#[tokio::test]
async fn without_known_authorities_traces_by_plain_http_are_sent() {
    let (address, mut requests) = plain_server(b"HTTP/1.1 200 OK\r\n\r\n").await;
    let endpoint = format!("http://{address}");
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str());
    let service = Service::start(&[endpoint, ("SSL_CERT_FILE", "/none")]).await;

    service.client("rubbish").list("").await;
    service.signal("-TERM");
    service.end().await;

    requests.recv().await.expect("a request");
}
