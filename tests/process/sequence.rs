//! The transactions of one user commit in the order of their versions: a reader of
//! "everything above version v" misses nothing, whatever writes, pauses, dies or has a
//! wrong clock. `SEQUENCE_SECONDS` sets the least duration of the load (5 by default).

mod reader;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use tasks_api_test_support::{
    client::TasksClient,
    database::TestDatabase,
    process::{SECRET, Service, client, run, token},
};
use tokio::time::{sleep, timeout};

use self::reader::Reader;
use crate::dice::Dice;

const WRITERS: u64 = 32;
/// The most tasks that writers leave, so that lists stay short.
const MOST: usize = 300;
/// A clock that is an hour late, on one instance: Debian's package `faketime`.
const LATE: [(&str, &str); 3] = [
    ("LD_PRELOAD", "/usr/$LIB/faketime/libfaketimeMT.so.1"),
    ("FAKETIME", "-1h"),
    ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
];

/// What all writers share.
#[derive(Default)]
struct Load {
    /// Where the instances are; they change when one is killed.
    urls: Mutex<Vec<String>>,
    ids: Mutex<Vec<i64>>,
    over: AtomicBool,
    writes: AtomicUsize,
}

/// Writes at random to tasks that all writers share, on any instance.
async fn write(load: Arc<Load>, http: Client, token: String, number: u64) {
    let mut dice = Dice(number);
    while !load.over.load(Relaxed) {
        let url = {
            let urls = load.urls.lock().unwrap();
            urls[dice.below(urls.len())].clone()
        };
        let tasks = TasksClient::new(http.clone(), &url, &token);
        let some = {
            let ids = load.ids.lock().unwrap();
            let index = dice.below(ids.len().max(1));
            let count = ids.len();
            ids.get(index).copied().map(|id| (id, count))
        };
        let title = json!({"title": format!("{number} {}", dice.below(1000))});
        let request = match (some, dice.below(10)) {
            (Some((id, count)), 0..2) if count > MOST / 2 => {
                load.ids.lock().unwrap().retain(|one| *one != id);
                tasks.request(Method::DELETE, &format!("/{id}"))
            }
            (Some((id, _)), 2..4) => tasks.request(Method::PUT, &format!("/{id}")).json(&title),
            (Some((id, count)), 4..8) if count > 10 => tasks
                .request(Method::PATCH, &format!("/{id}/complete"))
                .json(&json!({"completed": dice.below(2) == 0})),
            (Some((id, count)), _) if count >= MOST => {
                load.ids.lock().unwrap().retain(|one| *one != id);
                tasks.request(Method::DELETE, &format!("/{id}"))
            }
            _ => tasks.request(Method::POST, "").json(&title),
        };
        // An instance that is killed answers nothing.
        let Ok(response) = request.send().await else {
            sleep(Duration::from_millis(20)).await;
            continue;
        };
        let status = response.status();
        let Ok(body) = response.json::<Value>().await else {
            continue;
        };
        match status {
            StatusCode::CREATED => {
                let id = body["id"].as_i64().unwrap();
                load.ids.lock().unwrap().push(id);
            }
            // Another writer may have deleted it, and the other instance may hold the lock
            // for long on a busy machine.
            StatusCode::OK | StatusCode::NOT_FOUND | StatusCode::SERVICE_UNAVAILABLE => {}
            other => panic!("{other}: {body}"),
        }
        load.writes
            .fetch_add(usize::from(status.is_success()), Relaxed);
    }
}

