//! An empty database for one test: a `SQLite` file, or, where
//! `TEST_DATABASE_URL` names a `PostgreSQL` server, a database there.
#![allow(dead_code, reason = "shared by test binaries, none of which uses all")]

use sea_orm::{ConnectionTrait, Database};
use tempfile::TempDir;
use url::Url;
use uuid::Uuid;

/// The database. It is gone when this is dropped.
pub struct TestDatabase {
    url: String,
    place: Place,
}

enum Place {
    Folder { _folder: TempDir },
    Server { admin: String, name: String },
}

impl TestDatabase {
    pub async fn create() -> Self {
        match std::env::var("TEST_DATABASE_URL") {
            Ok(admin) => Self::on_server(admin).await,
            Err(_) => Self::in_folder(),
        }
    }

    fn in_folder() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self {
            url: format!("sqlite://{}/tasks.db", folder.path().display()),
            place: Place::Folder { _folder: folder },
        }
    }

    async fn on_server(admin: String) -> Self {
        let name = format!("tasks_test_{}", Uuid::now_v7().simple());
        execute(&admin, format!("CREATE DATABASE {name}")).await;
        let mut url = Url::parse(&admin).expect("TEST_DATABASE_URL is a URL");
        url.set_path(&name);
        Self {
            url: url.into(),
            place: Place::Server { admin, name },
        }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn is_postgres(&self) -> bool {
        matches!(self.place, Place::Server { .. })
    }
}

async fn execute(url: &str, statement: String) {
    let connection = Database::connect(url)
        .await
        .expect("TEST_DATABASE_URL answers");
    let done = connection.execute_unprepared(&statement).await;
    done.unwrap_or_else(|error| panic!("{statement}: {error}"));
    connection.close().await.expect("it closes");
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let Place::Server { admin, name } = &self.place else {
            return;
        };
        let (admin, name) = (admin.clone(), name.clone());
        // A runtime of its own: the test's is in the middle of something.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let statement = format!("DROP DATABASE {name} WITH (FORCE)");
            runtime
                .expect("a runtime")
                .block_on(execute(&admin, statement));
        });
        // A panic there has printed itself, and must not abort the test's own.
        let _ = dropping.join();
    }
}
