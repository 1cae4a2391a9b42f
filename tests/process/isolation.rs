//! Concurrent requests of two users never read or write each other's tasks, although both
//! have tasks of the same ids.
//! `REQUESTS` sets their number (2,000 by default).

use std::sync::Arc;

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tasks_api_test_support::{
    client::TasksClient,
    database::TestDatabase,
    process::{Service, token},
};

use crate::dice::Dice;

/// A user with ten tasks of ids that both have, and five of ids that the other one has
/// not. All titles begin with the user's name.
struct Owner {
    name: &'static str,
    client: TasksClient,
    tasks: Vec<i64>,
    alone: Vec<i64>,
}

impl Owner {
    async fn new(service: &Service, database: &TestDatabase, name: &'static str) -> Self {
        let client = service.client(&token(name).await);
        let create = async |number: usize| {
            let created = client.create(&format!("{name} {number}")).await;
            created.expect(StatusCode::CREATED)["id"].as_i64().unwrap()
        };
        let mut tasks = Vec::new();
        for number in 0..10 {
            tasks.push(create(number).await);
        }
        assert!(tasks.iter().copied().eq(1..=10), "{tasks:?}");
        let far = name.bytes().map(i64::from).sum::<i64>() * 1_000_000_000;
        database.set_sequence(name, far).await;
        let mut alone = Vec::new();
        for number in 10..15 {
            alone.push(create(number).await);
        }
        Self {
            name,
            client,
            tasks,
            alone,
        }
    }

    fn owns(&self, task: &Value) -> bool {
        let title = task["title"].as_str().unwrap();
        task["user_id"] == self.name && title.starts_with(self.name)
    }
}

/// A random request of `me`. One in three is for a task that only `other` has.
async fn request(dice: &mut Dice, me: &Owner, other: &Owner) {
    let trespasses = dice.below(3) == 0;
    let ids = if trespasses { &other.alone } else { &me.tasks };
    let id = ids[dice.below(ids.len())];
    let title = json!({"title": format!("{} was here", me.name)});
    let (method, path, body) = match dice.below(4) {
        0 => (Method::GET, format!("/{id}"), None),
        1 => (Method::PUT, format!("/{id}"), Some(title)),
        2 => (
            Method::PATCH,
            format!("/{id}/complete"),
            Some(json!({"completed": true})),
        ),
        _ if trespasses => (Method::DELETE, format!("/{id}"), None),
        _ => (Method::GET, String::new(), None),
    };
    let response = me.client.send(method.clone(), &path, body.as_ref()).await;
    let (status, body) = (response.status, response.body);
    if trespasses {
        assert_eq!(status, StatusCode::NOT_FOUND, "{method} {path}: {body}");
        assert_eq!(body["type"], "/problems/not-found", "{body}");
        return;
    }
    assert!(status.is_success(), "{method} {path}: {status} {body}");
    match body.get("tasks").unwrap_or(&body) {
        Value::Array(tasks) => assert!(tasks.iter().all(|task| me.owns(task)), "{body}"),
        task => assert!(me.owns(task), "{body}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_requests_never_access_another_users_tasks() {
    let requests: usize = std::env::var("REQUESTS").map_or(2000, |n| n.parse().unwrap());
    let database = TestDatabase::create().await;
    let service = Service::on(database.url()).await;
    service.wait_until_ready().await;
    let ana = Owner::new(&service, &database, "ana").await;
    let owners = Arc::new([ana, Owner::new(&service, &database, "bob").await]);

    let crowd = (0..32).map(|number| {
        let owners = Arc::clone(&owners);
        tokio::spawn(async move {
            let mut dice = Dice(number);
            let me = usize::try_from(number).unwrap() % 2;
            for _ in 0..requests / 32 {
                request(&mut dice, &owners[me], &owners[1 - me]).await;
            }
        })
    });
    for one in join_all(crowd.collect::<Vec<_>>()).await {
        one.expect("no trespass");
    }

    for owner in &*owners {
        let tasks = owner.client.list("").await.tasks();
        assert!(tasks.iter().all(|task| owner.owns(task)), "{tasks:?}");
        let ids = tasks.iter().rev().map(|task| task["id"].as_i64().unwrap());
        let own = owner.tasks.iter().chain(&owner.alone).copied();
        assert!(ids.eq(own), "{tasks:?}");
    }
}
