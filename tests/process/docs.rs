//! The documentation behind a proxy that strips a prefix of the path.

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tasks_api_test_support::{
    prefix_proxy::{self, PREFIX},
    process::{SECRET, Service, client, token},
};
use url::Url;

async fn get(client: &Client, url: Url) -> String {
    assert!(url.path().starts_with(PREFIX), "{url}");
    let response = client.get(url.clone()).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK, "{url}");
    response.text().await.unwrap_or_default()
}

/// The values of `src` and `href` attributes, as URLs.
fn references(page: &Url, html: &str) -> Vec<Url> {
    let after = |attribute| html.split(attribute).skip(1);
    let values = after("src=\"").chain(after("href=\""));
    let values = values.map(|rest| rest.split('"').next().unwrap());
    values.map(|value| page.join(value).unwrap()).collect()
}

#[tokio::test]
async fn the_pages_work_behind_a_proxy_that_strips_a_prefix() {
    let service = Service::start(&[("BETTER_AUTH_SECRET", SECRET)]).await;
    service.wait_until_ready().await;
    let (base, client) = (prefix_proxy::start(&service).await, client());
    let url = |path: &str| Url::parse(&format!("{base}{path}")).unwrap();

    let home = references(&url("/"), &get(&client, url("/")).await);
    assert_eq!(home, [url("/docs")]);
    for page in [url("/docs"), url("/docs/")] {
        let assets = references(&page, &get(&client, page.clone()).await);
        assert_eq!(assets.len(), 6, "{page}");
        for asset in assets {
            get(&client, asset).await;
        }
    }

    let script = url("/docs/swagger-initializer.js");
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