/// 32 writers of one user on two instances with these variables each, of which the second
/// is killed half-way and started again, and a reader.
async fn follow(database: &TestDatabase, variables: [&[(&str, &str)]; 2], token: String) {
    let seconds = std::env::var("SEQUENCE_SECONDS").map_or(5, |text| text.parse().unwrap());
    let duration = Duration::from_secs(seconds);
    let start = async |number: usize| {
        let all = [
            ("DATABASE_URL", database.url()),
            ("BETTER_AUTH_SECRET", SECRET),
        ];
        let service = Service::start(&[&all, variables[number]].concat()).await;
        service.wait_until_ready().await;
        service
    };
    let first = start(0).await;
    let mut second = start(1).await;
    let load = Arc::new(Load::default());
    *load.urls.lock().unwrap() = vec![first.url.clone(), second.url.clone()];
    let http = client();
    let writers = (0..WRITERS)
        .map(|number| tokio::spawn(write(load.clone(), http.clone(), token.clone(), number)));
    let writers: Vec<_> = writers.collect();

    let mut reader = Reader::new(database, "ana").await;
    let begin = Instant::now();
    let mut killed = false;
    let written = || load.writes.load(Relaxed);
    // A loaded machine needs longer for enough writes.
    while begin.elapsed() < duration || !killed || written() <= 100 || reader.reads <= 20 {
        reader.read().await;
        if reader.reads % 20 == 0 {
            reader.check().await;
        }
        if !killed && begin.elapsed() > duration / 2 {
            second.child.kill().await.unwrap();
            second = start(1).await;
            load.urls.lock().unwrap()[1].clone_from(&second.url);
            killed = true;
        }
    }
    load.over.store(true, Relaxed);
    for writer in join_all(writers).await {
        writer.unwrap();
    }
    // A statement of the instance that was killed may still have run.
    reader.read().await;
    reader.check().await;

    for service in [&first, &second] {
        let listed = service.client(&token).list("").await.tasks();
        let listed = listed.iter().map(|task| {
            let title = task["title"].as_str().unwrap().to_owned();
            let completed = task["completed"].as_bool().unwrap();
            (task["id"].as_i64().unwrap(), title, completed)
        });
        assert_eq!(listed.collect::<Vec<_>>(), reader.tasks());
    }
    let (tasks, sequence) = reader.row().await;
    assert_eq!(usize::try_from(tasks).unwrap(), reader.tasks().len());
    let mut versions: Vec<_> = reader
        .replica
        .values()
        .map(|(version, _)| *version)
        .collect();
    versions.sort_unstable();
    assert!(versions.is_sorted_by(|a, b| a < b), "a version twice");
    assert!(versions.last() <= Some(&sequence));
    let (written, reads) = (written(), reader.reads);
    println!("{written} writes, {reads} reads, sequence {sequence}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_of_changes_misses_nothing_although_an_instance_is_killed() {
    let database = TestDatabase::create().await;
    follow(&database, [&[], &[]], token("ana").await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs libfaketime"]
async fn a_reader_of_changes_misses_nothing_although_a_clock_is_an_hour_late() {
    let database = TestDatabase::create().await;
    let late = LATE.iter().copied().chain([("BETTER_AUTH_SECRET", SECRET)]);
    let arguments = ["token", "--sub", "ana", "--expires-in", "86400"];
    // Issued by the late clock: a token from the future would be refused.
    let token = run(&late.collect::<Vec<_>>(), &arguments).await;
    let token = String::from_utf8(token.stdout).unwrap().trim().to_owned();
    let created_at = async |late: &[(&str, &str)]| {
        let all = [
            ("DATABASE_URL", database.url()),
            ("BETTER_AUTH_SECRET", SECRET),
        ];
        let service = Service::start(&[&all, late].concat()).await;
        service.wait_until_ready().await;
        let task = service
            .client(&token)
            .create("when")
            .await
            .expect(StatusCode::CREATED);
        let path = format!("/{}", task["id"]);
        let deleted = service
            .client(&token)
            .send(Method::DELETE, &path, None)
            .await;
        deleted.expect(StatusCode::OK);
        task["created_at"].as_str().unwrap().to_owned()
    };
    let now = created_at(&[]).await;
    assert!(created_at(&LATE).await < now, "the second clock is late");
    follow(&database, [&[], &LATE], token).await;
}

/// Makes `PostgreSQL` pause the creation of a task `slow` after it took its number, until
/// the table `paused` is empty.
async fn pause(reader: &Reader) {
    reader
        .execute(
            "CREATE TABLE paused AS SELECT 1 AS one; \
             CREATE FUNCTION pause() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             WHILE EXISTS (SELECT FROM paused) LOOP PERFORM pg_sleep(0.01); END LOOP; \
             RETURN NEW; END $$; \
             CREATE TRIGGER pause BEFORE INSERT ON tasks FOR EACH ROW \
             WHEN (NEW.title = 'slow') EXECUTE FUNCTION pause()",
        )
        .await;
}

/// Reads until a statement waits in `event`.
async fn read_until(reader: &mut Reader, event: &str) {
    let waits = async {
        while !reader.is_waiting(event).await {
            reader.read().await;
        }
    };
    timeout(Duration::from_secs(10), waits).await.expect(event);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL"]
async fn a_write_that_is_paused_after_it_took_its_number_holds_back_later_ones() {
    let database = TestDatabase::create().await;
    let services = [
        Service::on(database.url()).await,
        Service::on(database.url()).await,
    ];
    for service in &services {
        service.wait_until_ready().await;
    }
    let (ana, bob) = (token("ana").await, token("bob").await);
    services[0]
        .client(&ana)
        .create("first")
        .await
        .expect(StatusCode::CREATED);
    let mut reader = Reader::new(&database, "ana").await;
    pause(&reader).await;

    let create = |service: &Service, title| {
        let client = service.client(&ana);
        tokio::spawn(async move { client.create(title).await })
    };
    let slow = create(&services[0], "slow");
    read_until(&mut reader, "PgSleep").await;
    let fast = create(&services[1], "fast");
    read_until(&mut reader, "transactionid").await;
    let of_bob = services[1].client(&bob).create("Bob's").await;
    let of_bob = of_bob.expect(StatusCode::CREATED)["id"].clone();
    for _ in 0..10 {
        reader.read().await;
        assert_eq!(reader.tasks().len(), 1, "none of the two is committed");
    }
    reader.execute("DELETE FROM paused").await;
    let slow = slow.await.unwrap().expect(StatusCode::CREATED)["id"].clone();
    // It waited for the lock, if not for too long.
    let fast = fast.await.unwrap();

    assert_eq!((slow, of_bob), (json!(2), json!(1)));
    if fast.status == StatusCode::CREATED {
        assert_eq!(fast.body["id"], 3);
    } else {
        assert_eq!(fast.body["type"], "/problems/service-unavailable");
    }
    reader.read().await;
    reader.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL"]
async fn the_number_of_a_write_that_died_before_its_commit_is_the_next_ones() {
    let database = TestDatabase::create().await;
    let mut dying = Service::on(database.url()).await;
    dying.wait_until_ready().await;
    let ana = token("ana").await;
    dying
        .client(&ana)
        .create("first")
        .await
        .expect(StatusCode::CREATED);
    let mut reader = Reader::new(&database, "ana").await;
    pause(&reader).await;

    let slow = dying.client(&ana).request(Method::POST, "");
    let slow = tokio::spawn(slow.json(&json!({"title": "slow"})).send());
    read_until(&mut reader, "PgSleep").await;
    dying.child.kill().await.unwrap();
    slow.await.unwrap().unwrap_err();
    // The server notices at the end of the statement, at its time limit of 2 s.
    let ends = async {
        while reader.is_running("INSERT INTO tasks").await {
            reader.read().await;
            assert_eq!(reader.tasks().len(), 1);
        }
    };
    timeout(Duration::from_secs(10), ends).await.unwrap();

    let other = Service::on(database.url()).await;
    other.wait_until_ready().await;
    let next = other.client(&ana).create("next").await;
    assert_eq!(next.expect(StatusCode::CREATED)["id"], 2);
    reader.read().await;
    reader.check().await;
    assert_eq!(reader.tasks().len(), 2);
}
