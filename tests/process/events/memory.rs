//! A client that reads nothing costs a cursor.

use futures_util::{StreamExt, stream};
use serde_json::json;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::*;

async fn create(client: &TasksClient, tasks: usize) {
    let description = "x".repeat(10_000);
    let create = async |number: usize| {
        let task = json!({"title": number.to_string(), "description": description});
        loop {
            let created = client.send(Method::POST, "", Some(&task)).await;
            // The machine may be too busy for a moment.
            if created.status != StatusCode::SERVICE_UNAVAILABLE {
                created.expect(StatusCode::CREATED);
                return;
            }
        }
    };
    let creating = stream::iter((0..tasks).map(create)).buffer_unordered(32);
    creating.collect::<Vec<_>>().await;
}

#[tokio::test]
async fn clients_that_read_nothing_take_no_memory_while_thousands_of_tasks_are_written() {
    let database = TestDatabase::create().await;
    let variables = [
        ("DATABASE_URL", database.url()),
        ("BETTER_AUTH_SECRET", SECRET),
        ("TASKS_PER_USER", "100000"),
    ];
    let service = Service::start(&variables).await;
    service.wait_until_ready().await;
    let ana = token("ana").await;
    let client = service.client(&ana);
    let address = service.url.strip_prefix("http://").unwrap();
    let mut readers = Vec::new();
    for _ in 0..8 {
        let mut reader = TcpStream::connect(address).await.unwrap();
        let get = format!(
            "GET /api/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {ana}\r\n\r\n"
        );
        reader.write_all(get.as_bytes()).await.unwrap();
        readers.push(reader);
    }
    let mut first = request(&service.url, &ana, None).send().await.unwrap();
    assert_eq!(
        first.status(),
        StatusCode::TOO_MANY_REQUESTS,
        "all are open"
    );
    drop(first.chunk().await);
    create(&client, 500).await;
    let before = service.memory("VmRSS");

    create(&client, 2_500).await;

    let after = service.memory("VmRSS");
    println!("{before} KiB, after 2,500 tasks of 10 KB each {after} KiB");
    // All of it is 25 MB for each of the eight.
    assert!(after < before + 24 * 1024, "{before} KiB, then {after} KiB");
    drop(readers);
    let list = client.list("?limit=1").await;
    let tag = list.headers["etag"]
        .to_str()
        .unwrap()
        .trim_matches('"')
        .to_owned();
    let mut stream = Events::open(&service.url, &ana, Some(&tag)).await;
    client.create("Milk").await.expect(StatusCode::CREATED);
    assert_eq!(stream.event().await.unwrap()["tasks"][0]["title"], "Milk");
}
