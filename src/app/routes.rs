//! Every route, behind the middleware.

use std::collections::HashMap;

use poem::{Endpoint, Response, RouteMethod};
use poem_openapi::OpenApi;

use super::tokens;
use crate::{
    api::tasks::{TaskService, operations},
    auth::Verifier,
    config::Config,
    middleware::{Middleware, beside_contract, health::Readiness},
};

/// The whole HTTP interface, over any `service`.
pub fn routes<S: TaskService>(
    service: S,
    verifier: Verifier,
    readiness: &Readiness,
    config: &Config,
) -> impl Endpoint<Output = Response> + use<S> {
    // As an endpoint, an `OpenApiService` is four layers around each operation, which move and
    // box the request, look for the path once more, and read a query that `Query` reads.
    let mut contract = HashMap::new();
    operations(service).add_routes(&mut contract);
    let beside = beside_contract(readiness, &tokens::help(config));
    let routes = contract
        .into_iter()
        .fold(beside, |routes, (path, operations)| {
            let operations = operations.into_iter();
            let methods = operations.fold(RouteMethod::new(), |methods, (method, operation)| {
                methods.method(method, operation)
            });
            routes.at(path, methods)
        });
    Middleware::new(routes, verifier, config)
}
