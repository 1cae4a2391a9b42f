//! The documentation behind a proxy that strips a prefix of the path.

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tasks_api_test_support::{
    prefix_proxy::{self, PREFIX},
    process::{SECRET, Service, client, start_outside_development, token},
};
use url::Url;

async fn get(client: &Client, url: Url) -> String {
    assert!(url.path().starts_with(PREFIX), "{url}");
    let response = client.get(url.clone()).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK, "{url}");
    response.text().await.unwrap_or_default()
}

/// The values of `src` and `href` attributes, as URLs, but for icons that the page contains.
fn references(page: &Url, html: &str) -> Vec<Url> {
    let after = |attribute| html.split(attribute).skip(1);
    let values = after("src=\"").chain(after("href=\""));
    let values = values.map(|rest| rest.split('"').next().unwrap());
    let urls = values.map(|value| page.join(value).unwrap());
    urls.filter(|url| url.scheme() != "data").collect()
}

#[tokio::test]
async fn the_pages_work_behind_a_proxy_that_strips_a_prefix() {
    let service = Service::start(&[("BETTER_AUTH_SECRET", SECRET)]).await;
    service.wait_until_ready().await;
    let (base, client) = (prefix_proxy::start(&service).await, client());
    let url = |path: &str| Url::parse(&format!("{base}{path}")).unwrap();

    let home = references(&url("/"), &get(&client, url("/")).await);
    assert_eq!(home, [url("/docs"), url("/reference")]);
    for (path, count) in [
        ("/docs", 7),
        ("/docs/", 7),
        ("/reference", 4),
        ("/reference/", 4),
    ] {
        let page = url(path);
        let assets = references(&page, &get(&client, page.clone()).await);
        assert_eq!(assets.len(), count, "{page}");
        for asset in assets {
            get(&client, asset).await;
        }
    }

    let script = url("/docs/service.js");
    let text = get(&client, script.clone()).await;
    let (_, reference) = text.split_once("new URL(\"").unwrap();
    let document = script.join(reference.split('"').next().unwrap()).unwrap();
    assert_eq!(document, url("/openapi.json"));
    let text = get(&client, document.clone()).await;
    let text: Value = serde_json::from_str(&text).unwrap();
    let server = document.join(text["servers"][0]["url"].as_str().unwrap());
    let server = server.unwrap().to_string();
    let post = client.post(format!("{}/api/tasks", server.trim_end_matches('/')));
    let post = post.bearer_auth(token("ana").await);
    let created = post.json(&json!({"title": "Milk"})).send().await.unwrap();
    assert_eq!(created.status(), StatusCode::CREATED);
}

/// The server's URL in the JSON and in the YAML form of the document.
async fn servers(url: &str, fields: &[(&str, &str)]) -> [String; 2] {
    let get = async |form: &str| {
        let request = client().get(format!("{url}/openapi.{form}"));
        let fields = fields.iter();
        let request = fields.fold(request, |r, (name, value)| r.header(*name, *value));
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        response.text().await.unwrap()
    };
    let json: Value = serde_json::from_str(&get("json").await).unwrap();
    let yaml: Value = yaml_serde::from_str(&get("yaml").await).unwrap();
    assert_eq!(json, yaml);
    [json, yaml].map(|document| document["servers"][0]["url"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn the_served_document_has_the_address_of_the_request() {
    let service = Service::start(&[("BETTER_AUTH_SECRET", SECRET)]).await;
    let port = service.url.rsplit(':').next().unwrap();
    let localhost = format!("localhost:{port}");

    assert_eq!(servers(&service.url, &[]).await, [&*service.url; 2]);
    let other = servers(&service.url, &[("host", &localhost)]).await;
    assert_eq!(
        other,
        [format!("http://{localhost}"), format!("http://{localhost}")]
    );
    // The first is still right, and more addresses than are kept are, too.
    for number in 0..20 {
        let host = format!("host-{number}:{port}");
        let expected = format!("http://{host}");
        assert_eq!(
            servers(&service.url, &[("host", &host)]).await,
            [&*expected; 2]
        );
    }
    assert_eq!(servers(&service.url, &[]).await, [&*service.url; 2]);
    // Anybody can send the headers of a proxy.
    let forged = [
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "evil.example"),
    ];
    assert_eq!(servers(&service.url, &forged).await, [".", "."]);
}

#[tokio::test]
async fn a_trusted_proxy_names_the_address_in_the_served_document() {
    let variables = [
        ("BETTER_AUTH_SECRET", SECRET),
        ("TRUSTED_PROXIES", "127.0.0.1"),
    ];
    let service = Service::start(&variables).await;
    let fields = [
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "tasks.example.com"),
        ("x-forwarded-prefix", "/v1"),
    ];

    let named = servers(&service.url, &fields).await;
    let unnamed = servers(&service.url, &[]).await;

    assert_eq!(named, ["https://tasks.example.com/v1"; 2]);
    assert_eq!(unnamed, [".", "."], "a proxy that does not tell the scheme");
}

/// What `/docs/token.json` says of tokens to a request with these header fields.
async fn token_help(url: &str, fields: &[(&str, &str)]) -> Value {
    let request = client().get(format!("{url}/docs/token.json"));
    let fields = fields.iter();
    let request = fields.fold(request, |r, (name, value)| r.header(*name, *value));
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["cache-control"], "no-store");
    response.json().await.unwrap()
}

