//! Streams of changes of real processes: on another instance, cut, behind a pooler, at the stop.

mod follower;
#[cfg(target_os = "linux")]
mod memory;
mod proxy;
mod rolling;

use std::time::Duration;

use reqwest::{Client, Method, StatusCode};
use tasks_api_test_support::{
    client::TasksClient,
    database::TestDatabase,
    events::{Events, Item, Replica, request},
    http2::{Event, Http2},
    pgbouncer::Program,
    process::{SECRET, Service, client, token},
};
use tokio::time::{Instant, timeout};

use self::follower::{Follower, LAST, write};

/// Longer than anything takes on a busy machine.
const LIMIT: Duration = Duration::from_mins(2);

/// Two instances on the database of a URL.
async fn instances(url: &str) -> [Service; 2] {
    let variables = [("DATABASE_URL", url), ("BETTER_AUTH_SECRET", SECRET)];
    let few = [&variables[..], &[("DATABASE_CONNECTIONS", "8")]].concat();
    let services = [Service::start(&few).await, Service::start(&few).await];
    for service in &services {
        service.wait_until_ready().await;
    }
    services
}

async fn a_write_is_seen_on_the_other_instance(url: &str) {
    let [first, second] = instances(url).await;
    let ana = token("ana").await;
    let mut stream = Events::open(&second.url, &ana, None).await;
    stream.event().await.unwrap();

    for number in 0..5 {
        let created = first.client(&ana).create(&number.to_string()).await;
        let (task, began) = (created.expect(StatusCode::CREATED), Instant::now());
        let page = stream.event().await.unwrap();
        assert_eq!(page["tasks"][0], task);
        println!("seen on the other instance after {:.1?}", began.elapsed());
    }
}

