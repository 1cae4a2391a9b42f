//! Traces, sent over OTLP to a collector that decodes the standard's messages. They are
//! flushed when the service stops, so each test stops it first.

use std::{sync::Arc, time::Duration};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{Span, status::StatusCode::Error as Failed},
};
use poem::{
    EndpointExt, Route, Server, handler,
    http::{HeaderMap, StatusCode},
    listener::TcpAcceptor,
    post,
    web::Data,
};
use prost::Message;
use reqwest::Method;
use serde_json::json;
use tasks_api_test_support::{
    database::TestDatabase,
    events::Events,
    key_server::{KeyServer, Reply},
    process::{SECRET, Service, free_port, token},
    signer::{Kind, Signer},
};
use tokio::{
    net::TcpListener,
    sync::Mutex,
    time::{Instant, sleep},
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// The requests that a collector received.
#[derive(Clone, Default)]
struct Sent(Arc<Mutex<Vec<(HeaderMap, ExportTraceServiceRequest)>>>);

#[handler]
async fn take(sent: Data<&Sent>, headers: &HeaderMap, body: Vec<u8>) -> StatusCode {
    let request = ExportTraceServiceRequest::decode(body.as_slice()).expect("OTLP");
    sent.0.0.lock().await.push((headers.clone(), request));
    StatusCode::OK
}

/// A service with a collector.
struct Traced {
    service: Service,
    sent: Sent,
    database: TestDatabase,
}

impl Traced {
    async fn start(more: &[(&str, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let sent = Sent::default();
        let routes = Route::new().at("/v1/traces", post(take)).data(sent.clone());
        let acceptor = TcpAcceptor::from_tokio(listener).unwrap();
        tokio::spawn(Server::new_with_acceptor(acceptor).run(routes));

        let database = TestDatabase::create().await;
        let mut variables = vec![
            ("DATABASE_URL", database.url()),
            ("BETTER_AUTH_SECRET", SECRET),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ];
        variables.extend(more);
        let service = Service::start(&variables).await;
        Self {
            service,
            sent,
            database,
        }
    }

    /// Sends a request; returns the status and the request id.
    async fn call(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
        let mut call = self.service.request(method, path);
        for (name, value) in headers {
            call = call.header(*name, *value);
        }
        let call = call.bearer_auth(token("ana").await);
        let call = call.json(&json!({"title": "a title nobody may see"}));
        let response = call.send().await.unwrap();
        let id = response.headers()["x-request-id"].to_str().unwrap();
        (response.status().as_u16(), id.to_owned())
    }

    /// Stops the service; returns what the collector received, and the log.
    async fn stop(self) -> (Vec<(HeaderMap, ExportTraceServiceRequest)>, String) {
        self.service.signal("-TERM");
        let (code, log) = self.service.end().await;
        assert_eq!(code, Some(0), "{log}");
        drop(self.database);
        (self.sent.0.lock().await.clone(), log)
    }

    async fn spans(self) -> Vec<Span> {
        let (sent, _) = self.stop().await;
        let resources = sent.into_iter().flat_map(|(_, sent)| sent.resource_spans);
        let scopes = resources.flat_map(|resource| resource.scope_spans);
        scopes.flat_map(|scope| scope.spans).collect()
    }
}

fn attribute<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Value> {
    let found = attributes.iter().find(|attribute| attribute.key == key);
    found?.value.as_ref()?.value.as_ref()
}

fn text<'a>(attributes: &'a [KeyValue], key: &str) -> &'a str {
    match attribute(attributes, key) {
        Some(Value::StringValue(text)) => text,
        other => panic!("{key}: {other:?}"),
    }
}

fn named<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let found = spans.iter().find(|span| span.name == name);
    found.unwrap_or_else(|| panic!("{name}: {spans:#?}"))
}