const OF_THE_PAGE: (&str, &str) = ("sec-fetch-site", "same-origin");

#[tokio::test]
async fn in_development_the_docs_page_gets_a_token() {
    let service = Service::start(&[]).await;

    let help = token_help(&service.url, &[OF_THE_PAGE]).await;

    let list = client().get(format!("{}/api/tasks", service.url));
    let list = list.bearer_auth(help["token"].as_str().unwrap());
    assert_eq!(list.send().await.unwrap().status(), StatusCode::OK);
    assert_eq!(help.as_object().unwrap().len(), 1);
}

#[tokio::test]
async fn nothing_but_the_docs_page_on_this_machine_gets_a_token() {
    let service = Service::start(&[]).await;
    let port = service.url.rsplit(':').next().unwrap();
    let rebound = format!("evil.example:{port}");

    for fields in [
        // No browser, or a page of another origin, even one that CORS allows.
        &[][..],
        &[("sec-fetch-site", "cross-site")],
        &[
            ("sec-fetch-site", "same-site"),
            ("origin", "http://localhost:5173"),
        ],
        &[("sec-fetch-site", "none")],
        // A name that was pointed at this machine.
        &[OF_THE_PAGE, ("host", &rebound)],
        // A tunnel or another proxy.
        &[OF_THE_PAGE, ("x-forwarded-for", "203.0.113.7")],
        &[OF_THE_PAGE, ("x-forwarded-host", "localhost")],
        &[OF_THE_PAGE, ("host", "localhost")],
    ] {
        assert_eq!(
            token_help(&service.url, fields).await,
            json!({}),
            "{fields:?}"
        );
    }
}

#[tokio::test]
async fn outside_development_no_page_gets_a_token() {
    for environment in ["staging", "production"] {
        let application = "https://app.example.com";
        let variables = [
            ("ENVIRONMENT", environment),
            ("BETTER_AUTH_URL", application),
        ];
        let folder = tempfile::tempdir().unwrap();
        let (_child, url) = start_outside_development(folder.path(), &variables).await;

        let help = token_help(&url, &[OF_THE_PAGE]).await;

        let help = help.as_object().unwrap();
        assert!(help.keys().eq(["snippet"]), "{help:?}");
    }
}

#[tokio::test]
async fn with_better_auth_the_docs_page_says_how_to_get_a_token() {
    let service = Service::start(&[("BETTER_AUTH_URL", "http://localhost:3000")]).await;

    let help = token_help(&service.url, &[OF_THE_PAGE]).await;

    assert!(
        help["snippet"]
            .as_str()
            .unwrap()
            .contains("/api/auth/token")
    );
    assert_eq!(help["origin"], "http://localhost:3000");
    assert_eq!(help.get("token"), None);
}
