//! Followers while instances are restarted: each stream that ends is resumed elsewhere.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use futures_util::future::join_all;
use parking_lot::Mutex;
use tasks_api_test_support::events::request;
use tokio::time::sleep;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_when_instances_are_restarted() {
    let database = TestDatabase::create().await;
    let variables = [
        ("DATABASE_URL", database.url()),
        ("BETTER_AUTH_SECRET", SECRET),
        ("STOP_DELAY", "1"),
    ];
    let start = async || {
        let service = Service::start(&variables).await;
        service.wait_until_ready().await;
        service
    };
    let mut services = vec![start().await, start().await];
    let urls: Vec<_> = services.iter().map(|one| one.url.clone()).collect();
    // As a load balancer knows them: those that do not stop.
    let urls = Arc::new(Mutex::new(urls));
    let over = Arc::new(AtomicBool::new(false));
    let ana = token("ana").await;

    let followers = (0..3).map(|number| {
        let (urls, ana) = (urls.clone(), ana.clone());
        tokio::spawn(async move {
            let first = urls.lock()[0].clone();
            let mut follower = Follower::start(&first, &ana).await;
            let mut streams = 0;
            'streams: for turn in number.. {
                let url = {
                    let urls = urls.lock();
                    urls[turn % urls.len()].clone()
                };
                let response = request(&url, &ana, follower.replica.cursor.as_deref())
                    .send()
                    .await;
                // One that was about to stop is tried again elsewhere.
                let Ok(response) = response else { continue };
                if response.status() == StatusCode::SERVICE_UNAVAILABLE {
                    continue;
                }
                let mut stream = Events::of(response);
                streams += 1;
                while let Some(page) = stream.event().await {
                    follower.replica.apply(&page);
                    if follower.has_last() {
                        break 'streams;
                    }
                }
            }
            (follower.replica, streams)
        })
    });
    let followers: Vec<_> = followers.collect();
    let writer = {
        let (urls, over, ana) = (urls.clone(), over.clone(), ana.clone());
        tokio::spawn(async move {
            let mut number = 0;
            while !over.load(Relaxed) {
                let url = urls.lock()[0].clone();
                write(&TasksClient::new(client(), &url, &ana), number).await;
                number += 1;
                sleep(Duration::from_millis(20)).await;
            }
            number
        })
    };

    for _ in 0..4 {
        sleep(Duration::from_millis(500)).await;
        let old = services.remove(0);
        let new = start().await;
        let (before, after) = (old.url.clone(), new.url.clone());
        services.push(new);
        {
            let mut urls = urls.lock();
            urls.retain(|url| *url != before);
            urls.push(after);
        }
        old.signal("-TERM");
        let (code, log) = old.end().await;
        assert_eq!(code, Some(0));
        assert!(!log.contains("shutdown timeout"), "{log}");
    }
    over.store(true, Relaxed);
    let count = writer.await.unwrap();
    let client = services[0].client(&ana);
    client.create(LAST).await.expect(StatusCode::CREATED);

    let list = client.list("").await.tasks();
    let ends = timeout(LIMIT, join_all(followers)).await.expect("they end");
    let mut resumed = 0;
    for end in ends {
        let (replica, streams) = end.unwrap();
        assert_eq!(replica.list(), list);
        resumed += streams - 1;
    }
    println!("{count} writes, {resumed} streams resumed, nothing lost");
    assert!(resumed >= 3, "{resumed}");
}
