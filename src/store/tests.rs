//! The store alone: what a batch does for each of its members.
#![expect(
    clippy::disallowed_methods,
    reason = "looks at and prepares the tables from outside"
)]

use std::{sync::Arc, time::Duration};

use chrono::{TimeDelta, Utc};
use futures_util::future::join_all;
use poem::IntoResponse;
use poem_openapi::types::ParseFromJSON;
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement};
use secrecy::SecretString;
use serde_json::{Value, json};
use tasks_api_test_support::database::{TestDatabase, has_workers};

use super::*;
use crate::{
    api::{
        rest::fields::{Fields, FromFields},
        tasks::{
            CreateTask, Expected, ListTasks, PatchTask, Position, Priority, Removal, StatusFilter,
            Task, TaskService, TaskTags,
        },
    },
    auth::{ClaimPolicy, TokenSources, User, Verifier, sign_hs256},
    store::requests::{Change, IdRange, Select},
};

mod batches;
mod changes;
mod cursor;
mod distribution;
mod lists;
mod migration;
mod operator;
mod plain;
mod purge;
mod repair;
mod retries;
mod selection;
mod sequence;
mod trash;
mod watchers;
mod writes;

pub struct Rig {
    pub store: Store,
    pub outside: DatabaseConnection,
    pub database: TestDatabase,
}

impl Rig {
    pub async fn start() -> Self {
        Self::with_quota(10_000).await
    }

    /// Another instance of the service on the same database.
    pub async fn other(&self) -> Store {
        let url = DatabaseUrl::parse(self.database.url()).unwrap();
        let store = Store::connect(&url, self.store.0.tasks_per_user)
            .await
            .unwrap();
        store.migrate_up().await.unwrap();
        store
    }

    /// On one server.
    pub async fn local() -> Self {
        Self::with(10_000, is_partitioned()).await
    }

    /// On distributed tables in a Citus cluster.
    async fn with_quota(quota: u32) -> Self {
        let rig = Self::with(quota, is_partitioned()).await;
        if has_workers() {
            rig.store.distribute(4).await.unwrap();
        }
        rig
    }

    pub async fn with(quota: u32, is_partitioned: bool) -> Self {
        let database = TestDatabase::create().await;
        let url = DatabaseUrl::parse(database.url()).unwrap();
        let store = Store::connect(&url, quota).await.unwrap();
        store.migrate_up().await.unwrap();
        if is_partitioned {
            database.partition().await;
        }
        let outside = Database::connect(database.url()).await.unwrap();
        Self {
            store,
            outside,
            database,
        }
    }

    pub async fn execute(&self, statement: &str) {
        self.outside.execute_unprepared(statement).await.unwrap();
    }

    pub async fn create(&self, user: &User, title: &str) -> Result<Task, TaskError> {
        let created = self.store.create(user, new(title), None).await;
        created.map(|created| created.task)
    }

    pub async fn update(&self, user: &User, id: i64, title: &str) -> Result<Task, TaskError> {
        let change = titled::<PatchTask>(title);
        self.store.patch(user, id, change, Expected::Any).await
    }

    pub async fn complete(&self, user: &User, id: i64, to: bool) -> Result<Task, TaskError> {
        self.store.complete(user, id, to, Expected::Any).await
    }

    pub async fn delete(&self, user: &User, id: i64) -> Result<(), TaskError> {
        let forever = Removal::Forever;
        self.store.delete(user, id, forever, Expected::Any).await
    }

    pub async fn list(&self, user: &User, status: StatusFilter) -> Result<Vec<Task>, TaskError> {
        let list = ListTasks {
            status,
            ..ListTasks::default()
        };
        let list = self.store.list(user, list).await?;
        let json = list
            .tasks
            .into_response()
            .into_body()
            .into_vec()
            .await
            .unwrap();
        let json = serde_json::from_slice(&json).unwrap();
        Ok(ParseFromJSON::parse_from_json(Some(json)).unwrap())
    }

    pub async fn text(&self, sql: &str) -> String {
        let backend = self.outside.get_database_backend();
        let ask = Statement::from_string(backend, sql);
        let row = self.outside.query_one_raw(ask).await.unwrap().unwrap();
        row.try_get_by_index(0).unwrap()
    }

    pub async fn number(&self, sql: &str) -> i64 {
        let backend = self.outside.get_database_backend();
        let ask = Statement::from_string(backend, sql);
        let row = self.outside.query_one_raw(ask).await.unwrap().unwrap();
        row.try_get_by_index(0).unwrap()
    }
}

fn is_partitioned() -> bool {
    std::env::var_os("TEST_PARTITIONED").is_some()
}

pub fn new(title: &str) -> CreateTask {
    titled(title)
}

/// A change of a task in any state.
pub fn change<T>(id: i64, to: T) -> Change<T> {
    let expected = Expected::Any;
    Change { id, expected, to }
}

/// A request that names the title alone.
pub fn titled<T: FromFields>(title: &str) -> T {
    body(json!({ "title": title }))
}

/// A request with this body.
pub fn body<T: FromFields>(body: Value) -> T {
    match body {
        Value::Object(fields) => Fields::read(fields).unwrap(),
        _ => unreachable!("an object"),
    }
}

/// A selection of everything in a range.
pub fn select(range: IdRange) -> Select {
    Select {
        range,
        rows: 10,
        completed: None,
        due_by: None,
        tags: None,
        text: None,
        with_text: true,
    }
}

/// A task that no request made.
pub fn task() -> Task {
    let time = Utc::now();
    Task {
        id: 1,
        version: 1,
        user_id: "ana".to_owned(),
        title: "Milk".to_owned(),
        description: None,
        completed: false,
        completed_at: None,
        due_date: None,
        due_time: None,
        priority: Priority::None,
        tags: TaskTags::default(),
        position: Position::stored("a0".to_owned()),
        idempotency_key: None,
        created_at: time,
        updated_at: time,
    }
}

/// The versions that a write is for.
pub fn version(version: i64) -> Expected {
    Expected::Versions(vec![version])
}

pub async fn user(name: &str) -> User {
    let secret = SecretString::from("a secret of the tests, long enough for HS256");
    let token = sign_hs256(
        &secret,
        &ClaimPolicy::default(),
        name,
        Duration::from_mins(1),
    )
    .unwrap();
    let sources = TokenSources {
        secret: Some(secret),
        ..TokenSources::default()
    };
    let verifier = Verifier::new(sources).unwrap();
    verifier.verify(&token).await.unwrap()
}
