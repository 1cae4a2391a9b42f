//! Concurrent requests of two users never read or write each other's tasks.
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

/// A user with ten tasks, whose titles begin with the user's name.
struct Owner {
    name: &'static str,
    client: TasksClient,
    tasks: Vec<i64>,
}

impl Owner {
    async fn new(service: &Service, name: &'static str) -> Self {
        let client = service.client(&token(name).await);
        let mut tasks = Vec::new();
        for number in 0..10 {
            let created = client.create(&format!("{name} {number}")).await;
            let task = created.expect(StatusCode::CREATED);
            tasks.push(task["id"].as_i64().unwrap());
        }
        Self {
            name,
            client,
            tasks,
        }
    }

    fn owns(&self, task: &Value) -> bool {
        let title = task["title"].as_str().unwrap();
        task["user_id"] == self.name && title.starts_with(self.name)
    }
}

/// A random request of `me`. One in three is for a task of `other`.
async fn request(dice: &mut Dice, me: &Owner, other: &Owner) {
    let trespasses = dice.below(3) == 0;
    let whose = if trespasses { other } else { me };
    let id = whose.tasks[dice.below(whose.tasks.len())];
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
    let ana = Owner::new(&service, "ana").await;
    let owners = Arc::new([ana, Owner::new(&service, "bob").await]);

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
        assert!(ids.eq(owner.tasks.iter().copied()), "{tasks:?}");
    }
}
