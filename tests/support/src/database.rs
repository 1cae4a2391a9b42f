//! An empty database for one test: a `SQLite` file, or a database on the `PostgreSQL`
//! server of `TEST_DATABASE_URL`.

use sea_orm::{ConnectionTrait, Database};
use tempfile::TempDir;
use url::Url;
use uuid::Uuid;

/// Makes the empty tables of a database partitions by the hash of the user.
const PARTITION: &str = "DO $$ DECLARE name text; definition text; definitions text[]; BEGIN \
    FOREACH name IN ARRAY ARRAY['tasks', 'user_sequences', 'trash'] LOOP \
    SELECT array_agg(indexdef) INTO definitions FROM pg_indexes WHERE tablename = name; \
    EXECUTE format('ALTER TABLE %I RENAME TO plain', name); \
    EXECUTE format('CREATE TABLE %I (LIKE plain INCLUDING DEFAULTS) \
    PARTITION BY HASH (user_id)', name); \
    DROP TABLE plain; \
    FOR n IN 0..15 LOOP EXECUTE format('CREATE TABLE %I PARTITION OF %I \
    FOR VALUES WITH (MODULUS 16, REMAINDER %s)', name || '_' || n, name, n); END LOOP; \
    FOREACH definition IN ARRAY definitions LOOP EXECUTE definition; END LOOP; \
    END LOOP; END $$";

/// An empty database. Dropping the value deletes the database.
pub struct TestDatabase {
    url: String,
    place: Place,
}

enum Place {
    Folder {
        _folder: TempDir,
    },
    /// On each of these servers.
    Servers {
        admins: Vec<String>,
        name: String,
    },
}

impl TestDatabase {
    /// A database on the server of `TEST_DATABASE_URL`, or a `SQLite` file where the
    /// variable is unset.
    pub async fn create() -> Self {
        match std::env::var("TEST_DATABASE_URL") {
            Ok(admin) => Self::on_server(admin).await,
            Err(_) => Self::sqlite(),
        }
    }

    /// A database on the server of `TEST_DATABASE_URL`, for tests of what only
    /// `PostgreSQL` does; panics where the variable is unset.
    pub async fn postgres() -> Self {
        let admin = std::env::var("TEST_DATABASE_URL");
        Self::on_server(admin.expect("TEST_DATABASE_URL names a server")).await
    }

    /// A `SQLite` file, for tests of what only `SQLite` does.
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self {
            url: format!("sqlite://{}/tasks.db", folder.path().display()),
            place: Place::Folder { _folder: folder },
        }
    }

    async fn on_server(admin: String) -> Self {
        let name = format!("tasks_test_{}", Uuid::now_v7().simple());
        let mut admins = vec![admin];
        admins.extend(workers());
        let urls: Vec<_> = admins.iter().map(|admin| on(admin, &name)).collect();
        for (admin, url) in admins.iter().zip(&urls) {
            execute(admin, format!("CREATE DATABASE {name}")).await;
            if has_workers() {
                execute(url.as_str(), "CREATE EXTENSION citus".to_owned()).await;
            }
        }
        for (server, url) in urls.iter().enumerate().filter(|_| has_workers()) {
            let (host, port) = (url.host_str().unwrap(), url.port().unwrap());
            let add = ["citus_add_node", "citus_set_coordinator_host"][usize::from(server == 0)];
            let add = format!("SELECT {add}('{host}', {port})");
            execute(urls[0].as_str(), add).await;
        }
        Self {
            url: urls[0].as_str().to_owned(),
            place: Place::Servers { admins, name },
        }
    }

    /// Its URL on another server of the cluster of `TEST_CITUS`.
    pub fn worker_url(&self) -> Option<String> {
        match &self.place {
            Place::Servers { admins, name } if admins.len() > 1 => {
                Some(on(&admins[1], name).into())
            }
            _ => None,
        }
    }

    /// The value of `DATABASE_URL` for this database.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sets the sequence of a user who has one, as if the user had written so often.
    pub async fn set_sequence(&self, user: &str, sequence: i64) {
        let set =
            format!("UPDATE user_sequences SET sequence = {sequence} WHERE user_id = '{user}'");
        execute(&self.url, set).await;
    }

    /// Stores so many tasks of a user behind the service's back, every `completed`th of them
    /// completed, each with this description.
    pub async fn fill(&self, user: &str, tasks: usize, description: &str, completed: usize) {
        let time = "2026-01-05T08:30:00.123456+00:00";
        let fill = format!(
            "INSERT INTO tasks (id, user_id, title, description, completed, created_at, \
             updated_at, position) SELECT i + last, \
             '{user}', 'Task', '{description}', i % {completed} = 0, '{time}', '{time}', 'a0' \
             FROM (WITH RECURSIVE n(i) AS \
             (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {tasks}) SELECT i FROM n) AS n, \
             (SELECT COALESCE(max(id), 0) AS last FROM tasks WHERE user_id = '{user}') AS held; \
             DELETE FROM user_sequences WHERE user_id = '{user}'; \
             INSERT INTO user_sequences (user_id, tasks, sequence, born) \
             SELECT '{user}', count(*), max(id), 1 FROM tasks WHERE user_id = '{user}'"
        );
        execute(&self.url, fill).await;
    }

    /// Divides the tables, which must be empty, into 16 partitions by the hash of the user,
    /// named `tasks_0` and so on. Only on `PostgreSQL`.
    pub async fn partition(&self) {
        execute(&self.url, PARTITION.to_owned()).await;
    }

    /// Whether the database is on a `PostgreSQL` server.
    pub fn is_postgres(&self) -> bool {
        matches!(self.place, Place::Servers { .. })
    }
}

/// Whether the server of `TEST_DATABASE_URL` is the coordinator of a Citus cluster, in which
/// the tables of a test should be distributed.
pub fn has_workers() -> bool {
    std::env::var_os("TEST_CITUS").is_some()
}

/// The URLs of the superuser of the cluster's other servers, in `TEST_CITUS` with commas
/// between.
fn workers() -> Vec<String> {
    let workers = std::env::var("TEST_CITUS").unwrap_or_default();
    let workers = workers.split(',').filter(|url| !url.is_empty());
    workers.map(str::to_owned).collect()
}

/// The URL of a database on a server.
fn on(admin: &str, name: &str) -> Url {
    let mut url = Url::parse(admin).expect("TEST_DATABASE_URL is a URL");
    url.set_path(name);
    url
}

async fn execute(url: &str, statement: String) {
    let connection = Database::connect(url)
        .await
        .expect("TEST_DATABASE_URL accepts a connection");
    let done = connection.execute_unprepared(&statement).await;
    done.unwrap_or_else(|error| panic!("{statement}: {error}"));
    connection.close().await.expect("it closes");
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let Place::Servers { admins, name } = &self.place else {
            return;
        };
        let (admins, name) = (admins.clone(), name.clone());
        // A separate runtime, because `drop` cannot await on the test's runtime.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.expect("a runtime").block_on(async {
                for admin in &admins {
                    execute(admin, format!("DROP DATABASE {name} WITH (FORCE)")).await;
                }
            });
        });
        // That thread has printed its panic. A second panic in `drop` would abort.
        let _ = dropping.join();
    }
}
