//! Swagger UI at `/docs`, from assets in the binary: nothing is asked of any
//! other host, and the Content-Security-Policy would not let it.

use std::sync::{Arc, LazyLock};

use poem::{
    IntoResponse, Response, handler,
    http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY},
    web::Path,
};
use utoipa_swagger_ui::{Config, serve};

use crate::api::{
    rest::problem::{Kind, Problem},
    spec,
};

/// Scripts and requests stay on this origin. Swagger UI sets inline styles and
/// draws `data:` images, so these two are allowed.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'";

static CONFIG: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
    let config = Config::from("/openapi.json")
        .persist_authorization(true)
        .display_request_duration(true)
        .try_it_out_enabled(true)
        .deep_linking(true)
        .validator_url("none");
    Arc::new(config)
});

fn document(content_type: &str, bytes: Vec<u8>) -> Response {
    Response::builder()
        .content_type(content_type)
        .header(CACHE_CONTROL, "no-cache")
        .body(bytes)
}

/// A part of Swagger UI.
fn page(content_type: &str, bytes: Vec<u8>) -> Response {
    document(content_type, bytes)
        .with_header(CONTENT_SECURITY_POLICY, POLICY)
        .into_response()
}

/// `/docs`.
#[handler]
pub fn index() -> Response {
    page(
        "text/html; charset=utf-8",
        include_bytes!("docs.html").to_vec(),
    )
}

/// `/docs/{file}`: the page's scripts, styles and icons.
#[handler]
pub fn asset(Path(file): Path<String>) -> poem::Result<Response> {
    match serve(&file, CONFIG.clone()) {
        Ok(Some(asset)) if file != "index.html" && !file.is_empty() => {
            Ok(page(&asset.content_type, asset.bytes.into_owned()))
        }
        Ok(_) => Err(Problem::no_such_resource().into()),
        Err(error) => Err(Problem::internal(error).into()),
    }
}

/// `/openapi.json`.
#[handler]
pub fn openapi_json() -> Response {
    document("application/json", spec::JSON.clone().into_bytes())
}

/// `/openapi.yaml` (media type: RFC 9512).
#[handler]
pub fn openapi_yaml() -> Response {
    document("application/yaml", spec::YAML.clone().into_bytes())
}

/// `/`: whoever opens the address in a browser wants the documentation.
#[handler]
pub fn home() -> Response {
    let html = r#"<!DOCTYPE html>
<html lang="en">
<title>Tasks API</title>
<p>This is the Tasks API. See <a href="/docs">its documentation</a>.</p>
</html>
"#;
    document("text/html; charset=utf-8", html.into())
}

/// `/problems/{kind}`: what a problem's `type` says when it is followed.
#[handler]
pub fn problem(Path(kind): Path<String>) -> poem::Result<Response> {
    let mut kinds = Kind::ALL.into_iter();
    let kind = kinds.find(|known| known.slug() == kind);
    let kind = kind.ok_or_else(Problem::no_such_resource)?;
    let (title, status) = (kind.title(), kind.status());
    let text = format!("{title} (status {status})\n\n{}\n", kind.description());
    Ok(document("text/plain; charset=utf-8", text.into_bytes()))
}
