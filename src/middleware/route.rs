//! The route table: every path, its methods, and what they are called in logs,
//! metrics and traces. The contract's rows come from [`spec`], the others are here.

use std::{borrow::Cow, sync::LazyLock};

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use poem::{
    EndpointExt, IntoResponse, Request, Response, Route, RouteMethod, get,
    http::{Method, StatusCode, Uri, header::ALLOW},
};

use super::health::{self, Readiness};
use crate::api::{
    docs::{self, TokenHelp},
    spec,
};

const DOCS: &str = "docs";
const DOCUMENT: &str = "document";
const HEALTH: &str = "health";
const OTHER: &str = "other";
const LIVENESS: &str = "/health/live";

type Handler = fn() -> RouteMethod;

/// The routes beside the contract, all of them read with GET: template, operation and
/// handler.
const BESIDE_CONTRACT: [(&str, &str, Handler); 11] = [
    ("/", DOCS, || get(docs::home)),
    ("/docs", DOCS, || get(docs::index)),
    ("/docs/token.json", DOCS, || get(docs::token_help)),
    ("/docs/{file}", DOCS, || get(docs::asset)),
    (LIVENESS, HEALTH, || get(health::live)),
    ("/health/ready", HEALTH, || get(health::ready)),
    ("/openapi.json", DOCUMENT, || get(docs::openapi_json)),
    ("/openapi.yaml", DOCUMENT, || get(docs::openapi_yaml)),
    ("/problems", DOCS, || get(docs::problems)),
    ("/problems/{kind}", DOCS, || get(docs::problem)),
    ("/reference", DOCS, || get(docs::reference)),
];

/// One row of the table.
pub struct Entry {
    /// The template, for logs: never the path itself, which a client chose.
    pub template: &'static str,
    /// The value of `Allow` (RFC 9110, section 10.2.1).
    pub allow: String,
    /// The methods and their operations: none for an unknown path.
    operations: Vec<(Method, &'static str)>,
    /// The operation that any other method counts as.
    other: &'static str,
}

impl Entry {
    fn new(
        template: &'static str,
        operations: Vec<(Method, &'static str)>,
        other: &'static str,
    ) -> Self {
        let mut methods: Vec<_> = operations.iter().map(|(m, _)| m.as_str()).collect();
        if methods.contains(&"GET") {
            methods.push("HEAD");
        }
        methods.push("OPTIONS");
        Self {
            allow: methods.join(", "),
            template,
            operations,
            other,
        }
    }

    /// Whether the path is of a route.
    pub fn is_known(&self) -> bool {
        !self.operations.is_empty()
    }

    /// Whether this is a health check of a load balancer.
    pub fn is_health_check(&self) -> bool {
        self.other == HEALTH
    }

    /// Whether this is the OpenAPI document or a page about it.
    pub fn is_documentation(&self) -> bool {
        matches!(self.other, DOCS | DOCUMENT)
    }

    /// Whether this is the check whose failure restarts the service.
    pub fn is_liveness(&self) -> bool {
        self.template == LIVENESS
    }

    /// The operation that `method` counts as: its `operationId` in the contract, or a
    /// fixed name for what stands beside it.
    pub fn operation(&self, method: &Method) -> &'static str {
        let mut operations = self.operations.iter();
        let found = operations.find(|(known, _)| known == method);
        found.map_or(self.other, |(_, operation)| operation)
    }

    /// The response to OPTIONS; `None` for another method or an unknown path.
    pub fn options(&self, method: &Method) -> Option<Response> {
        let response = || StatusCode::NO_CONTENT.with_header(ALLOW, &self.allow);
        (method == Method::OPTIONS && self.is_known()).then(|| response().into_response())
    }
}

static TABLE: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let by_path = spec::ROUTES.chunk_by(|a, b| a.path == b.path);
    let contract = by_path.map(|routes| {
        let operations = routes.iter().map(|r| (r.method.clone(), r.operation_id));
        Entry::new(&routes[0].path, operations.collect(), OTHER)
    });
    let beside = BESIDE_CONTRACT.map(|(template, operation, _)| {
        Entry::new(template, vec![(Method::GET, operation)], operation)
    });
    contract.chain(beside).collect()
});

static NO_ROUTE: LazyLock<Entry> = LazyLock::new(|| Entry::new("unknown", vec![], OTHER));

/// The row that `path` matches, or the one of unknown paths.
pub fn find(path: &str) -> &'static Entry {
    let mut entries = TABLE.iter();
    let found = entries.find(|entry| matches(entry.template, path));
    found.unwrap_or(&NO_ROUTE)
}

fn matches(template: &str, path: &str) -> bool {
    let mut segments = path.split('/');
    let same = template.split('/').all(|expected| {
        let segment = segments.next();
        segment.is_some_and(|s| expected.starts_with('{') && !s.is_empty() || expected == s)
    });
    same && segments.next().is_none()
}

/// The routes beside the contract, for poem, with the data of their handlers.
#[must_use]
pub fn beside_contract(readiness: &Readiness, help: &TokenHelp) -> Route {
    let routes = BESIDE_CONTRACT.into_iter();
    routes.fold(Route::new(), |routes, (template, _, handler)| {
        let path = template.replace('{', ":").replace('}', "");
        let handler = handler().data(readiness.clone()).data(help.clone());
        routes.at(path, handler)
    })
}

/// Removes a trailing slash from the path, which serves the same resource without a
/// redirect, and replaces bytes that are no UTF-8 by U+FFFD. poem would respond to
/// those with 400, and no such path exists: it is 404.
pub fn normalize_path(request: &mut Request) {
    let path = request.uri().path();
    let normalized = normalized(path);
    if normalized == path {
        return;
    }
    let had_slash = path.ends_with('/');
    let path_and_query = match request.uri().query() {
        Some(query) => format!("{normalized}?{query}"),
        None => normalized.into_owned(),
    };
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = path_and_query.parse().ok();
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
    if had_slash {
        request.extensions_mut().insert(docs::TrailingSlash);
    }
}

fn normalized(path: &str) -> Cow<'_, str> {
    let trimmed = path.trim_end_matches('/');
    let path = if trimmed.is_empty() { path } else { trimmed };
    let decoded = percent_decode_str(path);
    if decoded.clone().decode_utf8().is_ok() {
        return Cow::Borrowed(path);
    }
    let segments = path.split('/').map(|segment| {
        let segment = percent_decode_str(segment).decode_utf8_lossy();
        utf8_percent_encode(&segment, NON_ALPHANUMERIC).to_string()
    });
    Cow::Owned(segments.collect::<Vec<_>>().join("/"))
}
