//! Calls the handler, with a timeout, and turns a panic into a problem.

use std::{mem::take, panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;
use poem::{Endpoint, IntoResponse, Request, Response, http::Method};
use tokio::time::timeout;

use crate::api::{rest::problem::Problem, tasks::TaskError};

/// How long a handler may take. Each of its parts has a shorter timeout of its own;
/// this one bounds what those do not cover.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Calls `handler`. A panic becomes 500, a timeout 503: `outcome-unknown` where the
/// method may have written.
pub async fn call<E: Endpoint>(handler: &E, request: &mut Request) -> Response {
    if request.method() == Method::HEAD {
        // Handled like GET; the server omits the body (RFC 9110, section 9.3.2).
        request.set_method(Method::GET);
    }
    let writes = !request.method().is_safe();
    let response = AssertUnwindSafe(handler.get_response(take(request))).catch_unwind();
    let problem = match timeout(REQUEST_TIMEOUT, response).await {
        Ok(Ok(response)) => return response,
        // The panic hook has logged message and location.
        Ok(Err(_)) => Problem::internal("a request handler panicked"),
        Err(_) => {
            let cause = "the request timed out".to_owned();
            Problem::from(if writes {
                TaskError::OutcomeUnknown(cause)
            } else {
                TaskError::Unavailable(cause)
            })
        }
    };
    problem.into_response()
}
