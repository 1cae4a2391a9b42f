//! A client of the task operations, for one user.

use std::fmt::Display;

use reqwest::{Client, Method, RequestBuilder, StatusCode, header::HeaderMap};
use serde_json::{Value, json};

use crate::process::{Service, client};

/// The operations of the contract with one token. Clones share the connections.
#[derive(Clone)]
pub struct TasksClient {
    http: Client,
    tasks: String,
    token: String,
}

/// A response whose body is JSON.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The header fields.
    pub headers: HeaderMap,
    /// The body.
    pub body: Value,
}

impl Service {
    /// A client with this token, on connections of its own.
    pub fn client(&self, token: &str) -> TasksClient {
        TasksClient::new(client(), &self.url, token)
    }

    /// A request to any path, without a token and on a connection of its own.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        client().request(method, format!("{}{path}", self.url))
    }
}

impl TasksClient {
    /// A client over `http` of the service at `url`.
    pub fn new(http: Client, url: &str, token: &str) -> Self {
        Self {
            http,
            tasks: format!("{url}/api/tasks"),
            token: token.to_owned(),
        }
    }

    /// The same connections with another token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self {
            token: token.to_owned(),
            ..self.clone()
        }
    }

    /// A request to `path` below `/api/tasks`, not yet sent.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.tasks);
        self.http.request(method, url).bearer_auth(&self.token)
    }

    /// Sends a request to `path` below `/api/tasks`; panics unless the response is JSON.
    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Response {
        self.try_send(method, path, body).await.expect("JSON")
    }

    /// Sends a request to `path` below `/api/tasks`; fails if the body is broken off, as a long
    /// list is that cannot be read in time.
    pub async fn try_send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> reqwest::Result<Response> {
        let request = self.request(method, path);
        let request = body.into_iter().fold(request, RequestBuilder::json);
        Response::try_of(request).await
    }

    /// Creates a task.
    pub async fn create(&self, title: &str) -> Response {
        let task = json!({"title": title});
        self.send(Method::POST, "", Some(&task)).await
    }

    /// Lists tasks. `query` is empty or begins with `?`.
    pub async fn list(&self, query: &str) -> Response {
        self.send(Method::GET, query, None).await
    }

    /// Reads a task.
    pub async fn get(&self, id: impl Display) -> Response {
        self.send(Method::GET, &format!("/{id}"), None).await
    }

    /// Updates a task.
    pub async fn update(&self, id: impl Display, task: &Value) -> Response {
        self.send(Method::PUT, &format!("/{id}"), Some(task)).await
    }

    /// Sets whether a task is completed.
    pub async fn complete(&self, id: impl Display, completed: bool) -> Response {
        let body = json!({"completed": completed});
        self.send(Method::PATCH, &format!("/{id}/complete"), Some(&body))
            .await
    }

    /// Deletes a task.
    pub async fn delete(&self, id: impl Display) -> Response {
        self.send(Method::DELETE, &format!("/{id}"), None).await
    }
}

impl Response {
    /// Sends any request; panics unless the response is JSON.
    pub async fn of(request: RequestBuilder) -> Self {
        Self::try_of(request).await.expect("JSON")
    }

    async fn try_of(request: RequestBuilder) -> reqwest::Result<Self> {
        let response = request.send().await.expect("a response");
        Ok(Self {
            status: response.status(),
            headers: response.headers().clone(),
            body: response.json().await?,
        })
    }

    /// The body; panics unless the status is `status`.
    #[track_caller]
    pub fn expect(self, status: StatusCode) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }

    /// The tasks of a list; panics unless the response is one.
    #[track_caller]
    pub fn tasks(self) -> Vec<Value> {
        let Value::Array(tasks) = self.expect(StatusCode::OK) else {
            panic!("not a list");
        };
        tasks
    }
}
