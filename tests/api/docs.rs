//! The OpenAPI document and the documentation pages.

use poem::http::{Method, StatusCode};
use tasks_api::api::spec;

use crate::support::App;

#[tokio::test]
async fn the_served_documents_are_the_committed_one() {
    let app = App::start().await;
    let committed = include_str!("../../openapi/tasks.yaml");

    let yaml = app.request(Method::GET, "/openapi.yaml").send().await;
    let json = app.request(Method::GET, "/openapi.json").send().await;

    assert_eq!(yaml.text, committed);
    assert_eq!(yaml.header("content-type"), "application/yaml");
    assert_eq!(json.expect(StatusCode::OK), *spec::DOCUMENT);
    assert_eq!(json.header("content-type"), "application/json");
}

#[tokio::test]
async fn the_docs_page_loads_nothing_from_elsewhere() {
    let app = App::start().await;

    let page = app.request(Method::GET, "/docs").send().await;
    let same_page = app.request(Method::GET, "/docs/").send().await;

    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.text, same_page.text);
    assert!(!page.text.contains("//"), "an address of another host");
    let policy = page.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self';"));
    for reference in page
        .text
        .split('"')
        .filter(|text| text.starts_with("/docs/"))
    {
        let asset = app.request(Method::GET, reference).send_for_bytes().await;
        assert!(asset.len() > 100, "{reference} is empty");
    }
}

#[tokio::test]
async fn the_docs_page_keeps_the_authorization_and_loads_the_document() {
    let app = App::start().await;

    let script = app.request(Method::GET, "/docs/swagger-initializer.js");

    let text = script.send().await.text;
    assert!(text.contains("\"persistAuthorization\": true"), "{text}");
    assert!(text.contains("/openapi.json"), "{text}");
    assert!(!text.contains("petstore"), "{text}");
}

#[tokio::test]
async fn the_home_page_links_to_the_docs() {
    let app = App::start().await;

    let home = app.request(Method::GET, "/").send().await;

    assert_eq!(home.status, StatusCode::OK);
    assert!(home.text.contains("href=\"/docs\""));
}

#[tokio::test]
async fn a_problem_type_resolves_to_its_description() {
    let app = App::start().await;

    let page = app
        .request(Method::GET, "/problems/quota-exceeded")
        .send()
        .await;
    let nothing = app.request(Method::GET, "/problems/nothing").send().await;

    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.starts_with("Quota exceeded (status 403)"));
    nothing.problem(404, "not-found");
}
