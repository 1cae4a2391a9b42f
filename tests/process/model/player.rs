//! A client with a model of its own tasks.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tasks_api_test_support::client::TasksClient;
use tokio::time::{sleep, timeout};

use crate::dice::Dice;

/// The most tasks of a client, so that the load does not grow with the duration.
const MOST: usize = 40;

/// Title, description and completion of a task; `None` is deleted.
type State = Option<(String, Option<String>, bool)>;

/// A client. It alone writes its tasks; other clients of its user see them in lists.
pub struct Player {
    client: TasksClient,
    pub user: String,
    name: String,
    pub dice: Dice,
    /// The state of each task.
    pub sure: BTreeMap<i64, State>,
    /// The possible states of tasks whose last write was cancelled. The write may still
    /// happen at any time, so these tasks are not written again.
    doubtful: BTreeMap<i64, Vec<State>>,
    /// Titles of cancelled creations.
    ghosts: BTreeSet<String>,
    /// Ids of other users' tasks.
    pub foreign: Vec<i64>,
    made: usize,
    pub responses: usize,
    pub cancelled: usize,
    /// Responses that the service was too busy, and lists that it broke off.
    pub refused: usize,
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "the state of a task that is there"
)]
pub fn state(task: &Value) -> State {
    Some((
        task["title"].as_str().unwrap().to_owned(),
        task["description"].as_str().map(str::to_owned),
        task["completed"].as_bool().unwrap(),
    ))
}

impl Player {
    /// The `number`th client, for `user`, with one task.
    pub async fn start(client: TasksClient, number: u64, user: String) -> Self {
        let mut player = Self {
            client,
            name: format!("{user}/{number}"),
            user,
            dice: Dice(number),
            sure: BTreeMap::new(),
            doubtful: BTreeMap::new(),
            ghosts: BTreeSet::new(),
            foreign: Vec::new(),
            made: 0,
            responses: 0,
            cancelled: 0,
            refused: 0,
        };
        while player.sure.is_empty() {
            player.create().await;
        }
        player
    }

