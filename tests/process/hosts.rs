//! `HOST`: where the service listens, and whether the printed address works as printed.

use reqwest::StatusCode;
use tasks_api_test_support::process::{SECRET, Service, client, free_port};

fn has_ipv6() -> bool {
    std::net::TcpListener::bind("[::1]:0").is_ok()
}

#[tokio::test]
async fn the_printed_address_works_as_printed() {
    for host in ["localhost", "0.0.0.0", "::", "127.0.0.1", "::1"] {
        if host.contains(':') && !has_ipv6() {
            continue;
        }
        let service = Service::start(&[("HOST", host), ("BETTER_AUTH_SECRET", SECRET)]).await;
        service.wait_until_ready().await;

        let url = service.url.clone();
        assert!(
            url.starts_with("http://127.0.0.1:") || url.starts_with("http://[::1]:"),
            "{host}: {url}"
        );
        let curl = service
            .banner
            .lines()
            .find(|line| line.starts_with("curl "));
        let curl = curl.unwrap();
        assert!(curl.ends_with(&format!(" {url}/api/tasks")), "{curl}");
        let bearer = curl.split('\'').nth(1).unwrap();
        let (name, value) = bearer.split_once(": ").unwrap();
        let printed = curl.rsplit(' ').next().unwrap();
        let response = client().get(printed).header(name, value).send().await;
        assert_eq!(response.unwrap().status(), StatusCode::OK, "{host}");
        let docs = client().get(format!("{url}/docs")).send().await.unwrap();
        assert_eq!(docs.status(), StatusCode::OK, "{host}");
    }
}

#[tokio::test]
async fn localhost_is_served_on_both_families() {
    let port = free_port().to_string();
    let service = Service::start(&[("HOST", "localhost"), ("METRICS_PORT", &port)]).await;
    let api = service.url.rsplit(':').next().unwrap();
    let mut addresses = vec!["127.0.0.1"];
    if has_ipv6() {
        addresses.push("[::1]");
    }
    for address in addresses {
        for (port, path) in [(api, "/health/live"), (&*port, "/metrics")] {
            let url = format!("http://{address}:{port}{path}");
            let response = client().get(&url).send().await;
            assert_eq!(response.unwrap().status(), StatusCode::OK, "{url}");
        }
    }
}
