//! The rules of each operation.

mod bulk;
mod changes;
mod conditional;
mod create;
mod events;
mod fields;
mod id;
mod keys;
mod list;
mod paging;
mod write;

use poem::http::Method;
use serde_json::Value;

use crate::support::{App, Response};

async fn put(app: &App, id: &Value, body: &Value) -> Response {
    let call = app.user("ana", Method::PUT, &format!("/api/tasks/{id}"));
    call.json(body).send().await
}

async fn complete(app: &App, id: &Value, body: &Value) -> Response {
    let path = format!("/api/tasks/{id}/complete");
    app.user("ana", Method::PATCH, &path)
        .json(body)
        .send()
        .await
}

async fn post(app: &App, body: &Value) -> Response {
    let call = app.user("ana", Method::POST, "/api/tasks");
    call.json(body).send().await
}
