//! The document, and Swagger UI at `/docs`. Its assets are in the binary, and the
//! Content-Security-Policy forbids requests to other hosts.
//!
//! All references are relative, so that the pages work behind a proxy that strips a prefix
//! of the path.

use std::{
    borrow::Cow,
    sync::{Arc, LazyLock},
};

use hyper::body::Bytes;
use poem::{
    Request, Response, handler,
    http::{HeaderValue, header::CONTENT_SECURITY_POLICY},
    web::Path,
};
use quick_cache::sync::Cache;
use utoipa_swagger_ui::{Config, serve};

use crate::api::{
    rest::{
        asset::Asset,
        body::JSON,
        problem::{Problem, ProblemType},
    },
    spec,
};

/// In the extensions of a request whose path had a trailing slash. The middleware removes
/// the slash, but a browser resolves references against the path with it.
#[derive(Clone)]
pub struct TrailingSlash;

/// In the extensions of a request for the document: the URL that the client reaches the
/// service at, if that is known.
#[derive(Clone)]
pub struct PublicUrl(pub Option<String>);

/// Maximum number of URLs whose documents are kept, some 100 KiB each. More cost time alone.
const MAX_URLS: usize = 16;

/// Scripts and requests are limited to this origin. Swagger UI needs inline
/// styles and `data:` images.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'",
);

const HTML: &str = "text/html; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// The files of Swagger UI that the page loads, and their media types.
const FILES: [(&str, &str); 6] = [
    ("favicon-16x16.png", "image/png"),
    ("favicon-32x32.png", "image/png"),
    ("index.css", "text/css; charset=utf-8"),
    ("swagger-ui.css", "text/css; charset=utf-8"),
    ("swagger-ui-bundle.js", JAVASCRIPT),
    ("swagger-ui-standalone-preset.js", JAVASCRIPT),
];

/// What `/docs/{file}` serves, by name.
static ASSETS: LazyLock<Vec<(&str, Asset)>> = LazyLock::new(|| {
    let config = Arc::new(Config::from(""));
    let files = FILES.into_iter().filter_map(|(name, content_type)| {
        let file = serve(name, Arc::clone(&config)).ok()??;
        // Borrowed from the binary, so that this copies nothing.
        let bytes = match file.bytes {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => bytes.into(),
        };
        let content = if file.gzpipped {
            Asset::from_gzip(content_type, bytes)
        } else {
            Asset::new(content_type, bytes)
        };
        Some((name, content))
    });
    let script = Asset::new(JAVASCRIPT, include_str!("docs.js"));
    files.chain([("swagger-initializer.js", script)]).collect()
});

/// `/docs`, and `/docs/`, relative to which the assets are in the same folder.
static PAGES: LazyLock<[Asset; 2]> = LazyLock::new(|| {
    ["docs/", ""].map(|folder| {
        let page = include_str!("docs.html").replace("{folder}", folder);
        Asset::new(HTML, page)
    })
});

/// The document in its two forms.
struct Document {
    json: Asset,
    yaml: Asset,
}

impl Document {
    /// With the URL of its server, which needs no quotes in YAML nor escapes in JSON.
    fn of(server: &str) -> Self {
        let of = |text: &str| text.replacen(PLACEHOLDER, server, 1);
        Self {
            json: Asset::new(JSON, of(&TEXTS[0])),
            yaml: Asset::new("application/yaml", of(&TEXTS[1])),
        }
    }
}

/// The server's URL in [`TEXTS`]. It occurs once.
const PLACEHOLDER: &str = "server-url";

/// The document as JSON and as YAML, with a placeholder for the server's URL.
static TEXTS: LazyLock<[String; 2]> = LazyLock::new(|| {
    let document = spec::with_server(PLACEHOLDER);
    [spec::json_text(&document), spec::yaml_text(&document)]
});

/// The document whose server is the folder that it is served from (OpenAPI 3.0.3, "Server
/// Object"), also behind a proxy that strips a prefix of the path.
static RELATIVE: LazyLock<Arc<Document>> = LazyLock::new(|| Document::of(".").into());

/// The documents with absolute URLs.
static ABSOLUTE: LazyLock<Cache<String, Arc<Document>>> = LazyLock::new(|| Cache::new(MAX_URLS));

/// The document for this request.
fn document(request: &Request) -> Arc<Document> {
    let Some(PublicUrl(Some(url))) = request.extensions().get() else {
        return Arc::clone(&RELATIVE);
    };
    if let Some(document) = ABSOLUTE.get(url) {
        return document;
    }
    let document = Arc::new(Document::of(url));
    ABSOLUTE.insert(url.clone(), Arc::clone(&document));
    document
}

static HOME: LazyLock<Asset> = LazyLock::new(|| {
    let html = r#"<!DOCTYPE html>
<html lang="en">
<title>Tasks API</title>
<p>This is the Tasks API. See <a href="docs">its documentation</a>.</p>
</html>
"#;
    Asset::new(HTML, html)
});

static PROBLEMS: LazyLock<Vec<(&str, Asset)>> = LazyLock::new(|| {
    let rows = ProblemType::ALL.iter().map(|kind| kind.row());
    let pages = rows.map(|row| {
        let text = format!(
            "{} (status {})\n\n{}\n",
            row.title, row.status, row.description
        );
        (row.slug, Asset::new("text/plain; charset=utf-8", text))
    });
    pages.collect()
});

/// The response of a page or an asset of Swagger UI.
fn page(content: &Asset, request: &Request) -> Response {
    let mut response = content.respond(request.headers());
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    response
}

/// The asset with this name, or 404.
fn find<'a>(assets: &'a [(&str, Asset)], name: &str) -> poem::Result<&'a Asset> {
    let found = assets.iter().find(|(known, _)| *known == name);
    let found = found.map(|(_, content)| content);
    found.ok_or_else(|| Problem::new(ProblemType::NotFound).into())
}

/// `/docs`.
#[handler]
pub fn index(request: &Request) -> Response {
    let [beside, inside] = &*PAGES;
    let has_slash = request.extensions().get::<TrailingSlash>().is_some();
    page(if has_slash { inside } else { beside }, request)
}

/// `/docs/{file}`: the page's scripts, styles and icons.
#[handler]
pub fn asset(Path(file): Path<String>, request: &Request) -> poem::Result<Response> {
    Ok(page(find(&ASSETS, &file)?, request))
}

/// `/openapi.json`.
#[handler]
pub fn openapi_json(request: &Request) -> Response {
    document(request).json.respond(request.headers())
}

/// `/openapi.yaml` (media type: RFC 9512).
#[handler]
pub fn openapi_yaml(request: &Request) -> Response {
    document(request).yaml.respond(request.headers())
}

/// `/`: a link to the documentation, for people who open the address.
#[handler]
pub fn home(request: &Request) -> Response {
    HOME.respond(request.headers())
}

/// `/problems/{kind}`: the page behind the `type` of a problem.
#[handler]
pub fn problem(Path(slug): Path<String>, request: &Request) -> poem::Result<Response> {
    Ok(find(&PROBLEMS, &slug)?.respond(request.headers()))
}