#[tokio::test]
async fn a_write_is_seen_on_another_instance() {
    let database = TestDatabase::create().await;
    a_write_is_seen_on_the_other_instance(database.url()).await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL and a PgBouncer of 1.21"]
async fn a_write_is_seen_on_another_instance_behind_a_pooler_in_transaction_mode() {
    let database = TestDatabase::postgres().await;
    let program = Program::find_tracking().await;
    let settings = ["pool_mode = transaction", "max_prepared_statements = 100"];
    let pooler = program.start(&database, &settings);

    a_write_is_seen_on_the_other_instance(&pooler.url).await;
}

#[tokio::test]
async fn a_copy_whose_connection_is_cut_after_each_event_is_complete() {
    let database = TestDatabase::create().await;
    let services = instances(database.url()).await;
    let ana = token("ana").await;
    let clients = services.each_ref().map(|service| service.client(&ana));
    let mut follower = Follower::start(&services[0].url, &ana).await;

    let writing = tokio::spawn(async move {
        for number in 0..60 {
            write(&clients[number % 2], number).await;
        }
        clients[0].create(LAST).await.expect(StatusCode::CREATED);
    });
    let mut cuts = 0;
    while !follower.has_last() {
        follower.follow(&services[cuts % 2].url, cuts % 3 + 1).await;
        cuts += 1;
    }
    writing.await.unwrap();

    println!("{cuts} cuts");
    assert!(cuts > 3);
    for service in &services {
        let list = service.client(&ana).list("").await.tasks();
        assert_eq!(follower.replica.list(), list);
    }
}

#[tokio::test]
async fn an_event_that_is_cut_is_read_again() {
    let database = TestDatabase::create().await;
    let services = instances(database.url()).await;
    database.fill("ana", 300, &"x".repeat(5_000), 2).await;
    let ana = token("ana").await;
    let list = services[0].client(&ana).list("").await.tasks();
    let mut replica = Replica::default();
    let pages = client()
        .get(format!("{}/api/changes?limit=1", services[0].url))
        .bearer_auth(&ana);
    let first = pages.send().await.unwrap().json().await.unwrap();
    replica.apply(&first);

    // Each event has half a megabyte: a part of it arrives before the cut.
    for cut in 0..40 {
        let url = &services[cut % 2].url;
        let response = request(url, &ana, replica.cursor.as_deref()).send().await;
        let mut response = response.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        if cut % 4 < 3 {
            for _ in 0..=cut {
                response.chunk().await.unwrap();
            }
            continue;
        }
        let Some(page) = Events::of(response).event().await else {
            panic!("the stream ends");
        };
        replica.apply(&page);
        if page["more"] == false {
            break;
        }
    }

    assert_eq!(replica.list(), list);
}

#[tokio::test]
async fn a_stop_ends_streams_in_order_and_nothing_is_lost() {
    let database = TestDatabase::create().await;
    let [first, second] = instances(database.url()).await;
    let ana = token("ana").await;
    let mut stream = Events::open(&first.url, &ana, None).await;
    let mut replica = Replica::default();
    replica.apply(&stream.event().await.unwrap());

    let writer = second.client(&ana);
    first.signal("-TERM");
    writer
        .create("while it stops")
        .await
        .expect(StatusCode::CREATED);
    loop {
        match stream.next().await.expect("an end, not an error") {
            Some(Item::Event(_, page)) => drop(replica.apply(&page)),
            Some(_) => {}
            None => break,
        }
    }
    let (code, log) = first.end().await;

    assert_eq!(code, Some(0));
    assert!(!log.contains("shutdown timeout"), "{log}");
    writer.create("later").await.expect(StatusCode::CREATED);
    let cursor = replica.cursor.clone();
    let mut stream = Events::open(&second.url, &ana, cursor.as_deref()).await;
    while replica.tasks.len() < 2 {
        replica.apply(&stream.event().await.unwrap());
    }
    assert_eq!(replica.list(), writer.list("").await.tasks());
}

#[tokio::test]
async fn a_stream_and_requests_share_an_http2_connection() {
    let service = Service::start(&[("BETTER_AUTH_SECRET", SECRET)]).await;
    service.wait_until_ready().await;
    let ana = token("ana").await;
    let http = Client::builder().http2_prior_knowledge().build().unwrap();
    let tasks = TasksClient::new(http.clone(), &service.url, &ana);
    let mut streams = Vec::new();
    for _ in 0..3 {
        let get = http.request(Method::GET, format!("{}/api/events", service.url));
        let response = get.bearer_auth(&ana).send().await.unwrap();
        let mut stream = Events::of(response);
        stream.event().await.unwrap();
        streams.push(stream);
    }

    for number in 0..20 {
        let created = tasks.create(&number.to_string()).await;
        let task = created.expect(StatusCode::CREATED);
        for stream in &mut streams {
            assert_eq!(stream.event().await.unwrap()["tasks"][0], task);
        }
    }
}

/// Twenty seconds are the limit of a response that is not taken, a minute that of a handler,
/// and 75 s that of a connection without a request.
#[tokio::test]
async fn a_silent_stream_outlives_every_timeout() {
    let service = Service::start(&[("BETTER_AUTH_SECRET", SECRET)]).await;
    service.wait_until_ready().await;
    let ana = token("ana").await;
    let http2 = Client::builder().http2_prior_knowledge().build().unwrap();
    let url = format!("{}/api/events", service.url);
    let second = http2.get(url).bearer_auth(&ana).send().await.unwrap();
    let mut streams = [
        Events::open(&service.url, &ana, None).await,
        Events::of(second),
    ];

    for stream in &mut streams {
        let mut comments = 0;
        while comments < 5 {
            let item = stream.next().await.expect("a whole stream");
            comments += usize::from(item.expect("no end") == Item::Comment);
        }
    }
    let created = service.client(&ana).create("Milk").await;
    let task = created.expect(StatusCode::CREATED);
    for stream in &mut streams {
        assert_eq!(stream.event().await.unwrap()["tasks"][0], task);
    }
}

#[tokio::test]
async fn a_stream_that_is_not_taken_over_http2_is_closed() {
    let service = Service::start(&[("BETTER_AUTH_SECRET", SECRET)]).await;
    service.wait_until_ready().await;
    let address = service.url.strip_prefix("http://").unwrap();
    let bearer = format!("Bearer {}", token("ana").await);
    let mut client = Http2::connect(address, 8).await;
    let fields = [("authorization", bearer.as_str())];
    let get = client.request("GET", "/api/events", &fields, true).await;
    let stream = get.unwrap();

    assert!(client.wait_for(&Event::Data(stream, 8)).await);
    let closed = async {
        while client.ping().await.is_ok() {
            let next = timeout(Duration::from_secs(1), client.next()).await;
            if matches!(next, Ok(None)) {
                break;
            }
        }
    };
    timeout(LIMIT, closed).await.expect("it is closed");
}

/// Connections beyond the limit are for a request each: a stream would keep its place.
#[tokio::test]
async fn a_connection_beyond_the_limit_has_no_stream() {
    let variables = [("BETTER_AUTH_SECRET", SECRET), ("MAX_CONNECTIONS", "2")];
    let service = Service::start(&variables).await;
    let ana = token("ana").await;
    let mut streams = Vec::new();
    for _ in 0..2 {
        let mut stream = Events::open(&service.url, &ana, None).await;
        stream.event().await.unwrap();
        streams.push(stream);
    }

    for _ in 0..3 {
        let refused = request(&service.url, &ana, None).send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(refused.headers().contains_key("retry-after"));
        let list = service.client(&ana).list("").await;
        list.expect(StatusCode::OK);
    }
    service
        .client(&ana)
        .create("Milk")
        .await
        .expect(StatusCode::CREATED);
    for stream in &mut streams {
        assert_eq!(stream.event().await.unwrap()["tasks"][0]["title"], "Milk");
    }
}
