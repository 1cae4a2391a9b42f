//! What many streams of changes cost: `STREAMS` in all (1,000 by default), five of each user.
//! The first of two instances has them all.

#![cfg(target_os = "linux")]

use std::{fs, time::Duration};

use futures_util::{StreamExt, stream};
use reqwest::StatusCode;
use tasks_api_test_support::{
    client::TasksClient,
    database::TestDatabase,
    process::{SECRET, Service, client, token},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

/// The streams of one user.
const EACH: usize = 5;
/// The clock ticks of a second, in which Linux counts processor time.
const TICKS: f64 = 100.0;

/// The processor time that the process has used, in seconds.
fn processor(service: &Service) -> f64 {
    let stat = format!("/proc/{}/stat", service.child.id().unwrap());
    let stat = fs::read_to_string(stat).unwrap();
    let after_name = stat.rsplit_once(") ").unwrap().1;
    let ticks = after_name.split(' ').skip(11).take(2);
    ticks
        .map(|ticks| ticks.parse::<f64>().unwrap())
        .sum::<f64>()
        / TICKS
}

/// A stream that counts its events with a task.
async fn open(address: String, token: String, seen: watch::Sender<usize>) {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let get = format!(
        "GET /api/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    socket.write_all(get.as_bytes()).await.unwrap();
    let mut text = Vec::new();
    // The first event has no task.
    let mut parts = 0;
    loop {
        assert!(socket.read_buf(&mut text).await.unwrap() > 0, "it ends");
        let marker = b"\"cursor\":";
        while let Some(at) = text.windows(marker.len()).position(|part| part == marker) {
            text.drain(..at + marker.len());
            parts += 1;
            seen.send_modify(|all| *all += 1);
        }
        assert!(parts < 100, "too many events");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_streams_cost_little_and_hear_of_a_write_soon() {
    let streams: usize = std::env::var("STREAMS").map_or(1_000, |n| n.parse().unwrap());
    let users = streams.div_ceil(EACH);
    let database = TestDatabase::create().await;
    let variables = [
        ("DATABASE_URL", database.url()),
        ("BETTER_AUTH_SECRET", SECRET),
        ("MAX_CONNECTIONS_PER_ADDRESS", "0"),
    ];
    let (service, other) = (
        Service::start(&variables).await,
        Service::start(&variables).await,
    );
    service.wait_until_ready().await;
    other.wait_until_ready().await;
    let tokens = (0..users).map(|user| async move { token(&format!("user {user}")).await });
    let tokens: Vec<_> = stream::iter(tokens).buffered(4).collect().await;
    let http = client();
    let create = async |url: &str| {
        let each = tokens.iter().map(|token| {
            let client = TasksClient::new(http.clone(), url, token);
            async move { client.create("Milk").await.expect(StatusCode::CREATED) }
        });
        stream::iter(each).buffer_unordered(32).count().await
    };
    create(&service.url).await;
    let address = service.url.strip_prefix("http://").unwrap();
    let before = service.memory("VmRSS");

    let (seen, mut count) = watch::channel(0);
    let opened = Instant::now();
    let mut readers = JoinSet::new();
    for number in 0..streams {
        let token = tokens[number % users].clone();
        readers.spawn(open(address.to_owned(), token, seen.clone()));
        if number % 100 == 99 {
            sleep(Duration::from_millis(10)).await;
        }
    }
    let mut all_saw = async |events: usize| {
        let all = count.wait_for(|seen| *seen >= events);
        timeout(Duration::from_mins(2), all).await.unwrap().unwrap();
    };
    all_saw(streams).await;
    println!(
        "{streams} streams of {users} users opened in {:.1?}",
        opened.elapsed()
    );
    sleep(Duration::from_secs(3)).await;
    let each = (service.memory("VmRSS") - before) / u64::try_from(streams).unwrap();
    let (began, used) = (Instant::now(), processor(&service));
    sleep(Duration::from_mins(1)).await;
    let share = (processor(&service) - used) / began.elapsed().as_secs_f64();
    println!(
        "idle: {:.1} % of a core, {each} KiB a stream",
        share * 100.0
    );

    for (rounds, (instance, url)) in [("same", &service.url), ("other", &other.url)]
        .into_iter()
        .enumerate()
    {
        let (began, used) = (Instant::now(), processor(&service));
        create(url).await;
        let written = began.elapsed();
        all_saw(streams * (rounds + 2)).await;
        println!(
            "{users} writes on the {instance} instance took {written:.1?}; all {streams} streams saw \
             theirs after {:.1?}, for {:.2} s of processor",
            began.elapsed(),
            processor(&service) - used
        );
    }
    readers.shutdown().await;
    // Bounds that only a fault exceeds: the figures are for docs/scaling.md.
    assert!(each < 100 && share < 0.5, "{each} KiB, {share}");
}
