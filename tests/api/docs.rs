//! The OpenAPI document and the documentation pages.

use std::io::Read;

use flate2::read::GzDecoder;
use poem::http::{Method, StatusCode};
use tasks_api::api::{rest::problem::ProblemType, spec};

use crate::support::App;

#[tokio::test]
async fn the_served_documents_are_the_committed_one_with_the_server_beside_them() {
    let app = App::start().await;
    let committed = include_str!("../../openapi/tasks.yaml");
    let document = spec::with_server(".");

    let yaml = app.request(Method::GET, "/openapi.yaml").send().await;
    let json = app.request(Method::GET, "/openapi.json").send().await;

    let beside = committed.replacen("- url: /\n", "- url: .\n", 1);
    let beside = beside.replacen("  url: /problems\n", "  url: ./problems\n", 1);
    assert_eq!(yaml.text, beside);
    assert_ne!(yaml.text, committed);
    assert_eq!(yaml.header("content-type"), "application/yaml");
    assert_eq!(json.expect(StatusCode::OK), document);
    assert_eq!(json.header("content-type"), "application/json");
}

#[tokio::test]
async fn the_pages_load_nothing_from_elsewhere() {
    let app = App::start().await;

    for (path, folder, count) in [
        ("/docs", "docs/", 7),
        ("/docs/", "", 7),
        ("/reference", "docs/", 4),
        ("/reference/", "../docs/", 4),
    ] {
        let page = app.request(Method::GET, path).send().await;

        assert_eq!(page.status, StatusCode::OK);
        assert!(!page.text.contains("//"), "an address of another host");
        let policy = page.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self';"));
        let attributes = page.text.split(['=', ' ', '>']);
        let references = attributes
            .map(|text| text.trim_matches('"'))
            .filter(|text| {
                [".css", ".js", ".png"]
                    .iter()
                    .any(|end| text.ends_with(end))
            });
        let references: Vec<_> = references.collect();
        assert_eq!(references.len(), count, "{}", page.text);
        for reference in references {
            let file = reference.strip_prefix(folder).expect("a relative address");
            let asset = app.request(Method::GET, &format!("/docs/{file}"));
            let asset = asset.send_for_bytes().await;
            assert!(asset.len() > 100, "{reference} is empty");
        }
    }
}

#[tokio::test]
async fn the_docs_page_keeps_the_authorization_and_loads_the_document() {
    let app = App::start().await;

    let script = app.request(Method::GET, "/docs/swagger-initializer.js");
    let shared = app.request(Method::GET, "/docs/service.js");

    let text = script.send().await.text;
    assert!(text.contains("persistAuthorization: true"), "{text}");
    assert!(!text.contains("petstore"), "{text}");
    let text = shared.send().await.text;
    assert!(text.contains("\"../openapi.json\""), "{text}");
}

#[tokio::test]
async fn every_static_resource_is_cached_and_compressed() {
    let app = App::start().await;
    for path in [
        "/",
        "/docs",
        "/docs/",
        "/docs/docs.css",
        "/docs/favicon-32x32.png",
        "/docs/index.css",
        "/docs/reference.js",
        "/docs/scalar.js",
        "/docs/service.js",
        "/docs/swagger-initializer.js",
        "/docs/swagger-ui-bundle.js",
        "/docs/swagger-ui.css",
        "/openapi.json",
        "/openapi.yaml",
        "/problems",
        "/problems/quota-exceeded",
        "/reference",
        "/reference/",
    ] {
        let get = |headers: &[(&'static str, &str)]| {
            let request = app.request(Method::GET, path);
            let headers = headers.iter();
            headers.fold(request, |request, (name, value)| {
                request.header(name, value)
            })
        };

        let plain = get(&[]).send_for_bytes().await;
        let (gzip, content) = get(&[("accept-encoding", "gzip")])
            .send_for(StatusCode::OK)
            .await;
        let large = plain.len() >= 1_000 && !plain.starts_with(b"\x89PNG");
        if large {
            assert_eq!(gzip["content-encoding"], "gzip", "{path}");
            assert!(
                content.len() < plain.len() * 3 / 5,
                "{path}: {}",
                content.len()
            );
            let mut decompressed = Vec::new();
            let read = GzDecoder::new(&*content).read_to_end(&mut decompressed);
            read.unwrap();
            assert_eq!(decompressed, plain, "{path}");
        }
        assert_eq!(gzip["cache-control"], "no-cache", "{path}");
        let vary: Vec<_> = gzip.get_all("vary").iter().collect();
        assert_eq!(vary, ["Accept-Encoding", "Origin"], "{path}");

        let tag = gzip["etag"].to_str().unwrap();
        for method in [Method::GET, Method::HEAD] {
            let request = app.request(method, path).header("if-none-match", tag);
            let request = request.header("accept-encoding", "gzip");
            let (unchanged, nothing) = request.send_for(StatusCode::NOT_MODIFIED).await;
            assert_eq!(unchanged["etag"], tag, "{path}");
            assert!(nothing.is_empty(), "{path}");
        }
    }
}

#[tokio::test]
async fn the_home_page_links_to_both_pages() {
    let app = App::start().await;

    let home = app.request(Method::GET, "/").send().await;

    assert_eq!(home.status, StatusCode::OK);
    for page in ["docs", "reference"] {
        assert!(home.text.contains(&format!("href=\"{page}\"")), "{page}");
    }
}

#[tokio::test]
async fn a_problem_type_resolves_to_a_page_that_explains_it() {
    let app = App::start().await;
    let get = async |path: &str| app.request(Method::GET, path).send().await;

    let list = get("/problems").await;
    for kind in ProblemType::ALL {
        let (row, uri) = (kind.row(), kind.uri());
        let page = get(&uri).await;

        assert_eq!(page.status, StatusCode::OK, "{uri}");
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        assert!(page.text.contains(&format!("<h1>{}</h1>", row.title)));
        assert!(page.text.contains(&format!("Status {}", row.status)));
        assert!(page.text.contains(&format!("\"type\": \"{uri}\"")), "{uri}");
        for header in row.headers {
            assert!(page.text.contains(header.name), "{uri}: {}", header.name);
        }
        assert!(
            list.text.contains(&format!("href=\"{}\"", &uri[1..])),
            "{uri}"
        );
        assert!(
            get(&format!("{uri}/"))
                .await
                .text
                .contains("href=\"../../docs\"")
        );
    }
    assert!(get("/problems/").await.text.contains("href=\"../docs\""));
    get("/problems/nothing").await.problem(404, "not-found");
}