#[tokio::test]
async fn a_request_joins_the_trace_of_its_traceparent() {
    let traced = Traced::start(&[]).await;
    let sampled = format!("00-{TRACE}-{PARENT}-01");

    let headers = [("traceparent", sampled.as_str())];
    let (status, request_id) = traced.call(Method::POST, "/api/tasks", &headers).await;
    assert_eq!(status, 201);

    let kind = if traced.database.url().starts_with("sqlite") {
        "sqlite"
    } else {
        "postgresql"
    };
    let spans = traced.spans().await;
    let request = named(&spans, "POST /api/tasks");
    assert_eq!(hex::encode(&request.trace_id), TRACE);
    assert_eq!(hex::encode(&request.parent_span_id), PARENT);
    assert_eq!(request.kind, 2, "a server's");
    assert_eq!(text(&request.attributes, "http.route"), "/api/tasks");
    assert_eq!(text(&request.attributes, "request.id"), request_id);
    assert_eq!(
        attribute(&request.attributes, "http.response.status_code"),
        Some(&Value::IntValue(201))
    );
    let query = named(&spans, "write tasks");
    assert_eq!(query.trace_id, request.trace_id);
    assert_eq!(query.parent_span_id, request.span_id);
    assert_eq!(query.kind, 3, "a client's");
    assert_eq!(text(&query.attributes, "db.system.name"), kind);
    assert_eq!(query.events[0].name, "sent");
    assert!(query.events[0].time_unix_nano >= query.start_time_unix_nano);
}

#[tokio::test]
async fn a_stream_is_a_span_until_its_head_and_polls_are_none() {
    let traced = Traced::start(&[]).await;
    let (url, ana) = (&traced.service.url, token("ana").await);
    let mut stream = Events::open(url, &ana, None).await;
    stream.event().await.unwrap();
    for _ in 0..3 {
        traced.call(Method::POST, "/api/tasks", &[]).await;
        stream.event().await.unwrap();
    }
    // Some polls long.
    sleep(Duration::from_secs(3)).await;
    drop(stream);

    let spans = traced.spans().await;
    let stream = named(&spans, "GET /api/events");
    let mut posts = spans.iter().filter(|span| span.name == "POST /api/tasks");
    assert!(posts.all(|post| post.start_time_unix_nano >= stream.end_time_unix_nano));
    let roots = spans.iter().filter(|span| span.parent_span_id.is_empty());
    let mut roots: Vec<_> = roots.map(|root| root.name.as_str()).collect();
    roots.sort_unstable();
    let posts = ["POST /api/tasks"; 3];
    assert_eq!(roots, [&["GET /api/events"][..], &posts].concat());
}

#[tokio::test]
async fn without_a_valid_traceparent_a_new_trace_starts() {
    let traced = Traced::start(&[]).await;
    let no_parent = "00-00000000000000000000000000000000-0000000000000000-01";

    for headers in [
        vec![],
        vec![("traceparent", no_parent)],
        vec![("traceparent", "nonsense")],
    ] {
        let (status, _) = traced.call(Method::GET, "/api/tasks", &headers).await;
        assert_eq!(status, 200);
    }

    let spans = traced.spans().await;
    let requests = spans.iter().filter(|span| span.name == "GET /api/tasks");
    let mut ids: Vec<_> = requests
        .map(|request| {
            assert!(request.parent_span_id.is_empty(), "{request:?}");
            &request.trace_id
        })
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 3);
}

#[tokio::test]
async fn a_trace_holds_no_client_input_but_the_request_id() {
    let traced = Traced::start(&[]).await;
    let headers = [("user-agent", "sesame"), ("cookie", "a=sesame")];

    for path in [
        "/api/tasks/864209753186420?q=sesame",
        "/sesame",
        "/api/tasks",
    ] {
        for method in ["GET", "POST", "SESAME"] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            traced.call(method, path, &headers).await;
        }
    }

    let token = token("ana").await;
    let (sent, _) = traced.stop().await;
    let everything = format!("{sent:?}");
    assert!(everything.contains("_OTHER"), "{everything}");
    let secrets = [
        "sesame",
        "SESAME",
        "864209753186420",
        "nobody may see",
        SECRET,
        &token[..20],
        "\"ana\"",
    ];
    for secret in secrets {
        assert!(!everything.contains(secret), "{secret}: {everything}");
    }
}

