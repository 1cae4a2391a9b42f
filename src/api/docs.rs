//! The document, and Swagger UI at `/docs`. Its assets are in the binary, and the
//! Content-Security-Policy forbids requests to other hosts.

use std::sync::{Arc, LazyLock};

use poem::{
    Body, IntoResponse, Response, handler,
    http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY},
    web::Path,
};
use utoipa_swagger_ui::{Config, serve};

use crate::api::{
    rest::problem::{Problem, ProblemType},
    spec,
};

/// Scripts and requests are limited to this origin. Swagger UI needs inline
/// styles and `data:` images.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'";

static CONFIG: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
    Config::from("/openapi.json")
        .persist_authorization(true)
        .display_request_duration(true)
        .try_it_out_enabled(true)
        .deep_linking(true)
        .validator_url("none")
        .into()
});

fn document(content_type: &str, body: impl Into<Body>) -> Response {
    Response::builder()
        .content_type(content_type)
        .header(CACHE_CONTROL, "no-cache")
        .body(body)
}

/// A page or an asset of Swagger UI.
fn page(content_type: &str, body: impl Into<Body>) -> Response {
    document(content_type, body)
        .with_header(CONTENT_SECURITY_POLICY, POLICY)
        .into_response()
}

/// `/docs`.
#[handler]
pub fn index() -> Response {
    page("text/html; charset=utf-8", include_str!("docs.html"))
}

/// `/docs/{file}`: the page's scripts, styles and icons.
#[handler]
pub fn asset(Path(file): Path<String>) -> poem::Result<Response> {
    match serve(&file, CONFIG.clone()) {
        Ok(Some(asset)) if file != "index.html" && !file.is_empty() => {
            Ok(page(&asset.content_type, asset.bytes.into_owned()))
        }
        Ok(_) => Err(Problem::new(ProblemType::NotFound).into()),
        Err(error) => Err(Problem::internal(error).into()),
    }
}

/// `/openapi.json`.
#[handler]
pub fn openapi_json() -> Response {
    document("application/json", spec::JSON.as_str())
}

/// `/openapi.yaml` (media type: RFC 9512).
#[handler]
pub fn openapi_yaml() -> Response {
    document("application/yaml", spec::YAML.as_str())
}

/// `/`: a link to the documentation, for people who open the address.
#[handler]
pub fn home() -> Response {
    let html = r#"<!DOCTYPE html>
<html lang="en">
<title>Tasks API</title>
<p>This is the Tasks API. See <a href="/docs">its documentation</a>.</p>
</html>
"#;
    document("text/html; charset=utf-8", html)
}

/// `/problems/{kind}`: the page behind the `type` of a problem.
#[handler]
pub fn problem(Path(slug): Path<String>) -> poem::Result<Response> {
    let mut rows = ProblemType::ALL.iter().map(|kind| kind.row());
    let Some(row) = rows.find(|row| row.slug == slug) else {
        return Err(Problem::new(ProblemType::NotFound).into());
    };
    let text = format!(
        "{} (status {})\n\n{}\n",
        row.title, row.status, row.description
    );
    Ok(document("text/plain; charset=utf-8", text))
}
