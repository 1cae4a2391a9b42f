//! `/metrics`, on a port of its own: for the operator's network, never for clients.

use poem::{Endpoint, EndpointExt, Response, Route, get, handler, http::header::CONTENT_TYPE};

use crate::telemetry::metrics;

#[handler]
fn read() -> Response {
    Response::builder()
        .header(CONTENT_TYPE, metrics::CONTENT_TYPE)
        .body(metrics::text())
}

/// The metrics, and nothing else.
#[must_use]
pub fn endpoint() -> impl Endpoint<Output = Response> + 'static {
    Route::new().at("/metrics", get(read)).map_to_response()
}