    /// Sends a request; `None` if it was cancelled.
    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: Option<Value>,
        may_cancel: bool,
    ) -> Option<(StatusCode, Value)> {
        let cancels = may_cancel && self.dice.below(10) == 0;
        let soon = Duration::from_micros(self.dice.below(3000) as u64);
        loop {
            let sending = self.client.try_send(method.clone(), path, body.as_ref());
            let response = if cancels {
                let Ok(response) = timeout(soon, sending).await else {
                    self.cancelled += 1;
                    return None;
                };
                response
            } else {
                sending.await
            };
            self.responses += 1;
            let (status, body) = match response {
                Ok(response) => (response.status, response.body),
                // A long list that the machine is too busy to complete.
                Err(error) => {
                    assert_eq!(method, Method::GET, "{error}");
                    self.refused += 1;
                    continue;
                }
            };
            match body["type"].as_str() {
                // Not executed, because the machine is too busy: a retry is safe.
                Some("/problems/service-unavailable") => {
                    self.refused += 1;
                    sleep(Duration::from_millis(50)).await;
                }
                Some("/problems/outcome-unknown") => {
                    self.refused += 1;
                    return None;
                }
                _ => {
                    assert!(!status.is_server_error(), "{status}: {body}");
                    return Some((status, body));
                }
            }
        }
    }

    /// One of its own tasks that certainly exists.
    fn some_task(&mut self) -> Option<(i64, State)> {
        let there = self.sure.iter().filter(|(_, state)| state.is_some());
        let there: Vec<_> = there.collect();
        let index = self.dice.below(there.len().max(1));
        let (id, state) = there.get(index)?;
        Some((**id, (*state).clone()))
    }

    pub async fn play(&mut self) {
        match self.dice.below(100) {
            0..20 if self.holds() < MOST => self.create().await,
            20..40 => self.get().await,
            40..55 => self.list().await,
            55..72 => self.update().await,
            72..88 => self.complete().await,
            0..20 | 88..94 => self.delete().await,
            _ => self.trespass().await,
        }
    }

    /// How many of its own tasks certainly exist.
    fn holds(&self) -> usize {
        self.sure.values().filter(|state| state.is_some()).count()
    }

    /// Removes the oldest deleted task from the model, if there are many.
    fn forget(&mut self) {
        let gone = |(_, state): &(&i64, &State)| state.is_none();
        if self.sure.iter().filter(gone).count() > MOST {
            let oldest = self.sure.iter().find(gone).map(|(id, _)| *id);
            self.sure.remove(&oldest.unwrap());
        }
    }

    async fn create(&mut self) {
        let title = format!("{} {}", self.name, self.made);
        self.made += 1;
        let body = json!({"title": title, "description": null});
        match self.send(Method::POST, "", Some(body), true).await {
            None => {
                self.ghosts.insert(title);
            }
            Some((status, task)) => {
                assert_eq!(status, StatusCode::CREATED, "{task}");
                assert_eq!(task["user_id"], self.user, "another user's task");
                assert_eq!(state(&task), Some((title, None, false)));
                let known = self.sure.insert(task["id"].as_i64().unwrap(), state(&task));
                assert_eq!(known, None, "an id was reused");
            }
        }
    }

    async fn get(&mut self) {
        let ids: Vec<_> = self.sure.keys().chain(self.doubtful.keys()).collect();
        if ids.is_empty() {
            return;
        }
        let id = *ids[self.dice.below(ids.len())];
        let response = self.send(Method::GET, &format!("/{id}"), None, true).await;
        let Some((status, task)) = response else {
            return;
        };
        let seen = match status {
            StatusCode::OK => state(&task),
            StatusCode::NOT_FOUND => None,
            other => panic!("{other}: {task}"),
        };
        self.check(id, &seen);
    }

    fn check(&self, id: i64, seen: &State) {
        match (self.sure.get(&id), self.doubtful.get(&id)) {
            (Some(expected), _) => assert_eq!(seen, expected, "task {id}"),
            (_, Some(possible)) => assert!(possible.contains(seen), "{id}: {seen:?}"),
            (None, None) => panic!("task {id} was never seen"),
        }
    }

    async fn list(&mut self) {
        let filters = [
            ("", None),
            ("?status=pending", Some(false)),
            ("?status=completed", Some(true)),
        ];
        let (query, completed) = filters[self.dice.below(3)];
        let response = self.send(Method::GET, query, None, true).await;
        let Some((status, tasks)) = response else {
            return;
        };
        assert_eq!(status, StatusCode::OK, "{tasks}");
        let tasks = tasks.as_array().unwrap();
        let ids: Vec<_> = tasks
            .iter()
            .map(|task| task["id"].as_i64().unwrap())
            .collect();
        assert!(ids.is_sorted_by(|a, b| a > b), "newest first, none twice");
        for task in tasks {
            assert_eq!(task["user_id"], self.user, "another user's task");
            assert!(completed.is_none_or(|completed| task["completed"] == completed));
            let id = task["id"].as_i64().unwrap();
            let title = task["title"].as_str().unwrap();
            let mine = title
                .strip_prefix(&self.name)
                .is_some_and(|t| t.starts_with(' '));
            assert!(
                title.starts_with(&self.user),
                "{title} is another user's task"
            );
            if self.sure.contains_key(&id) || self.doubtful.contains_key(&id) {
                self.check(id, &state(task));
            } else if mine {
                assert!(self.ghosts.contains(title), "{title} was never made");
            }
        }
        for (id, expected) in &self.sure {
            let shown = match (expected, completed) {
                (None, _) => false,
                (Some(_), None) => true,
                (Some(task), Some(completed)) => task.2 == completed,
            };
            assert_eq!(
                ids.contains(id),
                shown,
                "task {id} in a list of {completed:?}"
            );
        }
    }

    /// Writes one of its own tasks; `after` is its state if the write succeeds.
    async fn write(
        &mut self,
        method: Method,
        id: i64,
        path: &str,
        body: Option<Value>,
        after: State,
    ) {
        let response = self.send(method, &format!("/{id}{path}"), body, true).await;
        match response {
            None => {
                let before = self.sure.remove(&id).unwrap();
                self.doubtful.insert(id, vec![before, after]);
            }
            Some((status, body)) => {
                assert_eq!(status, StatusCode::OK, "{body}");
                if after.is_some() {
                    assert_eq!(state(&body), after);
                    assert_eq!(body["user_id"], self.user);
                    assert!(body["updated_at"].as_str() > body["created_at"].as_str());
                }
                self.sure.insert(id, after);
            }
        }
    }

    async fn update(&mut self) {
        let Some((id, Some((_, description, completed)))) = self.some_task() else {
            return;
        };
        let title = format!("{} {} again", self.name, self.made);
        self.made += 1;
        let text = format!("more about {title}");
        let (body, after) = match self.dice.below(3) {
            0 => (json!({"title": title}), (title, description, completed)),
            1 => (
                json!({"title": title, "description": null, "completed": !completed}),
                (title, None, !completed),
            ),
            _ => (
                json!({"title": title, "description": text}),
                (title, Some(text), completed),
            ),
        };
        self.write(Method::PUT, id, "", Some(body), Some(after))
            .await;
    }

    async fn complete(&mut self) {
        let Some((id, Some((title, description, _)))) = self.some_task() else {
            return;
        };
        let completed = self.dice.below(2) == 0;
        let after = Some((title, description, completed));
        let body = Some(json!({"completed": completed}));
        self.write(Method::PATCH, id, "/complete", body, after)
            .await;
    }

    async fn delete(&mut self) {
        if let Some((id, _)) = self.some_task() {
            self.write(Method::DELETE, id, "", None, None).await;
            self.forget();
        }
    }

    /// Another user's task must look like a missing one.
    async fn trespass(&mut self) {
        if self.foreign.is_empty() {
            return;
        }
        let id = self.foreign[self.dice.below(self.foreign.len())];
        let (method, path, body) = match self.dice.below(4) {
            0 => (Method::GET, "", None),
            1 => (Method::DELETE, "", None),
            2 => (Method::PUT, "", Some(json!({"title": "stolen"}))),
            _ => (Method::PATCH, "/complete", Some(json!({"completed": true}))),
        };
        let response = self.send(method, &format!("/{id}{path}"), body, true).await;
        if let Some((status, body)) = response {
            assert_eq!(status, StatusCode::NOT_FOUND, "{body}");
            assert_eq!(body["detail"], format!("No task has the id {id}."));
        }
    }
}
