//! Aborted requests cost other clients no more than completed ones. `ABORTS` sets their
//! number (1,000 by default).

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use reqwest::StatusCode;
use tasks_api_test_support::{
    client::TasksClient,
    database::TestDatabase,
    process::{SECRET, Service, token},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::sleep,
};

const HONEST: usize = 16;

/// A client that creates and reads tasks until `over`.
async fn work(client: TasksClient, name: usize, over: Arc<AtomicBool>, done: Arc<AtomicUsize>) {
    let mut made = 0;
    while !over.load(Relaxed) {
        made += 1;
        let title = format!("{name} {made}");
        let task = client.create(&title).await.expect(StatusCode::CREATED);
        assert_eq!(task["title"], title, "another client's response");
        let read = client.get(&task["id"]).await.expect(StatusCode::OK);
        assert_eq!(read, task);
        done.fetch_add(2, Relaxed);
    }
}

/// Whether a visitor waits for its response.
#[derive(Clone, Copy)]
enum Visitor {
    Stays,
    /// It sends all or a part of a request and aborts the connection.
    Aborts,
}

/// Sends one request on its own connection.
async fn visit(visitor: Visitor, address: &str, token: &str, number: usize) {
    let body = "{\"title\": \"Gone\"}";
    let request = format!(
        "POST /api/tasks HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = match visitor {
        Visitor::Stays => request.len(),
        Visitor::Aborts => [request.len(), request.len() - 5, request.len() / 2][number % 3],
    };
    let sent = stream.write_all(&request.as_bytes()[..length]).await;
    sent.unwrap();
    match visitor {
        Visitor::Stays => {
            let mut start = [0; 12];
            stream.read_exact(&mut start).await.unwrap();
            assert_eq!(&start, b"HTTP/1.1 201");
        }
        Visitor::Aborts => {
            sleep(Duration::from_micros(number as u64 * 37 % 3000)).await;
            stream.set_zero_linger().unwrap();
        }
    }
}

/// `count` visitors, about 1,500 a second.
async fn visits(visitor: Visitor, count: usize, address: &str, token: &str) {
    for batch in 0..count.div_ceil(50) {
        let all = (0..50).map(|n| visit(visitor, address, token, batch * 50 + n));
        join_all(all).await;
        sleep(Duration::from_millis(25)).await;
    }
}

/// The responses per second while `meanwhile` runs.
async fn rate(done: &AtomicUsize, meanwhile: impl Future<Output = ()>) -> f64 {
    let (before, began) = (done.load(Relaxed), Instant::now());
    meanwhile.await;
    let responses = u32::try_from(done.load(Relaxed) - before).unwrap();
    f64::from(responses) / began.elapsed().as_secs_f64()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aborted_requests_cost_other_clients_nothing() {
    let aborts: usize = std::env::var("ABORTS").map_or(1000, |n| n.parse().unwrap());
    let database = TestDatabase::create().await;
    let service = Service::start(&[
        ("DATABASE_URL", database.url()),
        ("BETTER_AUTH_SECRET", SECRET),
        ("TASKS_PER_USER", "10000000"),
    ])
    .await;
    service.wait_until_ready().await;
    let (ana, bob) = (token("ana").await, token("bob").await);
    let (over, done) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let honest = (0..HONEST).map(|name| {
        let client = service.client(&ana);
        tokio::spawn(work(client, name, over.clone(), done.clone()))
    });
    let honest: Vec<_> = honest.collect();
    sleep(Duration::from_millis(500)).await;
    let usual = rate(&done, sleep(Duration::from_secs(2))).await;
    let address = service.url.strip_prefix("http://").unwrap();
    // The baseline: visitors take CPU time even if they stay.
    let stay = visits(Visitor::Stays, aborts, address, &bob);
    let among_stayers = rate(&done, stay).await;
    let go = visits(Visitor::Aborts, aborts, address, &bob);
    let among_goers = rate(&done, go).await;
    over.store(true, Relaxed);
    for one in honest {
        one.await.expect("no wrong response");
    }

    println!(
        "{usual:.0} responses a second, {among_stayers:.0} among {aborts} visitors that stay, \
         {among_goers:.0} among as many that abort"
    );
    // A long run allows a tighter bound than a short one.
    let least = if aborts < 10_000 { 0.5 } else { 0.8 };
    assert!(
        among_goers > least * among_stayers,
        "{among_goers} of {among_stayers}"
    );
}
