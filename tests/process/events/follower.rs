//! A client that keeps a copy by streams, and one that writes everything that there is.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tasks_api_test_support::{
    client::{Response, TasksClient},
    events::{Events, Replica},
    process::client,
};

/// The title of the last task.
pub const LAST: &str = "the last one";

/// A client that keeps a copy.
pub struct Follower {
    token: String,
    pub replica: Replica,
}

impl Follower {
    /// A follower from the beginning.
    pub async fn start(url: &str, token: &str) -> Self {
        let mut follower = Self {
            token: token.to_owned(),
            replica: Replica::default(),
        };
        follower.catch_up(url).await;
        follower
    }

    /// Reads pages until there are no more.
    async fn catch_up(&mut self, url: &str) {
        loop {
            let since = self.replica.cursor.clone();
            let query = since.map_or_else(String::new, |since| format!("?since={since}"));
            let get = client().get(format!("{url}/api/changes{query}"));
            let page = Response::of(get.bearer_auth(&self.token)).await;
            let page = page.expect(StatusCode::OK);
            self.replica.apply(&page);
            if page["more"] == false {
                return;
            }
        }
    }

    /// Whether it has the last task, and so everything before.
    pub fn has_last(&self) -> bool {
        let mut tasks = self.replica.tasks.values();
        tasks.any(|task| task["title"] == LAST)
    }

    /// Applies so many events of a stream of this instance, or those up to the last task, and
    /// drops the connection.
    pub async fn follow(&mut self, url: &str, events: usize) {
        let cursor = self.replica.cursor.clone();
        let mut stream = Events::open(url, &self.token, cursor.as_deref()).await;
        for _ in 0..events {
            match stream.event().await {
                Some(page) => drop(self.replica.apply(&page)),
                None => return,
            }
            if self.has_last() {
                return;
            }
        }
    }
}

/// One of the kinds of write; some change more than one task.
pub async fn write(client: &TasksClient, number: usize) {
    let tasks = client.list("").await.tasks();
    let id = tasks
        .get(number % 5)
        .map_or(Value::Null, |task| task["id"].clone());
    let path = format!("/{id}");
    let completed = json!({"completed": number % 4 == 1});
    let title = json!({"title": format!("changed by {number}")});
    let (method, path, body) = match number % 8 {
        _ if id.is_null() => (Method::POST, "", Some(&title)),
        0 | 3 | 6 => (Method::POST, "", Some(&title)),
        1 => (Method::PATCH, &*path, Some(&title)),
        2 => (Method::DELETE, &*path, None),
        4 => (Method::PATCH, "", Some(&completed)),
        5 => (Method::DELETE, "?status=completed", None),
        _ => (Method::PUT, &*path, Some(&title)),
    };
    let response = client.send(method, path, body).await;
    assert!(response.status.is_success(), "{response:?}");
}
