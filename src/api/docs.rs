//! The document, Swagger UI at `/docs` and Scalar at `/reference`. Their assets are in the
//! binary, and the Content-Security-Policy forbids requests to other hosts
//! ([decision 10](../../docs/decisions/0010-two-pages-of-the-document.md)).
//!
//! All references are relative, so that the pages work behind a proxy that strips a prefix
//! of the path.

mod problem_pages;

use std::{
    borrow::Cow,
    sync::{Arc, LazyLock},
};

use hyper::body::Bytes;
use poem::{
    Request, Response, handler,
    http::{HeaderValue, header::CONTENT_SECURITY_POLICY},
    web::{Data, Json, Path},
};
use quick_cache::sync::Cache;
use serde_json::{Map, Value};
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
/// service at. Absent if it is not known.
#[derive(Clone)]
pub struct PublicUrl(pub String);

/// Maximum number of URLs whose documents are kept, some 100 KiB each. More cost time alone.
const MAX_URLS: usize = 16;

/// Scripts and requests are limited to this origin. Swagger UI and Scalar need inline
/// styles and `data:` images.
const INTERACTIVE: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'",
);

/// A page of text needs its style sheet and icon.
const TEXT: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'",
);

/// In the extensions of a request that came from this machine without a proxy, to one of
/// its loopback names.
#[derive(Clone)]
pub struct FromThisMachine;

/// How a reader of `/docs` gets a token.
#[derive(Clone, Default)]
pub struct TokenHelp {
    /// In development: signs a token with the development secret.
    pub sign: Option<Arc<dyn Fn() -> Option<String> + Send + Sync>>,
    /// What returns a token of a signed-in user in a browser's console, if the application
    /// is Better Auth.
    pub snippet: Option<&'static str>,
    /// The origin of that application, if it may be shown.
    pub origin: Option<String>,
}

/// Scalar's script, compressed by `build.rs`.
const SCALAR: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/scalar.js.gz"));

const CSS: &str = "text/css; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// The files of Swagger UI that the page loads, and their media types.
const FILES: [(&str, &str); 5] = [
    ("favicon-16x16.png", "image/png"),
    ("favicon-32x32.png", "image/png"),
    ("index.css", CSS),
    ("swagger-ui.css", CSS),
    ("swagger-ui-bundle.js", JAVASCRIPT),
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
    let script = |content: &'static str| Asset::new(JAVASCRIPT, content);
    let own = [
        ("docs.css", Asset::new(CSS, include_str!("docs.css"))),
        ("reference.js", script(include_str!("docs/reference.js"))),
        ("scalar.js", Asset::from_gzip(JAVASCRIPT, SCALAR)),
        ("service.js", script(include_str!("docs/service.js"))),
        ("swagger-initializer.js", script(include_str!("docs.js"))),
    ];
    files.chain(own).collect()
});

/// `/docs`, and `/docs/`, relative to which the assets are in the same folder.
static PAGES: LazyLock<[Asset; 2]> = LazyLock::new(|| {
    let page = |folder| include_str!("docs.html").replace("{folder}", folder);
    ["docs/", ""].map(|folder| Asset::new(HTML, page(folder)))
});

/// `/reference`, and `/reference/`.
static REFERENCE: LazyLock<[Asset; 2]> = LazyLock::new(|| {
    let page = |folder| include_str!("docs/reference.html").replace("{folder}", folder);
    ["docs/", "../docs/"].map(|folder| Asset::new(HTML, page(folder)))
});

/// The document in its two forms.
struct Document {
    json: Asset,
    yaml: Asset,
}

impl Document {
    /// With the URL of its server, which needs no quotes in YAML nor escapes in JSON.
    fn of(server: &str) -> Self {
        let of = |text: &str| text.replace(PLACEHOLDER, server);
        Self {
            json: Asset::new(JSON, of(&TEXTS[0])),
            yaml: Asset::new("application/yaml", of(&TEXTS[1])),
        }
    }
}

