//! Every route, behind the middleware.

use poem::{Endpoint, EndpointExt, Response, middleware::AddData};
use poem_openapi::OpenApiService;

use super::tokens;
use crate::{
    api::{
        spec::API_VERSION,
        tasks::{TaskService, operations},
    },
    auth::Verifier,
    config::Config,
    middleware::{Middleware, beside_contract, health::Readiness},
};

/// The whole HTTP interface, over any `service`.
pub fn routes<S: TaskService>(
    service: S,
    verifier: Verifier,
    readiness: Readiness,
    config: &Config,
) -> impl Endpoint<Output = Response> + use<S> {
    let contract = OpenApiService::new(operations(service), "Tasks API", API_VERSION);
    let routes = beside_contract()
        .nest_no_strip("/api", contract)
        .with(AddData::new(verifier))
        .with(AddData::new(readiness))
        .with(AddData::new(tokens::help(config)));
    Middleware::new(routes, config)
}