#[tokio::test]
async fn a_server_error_is_marked_on_its_span() {
    let nobody = format!("postgres://ana@127.0.0.1:{}/tasks", free_port());
    let traced = Traced::start(&[("DATABASE_URL", &nobody)]).await;

    let (missing, _) = traced.call(Method::GET, "/nothing", &[]).await;
    let (failed, _) = traced.call(Method::GET, "/api/tasks", &[]).await;
    assert_eq!((missing, failed), (404, 503));

    let spans = traced.spans().await;
    let is_failed = |name| {
        let status = named(&spans, name).status.as_ref();
        status.is_some_and(|status| status.code == Failed as i32)
    };
    assert!(!is_failed("GET"));
    assert!(is_failed("GET /api/tasks"));
}

#[tokio::test]
async fn unsampled_traces_are_not_sent() {
    let unsampled = format!("00-{TRACE}-{PARENT}-00");
    let sampled = format!("00-{TRACE}-{PARENT}-01");
    let table = [
        ("parentbased_always_on", &unsampled, false),
        ("parentbased_always_off", &sampled, true),
        ("always_off", &sampled, false),
        ("always_on", &unsampled, true),
    ];

    for (sampler, parent, is_sent) in table {
        let traced = Traced::start(&[("OTEL_TRACES_SAMPLER", sampler)]).await;
        let headers = [("traceparent", parent.as_str())];
        let (status, _) = traced.call(Method::GET, "/api/tasks", &headers).await;
        assert_eq!(status, 200);
        let spans = traced.spans().await;
        assert_eq!(!spans.is_empty(), is_sent, "{sampler} {parent}");
    }
}

#[tokio::test]
async fn the_collector_receives_the_resource_and_its_headers() {
    let traced = Traced::start(&[
        ("OTEL_SERVICE_NAME", "tasks of the test"),
        ("OTEL_RESOURCE_ATTRIBUTES", "service.instance.id=the third"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=sesame"),
    ])
    .await;
    traced.call(Method::GET, "/docs", &[]).await;

    let (sent, log) = traced.stop().await;
    let (headers, request) = &sent[0];
    assert_eq!(headers["api-key"], "sesame");
    assert!(!log.contains("sesame"), "{log}");
    let resource = request.resource_spans[0].resource.as_ref().unwrap();
    let attributes = &resource.attributes;
    assert_eq!(text(attributes, "service.name"), "tasks of the test");
    assert_eq!(text(attributes, "service.instance.id"), "the third");
    assert_eq!(
        text(attributes, "service.version"),
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(
        text(attributes, "deployment.environment.name"),
        "development"
    );
}

#[tokio::test]
async fn an_unreachable_collector_causes_one_log_line_and_no_failed_request() {
    // It accepts connections and never responds.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = format!("http://{}", silent.local_addr().unwrap());
    let nobody = format!("http://127.0.0.1:{}", free_port());

    for endpoint in [silent, nobody] {
        let traced = Traced::start(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
            ("OTEL_BSP_SCHEDULE_DELAY", "20"),
        ])
        .await;
        for _ in 0..20 {
            assert_eq!(traced.call(Method::GET, "/api/tasks", &[]).await.0, 200);
        }
        let asked = Instant::now();
        let (sent, log) = traced.stop().await;
        // Two seconds for the collector, and room for a slow machine.
        assert!(asked.elapsed().as_secs() < 10);
        assert!(sent.is_empty());
        assert!(log.matches("traces are lost").count() <= 1, "{log}");
    }
}

#[tokio::test]
async fn a_key_set_download_is_a_span_of_the_waiting_request() {
    let signer = Signer::new(Kind::EdDsa, "first");
    let issuer = KeyServer::start(Reply::of(&[&signer])).await;
    let traced = Traced::start(&[("JWKS_URL", issuer.url.as_str())]).await;

    let list = traced.service.client(&signer.token()).list("").await;
    assert_eq!(list.status, StatusCode::OK);

    let spans = traced.spans().await;
    let request = named(&spans, "GET /api/tasks");
    let download = named(&spans, "download key set");
    assert_eq!(download.parent_span_id, request.span_id);
    assert!(download.end_time_unix_nano <= request.end_time_unix_nano);
}

#[tokio::test]
async fn health_checks_are_not_traced() {
    let traced = Traced::start(&[]).await;

    for path in ["/health/live", "/health/ready"] {
        assert_eq!(traced.call(Method::GET, path, &[]).await.0, 200);
    }

    assert_eq!(traced.spans().await, []);
}