/// The server's URL in [`TEXTS`].
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
    let Some(PublicUrl(url)) = request.extensions().get() else {
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
<p>This is the Tasks API. <a href="docs">Try its operations</a>, or
<a href="reference">read about them</a>.</p>
</html>
"#;
    Asset::new(HTML, html)
});

/// The page of each problem type, without and with a trailing slash. The first is the list.
static PROBLEMS: LazyLock<Vec<(&str, [Asset; 2])>> = LazyLock::new(|| {
    let list = ["", "../"].map(|up| Asset::new(HTML, problem_pages::list(up)));
    let rows = ProblemType::ALL.iter().map(|kind| {
        let pages = ["../", "../../"].map(|up| Asset::new(HTML, problem_pages::one(*kind, up)));
        (kind.row().slug, pages)
    });
    [("", list)].into_iter().chain(rows).collect()
});

/// The response of a page or an asset, with its Content-Security-Policy.
fn page(content: &Asset, policy: HeaderValue, request: &Request) -> Response {
    let mut response = content.respond(request.headers());
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    response
}

/// The asset with this name, or 404.
fn find<'a, T>(assets: &'a [(&str, T)], name: &str) -> poem::Result<&'a T> {
    let found = assets.iter().find(|(known, _)| *known == name);
    let found = found.map(|(_, content)| content);
    found.ok_or_else(|| Problem::new(ProblemType::NotFound).into())
}

/// The form of a page for the path that the browser asked for.
fn for_path<'a>([without, with]: &'a [Asset; 2], request: &Request) -> &'a Asset {
    let has_slash = request.extensions().get::<TrailingSlash>().is_some();
    if has_slash { with } else { without }
}

/// `/docs`.
#[handler]
pub fn index(request: &Request) -> Response {
    page(for_path(&PAGES, request), INTERACTIVE, request)
}

/// `/reference`.
#[handler]
pub fn reference(request: &Request) -> Response {
    page(for_path(&REFERENCE, request), INTERACTIVE, request)
}

/// `/docs/{file}`: scripts, styles and icons of both pages.
#[handler]
pub fn asset(Path(file): Path<String>, request: &Request) -> poem::Result<Response> {
    Ok(page(find(&ASSETS, &file)?, INTERACTIVE, request))
}

/// `/docs/token.json`: how to get a token. A development token itself is for pages of the
/// service, read on the machine that it runs on: `Sec-Fetch-Site` keeps pages of other
/// origins out, CORS notwithstanding, and the marker a name that DNS rebinding points here.
#[handler]
pub fn token_help(Data(help): Data<&TokenHelp>, request: &Request) -> Json<Value> {
    let mut fields = Map::new();
    let is_same_origin = request.header("sec-fetch-site") == Some("same-origin");
    let is_local = request.extensions().get::<FromThisMachine>().is_some();
    let token = help.sign.as_ref().filter(|_| is_same_origin && is_local);
    if let Some(token) = token.and_then(|sign| sign()) {
        fields.insert("token".to_owned(), token.into());
    }
    if let Some(snippet) = help.snippet {
        fields.insert("snippet".to_owned(), snippet.into());
    }
    if let Some(origin) = &help.origin {
        fields.insert("origin".to_owned(), origin.as_str().into());
    }
    Json(fields.into())
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

/// `/problems`: all types of problem.
#[handler]
pub fn problems(request: &Request) -> poem::Result<Response> {
    Ok(page(for_path(find(&PROBLEMS, "")?, request), TEXT, request))
}

/// `/problems/{kind}`: the page behind the `type` of a problem.
#[handler]
pub fn problem(Path(slug): Path<String>, request: &Request) -> poem::Result<Response> {
    Ok(page(
        for_path(find(&PROBLEMS, &slug)?, request),
        TEXT,
        request,
    ))
}
