//! Clients that take no response over HTTP/2, whatever else they send.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::json;
use tasks_api_test_support::{
    http2::{Event, Http2},
    process::{SECRET, Service, client, token},
};
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

/// Much longer than the service takes, so that a busy machine fails no test.
const LIMIT: Duration = Duration::from_mins(1);

async fn service() -> (Service, String) {
    let service = Service::start(&[("BETTER_AUTH_SECRET", SECRET)]).await;
    service.wait_until_ready().await;
    let address = service.url.strip_prefix("http://").unwrap().to_owned();
    (service, address)
}

/// What a client sends once a second in place of taking its responses.
#[derive(Debug, Clone, Copy)]
enum Busy {
    Pings,
    Settings,
    ConnectionWindow,
    /// One byte of a response that will be taken.
    OneByte,
    /// A further request, which is answered without a body.
    Requests,
}

impl Busy {
    async fn send(self, client: &mut Http2) -> std::io::Result<()> {
        match self {
            Self::Pings => client.ping().await,
            Self::Settings => client.settings(0).await,
            Self::ConnectionWindow => client.window_update(0, 1000).await,
            Self::OneByte => client.window_update(1, 1).await,
            Self::Requests => client
                .request("OPTIONS", "/api/tasks", &[], true)
                .await
                .map(|_| ()),
        }
    }
}

#[tokio::test]
async fn a_connection_whose_responses_are_not_taken_is_closed_whatever_else_it_sends() {
    let (service, address) = service().await;
    let mut clients = JoinSet::new();
    for busy in [
        Busy::Pings,
        Busy::Settings,
        Busy::ConnectionWindow,
        Busy::OneByte,
        Busy::Requests,
    ] {
        for path in [
            "/openapi.json",
            "/health/live",
            "/docs/swagger-ui-bundle.js",
        ] {
            let mut client = Http2::connect(&address, 0).await;
            clients.spawn(async move {
                for _ in 0..4 {
                    client.get(path).await.unwrap();
                }
                let closed = timeout(LIMIT, async {
                    loop {
                        // A write to a closed connection fails at the latest with the next.
                        if busy.send(&mut client).await.is_err() {
                            return;
                        }
                        while let Ok(event) = timeout(Duration::from_secs(1), client.next()).await {
                            if event.is_none() {
                                return;
                            }
                        }
                    }
                });
                assert!(closed.await.is_ok(), "{busy:?} and {path}");
            });
        }
    }
    for _ in 0..10 {
        let live = client().get(format!("{}/health/live", service.url)).send();
        assert_eq!(live.await.unwrap().status(), StatusCode::OK);
        sleep(Duration::from_millis(100)).await;
    }
    while let Some(ended) = clients.join_next().await {
        ended.unwrap();
    }
}

#[tokio::test]
async fn the_other_requests_of_a_connection_with_a_stuck_one_are_completed() {
    let (service, address) = service().await;
    let ana = token("ana").await;
    let mut client = Http2::connect(&address, 0).await;
    client.get("/openapi.json").await.unwrap();
    sleep(Duration::from_secs(10)).await;
    let bearer = format!("Bearer {ana}");
    let fields = [
        ("authorization", &*bearer),
        ("content-type", "application/json"),
    ];
    let post = client.request("POST", "/api/tasks", &fields, false);
    let post = post.await.unwrap();

    // The connection accepts no further requests, and completes this one.
    let going = timeout(LIMIT, client.wait_for(&Event::GoAway)).await;
    assert_eq!(going, Ok(true));
    client.body(post, b"{\"title\": \"Milk\"}").await.unwrap();
    client.window_update(post, 10_000).await.unwrap();
    let ended = timeout(LIMIT, client.wait_for(&Event::End(post))).await;
    assert_eq!(ended, Ok(true));
    let closed = timeout(LIMIT, async { while client.next().await.is_some() {} });
    assert!(closed.await.is_ok());
    let tasks = service.client(&ana).list("").await.tasks();
    assert_eq!(tasks[0]["title"], "Milk");
}

#[tokio::test]
async fn a_response_that_is_taken_in_small_windows_is_complete() {
    let (service, address) = service().await;
    // The document has the address of its request: the same for both clients.
    let whole = service.request(Method::GET, "/openapi.json");
    let whole = whole.header("host", "localhost").send().await;
    let length = whole.unwrap().bytes().await.unwrap().len();
    let mut client = Http2::connect(&address, 100).await;
    let stream = client.get("/openapi.json").await.unwrap();

    let taken = timeout(LIMIT, async {
        loop {
            match client.next().await.expect("the connection is open") {
                Event::Data(of, bytes) if of == stream => {
                    let bytes = u32::try_from(bytes).unwrap();
                    client.window_update(stream, bytes).await.unwrap();
                    client.window_update(0, bytes).await.unwrap();
                }
                Event::End(of) if of == stream => return,
                _ => {}
            }
        }
    });
    taken.await.unwrap();
    assert_eq!(client.received[&stream], length);
}

#[tokio::test]
async fn responses_keep_their_content_length() {
    let (service, _) = service().await;
    let token = token("ana").await;
    let ana = service.client(&token);
    let long = json!({"title": "A task", "description": "x".repeat(10_000)});
    for _ in 0..10 {
        let created = ana.send(Method::POST, "", Some(&long)).await;
        assert_eq!(created.status, StatusCode::CREATED);
    }
    for http2 in [false, true] {
        let client = if http2 {
            reqwest::Client::builder().http2_prior_knowledge()
        } else {
            reqwest::Client::builder()
        };
        let client = client.build().unwrap();
        for path in ["/openapi.json", "/health/live", "/api/tasks"] {
            for method in [Method::GET, Method::HEAD] {
                let url = format!("{}{path}", service.url);
                let request = client.request(method.clone(), url).bearer_auth(&token);
                let response = request.send().await.unwrap();
                assert_eq!(response.status(), StatusCode::OK, "{path}");
                let length = response.headers()["content-length"].to_str().unwrap();
                let length: usize = length.parse().unwrap();
                let body = response.bytes().await.unwrap();
                let expected = if method == Method::HEAD { 0 } else { length };
                assert_eq!(body.len(), expected, "{method} {path}, HTTP/2 {http2}");
                assert!(length > 0);
            }
        }
    }
}
