//! The service in process, and a client for it.

mod conformance;
pub mod stream;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{EncodingKey, Header};
use poem::{
    Body, Endpoint, EndpointExt, Request,
    endpoint::BoxEndpoint,
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri},
};
use secrecy::SecretString;
use serde_json::{Value, json};
use tasks_api::{
    api::tasks::TaskService,
    app::routes,
    auth::{TokenSources, Verifier},
    config::Config,
    middleware::health::Readiness,
    store::{DatabaseUrl, Store},
};
use tasks_api_test_support::database::TestDatabase;

/// The `BETTER_AUTH_SECRET` of the service, which signs the tests' tokens.
pub const SECRET: &str = "a secret of the tests, long enough for HS256";
/// The allowed origin of the tests.
pub const ORIGIN: &str = "https://app.example.com";

/// The service with its own database.
pub struct App {
    endpoint: BoxEndpoint<'static, poem::Response>,
    /// Dropped after the endpoint, which deletes the database.
    _database: Option<TestDatabase>,
}

impl App {
    /// The service with its default configuration.
    pub async fn start() -> Self {
        Self::with_quota(10_000).await
    }

    /// With this number of tasks per user.
    pub async fn with_quota(tasks_per_user: u32) -> Self {
        Self::build(tasks_per_user, &[]).await
    }

    /// With these variables for the middleware.
    pub async fn configured(variables: &[(&str, &str)]) -> Self {
        Self::build(10_000, variables).await
    }

    async fn build(tasks_per_user: u32, variables: &[(&str, &str)]) -> Self {
        let database = TestDatabase::create().await;
        let url = DatabaseUrl::parse(database.url()).unwrap();
        let store = Store::connect(&url, tasks_per_user).await.unwrap();
        store.migrate_up().await.unwrap();
        let app = Self::with(store, &Readiness::new(async || Ok(())), variables);
        Self {
            _database: Some(database),
            ..app
        }
    }

    /// Over a given service and readiness.
    pub fn over(service: impl TaskService, readiness: &Readiness) -> Self {
        Self::with(service, readiness, &[])
    }

    fn with(service: impl TaskService, readiness: &Readiness, variables: &[(&str, &str)]) -> Self {
        let verifier = Verifier::new(TokenSources {
            secret: Some(SecretString::from(SECRET)),
            ..TokenSources::default()
        });
        let fixed = [("CORS_ORIGINS", ORIGIN), ("BETTER_AUTH_SECRET", SECRET)];
        let config = Config::read(|name| {
            let mut all = fixed.iter().chain(variables);
            let found = all.find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        });
        let endpoint = routes(service, verifier.unwrap(), readiness, &config.unwrap());
        Self {
            endpoint: endpoint.boxed(),
            _database: None,
        }
    }

    /// A request without a token, not yet sent.
    pub fn request(&self, method: Method, path: &str) -> Call<'_> {
        let uri: Uri = path.parse().expect("a path");
        let host = uri.authority().map_or("tasks.example.com", |a| a.as_str());
        let request = Request::builder().method(method).header("host", host);
        Call {
            app: self,
            request: request.uri(uri).finish(),
        }
    }

    /// A request with a token of `user`, not yet sent.
    pub fn user(&self, user: &str, method: Method, path: &str) -> Call<'_> {
        self.request(method, path).bearer(&token(user))
    }

    /// Creates a task of `user`.
    pub async fn create(&self, user: &str, title: &str) -> Value {
        let call = self.user(user, Method::POST, "/api/tasks");
        let response = call.json(&json!({"title": title})).send().await;
        response.expect(StatusCode::CREATED)
    }

    /// Lists the tasks of `user`.
    pub async fn list(&self, user: &str, query: &str) -> Vec<Value> {
        let path = format!("/api/tasks{query}");
        let response = self.user(user, Method::GET, &path).send().await;
        let list = response.expect(StatusCode::OK);
        list.as_array().expect("a list").clone()
    }
}

/// A request that is not yet sent.
pub struct Call<'a> {
    app: &'a App,
    request: Request,
}

impl Call<'_> {
    pub fn header(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Self {
        let value = HeaderValue::from_bytes(value.as_ref()).expect("a header's value");
        self.request.headers_mut().append(name, value);
        self
    }

    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    pub fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json")
            .body(body.to_string())
    }

    pub fn body(mut self, body: impl Into<Body>) -> Self {
        self.request.set_body(body);
        self
    }

    /// Sends the request; returns the body, which need not be text.
    pub async fn send_for_bytes(self) -> Vec<u8> {
        self.send_for(StatusCode::OK).await.1
    }

    /// Sends the request; panics unless it gets this status. The body need not be text.
    pub async fn send_for(self, status: StatusCode) -> (HeaderMap, Vec<u8>) {
        let response = self.app.endpoint.get_response(self.request).await;
        assert_eq!(response.status(), status);
        let (parts, body) = response.into_parts();
        (parts.headers, body.into_vec().await.expect("a whole body"))
    }

    /// Sends the request; panics on a response that the document does not describe.
    pub async fn send(self) -> Response {
        let method = self.request.method().clone();
        let uri = self.request.uri().clone();
        let sent = self.request.headers().clone();
        let (parts, body) = self
            .app
            .endpoint
            .get_response(self.request)
            .await
            .into_parts();
        let bytes = body.into_bytes().await.expect("a whole body");
        let response = Response {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).expect("text"),
        };
        conformance::check(&method, &uri, &sent, &response).unwrap_or_else(|undocumented| {
            panic!("{method} {uri} answered {response:?}: {undocumented}")
        });
        response
    }
}

/// A response whose body is text.
#[derive(Debug)]
pub struct Response {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Response {
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().expect("text"))
    }

    /// The body as JSON; panics unless the status is `status`.
    #[track_caller]
    pub fn expect(&self, status: StatusCode) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        serde_json::from_str(&self.text).expect("JSON")
    }

    /// The body of a problem (RFC 9457); panics unless it is complete and agrees with the
    /// status and the media type.
    #[track_caller]
    pub fn problem(&self, status: u16, kind: &str) -> Value {
        let problem = self.expect(StatusCode::from_u16(status).unwrap());
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(problem["type"], format!("/problems/{kind}"), "{problem}");
        assert_eq!(problem["status"], status);
        for text in ["title", "detail"] {
            assert!(problem[text].as_str().is_some_and(|t| !t.is_empty()));
        }
        assert_eq!(problem.get("errors").is_some(), status == 400, "{problem}");
        assert!(!self.header("x-request-id").is_empty());
        problem
    }
}

/// A valid token of `subject`.
pub fn token(subject: &str) -> String {
    let expires = SystemTime::now() + Duration::from_mins(5);
    let expires = expires.duration_since(UNIX_EPOCH).unwrap().as_secs();
    token_with(&json!({"sub": subject, "exp": expires}))
}

/// A token with any claims, signed with [`SECRET`].
pub fn token_with(claims: &Value) -> String {
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::encode(&Header::default(), claims, &key).unwrap()
}
